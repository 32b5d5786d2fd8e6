//! The `fields` parameter: which members of a response the caller wants.
//!
//! In scope: its grammar (`.`, `/`, `,`, parentheses, `*`), the check against the API's types,
//! trimming a response.
//! Out of scope: the `fields` member inside batch requests (`batch::field_mask`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::schema::message_types::{FieldKind, find_member, to_json_name};

/// The deepest nesting of a mask, more than in any response.
const DEPTH_LIMIT: usize = 64;

/// The members to keep: all, or a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ResponseMask {
    /// Keeps all members, with everything in them.
    #[default]
    All,
    /// These members, each with its own mask; `*` matches every member.
    Members(BTreeMap<String, ResponseMask>),
}

/// An invalid mask, with the path for Google's error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'.")]
pub struct InvalidMask {
    /// The unknown path, as the caller wrote it, joined by dots.
    pub path: String,
}

impl ResponseMask {
    /// Parses a mask for a response of the message type `root`. An empty text keeps everything.
    pub fn parse(text: &str, root: &str) -> Result<Self, InvalidMask> {
        if text.trim().is_empty() {
            return Ok(Self::All);
        }
        let mask = Self::read(text)?;
        mask.check(root, &mut Vec::new())?;
        Ok(mask)
    }

    /// Parses a mask without a check of types, for the `fields` of a request.
    pub fn read(text: &str) -> Result<Self, InvalidMask> {
        let mut reader = MaskReader { text, at: 0 };
        let mask = reader.list(0)?;
        if reader.peek().is_some() { Err(reader.make_error()) } else { Ok(mask) }
    }

    /// Returns the part of `value` that the mask keeps. An object without remaining members is
    /// `{}`.
    pub fn apply(&self, value: Value) -> Value {
        match (self, value) {
            (Self::Members(_), Value::Array(items)) => items.into_iter().map(|item| self.apply(item)).collect(),
            (Self::Members(_), Value::Object(members)) => {
                let remaining = members.into_iter().filter_map(|(name, value)| {
                    let value = self.child(&name)?.apply(value);
                    Some((name, value))
                });
                Value::Object(remaining.collect::<Map<_, _>>())
            }
            (_, value) => value,
        }
    }

    /// Returns the mask of one member; `None` if it is removed.
    pub fn child(&self, name: &str) -> Option<&Self> {
        match self {
            Self::All => Some(self),
            Self::Members(members) => members.get(name).or_else(|| members.get("*")),
        }
    }

    /// Returns whether anything at or below `path`, such as `sheets.data`, is kept.
    pub fn covers(&self, path: &str) -> bool {
        path.split('.').try_fold(self, |mask, name| mask.child(name)).is_some()
    }

    fn check(&self, message: &str, path: &mut Vec<String>) -> Result<(), InvalidMask> {
        let Self::Members(members) = self else { return Ok(()) };
        for (name, mask) in members {
            path.push(name.clone());
            let kind =
                if name == "*" { Some(FieldKind::Any) } else { find_member(message, name).map(|found| found.kind) };
            match (kind, mask) {
                (None, Self::All) => return Err(InvalidMask { path: path.join(".") }),
                (Some(FieldKind::Message(inner)), _) => mask.check(inner, path)?,
                (Some(_), Self::All) | (Some(FieldKind::Any), _) => {}
                (_, Self::Members(_)) => {
                    return Err(InvalidMask { path: format!("{}.{}", path.join("."), mask.first_path()) });
                }
            }
            path.pop();
        }
        Ok(())
    }

    fn first_path(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Members(members) => members.iter().next().map_or_else(String::new, |(name, below)| match below {
                Self::All => name.clone(),
                Self::Members(_) => format!("{name}.{}", below.first_path()),
            }),
        }
    }

    /// Adds the members of another mask.
    fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::All, _) => {}
            (this, Self::All) => *this = Self::All,
            (Self::Members(mine), Self::Members(theirs)) => {
                for (name, mask) in theirs {
                    match mine.get_mut(&name) {
                        Some(known) => known.merge(mask),
                        None => {
                            mine.insert(name, mask);
                        }
                    }
                }
            }
        }
    }
}

struct MaskReader<'a> {
    text: &'a str,
    at: usize,
}

impl MaskReader<'_> {
    fn make_error(&self) -> InvalidMask {
        InvalidMask { path: self.text.to_owned() }
    }

    fn peek(&mut self) -> Option<u8> {
        while self.text.as_bytes().get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.as_bytes().get(self.at).copied()
    }

    fn list(&mut self, depth: usize) -> Result<ResponseMask, InvalidMask> {
        let mut all = ResponseMask::Members(BTreeMap::new());
        loop {
            all.merge(self.read_path(depth)?);
            if self.peek() != Some(b',') {
                return Ok(all);
            }
            self.at += 1;
        }
    }

    fn read_path(&mut self, depth: usize) -> Result<ResponseMask, InvalidMask> {
        let name = self.read_name().filter(|_| depth < DEPTH_LIMIT).ok_or_else(|| self.make_error())?;
        let below = match self.peek() {
            Some(b'.' | b'/') => {
                self.at += 1;
                self.read_path(depth + 1)?
            }
            Some(b'(') => {
                self.at += 1;
                let inner = self.list(depth + 1)?;
                if self.peek() != Some(b')') {
                    return Err(self.make_error());
                }
                self.at += 1;
                inner
            }
            _ => ResponseMask::All,
        };
        if name == "*" && below == ResponseMask::All {
            return Ok(ResponseMask::All);
        }
        Ok(ResponseMask::Members(BTreeMap::from([(name, below)])))
    }

    fn read_name(&mut self) -> Option<String> {
        self.peek()?;
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"_*@".contains(c)).unwrap_or(rest.len());
        self.at += end;
        (end > 0).then(|| to_json_name(&rest[..end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn cut(mask: &str, value: Value) -> Value {
        ResponseMask::parse(mask, "Spreadsheet").expect("a good mask").apply(value)
    }

    #[test]
    fn a_mask_keeps_what_it_names_and_leaves_empty_objects() {
        let workbook = json!({"spreadsheetId": "x", "sheets": [{"properties": {"sheetId": 0, "title": "A"},
            "data": [{"rowData": [{"values": [{"note": "n", "formattedValue": "1"}, {"formattedValue": "2"}]}]}]}]});
        assert_eq!(cut("spreadsheetId", workbook.clone()), json!({"spreadsheetId": "x"}));
        assert_eq!(
            cut("sheets.properties(sheetId)", workbook.clone()),
            json!({"sheets": [{"properties": {"sheetId": 0}}]})
        );
        assert_eq!(
            cut("sheets/properties/title,spreadsheetId", workbook.clone()),
            json!({"spreadsheetId": "x", "sheets": [{"properties": {"title": "A"}}]})
        );
        assert_eq!(
            cut("sheets.data.rowData.values.note", workbook.clone()),
            json!({"sheets": [{"data": [{"rowData": [{"values": [{"note": "n"}, {}]}]}]}]})
        );
        assert_eq!(cut("*", workbook.clone()), workbook);
        assert_eq!(cut("sheets.data(startRow)", workbook.clone()), json!({"sheets": [{"data": [{}]}]}));
        assert_eq!(
            cut("sheets(properties(title),data.startRow)", workbook),
            json!({"sheets": [{"properties": {"title": "A"}, "data": [{}]}]})
        );
    }

    #[test]
    fn an_unknown_path_is_named_as_google_names_it() {
        for (text, path) in [
            ("sheets.sheetProperties", "sheets.sheetProperties"),
            ("joe", "joe"),
            ("spreadsheetId.x", "spreadsheetId.x"),
            ("nope.a.b", "nope.a.b"),
            ("sheets(data(x))", "sheets.data.x"),
        ] {
            assert_eq!(ResponseMask::parse(text, "Spreadsheet").expect_err("unknown").path, path);
        }
        let got = ResponseMask::parse("joe", "Spreadsheet").expect_err("unknown").to_string();
        assert_eq!(got, "Error expanding 'fields' parameter. Cannot find matching fields for path 'joe'.");
    }

    #[test]
    fn a_mask_knows_what_it_covers() {
        let covers = |mask: &str, path: &str| ResponseMask::parse(mask, "Spreadsheet").expect("good").covers(path);
        assert!(covers("sheets.data.rowData", "sheets.data"));
        assert!(covers("sheets", "sheets.data"));
        assert!(covers("*", "sheets.data"));
        assert!(!covers("sheets.properties,spreadsheetId", "sheets.data"));
    }

    #[test]
    fn torn_masks_are_refused() {
        for text in ["sheets(", "sheets)", ",", "sheets.", ".", "sheets(properties", "a b"] {
            assert!(ResponseMask::parse(text, "Spreadsheet").is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_fail(text in "[a-z.,/()* é]{0,40}") {
            let _ = ResponseMask::parse(&text, "Spreadsheet");
        }
    }
}
