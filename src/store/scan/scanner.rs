//! Scans a job's tabs row by row, for `fsck`, `explain` and changes to many keys at the same time.
//!
//! In scope: paging, parsing rows, checking that no commit came in between.
//! Out of scope: the conclusions (`app`), the load of a run (`store::load::loader`).

use serde_json::Value;

use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::items::failure::{Failure, RequestedAction};
use crate::ledger::items::key::hash_texts;
use crate::ledger::leases::head::HeadId;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::rows::row_codec::{FAILURES, PROCESSED, RUNS, read_failure_row, read_run_row};
use crate::ledger::rows::tab_kind::TabKind;
use crate::ledger::runs::run::Run;
use crate::ledger::state::snapshot::Snapshot;
use crate::ledger::values::columns::MAX_COLUMNS;
use crate::port::store::{Store, StoreError};
use crate::sheets_client::types::response_types::TabInfo;
use crate::store::commit::restore::{PENDING_ROW, PendingRestores};
use crate::store::load::loader::Loader;
use crate::store::load::unstable_tabs::into_store_error;
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::load_plan::FIRST_READ_COLUMNS;
use crate::store::tabs::parse::{self, find_cell, format_cell, is_failure_in_other_columns};
use crate::store::tabs::schema::{Tab, Tabs};
use crate::time::Timestamp;

/// Maximum number of cells per call.
const PAGE_CELLS: u32 = 600_000;
/// Rows of Failures per call: each may hold a record.
const FAILURE_PAGE_ROWS: u32 = 200;

/// The tabs to read in addition to Processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a tab of its own")]
pub struct ScanScope {
    /// Whether to read the data tab.
    pub reads_data: bool,
    /// Whether to read Failures.
    pub reads_failures: bool,
    /// Whether to read Runs, including those of other jobs.
    pub reads_runs: bool,
    /// Whether to read Processed of predecessor spreadsheets.
    pub reads_predecessors: bool,
    /// Whether to keep the load's index of processed keys.
    pub processed_index: IndexRetention,
}

/// Whether the index of processed keys stays in memory during the scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IndexRetention {
    /// The index stays, because the caller needs it.
    #[default]
    Keep,
    /// The index is dropped before any row is read.
    Drop,
}

/// A row with its number, where the header is 1. A row that waits to be restored has 1, too
/// (`restore::PENDING_ROW`).
#[derive(Debug)]
pub enum ScannedRow<'a> {
    /// A row of Processed.
    Processed {
        /// The row number.
        row: u32,
        /// The key of the item.
        key: &'a str,
        /// The version of the item.
        version: &'a str,
        /// `done`, `forgotten` or any other text.
        state: &'a str,
        /// The `run` cell: the run, and its commit order.
        run: &'a str,
        /// Whether its cells are in the columns of their headers.
        matches_headers: bool,
    },
    /// A row of Processed in a predecessor spreadsheet.
    Predecessor {
        /// The id of the predecessor.
        spreadsheet: &'a str,
        /// The key of the item.
        key: &'a str,
        /// The version of the item.
        version: &'a str,
        /// `done`, `forgotten` or any other text.
        state: &'a str,
        /// The `run` cell: the run, and its commit order.
        run: &'a str,
    },
    /// A row of the data tab.
    Data {
        /// The row number.
        row: u32,
        /// The key; empty if the row has none.
        key: &'a str,
        /// A hash of the job's own cells.
        cells: u64,
    },
    /// A row of Failures.
    Failure {
        /// The row number.
        row: u32,
        /// The failure as recorded.
        failure: Box<Failure>,
        /// The action that a user typed into `action`.
        action: Option<RequestedAction>,
    },
    /// A row of Runs.
    Run {
        /// The row number.
        row: u32,
        /// The run as recorded.
        run: Box<Run>,
    },
}

/// The results of a scan besides the rows.
#[derive(Debug, Clone)]
pub struct ScanSummary {
    /// The load before the scan.
    pub snapshot: Snapshot,
    /// The service's time at that load.
    pub at: Timestamp,
    /// The tabs with their headers.
    pub tabs: Tabs,
    /// Whether no commit came between the load and the last row.
    pub is_consistent: bool,
}

impl SheetsStore {
    /// Loads, and passes every row of Processed and of the requested tabs to `on_row`; `None` if
    /// the job never ran. Data rows are passed only if the key column is known.
    pub async fn scan(
        &self,
        scope: ScanScope,
        on_row: &mut (dyn FnMut(ScannedRow<'_>) + Send),
    ) -> Result<Option<ScanSummary>, StoreError> {
        let loaded = self.load().await?;
        let (at, Some(mut snapshot)) = (loaded.service_time, loaded.snapshot) else { return Ok(None) };
        if scope.processed_index == IndexRetention::Drop {
            snapshot.processed_index = ProcessedIndex::default();
        }
        let tabs = self.tabs();
        if let Some(anomaly) = snapshot.anomalies.iter().find(|anomaly| anomaly.is_blocking) {
            return Err(StoreError::Inconsistent { why: anomaly.message.clone() });
        }
        let reader = self.loader();
        let read = reader.scan_tabs(&snapshot, &tabs, scope, on_row).await;
        if let Some(waiting) = self.lock_session().pending_restores.clone() {
            emit_pending_restores(&waiting, &snapshot, scope, on_row);
        }
        let is_consistent = match read {
            Ok(()) => reader.is_at_head(snapshot.head).await?,
            Err(LoadError::Stale(_)) => false,
            Err(LoadError::Failed(error)) => return Err(error),
        };
        Ok(Some(ScanSummary { snapshot, at, tabs, is_consistent }))
    }

    /// Reads the current texts of these cells of a column.
    pub async fn read_texts(&self, tab: &Tab, column: &str, rows: &[u32]) -> Result<Vec<String>, StoreError> {
        let Some(at) = tab.position(column).filter(|_| !rows.is_empty()) else { return Ok(Vec::new()) };
        let ranges: Vec<_> =
            rows.iter().map(|row| parse::make_column_range(&tab.title, at, *row, Some(*row))).collect();
        match self.loader().read_values(&ranges).await {
            Ok(found) => Ok(found
                .iter()
                .map(|rows| rows.first().and_then(|row| row.first()).map(format_cell).unwrap_or_default())
                .collect()),
            Err(error) => Err(into_store_error(error)),
        }
    }
}

impl Loader {
    async fn scan_tabs(
        &self,
        snapshot: &Snapshot,
        tabs: &Tabs,
        scope: ScanScope,
        on_row: &mut (dyn FnMut(ScannedRow<'_>) + Send),
    ) -> Result<(), LoadError> {
        let metadata = self.read_metadata().await.map_err(LoadError::Failed)?;
        let info = |tab: &Tab| metadata.tabs.iter().find(|info| info.sheet_id == tab.id);
        if let Some((tab, info)) = tabs.processed.as_ref().and_then(|tab| Some((tab, info(tab)?))) {
            self.pass_rows(info, count_key_columns(tab, info), PAGE_CELLS, |row, cells| {
                pass_processed(row, cells, tab, on_row);
            })
            .await?;
        }
        for spreadsheet in snapshot.state.predecessors.iter().rev().filter(|_| scope.reads_predecessors) {
            self.scan_predecessor(spreadsheet, on_row).await?;
        }
        let key = snapshot.state.key_column.as_deref();
        let data = tabs.data.as_ref().filter(|_| scope.reads_data);
        if let Some((tab, info, key)) = data.and_then(|tab| Some((tab, info(tab)?, tab.position(key?)?))) {
            let own: Vec<_> = snapshot.state.columns.iter().filter_map(|name| tab.position(name)).collect();
            let width = own.iter().chain([&key]).max().map_or(1, |last| last + 1).min(MAX_COLUMNS);
            self.pass_rows(info, width, PAGE_CELLS, |row, cells| pass_data(row, cells, key, &own, on_row)).await?;
        }
        let failures = tabs.failures.as_ref().filter(|_| scope.reads_failures);
        if let Some((tab, info)) = failures.and_then(|tab| Some((tab, info(tab)?))) {
            let width = parse::count_columns(tab, &FAILURES);
            let page = FAILURE_PAGE_ROWS * u32::try_from(width).unwrap_or(u32::MAX);
            self.pass_rows(info, width, page, |row, cells| pass_failure(row, cells, tab, on_row)).await?;
        }
        let runs = tabs.runs.as_ref().filter(|_| scope.reads_runs);
        if let Some((tab, info)) = runs.and_then(|tab| Some((tab, info(tab)?))) {
            let width = parse::count_columns(tab, &RUNS);
            self.pass_rows(info, width, PAGE_CELLS, |row, cells| pass_run(row, cells, tab, on_row)).await?;
        }
        Ok(())
    }

    /// Passes the keys of a predecessor spreadsheet to `on_row`.
    async fn scan_predecessor(
        &self,
        spreadsheet: &str,
        on_row: &mut (dyn FnMut(ScannedRow<'_>) + Send),
    ) -> Result<(), LoadError> {
        let there = self.for_predecessor(spreadsheet)?;
        let (info, tab) = there.find_key_tab().await?;
        let width = count_key_columns(&tab, &info);
        let mut emit = |row: ScannedRow<'_>| {
            if let ScannedRow::Processed { key, version, state, run, .. } = row {
                on_row(ScannedRow::Predecessor { spreadsheet, key, version, state, run });
            }
        };
        there.pass_rows(&info, width, PAGE_CELLS, |row, cells| pass_processed(row, cells, &tab, &mut emit)).await
    }

    /// Passes every row of a tab below its header to `take`, page by page.
    async fn pass_rows(
        &self,
        info: &TabInfo,
        width: usize,
        cells: u32,
        mut take: impl FnMut(u32, &[Value]) + Send,
    ) -> Result<(), LoadError> {
        let page = (cells / u32::try_from(width).unwrap_or(u32::MAX).max(1)).clamp(1, parse::PAGE_ROWS);
        let mut from = 2;
        while from <= info.rows {
            let to = info.rows.min(from.saturating_add(page - 1));
            let read = self.read_values(&[parse::make_rows_range(&info.title, from, to, width)]).await?;
            for (row, cells) in (from..).zip(read.into_iter().next().unwrap_or_default()) {
                take(row, &cells);
            }
            from = to + 1;
        }
        Ok(())
    }

    async fn is_at_head(&self, head: HeadId) -> Result<bool, StoreError> {
        let (head_status, _) = crate::store::guard::head_guard::read_head(&self.job, &self.read_metadata().await?);
        Ok(matches!(head_status, HeadStatus::At { head: now, .. } if now == head))
    }
}

/// The number of columns to read of a tab of keys: rows may use other columns than the header's.
fn count_key_columns(tab: &Tab, info: &TabInfo) -> usize {
    parse::count_columns(tab, &PROCESSED)
        .max(FIRST_READ_COLUMNS.min(usize::try_from(info.columns).unwrap_or(FIRST_READ_COLUMNS)))
        .max(1)
}

/// Passes rows that wait to be restored, as if they were present already.
fn emit_pending_restores(
    waiting: &PendingRestores,
    snapshot: &Snapshot,
    scope: ScanScope,
    on_row: &mut (dyn FnMut(ScannedRow<'_>) + Send),
) {
    for (kind, tab, cells) in waiting.pending_rows() {
        match kind {
            TabKind::Processed => pass_processed(PENDING_ROW, cells, tab, on_row),
            TabKind::Failures if scope.reads_failures => pass_failure(PENDING_ROW, cells, tab, on_row),
            TabKind::Runs if scope.reads_runs => pass_run(PENDING_ROW, cells, tab, on_row),
            TabKind::Data if scope.reads_data => {
                let own: Vec<_> = snapshot.state.columns.iter().filter_map(|name| tab.position(name)).collect();
                let key = snapshot.state.key_column.as_deref().and_then(|name| tab.position(name));
                if let Some(key) = key {
                    pass_data(PENDING_ROW, cells, key, &own, on_row);
                }
            }
            TabKind::Failures | TabKind::Runs | TabKind::Data => {}
        }
    }
}

fn pass_run(row: u32, cells: &[Value], tab: &Tab, on_row: &mut (dyn FnMut(ScannedRow<'_>) + Send)) {
    if let Some(run) = read_run_row(|name| find_cell(tab, cells, name)) {
        on_row(ScannedRow::Run { row, run: Box::new(run) });
    }
}

fn pass_processed(row: u32, cells: &[Value], tab: &Tab, on_row: &mut (dyn FnMut(ScannedRow<'_>) + Send)) {
    let columns = PROCESSED.map(|column| tab.position(column).unwrap_or(usize::MAX));
    let ([key, version, state, run], usual) = tab.recovery.read_texts(cells, columns);
    if !key.is_empty() {
        on_row(ScannedRow::Processed {
            row,
            key: &key,
            version: &version,
            state: &state,
            run: &run,
            matches_headers: usual,
        });
    }
}

fn pass_data(row: u32, cells: &[Value], key: usize, own: &[usize], on_row: &mut (dyn FnMut(ScannedRow<'_>) + Send)) {
    let texts: Vec<String> = own.iter().map(|at| cells.get(*at).map(format_cell).unwrap_or_default()).collect();
    let key = cells.get(key).map(format_cell).unwrap_or_default();
    if key.is_empty() && texts.iter().all(String::is_empty) {
        return;
    }
    let digest = hash_texts(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let cells = digest.iter().take(8).fold(0_u64, |mark, &byte| (mark << 8) | u64::from(byte));
    on_row(ScannedRow::Data { row, key: &key, cells });
}

fn pass_failure(row: u32, cells: &[Value], tab: &Tab, on_row: &mut (dyn FnMut(ScannedRow<'_>) + Send)) {
    let state = tab.position("state").and_then(|at| cells.get(at)).map(format_cell).unwrap_or_default();
    if is_failure_in_other_columns(cells, &state) {
        return;
    }
    if let Some(failure) = read_failure_row(|name| find_cell(tab, cells, name)) {
        let action = tab.position("action").and_then(|at| cells.get(at)).map(format_cell).unwrap_or_default();
        on_row(ScannedRow::Failure { row, failure: Box::new(failure), action: RequestedAction::parse(&action) });
    }
}
