//! Parses one JSON text as one record.
//!
//! In scope: the reason why a text is not a record. Out of scope: finding the text
//! (`source::json::json_lines`, `source::json::splitter`), numbers that a double would change
//! (`ledger::values::exact_number`).

use serde_json::Value;

use crate::ledger::values::exact_number;
use crate::port::source::BadRecord;
use crate::source::skim::Depth;

/// Why a text is not a record.
#[derive(Debug)]
pub(crate) struct NoRecord {
    /// What is wrong, for the failure of the record.
    pub(crate) bad: BadRecord,
    /// Whether the text is valid as far as it goes, and only its end is missing.
    pub(crate) cut_off: bool,
}

/// Parses one JSON text at `depth`. A number that neither 64 bits nor a double can represent keeps
/// its digits.
pub(crate) fn parse(text: &[u8], depth: &Depth) -> Result<Value, NoRecord> {
    let utf8 = std::str::from_utf8(text).map_err(|error| NoRecord {
        bad: BadRecord(format!("the record is not valid UTF-8 at byte {}", error.valid_up_to() + 1)),
        cut_off: error.error_len().is_none(),
    })?;
    exact_number::parse_by(utf8, |text| depth.read(text)).map_err(|error| NoRecord {
        bad: BadRecord(format!("the record is not valid JSON: {}{}", reason(&error), hint(utf8))),
        cut_off: error.is_eof(),
    })
}

/// Returns the message of `serde_json` without its line: the record's own position is reported with
/// it.
fn reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match message.strip_suffix(&place) {
        Some(reason) if error.line() <= 1 => format!("{reason} at byte {}", error.column()),
        Some(reason) => format!("{reason} at line {} of the record, byte {}", error.line(), error.column()),
        None => message,
    }
}

/// Returns an addition to the message if the text contains a word that other languages write for a
/// number that is not finite.
fn hint(text: &str) -> &'static str {
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
        let value = parse(text.as_bytes(), &Depth::Whole).expect("a record");
        assert_eq!(value["id"], exact_number::from_token("12345678901234567890123"));
        assert_eq!(value["max"], json!(u64::MAX));
        assert_eq!(value["neg"], exact_number::from_token("-99999999999999999999"));
        assert_eq!(value["in"], json!("12345678901234567890123"));
        assert_eq!(value["f"], exact_number::from_token("0.12345678901234567890"));
        assert_eq!(value["e"], exact_number::from_token("12345678901234567890123e2"));
        assert_eq!(value["n"], json!(42));
    }

    #[test]
    fn what_is_no_record_says_why_and_whether_it_was_cut_off() {
        for (text, why, cut_off) in [
            (&b"{\"a\": NaN}"[..], "the record is not valid JSON: expected value at byte 7 (JSON has no NaN)", false),
            (
                b"{\"a\": -Infinity}",
                "the record is not valid JSON: invalid number at byte 8 (JSON has no Infinity)",
                false,
            ),
            (b"{\"a\": \"\xff\"}", "the record is not valid UTF-8 at byte 8", false),
            (b"no json", "the record is not valid JSON: expected ident at byte 2", false),
            (b"{\"a\": 1", "the record is not valid JSON: EOF while parsing an object at byte 7", true),
            (b"\"\xc3", "the record is not valid UTF-8 at byte 2", true),
            (b"{\"note\": \"NaN\"} x", "the record is not valid JSON: trailing characters at byte 17", false),
            (b"012345678901234567890", "the record is not valid JSON: invalid number at byte 2", false),
        ] {
            let error = parse(text, &Depth::Whole).expect_err("no record");
            assert_eq!((error.bad.0.as_str(), error.cut_off), (why, cut_off));
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[-0-9eE.\"\\\\ ,a]{0,60}") {
            let _ = parse(text.as_bytes(), &Depth::Whole);
        }
    }
}
