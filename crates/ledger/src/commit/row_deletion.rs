//! A row to delete from one of a job's tabs, and how it is identified.
//!
//! In scope: the kind of tab, the row's hash. Out of scope: which rows to delete
//! (`maintain::prune`), and how a store deletes them without hitting others
//! (`store::commit::deletion`).

use crate::grid::Cell;
use crate::items::failure::Failure;
use crate::rows::row_codec::{encode_failure_row, run_row};
use crate::runs::run::Run;
use crate::state::snapshot::RowChecksum;
use crate::values::coerce::format_float;

/// The kinds of tabs that a job has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TabKind {
    /// The tab of processed keys.
    Processed,
    /// The tab of failures.
    Failures,
    /// The tab of runs.
    Runs,
    /// A data tab.
    Data,
}

impl TabKind {
    /// Every kind, in the order of their headers in the undo log of a deletion.
    pub const ALL: [Self; 4] = [Self::Processed, Self::Failures, Self::Runs, Self::Data];

    /// Returns the word that is stored on the sheet.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::Failures => "failures",
            Self::Runs => "runs",
            Self::Data => "data",
        }
    }

    /// Parses the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

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
    pub role: TabKind,
    /// Its row number when it was scanned; the header is row 1.
    pub row: u32,
    /// The hash of its cells; `None` for a blank row.
    pub mark: Option<u64>,
    /// For a row of Processed, the first 64 bits of its key's fingerprint.
    pub key: Option<u64>,
    /// What is lost with it.
    pub gap: HistoryLoss,
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
