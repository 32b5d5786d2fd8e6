//! Partial reading: parses only the key and version of a record, to survey a whole source before
//! its records are processed.
//!
//! In scope: which members are built, parsing JSON without building the others. Out of scope: the
//! survey itself (`ledger::items::source_survey`).
//!
//! The same parser reads the other members without building them. So a text is a valid record here
//! exactly if it is one when it is read in full.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::ledger::values::json_path::MemberPath;

/// How much of a record is built.
#[derive(Debug, Clone, Default)]
pub enum RecordDepth {
    /// The whole record.
    #[default]
    Whole,
    /// The values at these paths, at most eight, and the objects around them.
    AtPaths(Arc<[MemberPath]>),
}

/// Maximum number of paths in a set.
const MAX_PATHS: usize = 8;

impl RecordDepth {
    /// Chooses the values at these paths; the whole record if a path is the record itself or is
    /// missing.
    pub fn from_paths(paths: &[Option<&MemberPath>]) -> Self {
        let plain: Option<Vec<MemberPath>> = paths.iter().map(|path| path.cloned()).collect();
        match plain {
            Some(paths) if paths.len() <= MAX_PATHS && paths.iter().all(|path| !path.members().is_empty()) => {
                Self::AtPaths(paths.into())
            }
            _ => Self::Whole,
        }
    }

    /// Returns whether the record's top-level member of this name is built.
    pub(crate) fn includes_member(&self, name: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::AtPaths(paths) => paths.iter().any(|path| path.members().first().is_some_and(|first| first == name)),
        }
    }

    /// Parses one JSON text at this depth.
    pub(crate) fn read(&self, text: &str) -> serde_json::Result<Value> {
        let Self::AtPaths(paths) = self else { return serde_json::from_str(text) };
        let mut reader = serde_json::Deserializer::from_str(text);
        let value = PathSelection { paths, set: !0, at: 0 }.deserialize(&mut reader)?;
        reader.end()?;
        Ok(value)
    }
}

/// Builds the values at the paths of a set, from their `at`th member on.
#[derive(Clone, Copy)]
struct PathSelection<'p> {
    paths: &'p [MemberPath],
    set: u8,
    at: usize,
}

impl<'p> PathSelection<'p> {
    /// Returns the paths of the set whose next member has this name.
    fn select_member(self, name: &str) -> u8 {
        let wanted = |path: &MemberPath| path.members().get(self.at).is_some_and(|member| member == name);
        self.members().filter(|(_, path)| wanted(path)).fold(0, |set, (bit, _)| set | bit)
    }

    fn members(self) -> impl Iterator<Item = (u8, &'p MemberPath)> {
        let bits = (0..MAX_PATHS).map(|at| 1_u8 << at);
        bits.zip(self.paths).filter(move |(bit, _)| self.set & bit != 0)
    }

    /// Returns whether a path of the set ends here.
    fn has_end(self) -> bool {
        self.members().any(|(_, path)| path.members().len() == self.at)
    }
}

impl<'de> DeserializeSeed<'de> for PathSelection<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PathSelection<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        // No path goes through an array; but jq's error message quotes the array.
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut made = Map::new();
        while let Some((name, set)) = members.next_key_seed(MemberNameSeed(self))? {
            let inner = PathSelection { set, at: self.at + 1, ..self };
            match name {
                None => members.next_value_seed(DiscardedValue)?,
                Some(name) if inner.has_end() => drop(made.insert(name, members.next_value()?)),
                Some(name) => drop(made.insert(name, members.next_value_seed(inner)?)),
            }
        }
        Ok(Value::Object(made))
    }
}

/// A member's name if it is on a path, with the paths that it is on.
struct MemberNameSeed<'p>(PathSelection<'p>);

impl<'de> DeserializeSeed<'de> for MemberNameSeed<'_> {
    type Value = (Option<String>, u8);

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberNameSeed<'_> {
    type Value = (Option<String>, u8);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let set = self.0.select_member(name);
        Ok(((set != 0).then(|| name.to_owned()), set))
    }
}

/// Parses a value and discards it. `serde`'s own `IgnoredAny` would skip the value, and would
/// accept invalid text and too deep nesting.
struct DiscardedValue;

impl<'de> DeserializeSeed<'de> for DiscardedValue {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DiscardedValue {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while members.next_key_seed(Self)?.is_some() {
            members.next_value_seed(Self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn select_paths(paths: &[&str]) -> RecordDepth {
        let paths: Vec<_> = paths.iter().map(|path| MemberPath::parse(path)).collect();
        RecordDepth::from_paths(&paths.iter().map(Option::as_ref).collect::<Vec<_>>())
    }

    fn skim_value(text: &str, paths: &[&str]) -> Option<Value> {
        select_paths(paths).read(text).ok()
    }

    #[test]
    fn only_what_the_paths_name_is_made() {
        let text = r#"{"x": [1, {"id": 2}], "id": "a", "p": {"u": 7, "id": 8, "deep": {"u": 1}}, "n": "id"}"#;
        assert_eq!(skim_value(text, &[".id", ".p.u"]), Some(json!({"id": "a", "p": {"u": 7}})));
        assert_eq!(skim_value(text, &[".p", ".p.u"]), Some(json!({"p": {"u": 7, "id": 8, "deep": {"u": 1}}})));
        assert_eq!(skim_value(text, &[".n.x"]), Some(json!({"n": "id"})));
        assert_eq!(skim_value("[1]", &[".id"]), Some(json!([1])));
        assert_eq!(skim_value(r#"{"id": 1, "id": 2}"#, &[".id"]), Some(json!({"id": 2})));
        assert!(
            matches!(select_paths(&["."]), RecordDepth::Whole)
                && matches!(select_paths(&[".a", ".b|x"]), RecordDepth::Whole)
        );
    }

    #[test]
    fn what_is_no_record_when_read_whole_is_none_when_skimmed() {
        for text in [
            "{\"id\": 1, \"x\": \"\\ud800\"}".to_owned(),
            format!("{{\"id\": 1, \"x\": {}{}}}", "[".repeat(200), "]".repeat(200)),
            "{\"id\": 1, \"x\": tru}".to_owned(),
            "{\"id\": 1} 2".to_owned(),
            "{\"id\": 1, \"x\": 01}".to_owned(),
        ] {
            assert!(serde_json::from_str::<Value>(&text).is_err() && skim_value(&text, &[".id"]).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_text_skims_exactly_if_it_reads_and_to_the_same_members(text in "[\\[\\]{}\",:abu0-2\\\\ e.-]{0,24}", wrapped in any::<bool>()) {
            let text = if wrapped { format!("{{\"a\":{text},\"b\":{{\"a\":1}}}}") } else { text };
            let whole = serde_json::from_str::<Value>(&text).ok();
            let skim = skim_value(&text, &[".a", ".b.a"]);
            prop_assert_eq!(whole.is_some(), skim.is_some(), "{}", text);
            for path in [".a", ".b.a"] {
                let path = MemberPath::parse(path).expect("a path");
                let of = |value: &Option<Value>| value.as_ref().map(|value| path.find_value(value).cloned());
                prop_assert_eq!(of(&whole), of(&skim), "{} of {}", path, text);
            }
        }
    }
}
