//! Cells and rows, as values.
//!
//! In scope: the content of a cell and the column names of a row, as used by the client and the
//! rules.
//! Out of scope: the JSON of any API, and positions of rows (the sheet determines them, read anew
//! in every run).

use std::fmt::Write as _;
use std::sync::Arc;

/// The typed content of a cell. The service never parses it from a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A blank cell.
    Empty,
    /// Text, unchanged: leading zeros, `=` and ids of any length are preserved.
    Text(String),
    /// A finite number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// A day, as days since 1899-12-30.
    Date(f64),
    /// A timestamp in the sheet's time zone, as days since 1899-12-30 with a fraction.
    DateTime(f64),
    /// A duration, in days.
    Duration(f64),
    /// A formula, only for columns that opt in; starts with `=`.
    Formula(String),
    /// A number with a format pattern from the job file, or a blank cell that has the pattern
    /// already.
    Figure {
        /// The number: days since 1899-12-30 for days and timestamps, days for durations.
        value: Option<f64>,
        /// What the number counts, which decides its format on the sheet.
        figure: Figure,
        /// Its pattern in the notation of spreadsheets, such as `#,##0.00` or `yyyy-mm-dd`.
        pattern: Arc<str>,
    },
}

/// The kind of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Figure {
    /// A plain number.
    Number,
    /// A day without a time, by the spreadsheet's calendar.
    Date,
    /// A day with a time of day, in the time zone of the data.
    DateTime,
    /// A length of time, which may be longer than a day.
    Duration,
}

impl Figure {
    /// Returns the default pattern of days, timestamps and durations; plain numbers use the
    /// spreadsheet's own.
    pub fn default_pattern(self) -> Option<&'static str> {
        match self {
            Self::Number => None,
            Self::Date => Some("yyyy-mm-dd"),
            Self::DateTime => Some("yyyy-mm-dd hh:mm:ss"),
            Self::Duration => Some("[h]:mm:ss"),
        }
    }
}

impl Cell {
    /// True if the cell is blank; an empty text counts as blank.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty | Self::Figure { value: None, .. } => true,
            Self::Text(text) => text.is_empty(),
            _ => false,
        }
    }

    /// Creates a text cell.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

/// One row of an output: its cells by column name, in the order of their creation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Column names and cells.
    pub cells: Vec<(String, Cell)>,
}

impl Row {
    /// Returns the cell of `column`, if the row has one.
    pub fn get(&self, column: &str) -> Option<&Cell> {
        self.cells.iter().find(|(name, _)| name == column).map(|(_, cell)| cell)
    }

    /// Returns the approximate size of the row in bytes on the wire, which bounds a batch.
    pub fn weight(&self) -> usize {
        self.cells.iter().map(|(_, cell)| estimate_cell_size(cell)).sum()
    }
}

/// Bytes around a cell's text in a request: `{"userEnteredValue":{"stringValue":""}},`.
const CELL_OVERHEAD_BYTES: usize = 44;

fn estimate_cell_size(cell: &Cell) -> usize {
    match cell {
        Cell::Empty => 3,
        Cell::Text(text) | Cell::Formula(text) => CELL_OVERHEAD_BYTES + text.len() + text.len() / 8,
        Cell::Number(_) | Cell::Bool(_) => CELL_OVERHEAD_BYTES + 16,
        Cell::Date(_) | Cell::DateTime(_) | Cell::Duration(_) => CELL_OVERHEAD_BYTES + 120,
        Cell::Figure { pattern, .. } => CELL_OVERHEAD_BYTES + 100 + pattern.len(),
    }
}

/// Returns the letters of the 0-based column `index`: A, B, … Z, AA.
pub fn format_column_letters(index: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(b'A' + u8::try_from(rest % 26).unwrap_or(0));
        rest /= 26;
    }
    letters.iter().rev().map(|&b| char::from(b)).collect()
}

/// Returns the 0-based column with these letters; `None` beyond the limits of a tab.
pub fn parse_column_letters(letters: &str) -> Option<usize> {
    if !(1..=3).contains(&letters.len()) {
        return None;
    }
    let digit = |byte: u8| byte.is_ascii_alphabetic().then(|| usize::from(byte.to_ascii_uppercase() - b'A') + 1);
    let number = letters.bytes().try_fold(0, |number, byte| Some(number * 26 + digit(byte)?));
    number?.checked_sub(1)
}

/// Returns a tab's title in quotes for A1 ranges, so that no title is taken for a cell.
pub fn quote_title(title: &str) -> String {
    let mut out = String::with_capacity(title.len() + 2);
    let _ = write!(out, "'{}'", title.replace('\'', "''"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_lettered_as_people_see_them() {
        for (index, letters) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (18_277, "ZZZ")] {
            assert_eq!((format_column_letters(index).as_str(), parse_column_letters(letters)), (letters, Some(index)));
        }
    }

    #[test]
    fn a_title_with_a_quote_is_doubled() {
        assert_eq!(quote_title("it's #1"), "'it''s #1'");
    }
}
