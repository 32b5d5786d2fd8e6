//! Collects a scan's rows with their texts and positions, for reprocessing and pruning.
//!
//! In scope: collecting the rows.
//! Out of scope: reading (`store::scan::scanner`), the in-memory index of processed keys
//! (`ledger::processed::processed_index`).

use crate::fault::Fault;
use crate::ledger::commit::row_deletion::hash_key_row;
use crate::ledger::items::failure::Failure;
use crate::ledger::items::key::{Key, Version};
use crate::ledger::leases::row_order::{RowOrder, read_run_cell};
use crate::ledger::rows::row_codec::REVOCATION_STATE;
use crate::ledger::runs::run::Run;
use crate::ledger::state::snapshot::Snapshot;
use crate::port::store::StoreError;
use crate::store::scan::scanner::{ScanScope, ScannedRow};
use crate::store::spreadsheet::store::SheetsStore;
use crate::time::Timestamp;

/// Scan attempts before the scan fails because the tabs keep changing.
const MAX_SCANS: u32 = 3;

/// A row of Processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessedRow {
    /// Its row number, where the header is 1. A row that waits to be restored has 1, too. A row of
    /// a predecessor spreadsheet or under another column order has 0.
    pub row: u32,
    /// The key of the item.
    pub key: Key,
    /// The version of the item.
    pub version: Version,
    /// Whether it revokes an earlier row. A state that a user typed counts as done, as in a load.
    pub is_revoked: bool,
    /// The run that wrote it.
    pub run: String,
    /// Its order among the tab's rows; `None` for a row of an earlier sheetkeep version.
    pub order: Option<RowOrder>,
    /// Whether it is in a predecessor spreadsheet.
    pub is_in_predecessor: bool,
    /// The hash of all its texts.
    pub mark: u64,
}

/// Processed and the other requested tabs, as of one head.
#[derive(Debug, Clone)]
pub struct ScannedTabs {
    /// The load before the scan. Results derived from the rows are valid at its head only.
    pub snapshot: Snapshot,
    /// The service's time at that load.
    pub at: Timestamp,
    /// Rows of Processed with a key, in tab order, including those of predecessors if requested.
    pub rows: Vec<ProcessedRow>,
    /// Rows of Failures in tab order, if requested, each with its row number.
    pub failures: Vec<(u32, Failure)>,
    /// Rows of Runs in tab order, if requested, each with its row number; also those of other jobs.
    pub runs: Vec<(u32, Run)>,
}

impl SheetsStore {
    /// Loads, and lists Processed and the other requested tabs; `None` if the job never ran. Fails
    /// if a run or a user changes the tabs during every attempt, because a partial list would look
    /// complete.
    pub async fn scan_rows(&self, scope: ScanScope) -> Result<Option<ScannedTabs>, StoreError> {
        for _ in 0..MAX_SCANS {
            let (mut rows, mut failures, mut runs) = (Vec::new(), Vec::new(), Vec::new());
            let mut on_row = |row: ScannedRow<'_>| match row {
                ScannedRow::Processed { row, key, version, state, run, matches_headers: usual } => {
                    rows.extend(parse_processed_row(if usual { row } else { 0 }, false, [key, version, state, run]));
                }
                ScannedRow::Predecessor { key, version, state, run, .. } => {
                    rows.extend(parse_processed_row(0, true, [key, version, state, run]));
                }
                ScannedRow::Failure { row, failure, .. } => failures.push((row, *failure)),
                ScannedRow::Run { row, run } => runs.push((row, *run)),
                ScannedRow::Data { .. } => {}
            };
            let summary = self.scan(scope, &mut on_row).await?;
            let Some(summary) = summary else { return Ok(None) };
            if summary.is_consistent {
                return Ok(Some(ScannedTabs { snapshot: summary.snapshot, at: summary.at, rows, failures, runs }));
            }
        }
        let why = "read the job's tabs: they change as often as they are read; wait until the run that writes them is over, then run the command again";
        Err(StoreError::Unavailable { why: why.to_owned(), fault: Fault::Throttled })
    }
}

/// Parses a row of Processed; `None` if it has no key. `left`: the row is in a predecessor
/// spreadsheet.
fn parse_processed_row(row: u32, is_in_predecessor: bool, texts: [&str; 4]) -> Option<ProcessedRow> {
    let [key, version, state, cell] = texts;
    let (run, order) = read_run_cell(cell);
    let (version, run) = (Version(version.to_owned()), run.to_owned());
    Some(ProcessedRow {
        row,
        key: Key::new(key).ok()?,
        version,
        is_revoked: state == REVOCATION_STATE,
        run,
        order,
        is_in_predecessor,
        mark: hash_key_row(&texts),
    })
}
