//! Queries of a job's tabs, for people: the job's status, and the last rows of a tab. Nothing is
//! written.
//!
//! In scope: reading. Out of scope: output (`cli::output`, `cli::table`).

use std::sync::Arc;

use serde_json::Value;

use crate::app::connect::{Sheet, connect};
use crate::app::error::AppError;
use crate::clock::Clock;
use crate::config::sections::target::Target;
use crate::config::settings::Settings;
use crate::google::types::response_types::TabInfo as Seen;
use crate::grid::{Cell, column_letters, quoted};
use crate::ledger::leases::lease::Holder;
use crate::ledger::rows::row_codec::{PROCESSED, RUNS, RUNS_NEEDED, read_run_row};
use crate::ledger::runs::capacity::{CellCosts, Forecast, forecast};
use crate::ledger::runs::run::Run;
use crate::ledger::state::snapshot::Snapshot;
use crate::port::store::Store;
use crate::rng::Rng;
use crate::store::commit::cell_budget::CellBudget;
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::load_plan::MissingTab;
use crate::store::tabs::parse::text;
use crate::store::tabs::schema::Tab;
use crate::time::Timestamp;

/// Rows that one call reads from a tab's end.
const PAGE: u32 = 1_000;
/// Pages of blank rows that are read at most to find a tab's last rows.
const MAX_PAGES: u32 = 100;
/// Columns of a tab that are shown at most.
const MAX_COLUMNS: u32 = 200;

/// A job's status.
#[derive(Debug, Clone)]
pub struct JobOverview {
    /// The last run in Runs; `Some(None)` before the first run, `None` if it can't be read.
    pub last_run: Option<Option<Run>>,
    /// The lease holder, and when the lease expires.
    pub held_by: Option<(Holder, Timestamp)>,
    /// Keys that are done, those of earlier spreadsheets included; `None` if they can't be read.
    pub keys: Option<u64>,
    /// Numbers of open and of exhausted failures; `None` if Failures can't be read.
    pub failures: Option<(u64, u64)>,
    /// Cells of the whole spreadsheet.
    pub cells: u64,
    /// When the spreadsheet will be full, if the runs so far allow an estimate.
    pub forecast: Option<Forecast>,
    /// The anomalies that the load reported.
    pub anomalies: Vec<String>,
}

/// The last rows of a tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRows {
    /// The tab's title.
    pub tab: String,
    /// The header row.
    pub header: Vec<String>,
    /// The rows' cells, as texts.
    pub rows: Vec<Vec<String>>,
    /// The number of the first row, from 1, without the header row.
    pub first: u64,
    /// Number of rows in the tab.
    pub total: u64,
}

/// Reads a job's status.
pub async fn job_overview(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Rng>,
) -> Result<JobOverview, AppError> {
    let sheet = connect_existing(settings, &clock, &chance)?;
    let file = sheet.file.clone();
    file.check(standing_of(sheet, settings, clock).await)
}

async fn standing_of(sheet: Sheet, settings: &Settings, clock: Arc<dyn Clock>) -> Result<JobOverview, AppError> {
    let (sheets, id) = (&sheet.sheets, &sheet.id);
    let store = SheetsStore::new(Arc::clone(sheets), id.clone(), &settings.job, &settings.tab, clock)
        .with_mode(settings.mode, settings.again)
        .with_missing_tabs(MissingTab::ReadOn);
    let loaded = store.load().await?;
    let metadata = sheets.metadata(id).await?;
    let Some(snapshot) = loaded.snapshot else { return Err(AppError::NeverRan) };
    let tabs = store.tabs();
    let seen = |tab: Option<&Tab>| metadata.tabs.iter().find(|seen| tab.is_some_and(|tab| seen.sheet_id == tab.id));
    let cells = CellBudget::from_metadata(&metadata).cells();
    let readable = tabs.runs.as_ref().filter(|tab| tab.missing_column(RUNS_NEEDED).is_none());
    let runs = match seen(readable) {
        Some(tab) => Some(runs_of(&sheet, tab, &settings.job).await?),
        None => None,
    };
    let known = runs.as_deref().unwrap_or_default();
    let prices = match seen(tabs.data.as_ref()) {
        Some(tab) if known.len() > 1 => prices(&sheet, tab, &snapshot).await?,
        _ => CellCosts::new(0, 0, 0, PROCESSED.len() as u64, RUNS.len() as u64),
    };
    let forecast = forecast(cells, known, prices);
    let overview = overview(&snapshot, runs, cells, forecast, loaded.service_time);
    let failures = overview.failures.filter(|_| tabs.failures_are_readable());
    let keys = overview.keys.filter(|_| tabs.keys_are_readable());
    Ok(JobOverview { keys, failures: failures.filter(|_| keys.is_some()), ..overview })
}

/// Returns the cells that a key and a run have taken so far.
async fn prices(sheet: &Sheet, data: &Seen, snapshot: &Snapshot) -> Result<CellCosts, AppError> {
    let (_, last) = ends(sheet, data, 1, false).await?;
    let rows = u64::from(last.saturating_sub(1));
    let keys = snapshot.state.processed.count;
    Ok(CellCosts::new(rows, u64::from(data.columns), keys, PROCESSED.len() as u64, RUNS.len() as u64))
}

/// Connects to an existing sheet. A command that only reads creates no file.
pub fn connect_existing(settings: &Settings, clock: &Arc<dyn Clock>, chance: &Arc<dyn Rng>) -> Result<Sheet, AppError> {
    match &settings.target {
        Target::Embedded { file } if !file.exists() => Err(AppError::NeverRan),
        _ => connect(settings, clock, chance),
    }
}

fn overview(
    snapshot: &Snapshot,
    runs: Option<Vec<Run>>,
    cells: u64,
    forecast: Option<Forecast>,
    now: Timestamp,
) -> JobOverview {
    let lease = &snapshot.state.lease;
    let left =
        snapshot.state.next.as_ref().map(|next| format!("it continues in spreadsheet {next}; a run here ends with 78"));
    let coming =
        snapshot.not_yet_left.as_ref().map(|from| format!("its move here from spreadsheet {from} is not complete"));
    let elsewhere = left.into_iter().chain(coming);
    JobOverview {
        last_run: runs.map(|runs| runs.into_iter().rfind(|run| !run.status.is_without_run())),
        forecast,
        held_by: lease.holder.clone().filter(|_| now < lease.until).map(|holder| (holder, lease.until)),
        keys: Some(snapshot.processed_index.keys()),
        failures: Some((
            snapshot.processed_index.open_failures() as u64,
            snapshot.processed_index.dead_failures() as u64,
        )),
        cells,
        anomalies: elsewhere.chain(snapshot.anomalies.iter().map(|anomaly| anomaly.message.clone())).collect(),
    }
}

/// Reads the last `count` rows of a tab; of the data tab unless another one is named.
pub async fn last_rows(
    settings: &Settings,
    tab: Option<&str>,
    count: u64,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Rng>,
) -> Result<LastRows, AppError> {
    let sheet = connect_existing(settings, &clock, &chance)?;
    sheet.file.check(last_rows_of(&sheet, settings, tab, count).await)
}

async fn last_rows_of(sheet: &Sheet, settings: &Settings, tab: Option<&str>, count: u64) -> Result<LastRows, AppError> {
    let metadata = sheet.sheets.metadata(&sheet.id).await?;
    let wanted = tab.unwrap_or(&settings.tab);
    let Some(tab) = metadata.tabs.iter().find(|tab| tab.title == wanted) else {
        let there = metadata.tabs.iter().filter(|tab| !tab.hidden).map(|tab| tab.title.clone()).collect();
        return Err(AppError::NoTab { wanted: wanted.to_owned(), there });
    };
    let header = page(sheet, tab, 1, 1, true).await?.into_iter().next().unwrap_or_default();
    let (rows, last) = ends(sheet, tab, count, true).await?;
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(text).collect()).collect();
    let total = u64::from(last.saturating_sub(1));
    let first = total + 1 - (rows.len() as u64).min(total);
    Ok(LastRows { tab: tab.title.clone(), header: header.iter().map(text).collect(), rows, first, total })
}

/// Reads a job's last runs, in the order of their commits.
async fn runs_of(sheet: &Sheet, tab: &Seen, job: &str) -> Result<Vec<Run>, AppError> {
    let header = page(sheet, tab, 1, 1, false).await?.into_iter().next().unwrap_or_default();
    let names: Vec<String> = header.iter().map(text).collect();
    let (rows, _) = ends(sheet, tab, u64::from(PAGE), false).await?;
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

/// Reads the last rows with contents below the header, and the number of the very last row
/// (1-based).
async fn ends(sheet: &Sheet, tab: &Seen, count: u64, shown: bool) -> Result<(Vec<Vec<Value>>, u32), AppError> {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut last = 1;
    let mut to = tab.rows;
    for _ in 0..MAX_PAGES {
        if to < 2 || (rows.len() as u64) >= count {
            break;
        }
        let from = to.saturating_sub(PAGE - 1).max(2);
        let mut read = page(sheet, tab, from, to, shown).await?;
        while read.last().is_some_and(|row| row.iter().all(|cell| text(cell).is_empty())) && rows.is_empty() {
            read.pop();
        }
        if rows.is_empty() && !read.is_empty() {
            last = from + u32::try_from(read.len()).unwrap_or(PAGE) - 1;
        }
        read.append(&mut rows);
        rows = read;
        to = from - 1;
    }
    let spare = rows.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
    Ok((rows.split_off(spare), last))
}

async fn page(sheet: &Sheet, tab: &Seen, from: u32, to: u32, shown: bool) -> Result<Vec<Vec<Value>>, AppError> {
    let width = usize::try_from(tab.columns.clamp(1, MAX_COLUMNS)).unwrap_or(1);
    let range = format!("{}!A{from}:{}{to}", quoted(&tab.title), column_letters(width - 1));
    let ranges = [range];
    let read =
        if shown { sheet.sheets.formatted_values(&sheet.id, &ranges) } else { sheet.sheets.values(&sheet.id, &ranges) };
    Ok(read.await?.into_iter().next().unwrap_or_default())
}
