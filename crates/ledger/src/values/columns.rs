//! The column settings of a job, and the limits of every column.
//!
//! In scope: the types of columns, the sheet's time zone, the limits of a tab, the rejection of a
//! value.
//! Out of scope: coercing one value (`ledger::values::coerce`), building rows
//! (`ledger::rows::row_builder`), the tab's header (`ledger::rows::table_header`).

use std::collections::HashSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;
use thiserror::Error;

use crate::grid::{Cell, Figure};
use crate::values::exact_number;
use crate::values::input_form::InputForm;
use sheetkeep_base::fault::Fault;

/// Maximum number of columns in a tab: A to ZZZ (the Sheets API refuses more).
pub const MAX_COLUMNS: usize = 18_278;

/// Maximum length of a cell in UTF-16 units: the service's "50,000 characters", counted in the
/// stricter way.
pub const MAX_CELL_UNITS: usize = 50_000;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ColumnType {
    /// The value's own type: text stays text, a number stays a number.
    #[default]
    Auto,
    /// A text, unchanged; a number or a boolean is written out: `42`, `true`.
    Text,
    /// A finite number; a numeric text is parsed.
    Number,
    /// True or false; `true`, `yes`, `1` and their opposites are parsed.
    Boolean,
    /// A day, `YYYY-MM-DD`.
    Date,
    /// A timestamp: RFC 3339, or a local time in the sheet's time zone.
    DateTime,
    /// A duration: seconds as a number, ISO 8601 (`PT1H30M`) or `1h 30m`.
    Duration,
    /// An address that starts with http, https or mailto; stored as text, which a spreadsheet shows
    /// as a link.
    Link,
    /// A formula, the only type in which a text that starts with `=` is computed.
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

    /// Parses the word of a job file.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    }
}

/// The format of a column's values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnFormat {
    /// The format pattern of its numbers, days, timestamps or durations, in the notation of
    /// spreadsheets.
    pub format: Option<Arc<str>>,
    /// The time zone of its timestamps, if it differs from the sheet's.
    pub timezone: Option<TimeZone>,
}

/// The policy for a field without a column in the data tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NewColumns {
    /// A column is added, to the right of the others.
    #[default]
    Add,
    /// The field is left out.
    Ignore,
    /// The item fails.
    Refuse,
}

impl NewColumns {
    /// The words in job files.
    pub const WORDS: [(&'static str, Self); 3] =
        [("add", Self::Add), ("ignore", Self::Ignore), ("refuse", Self::Refuse)];
}

/// The types of a job's columns, and the zone in which their times are shown.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Column names and types, in the order of the job file.
    pub types: Vec<(String, ColumnType)>,
    /// Formats of columns, where the job file sets them.
    pub formats: Vec<(String, ColumnFormat)>,
    /// How the source writes the values of columns, where the job file sets it.
    pub inputs: Vec<(String, InputForm)>,
    /// The order of a new tab's first columns.
    pub order: Vec<String>,
    /// The policy for fields without a column.
    pub new_columns: NewColumns,
    /// The sheet's time zone; UTC if none is set.
    pub timezone: Option<TimeZone>,
}

impl Columns {
    /// Returns the type of `column`.
    pub fn kind(&self, column: &str) -> ColumnType {
        self.types.iter().find(|(name, _)| name == column).map_or(ColumnType::Auto, |(_, kind)| *kind)
    }

    /// Returns the zone in which a column's timestamps are shown.
    pub fn zone(&self, column: &str) -> TimeZone {
        let own = self.format_of(column).and_then(|look| look.timezone.clone());
        own.or_else(|| self.timezone.clone()).unwrap_or(TimeZone::UTC)
    }

    /// Returns a value in its column's format. An empty cell of a formatted number column gets the
    /// format too, because a value that is written into it later is only a number.
    pub(crate) fn with_format(&self, column: &str, kind: ColumnType, cell: Cell) -> Cell {
        let format = self.format_of(column).and_then(|look| look.format.clone());
        let (value, figure) = match (&cell, kind) {
            (Cell::Number(n), _) => (Some(*n), Figure::Number),
            (Cell::Date(n), _) => (Some(*n), Figure::Date),
            (Cell::DateTime(n), _) => (Some(*n), Figure::DateTime),
            (Cell::Duration(n), _) => (Some(*n), Figure::Duration),
            (Cell::Empty, ColumnType::Number) => (None, Figure::Number),
            (Cell::Empty, ColumnType::Date) => (None, Figure::Date),
            (Cell::Empty, ColumnType::DateTime) => (None, Figure::DateTime),
            (Cell::Empty, ColumnType::Duration) => (None, Figure::Duration),
            _ => return cell,
        };
        let usual = || figure.default_pattern().filter(|_| value.is_none()).map(Arc::from);
        match format.or_else(usual) {
            Some(pattern) => Cell::Figure { value, figure, pattern },
            None => cell,
        }
    }

    /// Returns how the source writes the values of `column`.
    pub(crate) fn input_form(&self, column: &str) -> &InputForm {
        const USUAL: &InputForm = &InputForm { decimal: None, pattern: None };
        self.inputs.iter().find(|(name, _)| name == column).map_or(USUAL, |(_, form)| form)
    }

    fn format_of(&self, column: &str) -> Option<&ColumnFormat> {
        self.formats.iter().find(|(name, _)| name == column).map(|(_, look)| look)
    }
}

/// Why a step's value can't become a row. It fails the item, never the run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ValueRejection(pub String);

impl ValueRejection {
    /// Returns the class of the error.
    pub fn fault(&self) -> Fault {
        Fault::Rejected
    }
}

/// Returns the header text for a column name. Blanks around it are removed: users could neither see
/// nor preserve them. Everything else is compared exactly: `name` and `Name` are two columns.
pub fn trim_header(name: &str) -> &str {
    name.trim()
}

/// Returns column names as headers, each once; the state of an earlier version may contain blanks
/// around them.
pub(crate) fn deduplicate_headers(names: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    let texts = names.into_iter().map(|name| trim_header(&name).to_owned());
    texts.filter(|text| !text.is_empty() && seen.insert(text.clone())).collect()
}

/// Returns a name in quotes, shortened so that an error stays readable.
pub fn quote_name(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{:?}…", text.get(..at).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// Returns the kind of a JSON value, with its article.
pub(crate) fn name_json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(text) if exact_number::read_marked_digits(text).is_some() => "a number",
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
            assert_eq!(ColumnType::parse(word), Some(kind));
        }
        assert_eq!(ColumnType::parse("auto"), None);
        assert_eq!(ColumnType::parse("Number"), None);
    }

    #[test]
    fn a_column_that_the_job_does_not_name_is_taken_as_it_comes() {
        let columns = Columns { types: vec![("a".into(), ColumnType::Date)], ..Columns::default() };
        assert_eq!((columns.kind("a"), columns.kind("b")), (ColumnType::Date, ColumnType::Auto));
    }

    #[test]
    fn a_column_with_a_form_has_it_in_empty_cells_too() {
        let look = ColumnFormat { format: Some("#,##0.00".into()), timezone: None };
        let columns = Columns { formats: vec![("price".into(), look)], ..Columns::default() };
        let figure = |value, figure, pattern: &str| Cell::Figure { value, figure, pattern: pattern.into() };
        let price = |cell| columns.with_format("price", ColumnType::Number, cell);
        assert_eq!(price(Cell::Number(2.0)), figure(Some(2.0), Figure::Number, "#,##0.00"));
        assert_eq!(price(Cell::Empty), figure(None, Figure::Number, "#,##0.00"));
        assert_eq!(columns.with_format("day", ColumnType::Date, Cell::Empty), figure(None, Figure::Date, "yyyy-mm-dd"));
        assert_eq!(columns.with_format("day", ColumnType::Date, Cell::Date(1.0)), Cell::Date(1.0));
        for cell in [Cell::Empty, Cell::Number(1.0), Cell::text("x")] {
            assert_eq!(columns.with_format("other", ColumnType::Auto, cell.clone()), cell);
        }
    }

    #[test]
    fn a_long_name_is_cut_in_an_error() {
        assert_eq!(quote_name("a\"b"), "\"a\\\"b\"");
        assert!(quote_name(&"ü".repeat(500)).chars().count() < 70);
    }
}
