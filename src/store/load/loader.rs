//! The loader: issues the read calls and retries until all parts belong to the same head.
//!
//! In scope: reading the head strictly before the rest, and the calls. Out of scope: the snapshot
//! (`store::load::snapshot_assembly`), the consistency check (`ledger::state::snapshot`).

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::clock::Clock;
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use crate::ledger::runs::job_requests::JobRequests;
use crate::ledger::state::snapshot::{LoadCheck, LoadConsistency, LoadObservation, LoadReport, MAX_LOAD_MS, Snapshot};
use crate::port::preview::Preview;
use crate::port::store::StoreError;
use crate::sheets_client::sheets::Sheets;
use crate::sheets_client::types::address::SpreadsheetId;
use crate::sheets_client::types::response_types::SpreadsheetInfo;
use crate::store::commit::cell_budget::CellBudget;
use crate::store::commit::restore::PendingRestores;
use crate::store::guard::guard_kind::GuardSupport;
use crate::store::guard::head_guard::{self, StateLocation};
use crate::store::load::unstable_tabs::{describe_constant_changes, into_store_error};
use crate::store::session::row_tracker::RowTracker;
use crate::store::tabs::error::{
    LoadError, convert_call_error, describe_inconsistency, describe_missing_head, load_error, report_manual_edit,
};
use crate::store::tabs::jobs::JobsView;
use crate::store::tabs::load_plan::MissingTabPolicy;
use crate::store::tabs::schema::Tabs;
use crate::time::Timestamp;

/// Reads one job's state and rows from a spreadsheet.
#[derive(Clone)]
pub struct Loader {
    /// The API client.
    pub sheets: Arc<Sheets>,
    /// The spreadsheet to read.
    pub id: SpreadsheetId,
    /// The name of the job.
    pub job: String,
    /// The title of the data tab, from the job file.
    pub data_tab: String,
    /// How the job writes rows: append or upsert.
    pub mode: WriteMode,
    /// When a done key is processed again.
    pub reprocess_policy: ReprocessPolicy,
    /// Whether the texts of done versions are kept, beside their hashes. For jobs of few keys.
    pub keeps_version_texts: bool,
    /// Whether to abandon predecessor spreadsheets that can't be read, because the user asked for
    /// it.
    pub abandons_predecessors: bool,
    /// How to treat a missing machine tab.
    pub missing: MissingTabPolicy,
    /// How the job uses the tab Jobs; `None` if it does not.
    pub jobs: Option<JobsView>,
    /// The preview of the first output row, which checks a data tab that may belong to another
    /// owner. `None` if no preview is possible.
    pub preview: Option<Arc<dyn Preview>>,
    /// The clock for pauses and timestamps.
    pub clock: Arc<dyn Clock>,
}

/// The result of a load: the job's data and the parts that the store's session keeps.
pub struct LoadResult {
    /// The job's data, for the runner.
    pub loaded: LoadReport,
    /// The location of the state tab. `None` if the job has never run here.
    pub location: Option<StateLocation>,
    /// The support for the named-range guard, as recorded in the state.
    pub support: GuardSupport,
    /// The tabs with their headers.
    pub tabs: Tabs,
    /// The known rows of the data tab.
    pub row_tracker: RowTracker,
    /// Rows that the head's commit deleted by mistake.
    pub pending_restores: Option<PendingRestores>,
    /// The grid sizes of all tabs.
    pub cell_budget: CellBudget,
}

/// Maximum number of reloads after a tab moved.
const MAX_MOVES: u32 = 5;
/// Pause before such a reload, in milliseconds.
const MOVED_MS: u64 = 500;

impl Loader {
    /// Loads until head, state and Processed belong together.
    pub async fn load(&self) -> Result<LoadResult, StoreError> {
        let mut check = LoadCheck::default();
        let (mut moves, began_ms) = (0, self.clock.monotonic_ms());
        loop {
            match Box::pin(self.load_once(&mut check)).await {
                Ok(Some(fetched)) => return Ok(fetched),
                Ok(None) => {}
                Err(LoadError::Stale(_)) if moves < MAX_MOVES && !self.is_late(began_ms) => {
                    moves += 1;
                    self.clock.sleep(Duration::from_millis(MOVED_MS)).await;
                }
                Err(LoadError::Failed(error)) => return Err(error),
                Err(last) => return Err(into_store_error(last)),
            }
        }
    }

    /// Whether the time limit for reloads is over, because users keep changing the tabs.
    fn is_late(&self, began_ms: u64) -> bool {
        self.clock.monotonic_ms().saturating_sub(began_ms) >= MAX_LOAD_MS
    }

    /// Makes one load attempt. Returns `None`, after the pause, if the parts did not belong
    /// together.
    async fn load_once(&self, check: &mut LoadCheck) -> Result<Option<LoadResult>, LoadError> {
        let metadata = self.read_metadata().await?;
        let (head_status, location) = head_guard::read_head(&self.job, &metadata);
        let location = match (head_status, location) {
            (HeadStatus::NotInitialized, _) => return self.load_uninitialized(&metadata).await.map(Some),
            (HeadStatus::At { .. }, Some(location)) => location,
            _ => return Err(describe_missing_head(&self.job).into()),
        };
        let read = self.read_tabs(&metadata, &location).await?;
        let reading = LoadObservation { head: read.state.head, expected: read.state.processed, actual: read.found };
        let manually_edited = match check.check(location.head, reading, self.clock.monotonic_ms()) {
            LoadConsistency::Consistent => None,
            LoadConsistency::ManuallyEdited => Some(report_manual_edit(&self.job, reading)),
            LoadConsistency::Retry { after_ms } => {
                self.clock.sleep(Duration::from_millis(after_ms)).await;
                return Ok(None);
            }
            LoadConsistency::Inconsistent => return Err(describe_inconsistency().into()),
            LoadConsistency::EditedWhileRead => {
                return Err(describe_constant_changes(&name_changed_tab(&read.tabs), "").into());
            }
        };
        Ok(Some(self.load_result(&metadata, location, read, manually_edited)))
    }

    pub(super) fn make_load_report(
        &self,
        metadata: &SpreadsheetInfo,
        snapshot: Option<Snapshot>,
        data_tabs: Vec<(String, Vec<String>)>,
    ) -> LoadReport {
        let timezone = Some(metadata.time_zone.clone()).filter(|zone| !zone.is_empty());
        let spreadsheet = self.id.as_str().to_owned();
        let (reprocess_policy, service_time) = (self.reprocess_policy, self.service_time());
        let (requests, warnings) = (JobRequests::default(), Vec::new());
        LoadReport {
            snapshot,
            spreadsheet,
            data_tabs,
            first_rows: None,
            timezone,
            reprocess_policy,
            service_time,
            requests,
            warnings,
        }
    }

    /// Reads the spreadsheet's tabs and named ranges.
    pub async fn read_metadata(&self) -> Result<SpreadsheetInfo, StoreError> {
        self.sheets.read_metadata(&self.id).await.map_err(|error| convert_call_error(&error))
    }

    /// Reads the values of ranges.
    pub async fn read_values(&self, ranges: &[String]) -> Result<Vec<Vec<Vec<Value>>>, LoadError> {
        self.sheets.read_values(&self.id, ranges).await.map_err(|error| load_error(&error))
    }

    /// Reads ranges as entered: formulas instead of their results.
    pub async fn read_entered_values(&self, ranges: &[String]) -> Result<Vec<Vec<Vec<Value>>>, LoadError> {
        self.sheets.read_formulas(&self.id, ranges).await.map_err(|error| load_error(&error))
    }

    /// Returns the service's time now; this machine's, if no response had one.
    pub(super) fn service_time(&self) -> Timestamp {
        let now_ms = self.clock.monotonic_ms();
        self.sheets
            .service_time()
            .map_or_else(|| self.clock.now(), |(at, seen_ms)| at.add_ms(now_ms.saturating_sub(seen_ms)))
    }
}

/// Names the changed tab, as the beginning of a sentence.
fn name_changed_tab(tabs: &Tabs) -> String {
    let title = tabs.processed.as_ref().map_or("Processed", |tab| tab.title.as_str());
    format!("tab {title} was")
}
