//! What is done to one row: which cells are copied into it, and which are emptied. Pure.
//!
//! In scope: these values. Out of scope: which rows (`store::upsert::repair::plan`), the requests (`store::commit::row_writer`).

use crate::store::upsert::undo_log::RowPredicate;

/// Where a cell's content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellSource {
    /// An undo row, from 0; the column is one of the tab as the batch knew it.
    Undo(u32),
    /// The very row, as it is found when it is repaired.
    Itself,
    /// This formula.
    Formula(String),
}

/// One cell of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellCopy {
    /// From which row.
    pub source: CellSource,
    /// From which column.
    pub from: usize,
    /// To which column.
    pub to: usize,
}

/// A row to be repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRepair {
    /// Which row, from 0; none for one that is to be made, because its key has none any more.
    pub row: Option<u32>,
    /// What it has to show.
    pub expect: RowPredicate,
    /// What is copied into it.
    pub copies: Vec<CellCopy>,
    /// Columns that are emptied.
    pub clears: Vec<usize>,
}

impl RowRepair {
    /// The columns that it writes, in order.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns: Vec<_> = self.copies.iter().map(|copy| copy.to).chain(self.clears.iter().copied()).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The key that its row has to show.
    pub fn key(&self) -> Option<&str> {
        self.expect.key()
    }

    /// Cells that it moves within the row.
    pub fn moves(&self) -> Vec<(usize, usize)> {
        let itself = self.copies.iter().filter(|copy| copy.source == CellSource::Itself);
        itself.map(|copy| (copy.from, copy.to)).collect()
    }
}
