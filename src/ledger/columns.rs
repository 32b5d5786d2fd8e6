//! What a job says about its columns, and the limits that every column has.
//!
//! In scope: the types a column may have, the sheet's time zone, the limits of a tab, how a rejection is told.
//! Out of scope: reading one value as a type (`ledger::cast`), making rows (`ledger::shape`), the tab's header (`ledger::header`).

use jiff::tz::TimeZone;
use serde_json::Value;
use thiserror::Error;

use crate::fault::Fault;

/// The most columns a tab can have: A to ZZZ (the Sheets API refuses more).
pub const MAX_COLUMNS: usize = 18_278;

/// The most a cell takes, in UTF-16 units; the service's "50,000 characters", counted the stricter way.
pub const MAX_CELL_UNITS: usize = 50_000;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ColumnType {
    /// Whatever the value is: text stays text, a number stays a number.
    #[default]
    Auto,
    /// Text to the letter.
    Text,
    /// A finite number; a numeric text is read as one.
    Number,
    /// True or false; `true`, `yes`, `1` and their opposites are read as one.
    Boolean,
    /// A day, `YYYY-MM-DD`.
    Date,
    /// A moment: RFC 3339, or a local time in the sheet's time zone.
    DateTime,
    /// A length of time: seconds as a number, ISO 8601 (`PT1H30M`) or `1h 30m`.
    Duration,
    /// An address that starts with http, https or mailto; kept as text, which a spreadsheet shows as a link.
    Link,
    /// A formula, the one type in which a text that starts with `=` is computed.
    Formula,
}

impl ColumnType {
    /// Every type that a job file may name, with its word.
    pub const WORDS: [(&'static str, Self); 8] = [
        ("text", Self::Text),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("date", Self::Date),
        ("datetime", Self::DateTime),
        ("duration", Self::Duration),
        ("link", Self::Link),
        ("formula", Self::Formula),
    ];

    /// The type that `word` names in a job file.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    }
}

/// The types that a job gives its columns, and the zone in which their times are shown.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Column name and type, in the order of the job file.
    pub types: Vec<(String, ColumnType)>,
    /// The sheet's time zone; UTC where nobody said.
    pub timezone: Option<TimeZone>,
}

impl Columns {
    /// The type of `column`.
    pub fn kind(&self, column: &str) -> ColumnType {
        self.types.iter().find(|(name, _)| name == column).map_or(ColumnType::Auto, |(_, kind)| *kind)
    }

    /// The zone in which moments are shown.
    pub fn zone(&self) -> TimeZone {
        self.timezone.clone().unwrap_or(TimeZone::UTC)
    }
}

/// Why a step's value can't become a row; it is this item's failure and never the run's end.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Rejection(pub String);

impl Rejection {
    /// What to do about it.
    pub fn fault(&self) -> Fault {
        Fault::Rejected
    }
}

/// A name in quotes, cut so that an error stays readable.
pub(crate) fn quote(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{:?}…", text.get(..at).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// What a JSON value is, with its article.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_its_type_and_no_other_word_names_one() {
        for (word, kind) in ColumnType::WORDS {
            assert_eq!(ColumnType::from_word(word), Some(kind));
        }
        assert_eq!(ColumnType::from_word("auto"), None);
        assert_eq!(ColumnType::from_word("Number"), None);
    }

    #[test]
    fn a_column_that_the_job_does_not_name_is_taken_as_it_comes() {
        let columns = Columns { types: vec![("a".into(), ColumnType::Date)], timezone: None };
        assert_eq!((columns.kind("a"), columns.kind("b")), (ColumnType::Date, ColumnType::Auto));
    }

    #[test]
    fn a_long_name_is_cut_in_an_error() {
        assert_eq!(quote("a\"b"), "\"a\\\"b\"");
        assert!(quote(&"ü".repeat(500)).chars().count() < 70);
    }
}
