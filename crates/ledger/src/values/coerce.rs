//! Coerces one value to the type of its column.
//!
//! In scope: the accepted values of each type, and the sentence for a rejected value.
//! Out of scope: rows and their columns (`ledger::values::columns`).

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::{Number, Value};

use crate::grid::Cell;
use crate::values::columns::{ColumnType, kind_of, quote};
use crate::values::exact_number;
use crate::values::input_form::{InputForm, parse_day, parse_moment, pattern_advice};

/// Whole numbers up to this are exact in a spreadsheet, which stores every number as an f64.
const EXACT: u64 = 1 << 53;

/// The format of a day.
const DAY_FORM: &str = "YYYY-MM-DD";
/// The formats of a timestamp.
const TIMESTAMP_FORM: &str = "2024-05-31T09:00:00Z or 2024-05-31 09:00";

/// Milliseconds in a day.
const DAY_MS: f64 = 86_400_000.0;

/// Coerces `value`, whose texts are written in `form`, to the type `kind`; timestamps are shown in
/// `zone`. The error completes "column \"x\": …".
pub(crate) fn coerce(value: Value, kind: ColumnType, zone: &TimeZone, form: &InputForm) -> Result<Cell, String> {
    if value.is_null() || value.as_str().is_some_and(str::is_empty) {
        return Ok(Cell::Empty);
    }
    if let Some(digits) = value.as_str().and_then(exact_number::digits) {
        return coerce_inexact(digits, kind);
    }
    match kind {
        ColumnType::Auto => Ok(coerce_auto(value)),
        ColumnType::Text => Ok(Cell::Text(text_of(value))),
        ColumnType::Number => coerce_number(value, form),
        ColumnType::Boolean => coerce_boolean(&value),
        ColumnType::Date => coerce_date(&value, form),
        ColumnType::DateTime => coerce_timestamp(&value, zone, form),
        ColumnType::Duration => coerce_duration(&value),
        ColumnType::Link => coerce_link(value),
        ColumnType::Formula => coerce_formula(value),
    }
}

/// Coerces a number that no double can hold: it keeps its digits or is rejected, and is never
/// rounded.
fn coerce_inexact(digits: &str, kind: ColumnType) -> Result<Cell, String> {
    let is_whole = !digits.contains(['.', 'e', 'E']);
    match kind {
        ColumnType::Auto | ColumnType::Text => Ok(Cell::text(digits)),
        ColumnType::Number if is_whole => Ok(Cell::text(digits)),
        ColumnType::Number | ColumnType::Duration => Err(too_fine(digits)),
        ColumnType::Boolean => Err(format!("{digits} is neither true, yes, 1 nor false, no, 0")),
        ColumnType::Date => Err(number_for_time(digits, "a day", DAY_FORM)),
        ColumnType::DateTime => Err(number_for_time(digits, "a moment", TIMESTAMP_FORM)),
        ColumnType::Link => Err("found a number, but the column holds links".into()),
        ColumnType::Formula => Err("found a number, but the column holds formulas".into()),
    }
}

fn too_fine(digits: &str) -> String {
    format!(
        "a spreadsheet would change the number {}, for it holds some 15 digits and sizes from 1e-308 to 1e308: give the column the \
         type \"text\" to keep it as it is written, or round it in a step",
        shown(digits)
    )
}

/// Shortens a number, so that an error stays readable.
fn shown(digits: &str) -> String {
    match digits.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", digits.get(..at).unwrap_or_default()),
        None => digits.to_owned(),
    }
}

/// Returns a cell's value as the text that a user would type.
pub fn cell_text(cell: &Value) -> String {
    match cell {
        Value::String(text) => text.clone(),
        Value::Number(number) => number_text(number),
        Value::Bool(true) => "TRUE".to_owned(),
        Value::Bool(false) => "FALSE".to_owned(),
        _ => String::new(),
    }
}

/// Formats a number in the usual way: no fraction for a whole number, every digit of an integer.
pub fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(f) if number.is_f64() => float_text(f),
        _ => number.to_string(),
    }
}

/// Formats a float in the usual way: `42` for 42.0, otherwise the shortest digits that parse to the
/// same number.
#[expect(clippy::cast_precision_loss, reason = "2^53 is a power of two and exact")]
pub(crate) fn float_text(f: f64) -> String {
    if f.fract() == 0.0 && f.abs() <= EXACT as f64 { format!("{}", f + 0.0) } else { Value::from(f).to_string() }
}

fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Number(number) => number_text(&number),
        other => exact_number::render(&other),
    }
}

fn coerce_auto(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Empty,
        Value::Bool(b) => Cell::Bool(b),
        Value::Number(number) => number_cell(&number),
        Value::String(text) => Cell::Text(text),
        nested @ (Value::Array(_) | Value::Object(_)) => Cell::Text(exact_number::render(&nested)),
    }
}

/// Returns a number, or its digits if a spreadsheet would change it.
fn number_cell(number: &Number) -> Cell {
    let exact = match (number.as_i64(), number.as_u64()) {
        (Some(i), _) => i.unsigned_abs() <= EXACT,
        (None, Some(u)) => u <= EXACT,
        (None, None) => true,
    };
    match number.as_f64().filter(|f| exact && f.is_finite()) {
        // A spreadsheet has no negative zero.
        Some(f) => Cell::Number(f + 0.0),
        None => Cell::Text(number.to_string()),
    }
}

fn coerce_number(value: Value, form: &InputForm) -> Result<Cell, String> {
    let text = match value {
        Value::Number(number) => return Ok(number_cell(&number)),
        Value::String(text) => text,
        other => return Err(format!("found {}, but the column holds numbers", kind_of(&other))),
    };
    let no_number = || format!("{} is no finite number{}", quote(&text), form.number_advice(text.trim()));
    let plain = form.plain_number(text.trim()).ok_or_else(no_number)?;
    let digits = plain.as_str();
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    if unsigned.bytes().all(|b| b.is_ascii_digit()) && !unsigned.is_empty() {
        // A whole number that an f64 would change keeps its digits.
        match unsigned.parse::<u64>() {
            Ok(whole) if whole <= EXACT => {}
            _ if form.decimal.is_none() => return Ok(Cell::Text(text)),
            _ => return Ok(Cell::Text(plain)),
        }
    }
    match exact_number::double(digits) {
        Some(f) => Ok(Cell::Number(f + 0.0)),
        None if exact_number::is_number(digits) => Err(too_fine(digits)),
        None => Err(no_number()),
    }
}

fn coerce_boolean(value: &Value) -> Result<Cell, String> {
    let word = match value {
        Value::Bool(b) => return Ok(Cell::Bool(*b)),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        Value::Number(number) => number_text(number),
        other => return Err(format!("found {}, but the column holds true or false", kind_of(other))),
    };
    match word.as_str() {
        "true" | "yes" | "1" => Ok(Cell::Bool(true)),
        "false" | "no" | "0" => Ok(Cell::Bool(false)),
        _ => Err(format!("{} is neither true, yes, 1 nor false, no, 0", quote(&word))),
    }
}

fn coerce_date(value: &Value, form: &InputForm) -> Result<Cell, String> {
    let text = time_text(value, "a day", DAY_FORM)?;
    let no_day = || format!("{} is no day; days are written YYYY-MM-DD{}", quote(text), pattern_advice(text));
    let day: Date = match &form.pattern {
        Some(pattern) => parse_day(text, pattern).map_err(|why| format!("{} is {why}", quote(text)))?,
        None if text.len() != DAY_FORM.len() => return Err(no_day()),
        None => text.parse().map_err(|_| no_day())?,
    };
    Ok(Cell::Date(f64::from(days(day)?)))
}

fn coerce_timestamp(value: &Value, zone: &TimeZone, form: &InputForm) -> Result<Cell, String> {
    let text = time_text(value, "a moment", TIMESTAMP_FORM)?;
    if let Some(pattern) = &form.pattern {
        let local = parse_moment(text, pattern, zone).map_err(|why| format!("{} is {why}", quote(text)))?;
        return serial(local).map(Cell::DateTime);
    }
    let local = match text.parse::<Timestamp>() {
        Ok(moment) => moment.to_zoned(zone.clone()).datetime(),
        Err(_) => text.parse::<DateTime>().map_err(|_| {
            let advice = pattern_advice(text);
            format!(
                "{} is no moment; moments are written 2024-05-31T09:00:00Z or 2024-05-31 09:00{advice}",
                quote(text)
            )
        })?,
    };
    serial(local).map(Cell::DateTime)
}

fn time_text<'a>(value: &'a Value, what: &str, form: &str) -> Result<&'a str, String> {
    match value {
        Value::String(text) => Ok(text.trim()),
        Value::Number(number) => Err(number_for_time(&number_text(number), what, form)),
        other => Err(format!("found {}, but the column holds {what} ({form})", kind_of(other))),
    }
}

fn number_for_time(digits: &str, what: &str, form: &str) -> String {
    format!(
        "found the number {}, but the column holds {what} ({form}); seconds since 1970 become one by `todate`, \
         milliseconds by `. / 1000 | todate` in the step",
        shown(digits)
    )
}

/// Returns the days since 1899-12-30, the day 0 of spreadsheets (Sheets API,
/// `DateTimeRenderOption`).
fn days(day: Date) -> Result<i32, String> {
    let zero = Date::new(1899, 12, 30).map_err(|e| e.to_string())?;
    let span: Span = zero.until((jiff::Unit::Day, day)).map_err(|e| e.to_string())?;
    Ok(span.get_days())
}

/// Returns a local time as days since 1899-12-30 with a fraction, to the millisecond.
fn serial(local: DateTime) -> Result<f64, String> {
    let time = local.time();
    let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    let ms =
        i64::from(days(local.date())?) * 86_400_000 + seconds * 1_000 + i64::from(time.subsec_nanosecond()) / 1_000_000;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of the years -9999 to 9999 are below 2^53")]
    let ms = ms as f64;
    Ok(ms / DAY_MS)
}

fn coerce_duration(value: &Value) -> Result<Cell, String> {
    let seconds = match value {
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) => {
            let span: SignedDuration = text
                .trim()
                .parse()
                .map_err(|_| format!("{} is no length of time; write seconds, PT1H30M or 1h 30m", quote(text)))?;
            span.as_secs_f64()
        }
        other => return Err(format!("found {}, but the column holds lengths of time", kind_of(other))),
    };
    if seconds.is_finite() {
        Ok(Cell::Duration(seconds / 86_400.0))
    } else {
        Err("the length of time is not finite".into())
    }
}

fn coerce_link(value: Value) -> Result<Cell, String> {
    match value {
        Value::String(text) if ["http://", "https://", "mailto:"].iter().any(|scheme| text.starts_with(scheme)) => {
            Ok(Cell::Text(text))
        }
        Value::String(text) => {
            Err(format!("{} is no link; links start with https://, http:// or mailto:", quote(&text)))
        }
        other => Err(format!("found {}, but the column holds links", kind_of(&other))),
    }
}

fn coerce_formula(value: Value) -> Result<Cell, String> {
    match value {
        Value::String(text) if text.starts_with('=') => Ok(Cell::Formula(text)),
        Value::String(text) => Err(format!("{} is no formula; formulas start with =", quote(&text))),
        other => Err(format!("found {}, but the column holds formulas", kind_of(&other))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::values::input_form::DecimalMark;

    fn cell(value: Value, kind: ColumnType) -> Result<Cell, String> {
        coerce(value, kind, &TimeZone::UTC, &InputForm::default())
    }

    fn berlin(text: &str) -> Result<Cell, String> {
        let zone = TimeZone::get("Europe/Berlin").expect("a known zone");
        coerce(json!(text), ColumnType::DateTime, &zone, &InputForm::default())
    }

    #[test]
    fn a_numeric_text_becomes_a_number_only_in_a_number_column() {
        assert_eq!(cell(json!("0042"), ColumnType::Number), Ok(Cell::Number(42.0)));
        assert_eq!(cell(json!("-1.5e3"), ColumnType::Number), Ok(Cell::Number(-1_500.0)));
        assert_eq!(cell(json!("0042"), ColumnType::Auto), Ok(Cell::text("0042")));
        for text in ["NaN", "inf", "-Infinity", "1,234", "0x10", "1e999", "12 apples"] {
            assert!(cell(json!(text), ColumnType::Number).is_err(), "{text}");
        }
        assert!(cell(json!({"a": 1}), ColumnType::Number).is_err());
    }

    #[test]
    fn a_whole_number_beyond_2_to_the_53_keeps_its_digits() {
        for (value, cell_of) in [
            (json!(9_007_199_254_740_992_i64), Cell::Number(9_007_199_254_740_992.0)),
            (json!(-9_007_199_254_740_993_i64), Cell::text("-9007199254740993")),
            (json!(u64::MAX), Cell::text("18446744073709551615")),
            (json!("12345678901234567890"), Cell::text("12345678901234567890")),
        ] {
            assert_eq!(cell(value, ColumnType::Number), Ok(cell_of));
        }
    }

    #[test]
    fn a_number_that_a_double_changes_is_never_rounded() {
        for digits in ["1234567890123456.789", "0.1234567890123456789", "9007199254740993.0", "1e-400", "1E400"] {
            let number = exact_number::from_token(digits);
            for kind in [ColumnType::Auto, ColumnType::Text] {
                assert_eq!(cell(number.clone(), kind), Ok(Cell::text(digits)));
            }
            for value in [number.clone(), json!(digits)] {
                let why = cell(value, ColumnType::Number).expect_err("it would be rounded");
                assert!(why.contains(&format!("would change the number {digits},")), "{why}");
            }
            assert!(cell(number, ColumnType::Duration).is_err_and(|why| why.contains(digits)));
            let nested = cell(json!({"a": [exact_number::from_token(digits)]}), ColumnType::Auto);
            assert_eq!(nested, Ok(Cell::text(format!("{{\"a\":[{digits}]}}"))));
        }
        for (text, number) in [("0.30000000000000004", 0.300_000_000_000_000_04), ("1e23", 1e23), ("+5.", 5.0)] {
            assert_eq!(cell(json!(text), ColumnType::Number), Ok(Cell::Number(number)));
        }
    }

    #[test]
    fn a_number_with_a_decimal_comma_is_exact() {
        let form = InputForm { decimal: Some(DecimalMark::Comma), pattern: None };
        let cell = |text: &str| coerce(json!(text), ColumnType::Number, &TimeZone::UTC, &form);
        assert_eq!(cell("1.234,56"), Ok(Cell::Number(1_234.56)));
        assert_eq!(cell(" -12,5 "), Ok(Cell::Number(-12.5)));
        assert_eq!(cell("12.345.678.901.234.567.890"), Ok(Cell::text("12345678901234567890")));
        assert!(
            cell("0,1234567890123456789")
                .is_err_and(|why| why.contains("would change the number 0.1234567890123456789"))
        );
        let why = cell("1,234.56").expect_err("a decimal point");
        assert!(why.starts_with("\"1,234.56\" is no finite number: a decimal point?"), "{why}");
    }

    #[test]
    fn a_zero_below_zero_is_a_zero() {
        let is_plain = |cell| matches!(cell, Ok(Cell::Number(n)) if n == 0.0 && n.is_sign_positive());
        assert!(is_plain(cell(json!(-0.0), ColumnType::Auto)) && is_plain(cell(json!("-0.0"), ColumnType::Number)));
    }

    #[test]
    fn a_moment_is_shown_in_the_sheets_zone_around_clock_changes() {
        assert_eq!(berlin("2020-01-01T00:00:00Z"), Ok(Cell::DateTime(43_831.0 + 1.0 / 24.0)));
        assert_eq!(berlin("2020-07-01T00:00:00Z"), Ok(Cell::DateTime(44_013.0 + 2.0 / 24.0)));
        assert_eq!(berlin("2020-07-01 12:00"), Ok(Cell::DateTime(44_013.5)));
        assert_eq!(berlin("2020-07-01T12:00:00"), Ok(Cell::DateTime(44_013.5)));
        assert_eq!(
            cell(json!("2018-02-07T01:26:13.840Z"), ColumnType::DateTime),
            Ok(Cell::DateTime(43_138.059_882_407_404))
        );
    }

    #[test]
    fn a_number_in_a_time_column_is_rejected_with_jq_advice() {
        let why = cell(json!(1_517_966_773_840_i64), ColumnType::DateTime).expect_err("a number is no moment");
        assert!(why.contains("1517966773840") && why.contains(". / 1000 | todate"), "{why}");
    }

    #[test]
    fn a_day_that_does_not_exist_is_rejected() {
        assert_eq!(cell(json!("1899-12-31"), ColumnType::Date), Ok(Cell::Date(1.0)));
        for text in ["2023-02-29", "2023-1-1", "01.02.2023", "2023-01-01T00:00:00Z"] {
            assert!(cell(json!(text), ColumnType::Date).is_err(), "{text}");
        }
    }

    #[test]
    fn the_other_types_take_what_they_say() {
        for (value, kind, cell_of) in [
            (json!("Yes"), ColumnType::Boolean, Cell::Bool(true)),
            (json!(0), ColumnType::Boolean, Cell::Bool(false)),
            (json!(43_200), ColumnType::Duration, Cell::Duration(0.5)),
            (json!("PT12H"), ColumnType::Duration, Cell::Duration(0.5)),
            (json!("1h 30m"), ColumnType::Duration, Cell::Duration(0.0625)),
            (json!("https://example.org/a"), ColumnType::Link, Cell::text("https://example.org/a")),
            (json!("=1+1"), ColumnType::Formula, Cell::Formula("=1+1".into())),
            (json!(42.0), ColumnType::Text, Cell::text("42")),
            (json!(null), ColumnType::Date, Cell::Empty),
            (json!(""), ColumnType::Formula, Cell::Empty),
        ] {
            assert_eq!(cell(value, kind), Ok(cell_of));
        }
        for (value, kind) in [
            (json!("maybe"), ColumnType::Boolean),
            (json!("P1M"), ColumnType::Duration),
            (json!("javascript:alert(1)"), ColumnType::Link),
            (json!("1+1"), ColumnType::Formula),
        ] {
            assert!(cell(value.clone(), kind).is_err(), "{value}");
        }
    }
}
