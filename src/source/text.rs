//! One JSON text read as one record.
//!
//! In scope: numbers that an f64 would change, the reason for which a text is no record. Out of scope: finding the text
//! (`source::jsonl`, `source::splitter`).

use serde_json::Value;

use crate::port::source::BadRecord;

/// Digits from which a number may be changed by an f64: 2^53 has 16.
const LONG_RUN: usize = 17;

/// Why a text is no record.
#[derive(Debug)]
pub(crate) struct NoRecord {
    /// The sentence.
    pub(crate) bad: BadRecord,
    /// Whether the text looks right as far as it goes: what follows is missing.
    pub(crate) cut_off: bool,
}

/// Reads one JSON text. A whole number beyond 64 bits becomes a text of its digits, as written.
pub(crate) fn parse(text: &[u8]) -> Result<Value, NoRecord> {
    let utf8 = std::str::from_utf8(text).map_err(|error| NoRecord {
        bad: BadRecord(format!("the record is no valid UTF-8 at byte {}", error.valid_up_to() + 1)),
        cut_off: error.error_len().is_none(),
    })?;
    let parsed = if has_long_number(text) {
        serde_json::from_str(&quote_long_numbers(utf8))
    } else {
        serde_json::from_str(utf8)
    };
    parsed.map_err(|error| NoRecord {
        bad: BadRecord(format!("the record is no JSON: {}{}", reason(&error), near(utf8))),
        cut_off: error.is_eof(),
    })
}

/// What `serde_json` says, without its line: the record's own line is told with its position.
fn reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match message.strip_suffix(&place) {
        Some(reason) if error.line() <= 1 => format!("{reason} at byte {}", error.column()),
        Some(reason) => format!("{reason} at line {} of the record, byte {}", error.line(), error.column()),
        None => message,
    }
}

/// Says so when a text holds one of the words that other languages write for numbers that are not finite.
fn near(text: &str) -> &'static str {
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

fn has_long_number(text: &[u8]) -> bool {
    let mut run = 0;
    let mut in_string = false;
    let mut escaped = false;
    for &byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else if byte.is_ascii_digit() {
            run += 1;
            if run >= LONG_RUN {
                return true;
            }
        } else {
            run = 0;
            in_string = byte == b'"';
        }
    }
    false
}

/// The text with every whole number beyond 64 bits in quotes.
fn quote_long_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let length = if from.starts_with('"') { string_length(from) } else { number_length(from) };
        let (token, after) = from.split_at(length);
        if is_long(token) {
            out.push('"');
            out.push_str(token);
            out.push('"');
        } else {
            out.push_str(token);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn number_length(text: &str) -> usize {
    text.bytes().position(|b| !matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).unwrap_or(text.len())
}

/// Whether a token is a whole number, rightly written, that 64 bits don't hold.
fn is_long(token: &str) -> bool {
    let digits = token.strip_prefix('-').unwrap_or(token);
    digits.len() >= LONG_RUN
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0')
        && token.parse::<i64>().is_err()
        && token.parse::<u64>().is_err()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_twenty_digit_id_keeps_its_digits_and_smaller_numbers_stay_numbers() {
        let text = r#"{"id": 12345678901234567890123, "max": 18446744073709551615, "neg": -99999999999999999999,
            "in": "12345678901234567890123", "f": 0.12345678901234567890, "e": 12345678901234567890123e2, "n": 42}"#;
        let value = parse(text.as_bytes()).expect("a record");
        assert_eq!(value["id"], json!("12345678901234567890123"));
        assert_eq!(value["max"], json!(u64::MAX));
        assert_eq!(value["neg"], json!("-99999999999999999999"));
        assert_eq!(value["in"], json!("12345678901234567890123"));
        assert!(value["f"].is_f64() && value["e"].is_f64());
        assert_eq!(value["n"], json!(42));
    }

    #[test]
    fn what_is_no_record_says_why_and_whether_it_was_cut_off() {
        for (text, why, cut_off) in [
            (&b"{\"a\": NaN}"[..], "the record is no JSON: expected value at byte 7 (JSON has no NaN)", false),
            (b"{\"a\": -Infinity}", "the record is no JSON: invalid number at byte 8 (JSON has no Infinity)", false),
            (b"{\"a\": \"\xff\"}", "the record is no valid UTF-8 at byte 8", false),
            (b"no json", "the record is no JSON: expected ident at byte 2", false),
            (b"{\"a\": 1", "the record is no JSON: EOF while parsing an object at byte 7", true),
            (b"\"\xc3", "the record is no valid UTF-8 at byte 2", true),
            (b"{\"note\": \"NaN\"} x", "the record is no JSON: trailing characters at byte 17", false),
            (b"012345678901234567890", "the record is no JSON: invalid number at byte 2", false),
        ] {
            let error = parse(text).expect_err("no record");
            assert_eq!((error.bad.0.as_str(), error.cut_off), (why, cut_off));
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_quoting_changes_nothing_but_long_numbers(text in "[-0-9eE.\"\\\\ ,a]{0,60}") {
            let _ = parse(text.as_bytes());
            let quoted = quote_long_numbers(&text);
            if quoted.len() == text.len() {
                prop_assert_eq!(quoted, text);
            }
        }

        #[test]
        fn a_number_with_a_fraction_is_read_to_the_nearest_double(whole in 0_u64..1_000_000, digits in "[0-9]{1,17}") {
            let text = format!("{whole}.{digits}");
            let value = parse(text.as_bytes()).map_err(|e| e.bad.0);
            prop_assert_eq!(value, Ok(json!(text.parse::<f64>().expect("a number"))));
        }

        #[test]
        fn a_whole_number_of_any_length_keeps_its_digits(digits in "-?[1-9][0-9]{0,40}") {
            let value = parse(digits.as_bytes()).expect("a number");
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            prop_assert_eq!(text, digits);
        }
    }
}
