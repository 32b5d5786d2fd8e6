//! The message types of the Sheets API v4, as a table.
//!
//! In scope: the members of each type and their kinds.
//! Out of scope: their meaning, and which of them the emulator stores.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The kind of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// A message of this type.
    Message(&'static str),
    Text,
    /// A boolean, `true` or `false`, also as a text.
    Bool,
    /// A 32-bit integer.
    Integer,
    /// A number of any size, with a fraction or without.
    Number,
    /// A word of an enum.
    Choice,
    /// A JSON value of any kind, which is not checked.
    Any,
}

/// A member of a message type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldType {
    /// The kind of the member, or of its elements.
    pub kind: FieldKind,
    /// Whether it is a list.
    pub is_list: bool,
}

type Members = HashMap<&'static str, FieldType>;

/// Google's discovery document of the API, reduced to names and kinds.
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
        return Some((name, FieldType { kind: FieldKind::Message(message), is_list: list }));
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
    Some((name, FieldType { kind, is_list: list }))
}

/// Returns the member `name` of a message type.
pub(crate) fn find_member(message: &str, name: &str) -> Option<FieldType> {
    TYPES.get(message)?.get(name).copied()
}

/// Returns the table's copy of a member's name.
pub(crate) fn find_member_name(message: &str, name: &str) -> Option<&'static str> {
    TYPES.get(message)?.get_key_value(name).map(|(name, _)| *name)
}

/// Returns the names of all members of a message type, sorted; none for an unknown type.
pub(crate) fn list_member_names(message: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = TYPES.get(message).into_iter().flat_map(HashMap::keys).copied().collect();
    names.sort_unstable();
    names
}

/// Returns all members of all message types: the type, the name and what it holds.
#[cfg(test)]
pub(crate) fn list_members() -> impl Iterator<Item = (&'static str, &'static str, FieldType)> {
    TYPES.iter().flat_map(|(message, members)| members.iter().map(|(name, known)| (*message, *name, *known)))
}

/// Returns a member's name in JSON spelling: `sheetId` for `sheet_id`. Google accepts both.
pub(crate) fn to_json_name(name: &str) -> String {
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
        assert_eq!(
            find_member("Spreadsheet", "sheets"),
            Some(FieldType { kind: FieldKind::Message("Sheet"), is_list: true })
        );
        assert_eq!(
            find_member("GridProperties", "rowCount"),
            Some(FieldType { kind: FieldKind::Integer, is_list: false })
        );
        assert_eq!(find_member("Sheet", "sheetProperties"), None);
        assert_eq!(
            find_member("Request", "appendCells").map(|m| m.kind),
            Some(FieldKind::Message("AppendCellsRequest"))
        );
        assert_eq!(to_json_name("grid_properties"), "gridProperties");
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
