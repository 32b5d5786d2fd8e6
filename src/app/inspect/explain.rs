//! The history of an item, read from a job's tabs. Nothing is written.
//!
//! In scope: all rows about a key, and what the next run will do with it. Out of scope: output
//! (`cli`).

use std::collections::HashSet;
use std::sync::Arc;

use crate::app::connect::{Sheet, connect_existing};
use crate::app::error::AppError;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::items::failure::{Failure, FailureState, RequestedAction};
use crate::ledger::items::key::Key;
use crate::ledger::items::write_mode::WriteMode;
use crate::ledger::leases::row_order::{CommitSequence, RowOrder, read_run_cell};
use crate::ledger::processed::prior_failure::PriorFailure;
use crate::ledger::runs::run::Run;
use crate::ledger::state::snapshot::Snapshot;
use crate::rng::Rng;
use crate::runner::run_config::RunError;
use crate::store::commit::restore::PENDING_ROW;
use crate::store::scan::scanner::{IndexRetention, ScanScope, ScannedRow};
use crate::store::spreadsheet::store::SheetsStore;

/// Reads before a concurrent run counts as busy.
const MAX_READS: u32 = 3;
/// Rows of one tab that are kept for a key at most.
const MAX_ROWS: usize = 1_000;

/// A row of Processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoneRow {
    /// The row number, with the header as 1. `None` for a row of an earlier spreadsheet, and for a
    /// row that waits to be restored.
    pub row: Option<u32>,
    /// The earlier spreadsheet that holds the row, if any.
    pub spreadsheet: Option<String>,
    /// The version of the item.
    pub version: String,
    /// `done` or `forgotten`.
    pub state: String,
    /// The id of the run that wrote the row.
    pub run: String,
    /// The row's position among the rows of its tab; `None` for a row of an earlier format.
    pub order: Option<RowOrder>,
}

impl DoneRow {
    /// Creates a row of Processed from its texts.
    fn new(row: u32, spreadsheet: Option<&str>, texts: [&str; 3]) -> Self {
        let [version, state, cell] = texts;
        let (run, order) = read_run_cell(cell);
        let (version, state, run) = (version.to_owned(), state.to_owned(), run.to_owned());
        let row = Some(row).filter(|row| *row > PENDING_ROW);
        Self { row, spreadsheet: spreadsheet.map(str::to_owned), version, state, run, order }
    }
}

/// A row of Failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureRow {
    /// The row number, with the header as 1.
    pub row: u32,
    /// The failure in the row.
    pub failure: Failure,
    /// The action that a user requested.
    pub action: Option<RequestedAction>,
}

/// All rows about a key.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemHistory {
    /// The key that was asked for, as typed.
    pub key: String,
    /// The data tab's title, and the rows that hold the key now.
    pub data: (String, Vec<u32>),
    /// Rows of Processed, oldest first.
    pub done: Vec<DoneRow>,
    /// Rows of Failures, oldest first.
    pub failures: Vec<FailureRow>,
    /// The runs that these rows name and Runs still holds, oldest first.
    pub runs: Vec<Run>,
    /// What the next run will do with the key.
    pub next: String,
}

impl ItemHistory {
    /// Returns whether any tab contains the key.
    pub fn is_known(&self) -> bool {
        !(self.data.1.is_empty() && self.done.is_empty() && self.failures.is_empty())
    }
}

/// Reads all rows about a key.
pub async fn explain_key(
    settings: &Settings,
    key: &Key,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<ItemHistory, AppError> {
    let Sheet { sheets, id, file } = connect_existing(settings, &clock, &rng)?;
    let store =
        SheetsStore::new(sheets, id, &settings.job, &settings.tab, clock).with_mode(settings.mode, settings.again);
    file.check(read_item_history(&store, settings, key).await)
}

async fn read_item_history(store: &SheetsStore, settings: &Settings, key: &Key) -> Result<ItemHistory, AppError> {
    for _ in 0..MAX_READS {
        if let Some(history) = read_history(store, settings, key).await? {
            return Ok(history);
        }
    }
    Err(AppError::Run(RunError::SheetChanged))
}

/// Reads all tabs once; `None` if a run wrote meanwhile, so that the reads may be inconsistent.
async fn read_history(store: &SheetsStore, settings: &Settings, key: &Key) -> Result<Option<ItemHistory>, AppError> {
    let (mut data, mut done, mut failures, mut runs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut on_row = |row: ScannedRow<'_>| match row {
        ScannedRow::Processed { row, key: of, version, state, run, .. }
            if of == key.as_str() && done.len() < MAX_ROWS =>
        {
            done.push(DoneRow::new(row, None, [version, state, run]));
        }
        ScannedRow::Predecessor { spreadsheet, key: of, version, state, run }
            if of == key.as_str() && done.len() < MAX_ROWS =>
        {
            done.push(DoneRow::new(PENDING_ROW, Some(spreadsheet), [version, state, run]));
        }
        ScannedRow::Data { row, key: of, .. } if of == key.as_str() && data.len() < MAX_ROWS => data.push(row),
        ScannedRow::Failure { row, failure, action } if failure.key == *key && failures.len() < MAX_ROWS => {
            failures.push(FailureRow { row, failure: *failure, action });
        }
        ScannedRow::Run { run, .. } if run.job == settings.job => runs.push(*run),
        _ => {}
    };
    let surveyed = store
        .scan(
            ScanScope {
                reads_data: true,
                reads_failures: true,
                reads_runs: true,
                reads_predecessors: true,
                processed_index: IndexRetention::Keep,
            },
            &mut on_row,
        )
        .await?;
    let surveyed = surveyed.ok_or(AppError::NeverRan)?;
    if !surveyed.is_consistent {
        return Ok(None);
    }
    failures.sort_by_key(|one| (one.failure.order, one.failure.last_seen, one.failure.attempts, one.row));
    let named: HashSet<&str> =
        done.iter().map(|row| row.run.as_str()).chain(failures.iter().map(|row| row.failure.run.as_str())).collect();
    runs.retain(|run| named.contains(run.id.as_str()));
    runs.sort_by_key(|run| run.first_commit);
    sort_rows(&mut done, runs.iter().chain(&surveyed.snapshot.state.run));
    let next = predict_next_action(settings, &surveyed.snapshot, key, &done);
    let title = surveyed.tabs.data.map_or_else(|| settings.tab.clone(), |tab| tab.title);
    Ok(Some(ItemHistory { key: key.as_str().to_owned(), data: (title, data), done, failures, runs, next }))
}

/// Sorts the rows of a key in the order in which they were written, those of earlier spreadsheets
/// first.
fn sort_rows<'r>(done: &mut Vec<DoneRow>, runs: impl Iterator<Item = &'r Run>) {
    let mut sequence = CommitSequence::default();
    for row in &*done {
        sequence.push_row(&row.run, row.order);
    }
    let ranks = sequence.rank_rows(&runs.map(|run| (run.id.clone(), run.first_commit)).collect());
    let mut ranked: Vec<_> = ranks.into_iter().zip(std::mem::take(done)).collect();
    ranked.sort_by_key(|(rank, row)| (row.spreadsheet.is_none(), if row.spreadsheet.is_none() { *rank } else { 0 }));
    done.extend(ranked.into_iter().map(|(_, row)| row));
}

/// Returns what the next run will do with a key.
fn predict_next_action(settings: &Settings, snapshot: &Snapshot, key: &Key, done: &[DoneRow]) -> String {
    let index = &snapshot.processed_index;
    if let Some(next) = &snapshot.state.next {
        return format!("nothing here: the job continues in spreadsheet {next}");
    }
    if snapshot.state.begun.iter().any(|(begun, _)| begun == key) {
        return "a run has marked it as begun; if that run died, the next run records it as in doubt".to_owned();
    }
    if let Some(prior) = index.prior_failure(key) {
        // An unchanged failure has one row; the state counts its further runs.
        return predict_failure_action(
            key,
            &prior,
            prior.attempts + index.suppressed_counts().get(key.fingerprint()),
            settings.max_attempts,
        );
    }
    if index.has_key(key) {
        let what = match (settings.mode, settings.version.is_some()) {
            (WriteMode::Upsert, _) => "another version rewrites its row",
            (WriteMode::Append, true) => "another version gets a row of its own",
            (WriteMode::Append, false) => "the job has no version, so it is never processed again automatically",
        };
        return format!("done; later runs skip it; {what}");
    }
    if done.is_empty() {
        "not done yet; it is processed as soon as the source yields it"
    } else {
        "revoked; it is processed again as soon as the source yields it"
    }
    .to_owned()
}

fn predict_failure_action(key: &Key, prior: &PriorFailure, attempts: u64, max_attempts: u64) -> String {
    match (prior.requested, prior.state) {
        (Some(RequestedAction::Retry), _) => {
            format!("a retry is requested in row {}: the next run makes it", prior.row)
        }
        (Some(RequestedAction::Skip), _) => {
            format!("a skip is requested in row {}: from the next run on it is skipped", prior.row)
        }
        (None, FailureState::Exhausted) if prior.is_in_doubt => {
            "it is unknown whether it was done; it is skipped until you request retry or skip".to_owned()
        }
        (None, FailureState::Exhausted) => {
            "exhausted: it is skipped until the source has another record of it, or you request a retry".to_owned()
        }
        (None, FailureState::Skipped) => "skipped, as requested, until the source has another record of it".to_owned(),
        // Without its key a record can't be found again, and bytes that were not a record stay so.
        (None, _) if key.is_nameless() => "open: this record has no key that can be read, so a run fails it anew only \
             where the source still has it; once it is correct there, close this with failures skip"
            .to_owned(),
        (None, _) => {
            let s = if attempts == 1 { "" } else { "s" };
            format!("open after {attempts} run{s}: each run tries it again, until it has failed in {max_attempts}")
        }
    }
}
