//! A row that is taken out of one of a job's tabs, and what it is known by.
//!
//! In scope: the tab's part, the row's mark. Out of scope: which rows go (`maintain::prune`), and how a store takes them out without
//! hitting others (`store::commit::deletion`).

use crate::grid::Cell;
use crate::ledger::columns::coerce::float_text;
use crate::ledger::item::failure::Failure;
use crate::ledger::rows::row_codec::{failure_row, run_row};
use crate::ledger::run::run::Run;
use crate::ledger::state::snapshot::RowChecksum;

/// What a tab of a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TabKind {
    /// The keyed tab.
    Processed,
    /// Failures.
    Failures,
    /// Runs.
    Runs,
    /// Data.
    Data,
}

impl TabKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Processed, Self::Failures, Self::Runs, Self::Data];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::Failures => "failures",
            Self::Runs => "runs",
            Self::Data => "data",
        }
    }

    /// The one of this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// What is no longer known once a row of Processed is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gap {
    /// Nothing that counts: the row is of another tab or blank, or all rows of its key go.
    Nothing,
    /// What was done of its key before.
    OfKey,
    /// The same, where it has to be kept only if the job should ask for it later: any key may be one.
    OfAny,
}

/// A row that is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowDeletion {
    /// Its tab.
    pub role: TabKind,
    /// Where it was seen, counted as spreadsheets do: the header is 1.
    pub row: u32,
    /// The mark of what it says; none of a blank row.
    pub mark: Option<u64>,
    /// Of a row of Processed, the first 64 bits of its key's fingerprint.
    pub key: Option<u64>,
    /// What is no longer known without it.
    pub gap: Gap,
    /// Roughly how many bytes it has.
    pub bytes: u32,
}

/// The mark of a row of Processed: what it adds to the sum over the tab.
pub fn mark_of_key(row: &[&str]) -> u64 {
    RowChecksum::hash(row)
}

/// The mark of a row of Failures; what people ask for in it is no part of it.
pub fn mark_of_failure(failure: &Failure) -> u64 {
    mark_of(&failure_row(failure))
}

/// The mark of a row of Runs.
pub fn mark_of_run(run: &Run) -> u64 {
    mark_of(&run_row(run))
}

fn mark_of(cells: &[Cell]) -> u64 {
    let texts: Vec<String> = cells.iter().map(text).collect();
    RowChecksum::hash(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Number(number) | Cell::DateTime(number) => float_text(*number),
        // These rows hold nothing else.
        _ => String::new(),
    }
}
