//! A log line as data, before it has a format.
//!
//! In scope: its parts, their names, and how much of a text a line may hold. Out of scope: the keys
//! of each format (`telemetry::logs::rendering`), secrets (`known_secrets`).

use serde_json::{Map, Value};

use crate::time::Timestamp;

/// Bytes of a text in a line; a longer one is cut.
const MAX_TEXT_BYTES: usize = 4_096;
/// Bytes of all fields of a line; what comes after that is left out, and the line reports it.
const MAX_LINE_BYTES: usize = 48 << 10;
/// The field of a line that lacks fields.
const TRUNCATED: &str = "truncated";

/// How serious a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// The shape of what is sent and read.
    Trace,
    /// A call of a service, with its outcome.
    Debug,
    /// A change of state.
    Info,
    /// Something was tried again, or is not as it should be; the work continues.
    Warning,
    /// A run or a command failed, and a person has to know.
    Error,
}

/// One event, to be written as a line.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// When it happened.
    pub time: Timestamp,
    /// How serious it is.
    pub level: LogLevel,
    /// One sentence for people.
    pub message: String,
    /// The part of the program that reports it.
    pub target: String,
    /// The event's stable name, such as `run.finished`.
    pub event: Option<String>,
    /// Its fields: `job`, `run`, `key`, `step`, `attempt`, `delay_ms`, `error.kind`, `cause` and
    /// more.
    pub fields: Map<String, Value>,
}

impl LogLine {
    /// Creates a line without fields.
    pub fn new(time: Timestamp, level: LogLevel, target: &str, message: &str) -> Self {
        let message = limit_text(message);
        Self { time, level, message, target: target.to_owned(), event: None, fields: Map::new() }
    }

    /// Sets the sentence.
    pub fn set_message(&mut self, message: &str) {
        self.message = limit_text(message);
    }

    /// Adds a field, unless the line is full. The field `event` names the event.
    pub fn add(&mut self, name: &str, value: Value) {
        let value = match value {
            Value::String(text) => Value::String(limit_text(&text)),
            other => other,
        };
        if name == "event" {
            self.event = value.as_str().map(str::to_owned);
        } else if self.count_bytes() < MAX_LINE_BYTES {
            self.fields.insert(name.to_owned(), value);
        } else {
            self.fields.insert(TRUNCATED.to_owned(), Value::Bool(true));
        }
    }

    /// Returns a field that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    fn count_bytes(&self) -> usize {
        let value_bytes = |value: &Value| value.as_str().map_or(24, str::len);
        self.fields.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
    }
}

/// Returns the text, cut to what a line may hold, and without the characters that steer a terminal
/// or reverse the direction of writing. Line breaks and tabs stay: JSON escapes them.
fn limit_text(text: &str) -> String {
    let steers = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut end = text.len().min(MAX_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let kept = text.get(..end).unwrap_or_default();
    let mut out: String = kept.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect();
    if end < text.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_bounded_and_reports_what_it_lacks() {
        let mut line = LogLine::new(Timestamp(0), LogLevel::Info, "t", &"ä".repeat(10_000));
        assert!(line.message.len() <= MAX_TEXT_BYTES + 3 && line.message.ends_with('…'));
        for n in 0..40 {
            line.add(&format!("field{n}"), Value::String("x".repeat(10_000)));
        }
        assert!(line.count_bytes() < MAX_LINE_BYTES + 5_000, "{}", line.count_bytes());
        assert_eq!(line.fields.get("truncated"), Some(&Value::Bool(true)));
    }

    #[test]
    fn a_line_can_not_steer_the_terminal_of_its_reader() {
        let line = LogLine::new(Timestamp(0), LogLevel::Info, "t", "a\u{1b}[31mb\u{9b}c\u{202e}d\ne");
        assert_eq!(line.message, "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\ne");
    }

    #[test]
    fn the_field_event_names_the_event() {
        let mut line = LogLine::new(Timestamp(0), LogLevel::Info, "t", "m");
        line.add("event", "run.started".into());
        line.add("job", "quakes".into());
        assert_eq!(
            (line.event.as_deref(), line.text("job"), line.fields.len()),
            (Some("run.started"), Some("quakes"), 1)
        );
    }
}
