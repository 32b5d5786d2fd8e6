//! A job's tabs read row by row, for whoever has to look at all of them: `fsck`, `explain`, and what changes many keys at once.
//!
//! In scope: pages, what a row says, whether the sheet stood still meanwhile. Out of scope: what follows from it (`app`), the load of
//! a run (`store::load::loader`).

use serde_json::Value;

use crate::google::shape::TabInfo as Seen;
use crate::ledger::columns::columns::MAX_COLUMNS;
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::commit::row_deletion::TabKind;
use crate::ledger::item::failure::{Failure, RequestedAction};
use crate::ledger::item::key::digest_of;
use crate::ledger::lease::head::HeadId;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::rows::row_codec::{FAILURES, PROCESSED, RUNS, read_failure_row, read_run_row};
use crate::ledger::run::run::Run;
use crate::ledger::state::snapshot::Snapshot;
use crate::port::store::{Store, StoreError};
use crate::store::commit::restore::{PendingRestores, WAITING};
use crate::store::load::loader::Loader;
use crate::store::load::unstable_tabs::settled;
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::load_plan::NEAR;
use crate::store::tabs::parse::{self, cell_in, is_failure_beside, text};
use crate::store::tabs::schema::{Tab, Tabs};
use crate::time::Timestamp;

/// Cells that one call reads.
const PAGE_CELLS: u32 = 600_000;
/// Rows of Failures that one call reads: each may hold a record.
const FAILURE_PAGE_ROWS: u32 = 200;

/// Which tabs are read besides Processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a tab of its own")]
pub struct ScanScope {
    /// The data tab.
    pub data: bool,
    /// Failures.
    pub failures: bool,
    /// Runs, those of other jobs too.
    pub runs: bool,
    /// Processed of the spreadsheets that the job has left.
    pub earlier: bool,
    /// The book of the load.
    pub book: IndexRetention,
}

/// What becomes of the keys that the load holds in memory, while rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IndexRetention {
    /// They stay, for whoever asks the book.
    #[default]
    Kept,
    /// They are let go before any row is read.
    LetGo,
}

/// A row, with its number as spreadsheets count: the header is 1, and so is what waits to be put back (`put_back::WAITING`).
#[derive(Debug)]
pub enum ScannedRow<'a> {
    /// Of Processed.
    Processed {
        /// Its number.
        row: u32,
        /// The key.
        key: &'a str,
        /// The version.
        version: &'a str,
        /// `done` or `forgotten`; whatever else stands there.
        state: &'a str,
        /// The run.
        run: &'a str,
        /// Whether its cells stand in the columns that the header names.
        usual: bool,
    },
    /// Of Processed of a spreadsheet that the job has left.
    Earlier {
        /// Which spreadsheet.
        spreadsheet: &'a str,
        /// The key.
        key: &'a str,
        /// The version.
        version: &'a str,
        /// `done` or `forgotten`; whatever else stands there.
        state: &'a str,
        /// The run.
        run: &'a str,
    },
    /// Of the data tab.
    Data {
        /// Its number.
        row: u32,
        /// The key; empty where there is none.
        key: &'a str,
        /// A mark of the job's own cells.
        cells: u64,
    },
    /// Of Failures.
    Failure {
        /// Its number.
        row: u32,
        /// What it tells.
        failure: Box<Failure>,
        /// What somebody typed into `action`.
        action: Option<RequestedAction>,
    },
    /// Of Runs.
    Run {
        /// Its number.
        row: u32,
        /// What it tells.
        run: Box<Run>,
    },
}

/// What was read, beside the rows.
#[derive(Debug, Clone)]
pub struct ScanSummary {
    /// The load that came before them.
    pub snapshot: Snapshot,
    /// The service's time at that load.
    pub at: Timestamp,
    /// The tabs.
    pub tabs: Tabs,
    /// Whether no commit went between the load and the last row.
    pub steady: bool,
}

impl SheetsStore {
    /// Loads, and hands over every row of Processed and of the tabs that are wanted; none where the job has never run. Rows of data come
    /// only where the key's column is known.
    pub async fn survey(
        &self,
        wanted: ScanScope,
        see: &mut (dyn FnMut(ScannedRow<'_>) + Send),
    ) -> Result<Option<ScanSummary>, StoreError> {
        let loaded = self.load().await?;
        let (at, Some(mut snapshot)) = (loaded.service_time, loaded.snapshot) else { return Ok(None) };
        if wanted.book == IndexRetention::LetGo {
            snapshot.book = ProcessedIndex::default();
        }
        let tabs = self.tabs();
        if let Some(blemish) = snapshot.anomalies.iter().find(|blemish| blemish.blocking) {
            return Err(StoreError::Corrupt { why: blemish.message.clone() });
        }
        let fetcher = self.fetcher();
        let read = fetcher.see(&snapshot, &tabs, wanted, see).await;
        if let Some(waiting) = self.known().put_back.clone() {
            see_waiting(&waiting, &snapshot, wanted, see);
        }
        let steady = match read {
            Ok(()) => fetcher.stands_at(snapshot.head).await?,
            Err(LoadError::Stale(_)) => false,
            Err(LoadError::Failed(error)) => return Err(error),
        };
        Ok(Some(ScanSummary { snapshot, at, tabs, steady }))
    }

    /// The texts of these cells of a column, as they are now.
    pub async fn texts(&self, tab: &Tab, column: &str, rows: &[u32]) -> Result<Vec<String>, StoreError> {
        let Some(at) = tab.position(column).filter(|_| !rows.is_empty()) else { return Ok(Vec::new()) };
        let ranges: Vec<_> = rows.iter().map(|row| parse::column_range(&tab.title, at, *row, Some(*row))).collect();
        match self.fetcher().rows_of(&ranges).await {
            Ok(found) => Ok(found
                .iter()
                .map(|rows| rows.first().and_then(|row| row.first()).map(text).unwrap_or_default())
                .collect()),
            Err(error) => Err(settled(error)),
        }
    }
}

impl Loader {
    async fn see(
        &self,
        snapshot: &Snapshot,
        tabs: &Tabs,
        wanted: ScanScope,
        see: &mut (dyn FnMut(ScannedRow<'_>) + Send),
    ) -> Result<(), LoadError> {
        let metadata = self.metadata().await.map_err(LoadError::Failed)?;
        let seen = |tab: &Tab| metadata.tabs.iter().find(|seen| seen.sheet_id == tab.id);
        if let Some((tab, seen)) = tabs.processed.as_ref().and_then(|tab| Some((tab, seen(tab)?))) {
            self.pages(seen, keys_width(tab, seen), PAGE_CELLS, |row, cells| on_processed(row, cells, tab, see))
                .await?;
        }
        for spreadsheet in snapshot.state.previous.iter().rev().filter(|_| wanted.earlier) {
            self.see_earlier(spreadsheet, see).await?;
        }
        let key = snapshot.state.key_column.as_deref();
        let data = tabs.data.as_ref().filter(|_| wanted.data);
        if let Some((tab, seen, key)) = data.and_then(|tab| Some((tab, seen(tab)?, tab.position(key?)?))) {
            let own: Vec<_> = snapshot.state.columns.iter().filter_map(|name| tab.position(name)).collect();
            let width = own.iter().chain([&key]).max().map_or(1, |last| last + 1).min(MAX_COLUMNS);
            self.pages(seen, width, PAGE_CELLS, |row, cells| on_data(row, cells, key, &own, see)).await?;
        }
        let failures = tabs.failures.as_ref().filter(|_| wanted.failures);
        if let Some((tab, seen)) = failures.and_then(|tab| Some((tab, seen(tab)?))) {
            let width = parse::width(tab, &FAILURES);
            let page = FAILURE_PAGE_ROWS * u32::try_from(width).unwrap_or(u32::MAX);
            self.pages(seen, width, page, |row, cells| on_failure(row, cells, tab, see)).await?;
        }
        let runs = tabs.runs.as_ref().filter(|_| wanted.runs);
        if let Some((tab, seen)) = runs.and_then(|tab| Some((tab, seen(tab)?))) {
            let width = parse::width(tab, &RUNS);
            self.pages(seen, width, PAGE_CELLS, |row, cells| on_run(row, cells, tab, see)).await?;
        }
        Ok(())
    }

    /// Keys of a spreadsheet that the job has left.
    async fn see_earlier(
        &self,
        spreadsheet: &str,
        see: &mut (dyn FnMut(ScannedRow<'_>) + Send),
    ) -> Result<(), LoadError> {
        let there = self.of_earlier(spreadsheet)?;
        let (seen, tab) = there.earlier_keys().await?;
        let width = keys_width(&tab, &seen);
        let mut told = |sight: ScannedRow<'_>| {
            if let ScannedRow::Processed { key, version, state, run, .. } = sight {
                see(ScannedRow::Earlier { spreadsheet, key, version, state, run });
            }
        };
        there.pages(&seen, width, PAGE_CELLS, |row, cells| on_processed(row, cells, &tab, &mut told)).await
    }

    /// Every row of a tab below its header, page by page.
    async fn pages(
        &self,
        seen: &Seen,
        width: usize,
        cells: u32,
        mut take: impl FnMut(u32, &[Value]) + Send,
    ) -> Result<(), LoadError> {
        let page = (cells / u32::try_from(width).unwrap_or(u32::MAX).max(1)).clamp(1, parse::PAGE_ROWS);
        let mut from = 2;
        while from <= seen.rows {
            let to = seen.rows.min(from.saturating_add(page - 1));
            let read = self.rows_of(&[parse::rows_range(&seen.title, from, to, width)]).await?;
            for (row, cells) in (from..).zip(read.into_iter().next().unwrap_or_default()) {
                take(row, &cells);
            }
            from = to + 1;
        }
        Ok(())
    }

    async fn stands_at(&self, head: HeadId) -> Result<bool, StoreError> {
        let (sighting, _) = crate::store::guard::head_guard::head_in(&self.job, &self.metadata().await?);
        Ok(matches!(sighting, HeadStatus::At { head: now, .. } if now == head))
    }
}

/// Columns of a tab of keys that are read: rows may be laid beside those that the header names.
fn keys_width(tab: &Tab, seen: &Seen) -> usize {
    parse::width(tab, &PROCESSED).max(NEAR.min(usize::try_from(seen.columns).unwrap_or(NEAR))).max(1)
}

/// Rows that wait to be put back are seen as if they stood there already.
fn see_waiting(
    waiting: &PendingRestores,
    snapshot: &Snapshot,
    wanted: ScanScope,
    see: &mut (dyn FnMut(ScannedRow<'_>) + Send),
) {
    for (role, tab, cells) in waiting.waiting() {
        match role {
            TabKind::Processed => on_processed(WAITING, cells, tab, see),
            TabKind::Failures if wanted.failures => on_failure(WAITING, cells, tab, see),
            TabKind::Runs if wanted.runs => on_run(WAITING, cells, tab, see),
            TabKind::Data if wanted.data => {
                let own: Vec<_> = snapshot.state.columns.iter().filter_map(|name| tab.position(name)).collect();
                let key = snapshot.state.key_column.as_deref().and_then(|name| tab.position(name));
                if let Some(key) = key {
                    on_data(WAITING, cells, key, &own, see);
                }
            }
            TabKind::Failures | TabKind::Runs | TabKind::Data => {}
        }
    }
}

fn on_run(row: u32, cells: &[Value], tab: &Tab, see: &mut (dyn FnMut(ScannedRow<'_>) + Send)) {
    if let Some(run) = read_run_row(|name| cell_in(tab, cells, name)) {
        see(ScannedRow::Run { row, run: Box::new(run) });
    }
}

fn on_processed(row: u32, cells: &[Value], tab: &Tab, see: &mut (dyn FnMut(ScannedRow<'_>) + Send)) {
    let columns = PROCESSED.map(|column| tab.position(column).unwrap_or(usize::MAX));
    let ([key, version, state, run], usual) = tab.laid.texts(cells, columns);
    if !key.is_empty() {
        see(ScannedRow::Processed { row, key: &key, version: &version, state: &state, run: &run, usual });
    }
}

fn on_data(row: u32, cells: &[Value], key: usize, own: &[usize], see: &mut (dyn FnMut(ScannedRow<'_>) + Send)) {
    let texts: Vec<String> = own.iter().map(|at| cells.get(*at).map(text).unwrap_or_default()).collect();
    let key = cells.get(key).map(text).unwrap_or_default();
    if key.is_empty() && texts.iter().all(String::is_empty) {
        return;
    }
    let digest = digest_of(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let cells = digest.iter().take(8).fold(0_u64, |mark, &byte| (mark << 8) | u64::from(byte));
    see(ScannedRow::Data { row, key: &key, cells });
}

fn on_failure(row: u32, cells: &[Value], tab: &Tab, see: &mut (dyn FnMut(ScannedRow<'_>) + Send)) {
    let state = tab.position("state").and_then(|at| cells.get(at)).map(text).unwrap_or_default();
    if is_failure_beside(cells, &state) {
        return;
    }
    if let Some(failure) = read_failure_row(|name| cell_in(tab, cells, name)) {
        let action = tab.position("action").and_then(|at| cells.get(at)).map(text).unwrap_or_default();
        see(ScannedRow::Failure { row, failure: Box::new(failure), action: RequestedAction::parse(&action) });
    }
}
