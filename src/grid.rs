//! Cells and rows, as values.
//!
//! In scope: what a cell may hold and how a row names its columns; what the client and the rules both say.
//! Out of scope: the JSON of any API, and where a row stands (the sheet's business, read afresh in every run).

use std::fmt::Write as _;
use std::sync::Arc;

/// What one cell holds, typed: nothing is ever parsed out of a text by the service.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Text, kept to the letter: leading zeros, `=` and ids of any length survive.
    Text(String),
    /// A finite number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// A day, as days since 1899-12-30.
    Date(f64),
    /// A moment in the sheet's time zone, as days since 1899-12-30 with a fraction.
    DateTime(f64),
    /// A length of time, in days.
    Duration(f64),
    /// A formula, only for columns that opt in; starts with `=`.
    Formula(String),
    /// A number in a form that the job chose, or a cell that is empty so far and has that form already.
    Figure {
        /// The number; days since 1899-12-30 for days and moments, days for lengths of time.
        value: Option<f64>,
        /// What it is.
        figure: Figure,
        /// Its form, as spreadsheets write it, such as `#,##0.00` or `yyyy-mm-dd`.
        pattern: Arc<str>,
    },
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Figure {
    /// A number.
    Number,
    /// A day.
    Date,
    /// A moment.
    DateTime,
    /// A length of time.
    Duration,
}

impl Figure {
    /// The form of days, moments and lengths of time, unless the job chose one; numbers have the spreadsheet's own.
    pub fn usual(self) -> Option<&'static str> {
        match self {
            Self::Number => None,
            Self::Date => Some("yyyy-mm-dd"),
            Self::DateTime => Some("yyyy-mm-dd hh:mm:ss"),
            Self::Duration => Some("[h]:mm:ss"),
        }
    }
}

impl Cell {
    /// Whether the cell holds nothing; an empty text shows as nothing and counts as such.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty | Self::Figure { value: None, .. } => true,
            Self::Text(text) => text.is_empty(),
            _ => false,
        }
    }

    /// A text cell.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

/// One row of an output: its cells by column name, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Column name and cell.
    pub cells: Vec<(String, Cell)>,
}

impl Row {
    /// The cell of `column`, if the row has one.
    pub fn get(&self, column: &str) -> Option<&Cell> {
        self.cells.iter().find(|(name, _)| name == column).map(|(_, cell)| cell)
    }

    /// A rough size in bytes of what the row becomes on the wire; used to keep a batch under its bound.
    pub fn weight(&self) -> usize {
        self.cells.iter().map(|(_, cell)| cell_weight(cell)).sum()
    }
}

/// What a cell costs around its text in a request: `{"userEnteredValue":{"stringValue":""}},`.
const CELL_FRAME: usize = 44;

fn cell_weight(cell: &Cell) -> usize {
    match cell {
        Cell::Empty => 3,
        Cell::Text(text) | Cell::Formula(text) => CELL_FRAME + text.len() + text.len() / 8,
        Cell::Number(_) | Cell::Bool(_) => CELL_FRAME + 16,
        Cell::Date(_) | Cell::DateTime(_) | Cell::Duration(_) => CELL_FRAME + 120,
        Cell::Figure { pattern, .. } => CELL_FRAME + 100 + pattern.len(),
    }
}

/// The letters of the `index`-th column, 0-based: A, B, … Z, AA.
pub fn column_letters(index: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(b'A' + u8::try_from(rest % 26).unwrap_or(0));
        rest /= 26;
    }
    letters.iter().rev().map(|&b| char::from(b)).collect()
}

/// The column with these letters, from 0; none where a tab can't have it.
pub fn column_number(letters: &str) -> Option<usize> {
    if !(1..=3).contains(&letters.len()) {
        return None;
    }
    let digit = |byte: u8| byte.is_ascii_alphabetic().then(|| usize::from(byte.to_ascii_uppercase() - b'A') + 1);
    let number = letters.bytes().try_fold(0, |number, byte| Some(number * 26 + digit(byte)?));
    number?.checked_sub(1)
}

/// A tab's title as A1 ranges want it: always in quotes, so that no title can be mistaken for a cell.
pub fn quoted(title: &str) -> String {
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
            assert_eq!((column_letters(index).as_str(), column_number(letters)), (letters, Some(index)));
        }
    }

    #[test]
    fn a_title_with_a_quote_is_doubled() {
        assert_eq!(quoted("it's #1"), "'it''s #1'");
    }
}
