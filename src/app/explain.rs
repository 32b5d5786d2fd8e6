//! One item's life, as a job's tabs tell it. Nothing is written.
//!
//! In scope: every row that is about a key, and what the next run will do with it. Out of scope: how it is shown (`cli`).

use std::collections::HashSet;
use std::sync::Arc;

use crate::app::error::AppError;
use crate::app::sheet::Sheet;
use crate::app::view::existing;
use crate::config::settings::Settings;
use crate::ledger::item::failure::{Failure, FailureState, RequestedAction};
use crate::ledger::item::key::Key;
use crate::ledger::item::write_mode::WriteMode;
use crate::ledger::lease::row_order::{CommitSequence, RowOrder, read_run_cell};
use crate::ledger::processed::processed_index::PriorFailure;
use crate::ledger::run::run::Run;
use crate::ledger::state::snapshot::Snapshot;
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::runner::run_config::RunError;
use crate::store::commit::restore::PENDING_ROW;
use crate::store::scan::scanner::{IndexRetention, ScanScope, ScannedRow};
use crate::store::spreadsheet::store::SheetsStore;

/// Looks before another run counts as busy.
const LOOKS: u32 = 3;
/// Rows of one tab that are told of a key.
const MOST_ROWS: usize = 1_000;

/// A row of Processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoneRow {
    /// Its number, the header being 1; none where it is in a spreadsheet that the job has left, or waits to be put back.
    pub row: Option<u32>,
    /// That spreadsheet.
    pub spreadsheet: Option<String>,
    /// The version.
    pub version: String,
    /// `done` or `forgotten`.
    pub state: String,
    /// The run.
    pub run: String,
    /// Where it stands among the rows of its tab; none for a row of an earlier version.
    pub order: Option<RowOrder>,
}

impl DoneRow {
    /// A row of Processed by its texts.
    fn of(row: u32, spreadsheet: Option<&str>, texts: [&str; 3]) -> Self {
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
    /// Its number, the header being 1.
    pub row: u32,
    /// What it tells.
    pub failure: Failure,
    /// What somebody typed into `action`.
    pub action: Option<RequestedAction>,
}

/// What the tabs tell of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemHistory {
    /// The key.
    pub key: String,
    /// The data tab's title, and the rows in which the key stands now.
    pub data: (String, Vec<u32>),
    /// Rows of Processed, the oldest first.
    pub done: Vec<DoneRow>,
    /// Rows of Failures, the oldest first.
    pub failures: Vec<FailureRow>,
    /// The runs that these name and Runs still has, the oldest first.
    pub runs: Vec<Run>,
    /// What the next run will do with it.
    pub next: String,
}

impl ItemHistory {
    /// Whether any tab knows the key.
    pub fn is_known(&self) -> bool {
        !(self.data.1.is_empty() && self.done.is_empty() && self.failures.is_empty())
    }
}

/// Reads everything that a job's tabs tell of a key.
pub async fn explain(
    settings: &Settings,
    key: &Key,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<ItemHistory, AppError> {
    let Sheet { sheets, id, file } = existing(settings, &clock, &chance)?;
    let store =
        SheetsStore::new(sheets, id, &settings.job, &settings.tab, clock).with_mode(settings.mode, settings.again);
    file.judge(whole_life(&store, settings, key).await)
}

async fn whole_life(store: &SheetsStore, settings: &Settings, key: &Key) -> Result<ItemHistory, AppError> {
    for _ in 0..LOOKS {
        if let Some(life) = life(store, settings, key).await? {
            return Ok(life);
        }
    }
    Err(AppError::Pass(RunError::MovedOn))
}

/// One look at all tabs; none where a run wrote meanwhile, so that what was read may not belong together.
async fn life(store: &SheetsStore, settings: &Settings, key: &Key) -> Result<Option<ItemHistory>, AppError> {
    let (mut data, mut done, mut failures, mut runs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut see = |sight: ScannedRow<'_>| match sight {
        ScannedRow::Processed { row, key: of, version, state, run, .. }
            if of == key.as_str() && done.len() < MOST_ROWS =>
        {
            done.push(DoneRow::of(row, None, [version, state, run]));
        }
        ScannedRow::Earlier { spreadsheet, key: of, version, state, run }
            if of == key.as_str() && done.len() < MOST_ROWS =>
        {
            done.push(DoneRow::of(PENDING_ROW, Some(spreadsheet), [version, state, run]));
        }
        ScannedRow::Data { row, key: of, .. } if of == key.as_str() && data.len() < MOST_ROWS => data.push(row),
        ScannedRow::Failure { row, failure, action } if failure.key == *key && failures.len() < MOST_ROWS => {
            failures.push(FailureRow { row, failure: *failure, action });
        }
        ScannedRow::Run { run, .. } if run.job == settings.job => runs.push(*run),
        _ => {}
    };
    let surveyed = store
        .scan(ScanScope { data: true, failures: true, runs: true, earlier: true, book: IndexRetention::Keep }, &mut see)
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
    in_order(&mut done, runs.iter().chain(&surveyed.snapshot.state.run));
    let next = next(settings, &surveyed.snapshot, key, &done);
    let title = surveyed.tabs.data.map_or_else(|| settings.tab.clone(), |tab| tab.title);
    Ok(Some(ItemHistory { key: key.as_str().to_owned(), data: (title, data), done, failures, runs, next }))
}

/// Puts rows of a key in the order in which they were written; those of spreadsheets that the job has left come first.
fn in_order<'r>(done: &mut Vec<DoneRow>, runs: impl Iterator<Item = &'r Run>) {
    let mut sequence = CommitSequence::default();
    for row in &*done {
        sequence.push_row(&row.run, row.order);
    }
    let ranks = sequence.ranks(&runs.map(|run| (run.id.clone(), run.first_commit)).collect());
    let mut ranked: Vec<_> = ranks.into_iter().zip(std::mem::take(done)).collect();
    ranked.sort_by_key(|(rank, row)| (row.spreadsheet.is_none(), if row.spreadsheet.is_none() { *rank } else { 0 }));
    done.extend(ranked.into_iter().map(|(_, row)| row));
}

/// What the next run will do with a key.
fn next(settings: &Settings, snapshot: &Snapshot, key: &Key, done: &[DoneRow]) -> String {
    let book = &snapshot.book;
    if let Some(next) = &snapshot.state.next {
        return format!("nothing here: the job goes on in spreadsheet {next}");
    }
    if snapshot.state.begun.iter().any(|(begun, _)| begun == key) {
        return "a run has marked it as begun; if that run is gone, the next one tells it as in doubt".to_owned();
    }
    if let Some(tried) = book.tried(key) {
        // Rows tell a failure that stays the same once; the state counts the other runs.
        return of_failure(&tried, tried.attempts + book.tries().of(key.fingerprint()), settings.max_attempts);
    }
    if book.knows(key) {
        let what = match (settings.mode, settings.version.is_some()) {
            (WriteMode::Upsert, _) => "another version of it is written over its row",
            (WriteMode::Append, true) => "another version of it gets a row of its own",
            (WriteMode::Append, false) => "the job names no version, so it is never done again by itself",
        };
        return format!("it is done, and skipped; {what}");
    }
    if done.is_empty() {
        "no run has done it; it is done as soon as the source yields it"
    } else {
        "it is forgotten, and done again as soon as the source yields it"
    }
    .to_owned()
}

fn of_failure(tried: &PriorFailure, attempts: u64, max_attempts: u64) -> String {
    match (tried.asked, tried.state) {
        (Some(RequestedAction::Retry), _) => {
            format!("somebody asked for another try in row {}: the next run makes it", tried.row)
        }
        (Some(RequestedAction::Skip), _) => {
            format!("somebody said skip in row {}: the next run leaves it alone from then on", tried.row)
        }
        (None, FailureState::Dead) if tried.in_doubt => {
            "nobody knows whether it was done, and it is left alone until somebody says retry or skip".to_owned()
        }
        (None, FailureState::Dead) => {
            "it has failed too often, and is left alone until the source has another record of it or somebody says retry"
                .to_owned()
        }
        (None, FailureState::Skipped) => {
            "it is left alone until the source has another record of it, because somebody said so".to_owned()
        }
        (None, _) => {
            let s = if attempts == 1 { "" } else { "s" };
            format!(
                "it is open after {attempts} run{s}: each run tries it again, until it has failed in {max_attempts}"
            )
        }
    }
}
