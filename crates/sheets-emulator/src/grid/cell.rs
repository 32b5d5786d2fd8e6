//! What one cell holds.
//!
//! In scope: the value, and every other member of the API's `CellData` kept as it was sent.
//! Out of scope: how it is shown (`render`), how it is stored (`row_blob`), what a mask does to it (`batch`).

use serde_json::{Map, Value};

/// The value that was entered (the API's `ExtendedValue`).
#[derive(Debug, Clone, PartialEq)]
pub enum CellValue {
    /// `stringValue`: text, even when it starts with `=`.
    Text(String),
    /// `numberValue`; dates are serial numbers.
    Number(f64),
    /// `boolValue`.
    Bool(bool),
    /// `formulaValue`.
    Formula {
        /// The text, starting with `=`.
        source: String,
        /// What it computed to, once it was worked out; `None` is nothing.
        result: Option<FormulaResult>,
    },
    /// What the formula of another cell filled in; nobody entered it, and it is not stored.
    Spilled(FormulaResult),
}

/// What a formula computed to.
#[derive(Debug, Clone, PartialEq)]
pub enum FormulaResult {
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// An error, as shown: `#NAME?`, `#DIV/0!`.
    Error(String),
}

/// One cell: a value, and the members of `CellData` beside it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Cell {
    /// The value; `None` when nothing was entered.
    pub value: Option<CellValue>,
    /// `userEnteredFormat`, `note`, `dataValidation`, … as sent; `None` when there is nothing. Boxed: most have none.
    pub members: Option<Box<Map<String, Value>>>,
}

impl Cell {
    /// A cell that holds `value` and nothing else.
    pub(crate) fn of(value: CellValue) -> Self {
        Self { value: Some(value), members: None }
    }

    /// A cell of text.
    #[cfg(test)]
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::of(CellValue::Text(text.into()))
    }

    /// A cell with a number.
    pub(crate) fn number(number: f64) -> Self {
        Self::of(CellValue::Number(number))
    }

    /// Whether the cell counts as data: it has a value. Bare formatting, notes and validation do not count.
    pub(crate) fn has_data(&self) -> bool {
        self.value.is_some()
    }

    /// Whether nothing at all is kept.
    pub(crate) fn is_blank(&self) -> bool {
        self.value.is_none() && self.members.is_none()
    }

    /// A member of `CellData` other than the value, such as `note`.
    pub(crate) fn member(&self, name: &str) -> Option<&Value> {
        self.members.as_ref()?.get(name)
    }

    /// `userEnteredFormat`.
    pub(crate) fn format(&self) -> Option<&Value> {
        self.member("userEnteredFormat")
    }

    /// `note`.
    #[cfg(test)]
    pub(crate) fn note(&self) -> Option<&str> {
        self.member("note")?.as_str()
    }

    /// Sets a member, or removes it with `None`.
    pub(crate) fn set_member(&mut self, name: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.members.get_or_insert_default().insert(name.to_owned(), value);
        } else if let Some(members) = &mut self.members {
            members.shift_remove(name);
            if members.is_empty() {
                self.members = None;
            }
        }
    }
}

/// What in a formula's text may fill more cells than its own. `TRANSPOSE` and the like come to `#NAME?`, and fill none.
const SPILLING: [&str; 5] = ["ARRAYFORMULA", "FILTER", "UNIQUE", "SORT", "{"];

/// Whether a formula may fill more cells than its own, by its text; in doubt it may.
pub(crate) fn may_spill(source: &str) -> bool {
    let upper = source.to_ascii_uppercase();
    SPILLING.iter().any(|word| upper.contains(word))
}

/// The row without the blank cells at its end, which mean nothing.
pub(crate) fn trim(row: &mut Vec<Cell>) {
    let used = row.iter().rposition(|cell| !cell.is_blank()).map_or(0, |last| last + 1);
    row.truncate(used);
}

/// Puts a cell at a column, filling the way with blanks.
pub(crate) fn put(row: &mut Vec<Cell>, column: usize, cell: Cell) {
    if column >= row.len() {
        row.resize_with(column + 1, Cell::default);
    }
    row[column] = cell;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_the_last_member_leaves_a_blank_cell() {
        let mut cell = Cell::default();
        cell.set_member("note", Some("read me".into()));
        assert_eq!(cell.note(), Some("read me"));
        assert!(!cell.has_data() && !cell.is_blank());
        cell.set_member("note", None);
        assert!(cell.is_blank());
    }

    #[test]
    fn blanks_at_the_end_are_cut() {
        let mut row = vec![Cell::default(), Cell::number(1.0), Cell::default()];
        trim(&mut row);
        assert_eq!(row.len(), 2);
        put(&mut row, 4, Cell::text("x"));
        assert_eq!(row.len(), 5);
    }
}
