//! Lengths of time, as people write them: the same in a job file and on the command line.
//!
//! In scope: parsing. Out of scope: bounds, and what is said about a wrong one.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// How lengths of time are written, for help.
pub(crate) const FORMS: &str = "300ms, 2s, 5m, 1h 30m or 7d; a number alone means seconds";

/// Parses `300ms`, `2s`, `1h 30m`, `7d`; a number alone means seconds. Days have 24 hours, whatever
/// clocks do. `None` for any other text, and for a length below zero.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let is_seconds = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let text = if is_seconds { format!("{text}s") } else { text.to_owned() };
    let span: Span = text.parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
}
