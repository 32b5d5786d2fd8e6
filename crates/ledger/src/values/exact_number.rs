//! A number as its source wrote it, if neither 64 bits nor a double can hold it:
//! `1234567890123456.789`, `1e-400`, a 30-digit id.
//!
//! In scope: which numbers a double can hold, parsing JSON without rounding, writing such numbers
//! back.
//! Out of scope: coercing one to a column (`ledger::values::coerce`), processing one in jq
//! (`step::jq::value`).
//!
//! `serde_json` holds a number as 64 bits or as a double, so such a number does not fit into a
//! [`Value`]. It is carried as a text whose first character is U+FFFF. No real text has it, because
//! Unicode excludes it from interchange. [`read_marked_digits`] recognises such a text, and only if the rest is
//! a number that a double would change.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;

/// The first character of a text that represents a number.
const MARKER: char = '\u{FFFF}';

/// Number of digits up to which a double is exact for every number of usual size.
const SAFE_DIGITS: u32 = 15;
/// Number of exponent digits up to which a number has a usual size.
const SAFE_EXPONENT: u32 = 2;

/// Parses a JSON text; a number that neither 64 bits nor a double can hold is kept as written.
pub fn parse(text: &str) -> serde_json::Result<Value> {
    parse_by(text, |text| serde_json::from_str(text))
}

/// Parses a JSON text with `read`, after marking such numbers.
pub fn parse_by(text: &str, read: impl Fn(&str) -> serde_json::Result<Value>) -> serde_json::Result<Value> {
    match mark_inexact_numbers(text) {
        Cow::Borrowed(text) => read(text),
        // The marks shift positions, so the error for the original text is better.
        Cow::Owned(marked) => {
            read(&marked).map_err(|error| serde_json::from_str::<IgnoredAny>(text).err().unwrap_or(error))
        }
    }
}

/// Returns the JSON text with a mark at each number that would be changed.
pub fn mark_inexact_numbers(text: &str) -> Cow<'_, str> {
    if may_change(text.as_bytes()) { Cow::Owned(mark_numbers(text)) } else { Cow::Borrowed(text) }
}

/// True if a number in the JSON text has so many digits, or such an exponent, that a double may
/// change it.
fn may_change(text: &[u8]) -> bool {
    let (mut in_string, mut escaped) = (false, false);
    let (mut digits, mut most) = (0, SAFE_DIGITS);
    for &byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                if digits > most {
                    return true;
                }
            }
            b'.' | b'-' | b'+' => {}
            b'e' | b'E' if digits > 0 => (digits, most) = (0, SAFE_EXPONENT),
            _ => {
                (digits, most) = (0, SAFE_DIGITS);
                in_string = byte == b'"';
            }
        }
    }
    false
}

fn mark_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let is_string = from.starts_with('"');
        let (token, after) = from.split_at(if is_string { measure_string(from) } else { measure_number(from) });
        if is_string || !is_json_number(token) || is_exact(token) {
            out.push_str(token);
        } else {
            out.extend(['"', MARKER]);
            out.push_str(token);
            out.push('"');
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn measure_string(text: &str) -> usize {
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

fn measure_number(text: &str) -> usize {
    text.bytes().position(|b| !matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).unwrap_or(text.len())
}

/// True if a token is a JSON number.
fn is_json_number(token: &str) -> bool {
    let unsigned = token.strip_prefix('-').unwrap_or(token);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(|exponent| is_digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

/// True if a value can hold the number `token` exactly: an integer in 64 bits, any other number as
/// a double.
pub fn is_exact(token: &str) -> bool {
    let is_whole = !token.contains(['.', 'e', 'E']);
    if is_whole { token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok() } else { is_printed_back(token) }
}

/// True if a JSON document prints the double of this number with the same value. Of two texts that
/// are equally short and near, it prints one.
fn is_printed_back(token: &str) -> bool {
    let printed = parse_exact_double(token).and_then(serde_json::Number::from_f64).map(|number| number.to_string());
    printed.is_some_and(|printed| Decimal::parse(&printed) == Decimal::parse(token))
}

/// Returns the double that holds the number of a text and prints with the same value. `None` if it
/// would print another value, or if the text is not a number. `.5`, `5.` and `+5` are numbers here.
pub fn parse_exact_double(text: &str) -> Option<f64> {
    let written = Decimal::parse(text)?;
    let double: f64 = text.parse().ok()?;
    // If two texts are equally short and near, the standard library may print one of them and
    // serde_json the other.
    let printed = [format!("{double:e}"), serde_json::Number::from_f64(double)?.to_string()];
    printed.iter().any(|printed| Decimal::parse(printed).as_ref() == Some(&written)).then_some(double)
}

/// True if a text is a number of any size.
pub fn is_number(text: &str) -> bool {
    Decimal::parse(text).is_some()
}

/// Returns the absolute value of a whole number in any notation; `None` for other texts, and beyond
/// 64 bits.
pub fn parse_whole_number(text: &str) -> Option<u64> {
    let Decimal { digits, point, .. } = Decimal::parse(text)?;
    let zeros = usize::try_from(point).ok()?.checked_sub(digits.len()).filter(|zeros| *zeros <= 20)?;
    let digits = String::from_utf8(digits).ok()? + &"0".repeat(zeros);
    if digits.is_empty() { Some(0) } else { digits.parse().ok() }
}

/// A number by its value: 0.digits × 10^point, without leading or trailing zeros.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let is_signed_digits = |text: &str| {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) || !is_signed_digits(exponent) {
            return None;
        }
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..zeros);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Some(Self { is_negative: false, digits, point: 0 });
        }
        // An exponent beyond 64 bits is also beyond every double.
        let far = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
        let places = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(zeros).ok()?)?;
        let point = exponent.parse().unwrap_or(far).saturating_add(places);
        Some(Self { is_negative: text.starts_with('-'), digits, point })
    }
}

/// Returns the value for a number that can't be held.
pub fn from_token(token: &str) -> Value {
    Value::String(format!("{MARKER}{token}"))
}

/// Like `from_token`, for any token: `None` if it can be held or is not a number.
pub fn from_inexact(token: &str) -> Option<Value> {
    (is_json_number(token) && !is_exact(token)).then(|| from_token(token))
}

/// Returns the number that a text represents, as written; `None` for any other text.
pub fn read_marked_digits(text: &str) -> Option<&str> {
    text.strip_prefix(MARKER).filter(|token| is_json_number(token) && !is_exact(token))
}

/// Returns the text, or the number that it represents.
pub fn remove_number_mark(text: String) -> String {
    read_marked_digits(&text).map(str::to_owned).unwrap_or(text)
}

/// Returns the JSON of a value, with its numbers as written.
pub fn render(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(MARKER) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("\"\u{FFFF}") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (string, after) = from.split_at(measure_string(from));
        let inner = string.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'));
        // A quote after a backslash is part of a text. A member's name is followed by a colon, and
        // stays a text.
        let begins = !before.ends_with('\\') && !after.starts_with(':');
        out.push_str(inner.and_then(read_marked_digits).filter(|_| begins).unwrap_or(string));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Numbers that a double or 64 bits would change.
    const INEXACT_NUMBERS: [&str; 12] = [
        "1234567890123456.789",
        "0.1234567890123456789",
        "9007199254740993.0",
        "1e-400",
        "1E400",
        "-2.5e+999999999999999999999",
        "12345678901234567890123",
        "-99999999999999999999",
        "0.12345678901234567891",
        "12345678901234567890123e2",
        "1.2345e-320",
        "1.00000000000000000001",
    ];

    #[test]
    fn of_two_equally_near_texts_neither_becomes_the_other() {
        for token in ["600000000000000.3", "600000000000000.2"] {
            let value = parse(token).expect("a number");
            assert_eq!(render(&value), token);
        }
    }

    #[test]
    fn a_number_that_a_double_changes_is_kept_as_written() {
        for token in INEXACT_NUMBERS {
            let text = format!("{{\"a\": [{token}, \"{token}\"], \"b\":{token} }}");
            let value = parse(&text).expect("a record");
            assert_eq!(value["b"].as_str().and_then(read_marked_digits), Some(token));
            assert_eq!(value["a"][1], json!(token), "a text stays one");
            assert_eq!(render(&value), text.replace(", ", ",").replace(": ", ":").replace(" }", "}"));
        }
    }

    #[test]
    fn a_number_that_a_double_holds_is_a_number() {
        for (token, number) in [
            ("0.30000000000000004", json!(0.300_000_000_000_000_04)),
            ("1e23", json!(1e23)),
            ("-0.0", json!(-0.0)),
            ("9007199254740992.0", json!(9_007_199_254_740_992.0)),
            ("12.3400000000000000000000", json!(12.34)),
            ("0.000e-9999", json!(0.0)),
            ("5e-324", json!(5e-324)),
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("1e022", json!(1e22)),
        ] {
            assert_eq!(parse(token).ok(), Some(number), "{token}");
        }
    }

    #[test]
    fn a_text_that_begins_like_a_number_s_mark_stays_a_text() {
        for text in ["\u{FFFF}", "\u{FFFF}x", "\u{FFFF}1.5", "a\"\u{FFFF}1e-400", "\u{FFFF}1e-400x"] {
            let value = json!({"a": text});
            assert_eq!(render(&value), value.to_string());
            assert_eq!(remove_number_mark(text.to_owned()), text);
        }
    }

    #[test]
    fn an_error_behind_a_long_number_names_its_place() {
        let error = parse("{\"a\": 1234567890123456.789, \"b\": x}").expect_err("no JSON");
        assert_eq!(error.column(), 34);
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_marks_nothing_but_numbers(text in "[-0-9eE.\"\\\\ ,a\u{FFFF}]{0,60}") {
            let _ = parse(&text);
            let marked = mark_inexact_numbers(&text).into_owned();
            prop_assert!(marked.len() == text.len() || marked.contains(MARKER));
        }

        #[test]
        fn a_number_is_held_with_its_value_or_kept_to_the_letter(
            token in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][-+]?[0-9]{1,3})?"
        ) {
            let value = parse(&token).expect("a number");
            match &value {
                Value::Number(number) => {
                    prop_assert_eq!(Decimal::parse(&number.to_string()), Decimal::parse(&token));
                }
                other => prop_assert_eq!(other.as_str().and_then(read_marked_digits), Some(token.as_str())),
            }
            prop_assert_eq!(parse(&render(&value)).ok(), Some(value));
        }

        #[test]
        fn what_a_double_prints_is_held(number in any::<f64>()) {
            prop_assume!(number.is_finite());
            prop_assert_eq!(parse_exact_double(&number.to_string()), Some(number));
            prop_assert_eq!(parse(&json!(number).to_string()).ok(), Some(json!(number)));
        }
    }
}
