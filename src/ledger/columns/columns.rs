//! What a job says about its columns, and the limits that every column has.
//!
//! In scope: the types a column may have, the sheet's time zone, the limits of a tab, how a rejection is told.
//! Out of scope: reading one value as a type (`ledger::columns::coerce`), making rows (`ledger::rows::row_builder`), the tab's header (`ledger::rows::table_header`).

use std::collections::HashSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;
use thiserror::Error;

use crate::fault::Fault;
use crate::grid::{Cell, Figure};
use crate::ledger::columns::exact_number;

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

/// How a column's values look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnFormat {
    /// The form of its numbers, days, moments or lengths of time, as spreadsheets write it.
    pub format: Option<Arc<str>>,
    /// The zone of its moments, where it is another than the sheet's.
    pub timezone: Option<TimeZone>,
}

/// What becomes of a field that the data tab has no column for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NewColumns {
    /// It gets one, to the right of the others.
    #[default]
    Add,
    /// It is left out.
    Ignore,
    /// Its item fails.
    Refuse,
}

impl NewColumns {
    /// The words in job files.
    pub const WORDS: [(&'static str, Self); 3] =
        [("add", Self::Add), ("ignore", Self::Ignore), ("refuse", Self::Refuse)];
}

/// The types that a job gives its columns, and the zone in which their times are shown.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Column name and type, in the order of the job file.
    pub types: Vec<(String, ColumnType)>,
    /// How columns look, those of which the job says so.
    pub looks: Vec<(String, ColumnFormat)>,
    /// The order of a new tab's first columns.
    pub order: Vec<String>,
    /// What becomes of fields without a column.
    pub new_columns: NewColumns,
    /// The sheet's time zone; UTC where nobody said.
    pub timezone: Option<TimeZone>,
}

impl Columns {
    /// The type of `column`.
    pub fn kind(&self, column: &str) -> ColumnType {
        self.types.iter().find(|(name, _)| name == column).map_or(ColumnType::Auto, |(_, kind)| *kind)
    }

    /// The zone in which a column's moments are shown.
    pub fn zone(&self, column: &str) -> TimeZone {
        let own = self.look(column).and_then(|look| look.timezone.clone());
        own.or_else(|| self.timezone.clone()).unwrap_or(TimeZone::UTC)
    }

    /// A value in its column's form. An empty cell of a column whose numbers have a form gets it too: what is written into it later
    /// is a number only.
    pub(crate) fn in_form(&self, column: &str, kind: ColumnType, cell: Cell) -> Cell {
        let format = self.look(column).and_then(|look| look.format.clone());
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
        let usual = || figure.usual().filter(|_| value.is_none()).map(Arc::from);
        match format.or_else(usual) {
            Some(pattern) => Cell::Figure { value, figure, pattern },
            None => cell,
        }
    }

    fn look(&self, column: &str) -> Option<&ColumnFormat> {
        self.looks.iter().find(|(name, _)| name == column).map(|(_, look)| look)
    }
}

/// Why a step's value can't become a row; it is this item's failure and never the run's end.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ValueRejection(pub String);

impl ValueRejection {
    /// What to do about it.
    pub fn fault(&self) -> Fault {
        Fault::Rejected
    }
}

/// The header of a column of this name. Blanks around a header don't count, so none are written: people could neither see nor keep them.
/// Everything else counts to the letter: `name` and `Name` are two columns.
pub fn header_text(name: &str) -> &str {
    name.trim()
}

/// Names of columns as headers have them, each once; a job of an earlier version may remember some with blanks around them.
pub(crate) fn header_texts(names: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    let texts = names.into_iter().map(|name| header_text(&name).to_owned());
    texts.filter(|text| !text.is_empty() && seen.insert(text.clone())).collect()
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
        Value::String(text) if exact_number::digits(text).is_some() => "a number",
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
        let columns = Columns { types: vec![("a".into(), ColumnType::Date)], ..Columns::default() };
        assert_eq!((columns.kind("a"), columns.kind("b")), (ColumnType::Date, ColumnType::Auto));
    }

    #[test]
    fn a_column_with_a_form_has_it_in_empty_cells_too_and_one_without_a_type_is_left_alone() {
        let look = ColumnFormat { format: Some("#,##0.00".into()), timezone: None };
        let columns = Columns { looks: vec![("price".into(), look)], ..Columns::default() };
        let figure = |value, figure, pattern: &str| Cell::Figure { value, figure, pattern: pattern.into() };
        let price = |cell| columns.in_form("price", ColumnType::Number, cell);
        assert_eq!(price(Cell::Number(2.0)), figure(Some(2.0), Figure::Number, "#,##0.00"));
        assert_eq!(price(Cell::Empty), figure(None, Figure::Number, "#,##0.00"));
        assert_eq!(columns.in_form("day", ColumnType::Date, Cell::Empty), figure(None, Figure::Date, "yyyy-mm-dd"));
        assert_eq!(columns.in_form("day", ColumnType::Date, Cell::Date(1.0)), Cell::Date(1.0));
        for cell in [Cell::Empty, Cell::Number(1.0), Cell::text("x")] {
            assert_eq!(columns.in_form("other", ColumnType::Auto, cell.clone()), cell);
        }
    }

    #[test]
    fn a_long_name_is_cut_in_an_error() {
        assert_eq!(quote("a\"b"), "\"a\\\"b\"");
        assert!(quote(&"ü".repeat(500)).chars().count() < 70);
    }
}
