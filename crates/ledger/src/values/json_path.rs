//! The subset of jq that names one member: `.id`, `.properties.code`, `.a["b c"]`.
//!
//! In scope: recognising a plain path, following it in a value.
//! Out of scope: every other expression (`step::jq`), and following a path in a streamed document
//! (`source::json::splitter`).

use std::fmt;

use serde_json::Value;

/// A path of member names; empty for `.`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberPath {
    members: Vec<String>,
}

impl MemberPath {
    /// Parses a plain path; `None` for any other jq expression.
    pub fn parse(expression: &str) -> Option<Self> {
        let mut rest = expression.trim();
        if rest == "." {
            return Some(Self::default());
        }
        let mut members = Vec::new();
        while !rest.is_empty() {
            let (name, after) = split_segment(rest, members.is_empty())?;
            members.push(name.to_owned());
            rest = after;
        }
        (!members.is_empty()).then_some(Self { members })
    }

    /// Returns the first `n` members of this path.
    #[must_use]
    pub fn take_first(&self, n: usize) -> Self {
        Self { members: self.members.iter().take(n).cloned().collect() }
    }

    /// Returns the names, from the outside in.
    pub fn members(&self) -> &[String] {
        &self.members
    }

    /// Returns the value at the path as jq does: null for a missing member. `None` if jq would
    /// fail, because a value on the path is not an object; jq then reports the error.
    pub fn find_value<'v>(&self, mut value: &'v Value) -> Option<&'v Value> {
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

/// Splits off the first segment's name. A bracket at the very start needs a dot before it.
fn split_segment(path: &str, is_first: bool) -> Option<(&str, &str)> {
    for (open, close) in [(".[\"", "\"]"), ("[\"", "\"]"), (".\"", "\"")] {
        if let Some(text) = path.strip_prefix(open) {
            let (name, after) = text.split_once(close)?;
            let dotless = is_first && open.starts_with('[');
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
    /// The jq notation.
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
    fn a_plain_path_is_distinguished_from_other_jq() {
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
        let follow = |path: &str| MemberPath::parse(path).expect("a plain path").find_value(&value).cloned();
        assert_eq!(follow(".a.b"), Some(json!(1)));
        assert_eq!(
            (follow(".a.c.d"), follow(".a.n.x"), follow(".q")),
            (Some(json!(null)), Some(json!(null)), Some(json!(null)))
        );
        assert_eq!((follow(".t.x"), follow(".")), (None, Some(value.clone())));
    }
}
