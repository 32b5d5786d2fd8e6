//! Parses one JSON text as one record.
//!
//! In scope: the reason why a text is not a record. Out of scope: finding the text
//! (`source::json::json_lines`, `source::json::splitter`), numbers that a double would change
//! (`ledger::values::exact_number`).

use serde_json::Value;

use crate::ledger::values::exact_number;
use crate::port::source::BadRecord;
use crate::source::path_selection::RecordDepth;

/// Characters that are shown on each side of a damaged place.
const SHOWN_CHARS: usize = 12;

/// Why a text is not a record.
#[derive(Debug)]
pub(crate) struct RecordTextError {
    /// What is wrong, for the failure of the record.
    pub(crate) bad: BadRecord,
    /// What is wrong, without the place: completes "the document is".
    pub(crate) what: String,
    /// Line and column of the place in the text, from 1.
    pub(crate) place: (usize, usize),
    /// Whether the text is valid as far as it goes, and only its end is missing.
    pub(crate) is_cut_off: bool,
}

impl RecordTextError {
    fn new(what: String, place: (usize, usize), advice: &str, is_cut_off: bool) -> Self {
        let at = match place {
            (1, column) => format!("column {column}"),
            (line, column) => format!("line {line} of the record, column {column}"),
        };
        let bad = BadRecord(format!("the record is {what} at {at}; {advice}"));
        Self { bad, what, place, is_cut_off }
    }
}

/// Parses one JSON text at `depth`. A number that neither 64 bits nor a double can represent keeps
/// its digits.
pub(crate) fn parse(text: &[u8], depth: &RecordDepth) -> Result<Value, RecordTextError> {
    let utf8 = std::str::from_utf8(text).map_err(|error| {
        let (before, _) = text.split_at(error.valid_up_to());
        let place = end_of(&String::from_utf8_lossy(before));
        let advice =
            "correct its characters in the file; if the whole file is in another encoding, set encoding below [source]";
        RecordTextError::new("not valid UTF-8".to_owned(), place, advice, error.error_len().is_none())
    })?;
    exact_number::parse_by(utf8, |text| depth.read(text)).map_err(|error| {
        let before = take_text_before(utf8, &error);
        let what = format!(
            "not valid JSON: {}{}{}",
            remove_place(&error),
            hint_at_foreign_word(utf8),
            quote_text_near(utf8, before.len())
        );
        let advice = "correct it in the file, or in what writes it; the other records are read";
        RecordTextError::new(what, end_of(before), advice, error.is_eof())
    })
}

/// Returns the text up to the place of the error, which is its end.
fn take_text_before<'a>(text: &'a str, error: &serde_json::Error) -> &'a str {
    let start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut end = start.saturating_add(error.column()).min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    text.get(..end).unwrap_or(text)
}

/// Returns line and column of the last character, from 1.
fn end_of(text: &str) -> (usize, usize) {
    let last = text.rsplit('\n').next().unwrap_or_default();
    (text.matches('\n').count() + 1, last.chars().count().max(1))
}

/// Returns the part of the text around a place, as an addition to a message.
fn quote_text_near(text: &str, at: usize) -> String {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let before: Vec<char> = before.chars().rev().take(SHOWN_CHARS).collect();
    let shown: String = before.iter().rev().copied().chain(after.chars().take(SHOWN_CHARS)).collect();
    let shown = shown.trim();
    if shown.is_empty() { String::new() } else { format!(" near {shown:?}") }
}

/// Messages of `serde_json` that need other words, by their beginning.
const REASONS: [(&str, &str); 8] = [
    ("EOF while parsing", "it ends too early"),
    ("trailing comma", "a comma has nothing after it"),
    ("trailing characters", "something follows the end of the record"),
    ("key must be a string", "the name of a field has no double quotes"),
    ("expected value", "a value is missing, or a text has no double quotes"),
    ("expected ident", "a word has no double quotes"),
    ("control character", "a text has a line break or another control character in it"),
    ("invalid escape", "a backslash in a text needs a second one"),
];

/// Returns the reason without its place.
fn remove_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let bare = message.strip_suffix(&place).unwrap_or(&message);
    let known = REASONS.iter().find(|(start, _)| bare.starts_with(start));
    known.map_or(bare, |(_, words)| words).to_owned()
}

/// Returns an addition to the message if the text contains a word that other languages write for a
/// number that is not finite.
fn hint_at_foreign_word(text: &str) -> &'static str {
    let has = |word: &str| {
        text.match_indices(word).any(|(at, _)| {
            let before = text.get(..at).unwrap_or_default().trim_end_matches([' ', '\t', '-']);
            before.is_empty() || before.ends_with([':', ',', '['])
        })
    };
    if has("NaN") {
        " (JSON has no NaN)"
    } else if has("Infinity") {
        " (JSON has no Infinity)"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_beyond_a_double_keeps_its_digits() {
        let text = r#"{"id": 12345678901234567890123, "max": 18446744073709551615, "neg": -99999999999999999999,
            "in": "12345678901234567890123", "f": 0.12345678901234567890, "e": 12345678901234567890123e2, "n": 42}"#;
        let value = parse(text.as_bytes(), &RecordDepth::Whole).expect("a record");
        assert_eq!(value["id"], exact_number::from_token("12345678901234567890123"));
        assert_eq!(value["max"], json!(u64::MAX));
        assert_eq!(value["neg"], exact_number::from_token("-99999999999999999999"));
        assert_eq!(value["in"], json!("12345678901234567890123"));
        assert_eq!(value["f"], exact_number::from_token("0.12345678901234567890"));
        assert_eq!(value["e"], exact_number::from_token("12345678901234567890123e2"));
        assert_eq!(value["n"], json!(42));
    }

    /// Returns the whole message, and whether the text was cut off.
    fn message(text: &[u8]) -> (String, bool) {
        let error = parse(text, &RecordDepth::Whole).expect_err("no record");
        (error.bad.0, error.is_cut_off)
    }

    #[test]
    fn what_is_no_record_says_why_where_and_what_to_do() {
        assert_eq!(
            message(b"{\"id\": 2,}"),
            (
                "the record is not valid JSON: a comma has nothing after it near \"{\\\"id\\\": 2,}\" at column 10; correct it \
                 in the file, or in what writes it; the other records are read"
                    .to_owned(),
                false
            )
        );
        assert_eq!(
            message("{\"note\": \"caf\u{e9}\",\n \"x\": }".as_bytes()).0,
            "the record is not valid JSON: a value is missing, or a text has no double quotes near \
             \"fé\\\",\\n \\\"x\\\": }\" at line 2 of the record, column 7; correct it in the file, or in what writes it; \
             the other records are read"
        );
        assert!(message(b"{\"a\": \"\xff\"}").0.starts_with("the record is not valid UTF-8 at column 7; correct its"));
        assert!(message("é".as_bytes().split_at(1).0).1);
    }

    #[test]
    fn each_kind_of_damage_has_words_of_its_own() {
        for (text, why, at, cut_off) in [
            ("{\"a\": NaN}", "a text has no double quotes (JSON has no NaN) near", "column 7", false),
            ("{\"a\": -Infinity}", "invalid number (JSON has no Infinity) near", "column 8", false),
            ("no json", "a word has no double quotes near \"no json\"", "column 2", false),
            ("{'id': 1}", "the name of a field has no double quotes near \"{'id': 1}\"", "column 2", false),
            ("{\"a\": 1", "it ends too early near", "column 7", true),
            ("{\"note\": \"NaN\"} x", "something follows the end of the record near", "column 17", false),
            ("{\"a\": \"b\tc\"}", "another control character in it near", "column 9", false),
            ("{\"a\": \"C:\\d\"}", "a backslash in a text needs a second one near", "column 11", false),
            ("012345678901234567890", "invalid number near \"012345678901", "column 2", false),
            ("", "it ends too early at", "column 1", true),
        ] {
            let (message, is_cut_off) = message(text.as_bytes());
            assert!(message.contains(why) && message.contains(&format!(" at {at}; correct")), "{text}: {message}");
            assert_eq!(is_cut_off, cut_off, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[-0-9eE.\"\\\\ ,a]{0,60}") {
            let _ = parse(text.as_bytes(), &RecordDepth::Whole);
        }
    }
}
