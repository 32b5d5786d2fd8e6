//! The part of jq that names one member: `.id`, `.properties.code`, `.a["b c"]`.
//!
//! In scope: telling a plain path from any other expression, following it in a value. Out of scope: every other expression
//! (`step::jq::program`), and following a path while a document streams by (`source::splitter`).

use std::fmt;

use serde_json::Value;

/// A path of member names; none at all for `.`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberPath {
    members: Vec<String>,
}

impl MemberPath {
    /// The path that `expression` is; none if it is any other jq.
    pub fn parse(expression: &str) -> Option<Self> {
        let mut rest = expression.trim();
        if rest == "." {
            return Some(Self::default());
        }
        let mut members = Vec::new();
        while !rest.is_empty() {
            let (name, after) = segment(rest, members.is_empty())?;
            members.push(name.to_owned());
            rest = after;
        }
        (!members.is_empty()).then_some(Self { members })
    }

    /// The first `n` members of this path.
    #[must_use]
    pub fn upto(&self, n: usize) -> Self {
        Self { members: self.members.iter().take(n).cloned().collect() }
    }

    /// The names, from the outside in.
    pub fn members(&self) -> &[String] {
        &self.members
    }

    /// The value at the path, as jq finds it: null where a member is missing. None where jq would fail, because something on the
    /// way is no object; jq says it best.
    pub fn follow<'v>(&self, mut value: &'v Value) -> Option<&'v Value> {
        const NULL: &Value = &Value::Null;
        for name in &self.members {
            value = match value {
                Value::Object(members) => members.get(name).unwrap_or(NULL),
                Value::Null => NULL,
                _ => return None,
            };
        }
        Some(value)
    }
}

/// The first segment's name and what follows it. A bracket at the very start needs its dot.
fn segment(path: &str, first: bool) -> Option<(&str, &str)> {
    for (open, close) in [(".[\"", "\"]"), ("[\"", "\"]"), (".\"", "\"")] {
        if let Some(text) = path.strip_prefix(open) {
            let (name, after) = text.split_once(close)?;
            let dotless = first && open.starts_with('[');
            return (!dotless && !name.contains(['\\', '"'])).then_some((name, after));
        }
    }
    let text = path.strip_prefix('.')?;
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    is_plain(name).then_some((name, after))
}

fn is_plain(name: &str) -> bool {
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    starts && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl fmt::Display for MemberPath {
    /// As jq writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.members.is_empty() {
            return f.write_str(".");
        }
        for name in &self.members {
            if is_plain(name) { write!(f, ".{name}")? } else { write!(f, ".{name:?}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plain_path_is_told_from_other_jq() {
        for (expression, members, written) in [
            (".", vec![], "."),
            (" .id ", vec!["id"], ".id"),
            (".a.b_2", vec!["a", "b_2"], ".a.b_2"),
            (".a.\"b c\"", vec!["a", "b c"], ".a.\"b c\""),
            (".[\"x\"][\"y\"].z", vec!["x", "y", "z"], ".x.y.z"),
        ] {
            let path = MemberPath::parse(expression).expect("a plain path");
            assert_eq!(
                (path.members(), path.to_string().as_str()),
                (&members.iter().map(ToString::to_string).collect::<Vec<_>>()[..], written)
            );
        }
        for other in [
            "",
            "id",
            "[\"a\"]",
            "..",
            ".a.",
            ".1a",
            ".a[0]",
            ".a[]",
            ".a?",
            ".a | .b",
            ".a .b",
            ".a + .b",
            "\"k\"",
            ".\"\\u0041\"",
            ".a-b",
            ".id|tostring",
        ] {
            assert_eq!(MemberPath::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_path_is_followed_as_jq_follows_it() {
        let value = json!({"a": {"b": 1, "n": null}, "t": "x"});
        let follow = |path: &str| MemberPath::parse(path).expect("a plain path").follow(&value).cloned();
        assert_eq!(follow(".a.b"), Some(json!(1)));
        assert_eq!(
            (follow(".a.c.d"), follow(".a.n.x"), follow(".q")),
            (Some(json!(null)), Some(json!(null)), Some(json!(null)))
        );
        assert_eq!((follow(".t.x"), follow(".")), (None, Some(value.clone())));
    }
}
