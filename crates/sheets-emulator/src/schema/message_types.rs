//! The message types of the Sheets API v4, as a table.
//!
//! In scope: which members a type has and what kind each is.
//! Out of scope: what they mean, and which of them the emulator keeps.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a member holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// A message of this type.
    Message(&'static str),
    /// A text.
    Text,
    /// True or false.
    Bool,
    /// A whole number of 32 bits.
    Integer,
    /// Any number.
    Number,
    /// One of a list of words.
    Choice,
    /// Anything.
    Any,
}

/// One member of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldType {
    /// What it holds, or what each of its elements is.
    pub kind: FieldKind,
    /// Whether it is a list.
    pub list: bool,
}

type Members = HashMap<&'static str, FieldType>;

/// Google's discovery document of the API, cut down to names and kinds.
static TYPES: LazyLock<HashMap<&'static str, Members>> = LazyLock::new(|| {
    let lines = include_str!("schema.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).map(|(name, members)| (name, read_members(members))).collect()
});

fn read_members(line: &'static str) -> Members {
    line.split(' ').filter_map(read_member).collect()
}

fn read_member(word: &'static str) -> Option<(&'static str, FieldType)> {
    let (word, list) = word.strip_suffix('*').map_or((word, false), |word| (word, true));
    if let Some((name, message)) = word.split_once(':') {
        return Some((name, FieldType { kind: FieldKind::Message(message), list }));
    }
    let (name, kind) = word.split_once('=')?;
    let kind = match kind {
        "s" => FieldKind::Text,
        "b" => FieldKind::Bool,
        "i" => FieldKind::Integer,
        "n" => FieldKind::Number,
        "e" => FieldKind::Choice,
        _ => FieldKind::Any,
    };
    Some((name, FieldType { kind, list }))
}

/// The member `name` of the message type `message`; none when it has no such member.
pub(crate) fn member(message: &str, name: &str) -> Option<FieldType> {
    TYPES.get(message)?.get(name).copied()
}

/// The table's own copy of a member's name.
pub(crate) fn name_of(message: &str, name: &str) -> Option<&'static str> {
    TYPES.get(message)?.get_key_value(name).map(|(name, _)| *name)
}

/// The names of all members of a message type, in their order by letters; none when there is no such type.
pub(crate) fn names(message: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = TYPES.get(message).into_iter().flat_map(HashMap::keys).copied().collect();
    names.sort_unstable();
    names
}

/// A member's name as JSON writes it: `sheet_id` is `sheetId`; both are taken, as Google takes both.
pub(crate) fn json_name(name: &str) -> String {
    let mut words = name.split('_');
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        text.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_the_kinds_of_the_discovery_document() {
        assert_eq!(member("Spreadsheet", "sheets"), Some(FieldType { kind: FieldKind::Message("Sheet"), list: true }));
        assert_eq!(member("GridProperties", "rowCount"), Some(FieldType { kind: FieldKind::Integer, list: false }));
        assert_eq!(member("Sheet", "sheetProperties"), None);
        assert_eq!(member("Request", "appendCells").map(|m| m.kind), Some(FieldKind::Message("AppendCellsRequest")));
        assert_eq!(json_name("grid_properties"), "gridProperties");
    }

    #[test]
    fn every_message_that_a_member_names_is_in_the_table() {
        for members in TYPES.values() {
            for member in members.values() {
                if let FieldKind::Message(name) = member.kind {
                    let empty = include_str!("schema.txt").lines().any(|line| line == name);
                    assert!(empty || TYPES.contains_key(name), "{name}");
                }
            }
        }
    }
}
