//! A row to delete from one of a job's tabs, and how it is identified.
//!
//! In scope: the row's hash, and what is lost with it. Out of scope: which rows to delete
//! (`maintain::prune`), and how a store deletes them without hitting others
//! (`store::commit::deletion`).

use crate::grid::Cell;
use crate::items::failure::Failure;
use crate::rows::row_codec::{encode_failure_row, run_row};
use crate::rows::tab_kind::TabKind;
use crate::runs::run::Run;
use crate::state::snapshot::RowChecksum;
use crate::values::coerce::format_float;

/// What is lost with a row of Processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HistoryLoss {
    /// Nothing relevant: it is a row of another tab or blank, or all rows of its key are deleted.
    Nothing,
    /// The history of its key.
    OfKey,
    /// As `OfKey`, but relevant only if the job's reprocess policy changes later; any key may be
    /// affected.
    OfAnyKey,
}

/// A row to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowDeletion {
    /// The kind of its tab.
    pub kind: TabKind,
    /// Its row number when it was scanned; the header is row 1.
    pub row: u32,
    /// The hash of its cells; `None` for a blank row.
    pub hash: Option<u64>,
    /// For a row of Processed, the first 64 bits of its key's fingerprint.
    pub key: Option<u64>,
    /// What is lost with it.
    pub history_loss: HistoryLoss,
    /// Its approximate size in bytes.
    pub bytes: u32,
}

/// Returns the hash of a row of Processed: its part of the tab's checksum.
pub fn hash_key_row(row: &[&str]) -> u64 {
    RowChecksum::hash_row(row)
}

/// Returns the hash of a row of Failures, without the user's requested action.
pub fn hash_failure_row(failure: &Failure) -> u64 {
    hash_cells(&encode_failure_row(failure))
}

/// Returns the hash of a row of Runs.
pub fn hash_run_row(run: &Run) -> u64 {
    hash_cells(&run_row(run))
}

fn hash_cells(cells: &[Cell]) -> u64 {
    let texts: Vec<String> = cells.iter().map(format_cell).collect();
    RowChecksum::hash_row(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

fn format_cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Number(number) | Cell::DateTime(number) => format_float(*number),
        // These rows have no other kinds of cells.
        _ => String::new(),
    }
}
