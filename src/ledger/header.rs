//! Which columns a data tab has, and which of them carries the key.
//!
//! In scope: choosing the key's column, holding every row to it, admitting new columns. Out of scope: where columns stand in the
//! tab (the store finds them by header text).

use std::collections::HashSet;

use crate::grid::{Cell, Row};
use crate::ledger::cast::float_text;
use crate::ledger::columns::{MAX_COLUMNS, Rejection, quote};
use crate::ledger::key::Key;
use crate::ledger::path::MemberPath;

/// The column that is put first where the output does not carry the key itself.
pub const ADDED_KEY_COLUMN: &str = "_key";

/// The column that carries the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyColumn {
    /// This column of the output.
    Named(String),
    /// `_key`, put in front of the output's columns.
    Added,
}

impl KeyColumn {
    /// The column's header text.
    pub fn name(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Added => ADDED_KEY_COLUMN,
        }
    }
}

/// The column of `row`, the first output of a job, that carries `key`: the one that the key expression names with its last
/// segment, if it holds the key as text; else `_key` is added. So `.id` or `.properties.code` find `id` and `code`.
pub fn choose_key_column(expression: &str, row: &Row, key: &Key) -> KeyColumn {
    let path = MemberPath::parse(expression).unwrap_or_default();
    match path.members().last() {
        Some(name) if row.get(name).and_then(cell_text).as_deref() == Some(key.as_str()) => {
            KeyColumn::Named(name.clone())
        }
        _ => KeyColumn::Added,
    }
}

/// The row with the key in its column; rejects a row whose key column says something else than the record's key.
pub(crate) fn with_key(mut row: Row, key: &Key, column: &KeyColumn) -> Result<Row, Rejection> {
    let found = row.get(column.name()).map(|cell| cell_text(cell).unwrap_or_default());
    match (column, found) {
        (_, Some(text)) if text == key.as_str() => Ok(row),
        (KeyColumn::Added, None) => {
            row.cells.insert(0, (ADDED_KEY_COLUMN.into(), Cell::text(key.as_str())));
            Ok(row)
        }
        (_, None) => Err(Rejection(format!(
            "the output has no column {}, which carries the key; make the step yield it",
            quote(column.name())
        ))),
        (_, Some(text)) => Err(Rejection(format!(
            "column {} carries the key, but holds {} where the record's key is {}",
            quote(column.name()),
            quote(&text),
            quote(key.as_str())
        ))),
    }
}

/// What a cell says, where it can be compared with a key.
fn cell_text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.clone()),
        Cell::Number(number) => Some(float_text(*number)),
        _ => None,
    }
}

/// The header of a data tab as this run knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    tab: String,
    columns: Vec<String>,
    known: HashSet<String>,
    open: bool,
}

impl Header {
    /// The header of a tab that is yet to be made: it takes columns in the order in which they come.
    pub fn open(tab: impl Into<String>) -> Self {
        Self { tab: tab.into(), open: true, ..Self::default() }
    }

    /// The header of a tab that stands: it takes no column that it does not have.
    pub fn closed(tab: impl Into<String>, columns: Vec<String>) -> Self {
        Self { tab: tab.into(), known: columns.iter().cloned().collect(), columns, open: false }
    }

    /// The columns, from the left.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Whether new columns are taken.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Takes no more new columns: the header row has been written.
    pub fn close(&mut self) {
        self.open = false;
    }

    /// Checks that the tab has every column of `row`, adding new ones while the header is open. A rejected row changes nothing.
    pub fn admit(&mut self, row: &Row) -> Result<(), Rejection> {
        let new: Vec<&String> =
            row.cells.iter().map(|(name, _)| name).filter(|name| !self.known.contains(*name)).collect();
        match new.first() {
            None => return Ok(()),
            Some(name) if !self.open => {
                return Err(Rejection(format!(
                    "the output has a column {} which tab {} does not have: add it to the header row, or drop it in the step",
                    quote(name),
                    self.tab
                )));
            }
            Some(_) => {}
        }
        if self.columns.len() + new.len() > MAX_COLUMNS {
            return Err(Rejection(format!("tab {} would have more than 18,278 columns", self.tab)));
        }
        for name in new {
            self.known.insert(name.clone());
            self.columns.push(name.clone());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::new(text).expect("a valid key")
    }

    fn row(cells: &[(&str, Cell)]) -> Row {
        Row { cells: cells.iter().map(|(name, cell)| ((*name).to_owned(), cell.clone())).collect() }
    }

    #[test]
    fn the_column_that_holds_the_key_carries_it() {
        let output = row(&[("id", Cell::text("0042")), ("n", Cell::Number(42.0))]);
        assert_eq!(choose_key_column(".id", &output, &key("0042")), KeyColumn::Named("id".into()));
        assert_eq!(choose_key_column(".n", &output, &key("42")), KeyColumn::Named("n".into()));
        for (expression, text) in [(".n", "0042"), (".code", "0042"), (".id|tostring", "0042")] {
            assert_eq!(choose_key_column(expression, &output, &key(text)), KeyColumn::Added, "{expression}");
        }
    }

    #[test]
    fn a_row_without_its_key_gets_one_in_front_and_a_row_with_another_key_is_rejected() {
        let plain = row(&[("a", Cell::Bool(true))]);
        let added = with_key(plain.clone(), &key("k"), &KeyColumn::Added).expect("the key is added");
        assert_eq!(added.cells[0], ("_key".to_owned(), Cell::text("k")));
        let named = KeyColumn::Named("a".into());
        let why = with_key(row(&[("a", Cell::text("other"))]), &key("k"), &named).expect_err("another key");
        assert_eq!(
            why.to_string(),
            "column \"a\" carries the key, but holds \"other\" where the record's key is \"k\""
        );
        assert!(with_key(row(&[("b", Cell::text("k"))]), &key("k"), &named).is_err());
    }

    #[test]
    fn an_open_header_takes_new_columns_in_order_and_a_closed_one_names_the_stranger() {
        let mut header = Header::open("Quakes");
        header.admit(&row(&[("b", Cell::Empty), ("a", Cell::Empty)])).expect("an open header takes it");
        header.admit(&row(&[("a", Cell::Empty), ("x", Cell::Empty)])).expect("an open header takes it");
        assert_eq!(header.columns(), ["b", "a", "x"]);
        header.close();
        let why = header.admit(&row(&[("a", Cell::Empty), ("y", Cell::Empty)])).expect_err("a closed header refuses");
        assert_eq!(
            why.to_string(),
            "the output has a column \"y\" which tab Quakes does not have: add it to the header row, or drop it in the step"
        );
        assert_eq!(header.columns().len(), 3);
    }
}
