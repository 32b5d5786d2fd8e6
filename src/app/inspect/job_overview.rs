//! A job's status, read from its tabs for people. Nothing is written.
//!
//! In scope: the last run, the lease, keys and failures, cells and when the spreadsheet will be
//! full. Out of scope: output (`cli::output::status`).

use std::sync::Arc;

use serde_json::Value;

use crate::app::connect::{Sheet, connect_existing};
use crate::app::error::AppError;
use crate::app::inspect::last_rows::{PAGE, read_last_rows, read_page};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::grid::Cell;
use crate::ledger::leases::lease::Holder;
use crate::ledger::rows::row_codec::{PROCESSED, RUNS, RUNS_NEEDED, read_run_row};
use crate::ledger::runs::capacity::{CellCosts, Forecast, forecast_capacity};
use crate::ledger::runs::run::Run;
use crate::ledger::state::snapshot::Snapshot;
use crate::port::store::Store;
use crate::rng::Rng;
use crate::sheets_client::types::response_types::TabInfo;
use crate::store::commit::cell_budget::CellBudget;
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::load_plan::MissingTabPolicy;
use crate::store::tabs::parse::format_cell;
use crate::store::tabs::schema::Tab;
use crate::time::Timestamp;

/// A job's status.
#[derive(Debug, Clone)]
pub struct JobOverview {
    /// The last run in Runs; `Some(None)` before the first run, `None` if it can't be read.
    pub last_run: Option<Option<Run>>,
    /// The lease holder, and when the lease expires.
    pub held_by: Option<(Holder, Timestamp)>,
    /// Keys that are done, those of earlier spreadsheets included; `None` if they can't be read.
    pub keys: Option<u64>,
    /// Numbers of failures; `None` if Failures can't be read.
    pub failures: Option<FailureCounts>,
    /// Cells of the whole spreadsheet.
    pub cells: u64,
    /// When the spreadsheet will be full, if the runs so far allow an estimate.
    pub forecast: Option<Forecast>,
    /// The anomalies that the load reported.
    pub anomalies: Vec<String>,
}

/// Numbers of failures that are not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FailureCounts {
    /// Those that each run tries again.
    pub open: u64,
    /// Those that failed too often.
    pub exhausted: u64,
    /// Those that a person chose to leave out.
    pub skipped: u64,
}

/// Reads a job's status.
pub async fn read_job_overview(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<JobOverview, AppError> {
    let sheet = connect_existing(settings, &clock, &rng)?;
    let file = sheet.file.clone();
    file.check(read_overview(sheet, settings, clock).await)
}

async fn read_overview(sheet: Sheet, settings: &Settings, clock: Arc<dyn Clock>) -> Result<JobOverview, AppError> {
    let (sheets, id) = (&sheet.sheets, &sheet.id);
    let store = SheetsStore::new(Arc::clone(sheets), id.clone(), &settings.job, &settings.tab, clock)
        .with_mode(settings.mode, settings.reprocess_policy)
        .with_missing_tabs(MissingTabPolicy::ReadOthers);
    let loaded = store.load().await?;
    let metadata = sheets.read_metadata(id).await?;
    let Some(snapshot) = loaded.snapshot else { return Err(AppError::NeverRan) };
    let tabs = store.tabs();
    let seen = |tab: Option<&Tab>| metadata.tabs.iter().find(|seen| tab.is_some_and(|tab| seen.sheet_id == tab.id));
    let cells = CellBudget::from_metadata(&metadata).count_cells();
    let readable = tabs.runs.as_ref().filter(|tab| tab.missing_column(RUNS_NEEDED).is_none());
    let runs = match seen(readable) {
        Some(tab) => Some(read_runs(&sheet, tab, &settings.job).await?),
        None => None,
    };
    let known = runs.as_deref().unwrap_or_default();
    let costs = match seen(tabs.data.as_ref()) {
        Some(tab) if known.len() > 1 => estimate_cell_costs(&sheet, tab, &snapshot).await?,
        _ => CellCosts::new(0, 0, 0, PROCESSED.len() as u64, RUNS.len() as u64),
    };
    let forecast = forecast_capacity(cells, known, costs);
    let overview = make_overview(&snapshot, runs, cells, forecast, loaded.service_time);
    let failures = overview.failures.filter(|_| tabs.failures_are_readable());
    let keys = overview.keys.filter(|_| tabs.keys_are_readable());
    Ok(JobOverview { keys, failures: failures.filter(|_| keys.is_some()), ..overview })
}

/// Returns the cells that a key and a run have taken so far.
async fn estimate_cell_costs(sheet: &Sheet, data: &TabInfo, snapshot: &Snapshot) -> Result<CellCosts, AppError> {
    let (_, last) = read_last_rows(sheet, data, 1, false).await?;
    let rows = u64::from(last.saturating_sub(1));
    let keys = snapshot.state.processed.count;
    Ok(CellCosts::new(rows, u64::from(data.columns), keys, PROCESSED.len() as u64, RUNS.len() as u64))
}

fn make_overview(
    snapshot: &Snapshot,
    runs: Option<Vec<Run>>,
    cells: u64,
    forecast: Option<Forecast>,
    now: Timestamp,
) -> JobOverview {
    let lease = &snapshot.state.lease;
    let left = snapshot
        .state
        .successor
        .as_ref()
        .map(|next| format!("it continues in spreadsheet {next}; a run here ends with 78"));
    let coming = snapshot
        .active_predecessor
        .as_ref()
        .map(|from| format!("its move here from spreadsheet {from} is not complete"));
    let elsewhere = left.into_iter().chain(coming);
    JobOverview {
        last_run: runs.map(|runs| runs.into_iter().rfind(|run| !run.status.is_without_run())),
        forecast,
        held_by: lease.holder.clone().filter(|_| now < lease.until).map(|holder| (holder, lease.until)),
        keys: Some(snapshot.processed_index.count_keys()),
        failures: Some(FailureCounts {
            open: snapshot.processed_index.open_failures() as u64,
            exhausted: snapshot.processed_index.exhausted_failures() as u64,
            skipped: snapshot.processed_index.skipped_failures() as u64,
        }),
        cells,
        anomalies: elsewhere.chain(snapshot.anomalies.iter().map(|anomaly| anomaly.message.clone())).collect(),
    }
}

/// Reads a job's last runs, in the order of their commits.
async fn read_runs(sheet: &Sheet, tab: &TabInfo, job: &str) -> Result<Vec<Run>, AppError> {
    let header = read_page(sheet, tab, 1, 1, false).await?.into_iter().next().unwrap_or_default();
    let names: Vec<String> = header.iter().map(format_cell).collect();
    let (rows, _) = read_last_rows(sheet, tab, u64::from(PAGE), false).await?;
    let runs = rows.iter().filter_map(|row| {
        read_run_row(|name| match names.iter().position(|known| known == name).and_then(|at| row.get(at)) {
            Some(Value::Number(number)) => number.as_f64().map_or(Cell::Empty, Cell::Number),
            Some(Value::String(text)) => Cell::text(&**text),
            _ => Cell::Empty,
        })
    });
    let mut runs: Vec<Run> = runs.filter(|run| run.job == job).collect();
    runs.sort_by_key(|run| run.last_commit);
    Ok(runs)
}
