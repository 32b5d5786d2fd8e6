//! Rows with their texts and places, for whoever works out what is to be done again, or to go.
//!
//! In scope: gathering them. Out of scope: reading (`store::scan::scanner`), the processed set in memory (`store::tabs::parse`).

use crate::fault::Fault;
use crate::ledger::commit::row_deletion::mark_of_key;
use crate::ledger::item::failure::Failure;
use crate::ledger::item::key::{Key, Version};
use crate::ledger::lease::row_order::{RowOrder, read_run_cell};
use crate::ledger::rows::row_codec::FORGOTTEN;
use crate::ledger::run::run::Run;
use crate::ledger::state::snapshot::Snapshot;
use crate::port::store::StoreError;
use crate::store::scan::scanner::{ScanScope, ScannedRow};
use crate::store::spreadsheet::store::SheetsStore;
use crate::time::Timestamp;

/// Looks before what is read counts as moving.
const LOOKS: u32 = 3;

/// A row of Processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessedRow {
    /// Its number, as spreadsheets count: the header is 1, and so is what waits to be put back; 0 for a row of a
    /// spreadsheet that the job has left, or one that is laid otherwise than the header says.
    pub row: u32,
    /// Its key.
    pub key: Key,
    /// The version.
    pub version: Version,
    /// Whether it takes a row back that says done. A state that somebody typed counts as done, as it does in a load.
    pub forgotten: bool,
    /// The run that wrote it.
    pub run: String,
    /// Where it stands among the rows of its tab; none for a row of an earlier version.
    pub order: Option<RowOrder>,
    /// Whether it stands in a spreadsheet that the job has left.
    pub left: bool,
    /// The mark of all its texts.
    pub mark: u64,
}

/// Processed, and what else was asked for, as it was at one head.
#[derive(Debug, Clone)]
pub struct ScannedTabs {
    /// What was loaded before the rows were read; whatever is made of them counts at its head only.
    pub snapshot: Snapshot,
    /// The service's time then.
    pub at: Timestamp,
    /// Its rows with a key, in the order in which they stand, those of earlier spreadsheets where they were asked for among them.
    pub rows: Vec<ProcessedRow>,
    /// Rows of Failures, in that order, where they were asked for, each with its number.
    pub failures: Vec<(u32, Failure)>,
    /// Rows of Runs, likewise; those of other jobs too.
    pub runs: Vec<(u32, Run)>,
}

impl SheetsStore {
    /// Loads, and lists Processed and which of the other tabs are wanted; none where the job never ran. Where a run or a person moves what is
    /// read as often as it is read, that is an error: a part of it would be taken for all.
    pub async fn listing(&self, wanted: ScanScope) -> Result<Option<ScannedTabs>, StoreError> {
        for _ in 0..LOOKS {
            let (mut rows, mut failures, mut runs) = (Vec::new(), Vec::new(), Vec::new());
            let mut see = |sight: ScannedRow<'_>| match sight {
                ScannedRow::Processed { row, key, version, state, run, usual } => {
                    rows.extend(listed(if usual { row } else { 0 }, false, [key, version, state, run]));
                }
                ScannedRow::Earlier { key, version, state, run, .. } => {
                    rows.extend(listed(0, true, [key, version, state, run]));
                }
                ScannedRow::Failure { row, failure, .. } => failures.push((row, *failure)),
                ScannedRow::Run { row, run } => runs.push((row, *run)),
                ScannedRow::Data { .. } => {}
            };
            let surveyed = self.survey(wanted, &mut see).await?;
            let Some(surveyed) = surveyed else { return Ok(None) };
            if surveyed.steady {
                return Ok(Some(ScannedTabs { snapshot: surveyed.snapshot, at: surveyed.at, rows, failures, runs }));
            }
        }
        let why = "read the job's tabs: they change as often as they are read; wait until the run that writes them is over, then run the command again";
        Err(StoreError::Unavailable { why: why.to_owned(), fault: Fault::Throttled })
    }
}

/// A row of Processed by its texts; none where it has no key. `left` says that the job has left its spreadsheet.
fn listed(row: u32, left: bool, texts: [&str; 4]) -> Option<ProcessedRow> {
    let [key, version, state, cell] = texts;
    let (run, order) = read_run_cell(cell);
    let (version, run) = (Version(version.to_owned()), run.to_owned());
    Some(ProcessedRow {
        row,
        key: Key::new(key).ok()?,
        version,
        forgotten: state == FORGOTTEN,
        run,
        order,
        left,
        mark: mark_of_key(&texts),
    })
}
