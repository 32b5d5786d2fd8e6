//! A cell as a JSON value, and as text, as a person would read it.
//!
//! In scope: dates and durations in ISO notation. Out of scope: the formats of the spreadsheet.

use serde_json::Value;

use crate::grid::{Cell, Figure};
use crate::time::Timestamp;

/// Milliseconds of a day.
const DAY_MS: f64 = 86_400_000.0;

/// Returns the content of a cell: a number, a text, true or false, or null if it is blank. Days and
/// timestamps are ISO 8601 texts in the sheet's time zone; durations are texts such as `1:02:03`.
pub fn convert_cell(cell: &Cell) -> Value {
    match cell {
        Cell::Empty | Cell::Figure { value: None, .. } => Value::Null,
        Cell::Text(text) | Cell::Formula(text) => text.as_str().into(),
        Cell::Number(number) | Cell::Figure { value: Some(number), figure: Figure::Number, .. } => {
            convert_number(*number)
        }
        Cell::Bool(truth) => (*truth).into(),
        Cell::Date(days) | Cell::Figure { value: Some(days), figure: Figure::Date, .. } => format_day(*days).into(),
        Cell::DateTime(days) | Cell::Figure { value: Some(days), figure: Figure::DateTime, .. } => {
            Timestamp::from_serial(*days).to_string().replace('Z', "").into()
        }
        Cell::Duration(days) | Cell::Figure { value: Some(days), figure: Figure::Duration, .. } => {
            format_duration(*days).into()
        }
    }
}

/// Returns a value as text, without quotes around a text.
pub fn format_value(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns a whole number without a fraction.
#[expect(clippy::cast_possible_truncation, reason = "whole numbers up to 2^53 are exact in both types")]
fn convert_number(number: f64) -> Value {
    const MAX_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= MAX_EXACT_INTEGER { (number as i64).into() } else { number.into() }
}

fn format_day(days: f64) -> String {
    Timestamp::from_serial(days).to_string().chars().take(10).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "durations of cells are far below 2^63 milliseconds")]
fn format_duration(days: f64) -> String {
    let seconds = ((days * DAY_MS) / 1_000.0).round() as i64;
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    format!("{sign}{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_times_and_durations_read_like_a_calendar() {
        let figure = |value, figure| Cell::Figure { value: Some(value), figure, pattern: "0".into() };
        assert_eq!(convert_cell(&Cell::Date(43_831.0)), "2020-01-01");
        assert_eq!(convert_cell(&Cell::DateTime(43_831.5)), "2020-01-01T12:00:00.000");
        assert_eq!(convert_cell(&Cell::Duration(1.5)), "36:00:00");
        assert_eq!(convert_cell(&figure(-0.25, Figure::Duration)), "-6:00:00");
        assert_eq!(convert_cell(&figure(2.5, Figure::Number)), 2.5);
        assert_eq!(
            (convert_cell(&Cell::Number(-3.0)), convert_cell(&Cell::Number(1e300))),
            ((-3).into(), 1e300.into())
        );
        assert_eq!(format_value(&convert_cell(&Cell::Empty)), "null");
    }
}
