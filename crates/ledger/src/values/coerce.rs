//! Coerces one value to the type of its column.
//!
//! In scope: the accepted values of each type, and the sentence for a rejected value.
//! Out of scope: rows and their columns (`ledger::values::columns`).

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::{Number, Value};

use crate::grid::Cell;
use crate::values::columns::{ColumnType, name_json_kind, quote_name};
use crate::values::exact_number;
use crate::values::input_form::{InputForm, parse_day, parse_moment, suggest_pattern};
use crate::values::odd_values::advise_on_odd_day;

/// Whole numbers up to this are exact in a spreadsheet, which stores every number as an f64.
const MAX_EXACT_INTEGER: u64 = 1 << 53;

/// The format of a day.
const DAY_FORMAT: &str = "YYYY-MM-DD";
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
    if let Some(digits) = value.as_str().and_then(exact_number::read_marked_digits) {
        return coerce_inexact(digits, kind);
    }
    match kind {
        ColumnType::Auto => Ok(coerce_auto(value)),
        ColumnType::Text => Ok(Cell::Text(format_value(value))),
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
        ColumnType::Number | ColumnType::Duration => Err(describe_lost_digits(digits)),
        ColumnType::Boolean => Err(format!("{digits} is neither true, yes, 1 nor false, no, 0; convert it in a step")),
        ColumnType::Date => Err(describe_number_for_time(digits, "a date", DAY_FORMAT)),
        ColumnType::DateTime => Err(describe_number_for_time(digits, "a date and time", TIMESTAMP_FORM)),
        ColumnType::Link => Err("found a number, but the column holds links".into()),
        ColumnType::Formula => Err("found a number, but the column holds formulas".into()),
    }
}

fn describe_lost_digits(digits: &str) -> String {
    format!(
        "a spreadsheet would change the number {}, for it holds some 15 digits and sizes from 1e-308 to 1e308; give the column the \
         type \"text\" to keep it as it is written, or round it in a step",
        shorten_digits(digits)
    )
}

/// Shortens a number, so that an error stays readable.
fn shorten_digits(digits: &str) -> String {
    match digits.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", digits.get(..at).unwrap_or_default()),
        None => digits.to_owned(),
    }
}

/// Returns a cell's value as the text that a user would type.
pub fn format_cell_value(cell: &Value) -> String {
    match cell {
        Value::String(text) => text.clone(),
        Value::Number(number) => format_number(number),
        Value::Bool(true) => "TRUE".to_owned(),
        Value::Bool(false) => "FALSE".to_owned(),
        _ => String::new(),
    }
}

/// Formats a number in the usual way: no fraction for a whole number, every digit of an integer.
pub fn format_number(number: &Number) -> String {
    match number.as_f64() {
        Some(f) if number.is_f64() => format_float(f),
        _ => number.to_string(),
    }
}

/// Formats a float in the usual way: `42` for 42.0, otherwise the shortest digits that parse to the
/// same number.
#[expect(clippy::cast_precision_loss, reason = "2^53 is a power of two and exact")]
pub(crate) fn format_float(f: f64) -> String {
    if f.fract() == 0.0 && f.abs() <= MAX_EXACT_INTEGER as f64 {
        format!("{}", f + 0.0)
    } else {
        Value::from(f).to_string()
    }
}

fn format_value(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Number(number) => format_number(&number),
        other => exact_number::render(&other),
    }
}

fn coerce_auto(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Empty,
        Value::Bool(b) => Cell::Bool(b),
        Value::Number(number) => make_number_cell(&number),
        Value::String(text) => Cell::Text(text),
        nested @ (Value::Array(_) | Value::Object(_)) => Cell::Text(exact_number::render(&nested)),
    }
}

/// Returns a number, or its digits if a spreadsheet would change it.
fn make_number_cell(number: &Number) -> Cell {
    let exact = match (number.as_i64(), number.as_u64()) {
        (Some(i), _) => i.unsigned_abs() <= MAX_EXACT_INTEGER,
        (None, Some(u)) => u <= MAX_EXACT_INTEGER,
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
        Value::Number(number) => return Ok(make_number_cell(&number)),
        Value::String(text) => text,
        other => return Err(format!("found {}, but the column holds numbers", name_json_kind(&other))),
    };
    let no_number = || format!("{} is not a finite number{}", quote_name(&text), form.advise_on_number(text.trim()));
    let plain = form.plain_number(text.trim()).ok_or_else(no_number)?;
    let digits = plain.as_str();
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    if unsigned.bytes().all(|b| b.is_ascii_digit()) && !unsigned.is_empty() {
        // A whole number that an f64 would change keeps its digits.
        match unsigned.parse::<u64>() {
            Ok(whole) if whole <= MAX_EXACT_INTEGER => {}
            _ if form.decimal.is_none() => return Ok(Cell::Text(text)),
            _ => return Ok(Cell::Text(plain)),
        }
    }
    match exact_number::parse_exact_double(digits) {
        Some(f) => Ok(Cell::Number(f + 0.0)),
        None if exact_number::is_number(digits) => Err(describe_lost_digits(digits)),
        None => Err(no_number()),
    }
}

fn coerce_boolean(value: &Value) -> Result<Cell, String> {
    let word = match value {
        Value::Bool(b) => return Ok(Cell::Bool(*b)),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        Value::Number(number) => format_number(number),
        other => return Err(format!("found {}, but the column holds true or false", name_json_kind(other))),
    };
    match word.as_str() {
        "true" | "yes" | "1" => Ok(Cell::Bool(true)),
        "false" | "no" | "0" => Ok(Cell::Bool(false)),
        _ => Err(format!("{} is neither true, yes, 1 nor false, no, 0", quote_name(&word))),
    }
}

fn coerce_date(value: &Value, form: &InputForm) -> Result<Cell, String> {
    let text = read_time_text(value, "a date", DAY_FORMAT)?;
    let no_day = || match advise_on_odd_day(text) {
        Some(advice) => format!("{} {advice}", quote_name(text)),
        None => format!("{} is not a valid date; write it as YYYY-MM-DD{}", quote_name(text), suggest_pattern(text)),
    };
    let day: Date = match &form.pattern {
        Some(pattern) => parse_day(text, pattern).map_err(|why| format!("{} is {why}", quote_name(text)))?,
        None if text.len() != DAY_FORMAT.len() => return Err(no_day()),
        None => text.parse().map_err(|_| no_day())?,
    };
    Ok(Cell::Date(f64::from(count_days(day)?)))
}

fn coerce_timestamp(value: &Value, zone: &TimeZone, form: &InputForm) -> Result<Cell, String> {
    let text = read_time_text(value, "a date and time", TIMESTAMP_FORM)?;
    if let Some(pattern) = &form.pattern {
        let local = parse_moment(text, pattern, zone).map_err(|why| format!("{} is {why}", quote_name(text)))?;
        return compute_serial_time(local).map(Cell::DateTime);
    }
    let local = match text.parse::<Timestamp>() {
        Ok(moment) => moment.to_zoned(zone.clone()).datetime(),
        Err(_) => text.parse::<DateTime>().map_err(|_| {
            let advice = suggest_pattern(text);
            format!(
                "{} is not a valid date and time; write it as 2024-05-31T09:00:00Z or 2024-05-31 09:00{advice}",
                quote_name(text)
            )
        })?,
    };
    compute_serial_time(local).map(Cell::DateTime)
}

fn read_time_text<'a>(value: &'a Value, what: &str, form: &str) -> Result<&'a str, String> {
    match value {
        Value::String(text) => Ok(text.trim()),
        Value::Number(number) => Err(describe_number_for_time(&format_number(number), what, form)),
        other => Err(format!("found {}, but the column holds {what} ({form})", name_json_kind(other))),
    }
}

fn describe_number_for_time(digits: &str, what: &str, form: &str) -> String {
    format!(
        "found the number {}, but the column holds {what} ({form}); seconds since 1970 become one by `todate`, \
         milliseconds by `. / 1000 | todate` in the step",
        shorten_digits(digits)
    )
}

/// Returns the days since 1899-12-30, the day 0 of spreadsheets (Sheets API,
/// `DateTimeRenderOption`).
fn count_days(day: Date) -> Result<i32, String> {
    let zero = Date::new(1899, 12, 30).map_err(|e| e.to_string())?;
    let span: Span = zero.until((jiff::Unit::Day, day)).map_err(|e| e.to_string())?;
    Ok(span.get_days())
}

/// Returns a local time as days since 1899-12-30 with a fraction, to the millisecond.
fn compute_serial_time(local: DateTime) -> Result<f64, String> {
    let time = local.time();
    let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    let ms = i64::from(count_days(local.date())?) * 86_400_000
        + seconds * 1_000
        + i64::from(time.subsec_nanosecond()) / 1_000_000;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of the years -9999 to 9999 are below 2^53")]
    let ms = ms as f64;
    Ok(ms / DAY_MS)
}

fn coerce_duration(value: &Value) -> Result<Cell, String> {
    let seconds = match value {
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) => {
            let span: SignedDuration = text.trim().parse().map_err(|_| {
                format!("{} is not a valid duration; write seconds, PT1H30M or 1h 30m", quote_name(text))
            })?;
            span.as_secs_f64()
        }
        other => return Err(format!("found {}, but the column holds durations", name_json_kind(other))),
    };
    if seconds.is_finite() { Ok(Cell::Duration(seconds / 86_400.0)) } else { Err("the duration is not finite".into()) }
}

fn coerce_link(value: Value) -> Result<Cell, String> {
    match value {
        Value::String(text) if ["http://", "https://", "mailto:"].iter().any(|scheme| text.starts_with(scheme)) => {
            Ok(Cell::Text(text))
        }
        Value::String(text) => {
            Err(format!("{} is not a link; links start with https://, http:// or mailto:", quote_name(&text)))
        }
        other => Err(format!("found {}, but the column holds links", name_json_kind(&other))),
    }
}

fn coerce_formula(value: Value) -> Result<Cell, String> {
    match value {
        Value::String(text) if text.starts_with('=') => Ok(Cell::Formula(text)),
        Value::String(text) => Err(format!("{} is not a formula; formulas start with =", quote_name(&text))),
        other => Err(format!("found {}, but the column holds formulas", name_json_kind(&other))),
    }
}

#[cfg(test)]
mod tests;
