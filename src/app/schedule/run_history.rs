//! Reads the history of a job's runs, for `late` and `backfill`, with credentials that may only
//! read.
//!
//! In scope: `Runs` and the state of one spreadsheet, its predecessors, the heartbeat file. Out of
//! scope: which of the runs count (`app::schedule::latest_runs`), the verdict
//! (`schedule::lateness`).
//!
//! People may sort `Runs`, so all of it is read, page by page, and only the columns that count.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::app::connect::{Sheet, connect_to_read};
use crate::app::error::AppError;
use crate::app::heartbeat::HeartbeatFile;
use crate::app::schedule::latest_runs::{LatestRuns, find_unfinished_run};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::state::snapshot::State;
use crate::ledger::state::state_codec::read_state;
use crate::port::store::StoreError;
use crate::rng::Rng;
use crate::schedule::lateness::{RunSummary, SuccessfulRun};
use crate::sheets_client::types::response_types::{SpreadsheetInfo, TabInfo};
use crate::store::guard::head_guard::{self, StateLocation};
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::error::{LoadError, describe_missing_head, load_error};
use crate::store::tabs::jobs::{find_jobs_tab, make_jobs_ranges};
use crate::store::tabs::load_plan::make_tab;
use crate::store::tabs::parse;
use crate::store::tabs::schema::{RUNS_TITLE, StoreMetadata, Tab};
use crate::time::Timestamp;

/// Rows of `Runs` per call: eight cells each.
const PAGE_ROWS: u32 = 10_000;
/// The columns that count.
const COLUMNS: [&str; 7] = ["run", "job", "trigger", "scheduled_for", "started", "finished", "status"];
/// What a run held back. The column came later than the others, and a tab without it still works.
const HELD_COLUMN: &str = "held";
/// Predecessors that are read for the last success.
const MAX_PREDECESSORS: usize = 3;
/// How often the state is looked for again while commits move it, and the pause between.
const MAX_MOVES: u32 = 4;
const MOVED_PAUSE: Duration = Duration::from_millis(500);

/// What `late` read of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobHistory {
    /// What lateness is judged by.
    pub summary: RunSummary,
    /// The state of the job's alerts, as stored.
    pub alerts: Option<String>,
    /// The time of the service that was read, by which lateness is judged.
    pub now: Timestamp,
    /// The id of the tab Runs, if the job ever ran.
    pub runs_tab: Option<i32>,
    /// The row in it of the run that started last.
    pub last_row: Option<u32>,
}

/// Why a history can't be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The spreadsheet can't be read.
    #[error(transparent)]
    App(#[from] AppError),
    /// The job has moved.
    #[error("read the job's runs: it continues in spreadsheet {to}")]
    RolledOver {
        /// The id of that spreadsheet.
        to: String,
    },
    /// The heartbeat file can't be used.
    #[error("read the heartbeat file {}: {why}", file.display())]
    File {
        /// The path of the heartbeat file.
        file: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl From<StoreError> for HistoryError {
    fn from(error: StoreError) -> Self {
        Self::App(AppError::Store(error))
    }
}

/// Reads the history of a job. Nothing is written, and no lock is taken.
pub async fn read_history(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<JobHistory, HistoryError> {
    let sheet = match connect_to_read(settings, None, clock, rng) {
        Err(AppError::NeverRan) => {
            let summary = RunSummary::default();
            return Ok(JobHistory { summary, alerts: None, now: clock.now(), runs_tab: None, last_row: None });
        }
        sheet => sheet?,
    };
    let mut runs = LatestRuns::new(&settings.job, settings.jobs.clone());
    let read = read_spreadsheet(&sheet, &settings.job, clock, &mut runs).await;
    let ended = sheet.file.check(match read {
        Err(HistoryError::App(error)) => Err(error),
        read => Ok(read),
    })?;
    let state = ended?;
    if let Some(to) = state.as_ref().and_then(|state| state.next.clone()) {
        return Err(HistoryError::RolledOver { to });
    }
    let now = read_service_time(&sheet, clock);
    let (runs_tab, last_row) = (runs.tab, runs.last_row());
    runs.jobs = None;
    for id in state.iter().flat_map(|state| &state.previous).take(MAX_PREDECESSORS) {
        if runs.last_success.is_some() {
            break;
        }
        let earlier = connect_to_read(settings, Some(id), clock, rng)?;
        read_spreadsheet(&earlier, &settings.job, clock, &mut runs).await?;
    }
    let unfinished = state.as_ref().and_then(|state| find_unfinished_run(state, now));
    let mut summary = runs.into_summary(unfinished);
    // `run --due` pauses by the state, so the state's count is the one to report.
    if let Some(schedule) = state.as_ref().and_then(|state| state.schedule.as_ref()) {
        summary.failures_in_a_row = schedule.failures_in_a_row;
    }
    Ok(JobHistory { summary, alerts: state.and_then(|state| state.alerts), now, runs_tab, last_row })
}

/// Reads the logical times that a run of the job has reached the end of its source for, those of
/// earlier spreadsheets included.
pub async fn read_done_times(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<DoneTimes, HistoryError> {
    let sheet = match connect_to_read(settings, None, clock, rng) {
        Err(AppError::NeverRan) => return Ok(DoneTimes::default()),
        sheet => sheet?,
    };
    let mut runs = LatestRuns::new(&settings.job, settings.jobs.clone());
    let state = sheet.file.check(match read_spreadsheet(&sheet, &settings.job, clock, &mut runs).await {
        Err(HistoryError::App(error)) => Err(error),
        read => Ok(read),
    })??;
    for id in state.iter().flat_map(|state| &state.previous) {
        let earlier = connect_to_read(settings, Some(id), clock, rng)?;
        read_spreadsheet(&earlier, &settings.job, clock, &mut runs).await?;
    }
    let settled_until = state.and_then(|state| state.schedule).and_then(|schedule| schedule.settled_until);
    Ok(DoneTimes { done: runs.done, settled_until })
}

/// The logical times that need no run any more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DoneTimes {
    /// Those for which a run has reached the end of its source.
    pub done: BTreeSet<Timestamp>,
    /// What is later is left to `run --due`; `None` before its first call.
    pub settled_until: Option<Timestamp>,
}

/// Reads the runs of a spreadsheet into `runs`; returns the job's state, if it has one there.
async fn read_spreadsheet(
    sheet: &Sheet,
    job: &str,
    clock: &Arc<dyn Clock>,
    runs: &mut LatestRuns,
) -> Result<Option<State>, HistoryError> {
    let mut moves = 0;
    loop {
        let metadata = sheet.sheets.read_metadata(&sheet.id).await.map_err(AppError::from)?;
        let location = match head_guard::read_head(job, &metadata) {
            (HeadStatus::NotInitialized, _) => return Ok(None),
            (HeadStatus::At { .. }, Some(location)) => location,
            _ => return Err(describe_missing_head(job).into()),
        };
        match read_once(sheet, clock, &metadata, &location, runs).await {
            Ok(state) => return Ok(Some(state)),
            Err(LoadError::Stale(_)) if moves < MAX_MOVES => {
                moves += 1;
                clock.sleep(MOVED_PAUSE).await;
            }
            Err(LoadError::Stale(error) | LoadError::Failed(error)) => return Err(error.into()),
        }
    }
}

async fn read_once(
    sheet: &Sheet,
    clock: &Arc<dyn Clock>,
    metadata: &SpreadsheetInfo,
    location: &StateLocation,
    runs: &mut LatestRuns,
) -> Result<State, LoadError> {
    let titled = metadata.tabs.iter().find(|tab| tab.title == RUNS_TITLE);
    let jobs = runs.jobs.as_ref().and_then(|_| find_jobs_tab(metadata, None));
    let of_jobs = jobs.map(|tab| make_jobs_ranges(tab, None)).unwrap_or_default();
    let ranges = std::iter::once(parse::make_state_range(&location.title)).chain(of_jobs.clone());
    let ranges: Vec<_> = ranges.chain(titled.map(|tab| parse::make_header_range(&tab.title))).collect();
    let mut read = read_values(sheet, &ranges).await?.into_iter();
    let pairs = parse::parse_pairs(&read.next().unwrap_or_default());
    let state = read_state(&pairs).map_err(|error| StoreError::Inconsistent { why: error.to_string() })?;
    let own = StoreMetadata::read(&pairs);
    let of_jobs = (jobs, read.by_ref().take(of_jobs.len()).collect());
    runs.is_paused |= is_paused(sheet, clock, metadata, runs, own.jobs, of_jobs).await?;
    let by_id = own.runs.and_then(|id| metadata.tabs.iter().find(|tab| tab.sheet_id == id));
    let Some(info) = by_id.or(titled) else { return Err(describe_unusable_runs("is gone").into()) };
    let header = match titled.filter(|tab| tab.sheet_id == info.sheet_id) {
        Some(_) => read.next().unwrap_or_default(),
        None => {
            read_values(sheet, &[parse::make_header_range(&info.title)]).await?.into_iter().next().unwrap_or_default()
        }
    };
    let tab = make_tab(info, &header);
    runs.tab = Some(tab.id);
    if let Some(column) = tab.missing_column(&COLUMNS) {
        return Err(describe_unusable_runs(&format!("has no column \"{column}\"")).into());
    }
    read_pages(sheet, info, &tab, runs).await?;
    Ok(state)
}

/// Returns whether a person paused the job in the tab Jobs. `found` is the tab of that title with
/// its rows; `id` is the tab that the state records, which people may have renamed.
async fn is_paused(
    sheet: &Sheet,
    clock: &Arc<dyn Clock>,
    metadata: &SpreadsheetInfo,
    runs: &LatestRuns,
    id: Option<i32>,
    found: (Option<&TabInfo>, Vec<Vec<Vec<Value>>>),
) -> Result<bool, LoadError> {
    if runs.jobs.is_none() {
        return Ok(false);
    }
    let (titled, mut read) = found;
    let tab = find_jobs_tab(metadata, id);
    if tab.map(|tab| tab.sheet_id) != titled.map(|tab| tab.sheet_id) {
        read = read_values(sheet, &tab.map(|tab| make_jobs_ranges(tab, None)).unwrap_or_default()).await?;
    }
    let store = SheetsStore::new(Arc::clone(&sheet.sheets), sheet.id.clone(), &runs.job, "", Arc::clone(clock));
    let store = store.with_jobs(runs.jobs.clone());
    Ok(store.loader().read_jobs_tab(metadata, (tab, id), &read).await?.requests.is_paused)
}

/// Reads all rows of `Runs`, page by page.
async fn read_pages(sheet: &Sheet, info: &TabInfo, tab: &Tab, runs: &mut LatestRuns) -> Result<(), LoadError> {
    let read: Vec<(&str, usize)> =
        COLUMNS.iter().chain(&[HELD_COLUMN]).filter_map(|column| Some((*column, tab.position(column)?))).collect();
    let mut from = 2;
    while from <= info.rows {
        let to = from.saturating_add(PAGE_ROWS - 1).min(info.rows);
        let ranges = read.iter().map(|(_, at)| parse::make_column_range(&info.title, *at, from, Some(to)));
        let ranges: Vec<String> = ranges.collect();
        let columns = read_values(sheet, &ranges).await?;
        let rows = columns.iter().map(Vec::len).max().unwrap_or_default();
        for (row, at) in (from..).zip(0..rows) {
            let cell = |name: &str| {
                let column = read.iter().position(|(known, _)| *known == name)?;
                columns.get(column)?.get(at)?.first()
            };
            runs.add_row(row, cell);
        }
        from = to + 1;
    }
    Ok(())
}

fn describe_unusable_runs(what: &str) -> StoreError {
    let why = format!("tab {RUNS_TITLE} {what}: restore it from the file's version history");
    StoreError::Inconsistent { why }
}

async fn read_values(sheet: &Sheet, ranges: &[String]) -> Result<Vec<Vec<Vec<Value>>>, LoadError> {
    sheet.sheets.read_values(&sheet.id, ranges).await.map_err(|error| load_error(&error))
}

fn read_service_time(sheet: &Sheet, clock: &Arc<dyn Clock>) -> Timestamp {
    let seen = sheet.sheets.service_time();
    seen.map_or_else(|| clock.now(), |(at, ms)| at.add_ms(clock.monotonic_ms().saturating_sub(ms)))
}

/// Returns the job's name and the history that a heartbeat file holds. `job` is the job that it has
/// to be of, if one is named.
pub fn read_history_file(path: &Path, job: Option<&str>) -> Result<(String, RunSummary), HistoryError> {
    let refuse = |why: &str| HistoryError::File { file: path.to_owned(), why: why.to_owned() };
    if !path.exists() {
        return Err(refuse("it does not exist: no run has ended yet, or `[heartbeat] file` names another path"));
    }
    let file = HeartbeatFile::read(path).ok_or_else(|| refuse("it is not a file that `[heartbeat] file` writes"))?;
    if let Some(job) = job.filter(|job| *job != file.job) {
        return Err(refuse(&format!("it is of job {}, not of {job}", file.job)));
    }
    let moment = |text: &str| Timestamp::parse(text).ok_or_else(|| refuse("one of its times is not a time"));
    let finished = moment(&file.finished)?;
    let is_degraded = file.exit_code == 3;
    let (started, ended_at) = match (&file.last_success, is_degraded) {
        (_, true) => (file.started.as_deref(), Some(finished)),
        (Some(end), false) => (file.last_success_started.as_deref(), Some(moment(end)?)),
        (None, false) => (None, None),
    };
    let started_at = started.map(moment).transpose()?;
    let last_success = ended_at.map(|ended_at| SuccessfulRun {
        scheduled_for: None,
        // Files of earlier versions have no start.
        started_at: started_at.unwrap_or(ended_at),
        ended_at,
        is_degraded,
    });
    Ok((file.job, RunSummary { last_success, ..RunSummary::default() }))
}
