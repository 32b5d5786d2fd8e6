//! Lengths of time, as people write them: the same in a job file and on the command line.
//!
//! In scope: parsing. Out of scope: bounds, and what is said about a wrong one.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// How lengths of time are written, for help.
pub(crate) const FORMS: &str = "300ms, 2s, 5m, 1h 30m or 7d; a number alone means seconds";

/// Hours of a day, and of a week.
const LONG_UNITS: [(&[&str], f64); 2] =
    [(&["d", "day", "days"], 24.0), (&["w", "wk", "wks", "week", "weeks"], 7.0 * 24.0)];

/// Parses `300ms`, `.5s`, `1h 30m`, `1.5d`, `7d`; a number alone means seconds. Days have 24 hours,
/// whatever clocks do. `None` for any other text, and for a length below zero.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let begins_with_point = text.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let text = &if begins_with_point { format!("0{text}") } else { text.to_owned() };
    let text = &convert_to_hours(text).unwrap_or_else(|| text.clone());
    let is_seconds = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let text = if is_seconds { format!("{text}s") } else { text.to_owned() };
    let span: Span = text.parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
}

/// Returns a broken number of days or weeks in hours; `None` for any other text.
fn convert_to_hours(text: &str) -> Option<String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.')?);
    let (_, hours) = LONG_UNITS.iter().find(|(names, _)| names.contains(&unit.trim()))?;
    let count: f64 = number.parse().ok().filter(|_| number.contains('.'))?;
    Some(format!("{:.9}h", count * hours))
}
