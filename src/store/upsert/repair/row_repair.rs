//! The repair of one row: cells to copy into it and cells to clear. Pure.
//!
//! In scope: these values.
//! Out of scope: which rows (`store::upsert::repair::planning::plan`), the requests
//! (`store::commit::row_writer`).

use crate::store::upsert::undo_log::RowPredicate;

/// The source of a cell's contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellSource {
    /// An undo row, 0-based. The column is a position in the tab as the batch found it.
    Undo(u32),
    /// The row itself, as it is when the repair runs.
    SameRow,
    /// A formula, as text.
    Formula(String),
}

/// One cell of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellCopy {
    /// The source row.
    pub source: CellSource,
    /// The source column.
    pub from: usize,
    /// The target column.
    pub to: usize,
}

/// The repair of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRepair {
    /// The row index, 0-based; `None` for a row to create, because its key has no row any more.
    pub row: Option<u32>,
    /// What the row must show.
    pub expect: RowPredicate,
    /// The cells to copy into it.
    pub copies: Vec<CellCopy>,
    /// The columns to clear.
    pub clears: Vec<usize>,
    /// True if it only writes the version in flight again: no write had hit the row by mistake.
    pub is_rewrite: bool,
}

impl RowRepair {
    /// The columns that it writes, in order.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns: Vec<_> = self.copies.iter().map(|copy| copy.to).chain(self.clears.iter().copied()).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The key that the row must show.
    pub fn key(&self) -> Option<&str> {
        self.expect.key()
    }

    /// The moves of cells within the row.
    pub fn moves(&self) -> Vec<(usize, usize)> {
        let itself = self.copies.iter().filter(|copy| copy.source == CellSource::SameRow);
        itself.map(|copy| (copy.from, copy.to)).collect()
    }
}
