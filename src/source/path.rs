//! The part of jq that can be followed while a document streams by: member names, then the elements of one array.
//!
//! In scope: telling a plain path from any other expression. Out of scope: following it (`source::splitter`).

use std::fmt;

/// A path such as `.features[]` or `.a."b c"[]`: the members to go down, then each element of the array there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemsPath {
    members: Vec<String>,
}

impl ItemsPath {
    /// The path that `expression` is; none if it is any other jq.
    pub fn parse(expression: &str) -> Option<Self> {
        let mut rest = expression.trim().strip_suffix("[]")?;
        let mut members = Vec::new();
        if rest == "." {
            return Some(Self::default());
        }
        while !rest.is_empty() {
            let (name, after) = segment(rest)?;
            members.push(name.to_owned());
            rest = after;
        }
        (!members.is_empty()).then_some(Self { members })
    }

    /// The names of the members, from the outside in.
    pub fn members(&self) -> &[String] {
        &self.members
    }
}

/// The first segment's name and what follows it.
fn segment(path: &str) -> Option<(&str, &str)> {
    for (open, close) in [(".[\"", "\"]"), ("[\"", "\"]"), (".\"", "\"")] {
        if let Some(text) = path.strip_prefix(open) {
            let (name, after) = text.split_once(close)?;
            return (!name.contains(['\\', '"'])).then_some((name, after));
        }
    }
    let text = path.strip_prefix('.')?;
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    (!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then_some((name, after))
}

impl fmt::Display for ItemsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[]", member_path(&self.members))
    }
}

/// How a path of member names is written in jq; `.` for none.
pub(crate) fn member_path(members: &[String]) -> String {
    let plain = |name: &str| {
        name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    let written = |name: &String| if plain(name) { format!(".{name}") } else { format!(".{name:?}") };
    if members.is_empty() { ".".into() } else { members.iter().map(written).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_is_told_from_other_jq() {
        for (expression, members, written) in [
            (".[]", vec![], ".[]"),
            (".features[]", vec!["features"], ".features[]"),
            (" .a.b_2[] ", vec!["a", "b_2"], ".a.b_2[]"),
            (".a.\"b c\"[]", vec!["a", "b c"], ".a.\"b c\"[]"),
            (".[\"x\"][\"y\"][]", vec!["x", "y"], ".x.y[]"),
        ] {
            let path = ItemsPath::parse(expression).expect("a plain path");
            assert_eq!(
                (path.members(), path.to_string().as_str()),
                (&members.iter().map(ToString::to_string).collect::<Vec<_>>()[..], written)
            );
        }
        for other in
            ["", "[]", ".a", ".a[0][]", ".a[] | .b", ".a[].b[]", ".a[]?", "..[]", ".1[]", ".a b[]", ".\"\\u0041\"[]"]
        {
            assert_eq!(ItemsPath::parse(other), None, "{other}");
        }
    }
}
