//! The data tab as a repair finds it. Pure.
//!
//! In scope: what its cells show, and whether a formula works that out. Out of scope: reading it (`store::load::reread`).

use serde_json::Value;

use crate::store::tabs::parse::text;
use crate::store::tabs::row_fingerprint::{Likeness, RowFingerprint};
use crate::store::tabs::schema::Tab;

/// The data tab as it is now.
#[derive(Debug, Clone, Copy)]
pub struct TabImage<'a> {
    /// Its columns.
    pub tab: &'a Tab,
    /// The key's column.
    pub key: usize,
    /// All its rows, the header's among them, without blank ones at the end.
    pub rows: &'a [Vec<Value>],
    /// Rows of its grid.
    pub height: u32,
    /// The same cells as they were entered, a formula as its text; empty where that is not known.
    pub entered: &'a [Vec<Value>],
    /// The undo rows with what the batch found, as entered: formulas as their texts; in the order of what went astray.
    pub undo: &'a [Vec<Value>],
}

impl TabImage<'_> {
    /// Rows below the header.
    pub(super) fn rows(&self) -> impl Iterator<Item = (usize, &Vec<Value>)> {
        self.rows.iter().enumerate().skip(1)
    }

    pub(super) fn cell(&self, row: usize, column: usize) -> Option<&Value> {
        self.rows.get(row)?.get(column)
    }

    pub(super) fn is_blank(&self, row: usize) -> bool {
        self.rows.get(row).is_none_or(|cells| cells.iter().all(|cell| text(cell).is_empty()))
    }

    pub(super) fn shown(&self, row: usize, column: usize) -> String {
        self.cell(row, column).map(text).unwrap_or_default()
    }

    /// Columns of its widest row.
    pub(super) fn width(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or_default().max(self.tab.header.len())
    }

    /// Whether what a cell shows is worked out: it holds a formula, or another cell's formula fills it.
    fn is_worked_out(&self, row: usize, column: usize) -> bool {
        let Some(entered) = self.entered.get(row) else { return false };
        match entered.get(column) {
            // A text may begin so, too: then it shows itself.
            Some(Value::String(entered)) if entered.starts_with('=') => self.shown(row, column) != *entered,
            Some(cell) if !text(cell).is_empty() => false,
            _ => !self.shown(row, column).is_empty(),
        }
    }

    pub(super) fn print(&self, row: usize) -> RowFingerprint {
        RowFingerprint::of(self.rows.get(row).map_or(&[], Vec::as_slice), |column| self.is_worked_out(row, column))
    }

    pub(super) fn compare(&self, print: &RowFingerprint, row: usize) -> Likeness {
        print.compare(self.rows.get(row).map_or(&[], Vec::as_slice), |column| self.is_worked_out(row, column))
    }
}
