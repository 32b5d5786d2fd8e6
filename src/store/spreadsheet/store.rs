//! The spreadsheet store: load, head read and guarded commit.
//!
//! In scope: the session between calls, what was read last. Out of scope: the calls of a commit
//! (`send_commit` beside this file), cells (`store::tabs::parse`), HTTP (`sheets_client`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::ledger::commit::changes::{Commit, CommitResult};
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::items::failure::StoredFailure;
use crate::ledger::items::key::Fingerprint;
use crate::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use crate::ledger::rows::tab_kind::TabKind;
use crate::ledger::rows::tab_kind::name_failures_tab;
use crate::ledger::runs::capacity::CELL_LIMIT;
use crate::ledger::state::snapshot::LoadReport;
use crate::port::preview::Preview;
use crate::port::store::{CallUsage, MisplacedWrites, Store, StoreError, TabIds};
use crate::sheets_client::calls::quota::QuotaUser;
use crate::sheets_client::sheets::Sheets;
use crate::sheets_client::types::address::SpreadsheetId;
use crate::store::commit::deletion::DeletedRows;
use crate::store::commit::own_columns::list_existing_columns;
use crate::store::guard::head_guard;
use crate::store::load::job_standing::JobStanding;
use crate::store::load::loader::{LoadResult, Loader};
use crate::store::load::unstable_tabs::{MAX_TITLES, into_store_error};
use crate::store::session::sheet_session::SheetSession;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::jobs::JobsView;
use crate::store::tabs::load_plan::MissingTabPolicy;
use crate::store::tabs::schema::Tabs;
use futures_util::future::BoxFuture;

/// The state store of one job on one spreadsheet.
pub struct SheetsStore {
    loader: Loader,
    session: Mutex<SheetSession>,
}

impl SheetsStore {
    /// Creates the store of `job`, which writes its rows to `data_tab` of this spreadsheet.
    pub fn new(sheets: Arc<Sheets>, id: SpreadsheetId, job: &str, data_tab: &str, clock: Arc<dyn Clock>) -> Self {
        let loader = Loader {
            sheets,
            id,
            job: job.to_owned(),
            data_tab: data_tab.to_owned(),
            mode: WriteMode::Append,
            reprocess_policy: ReprocessPolicy::EachVersion,
            keeps_version_texts: false,
            abandons_predecessors: false,
            preview: None,
            missing: MissingTabPolicy::StopRun,
            jobs: None,
            clock,
        };
        Self { loader, session: Mutex::new(SheetSession::empty()) }
    }

    /// Sets the write mode and the reprocess policy.
    #[must_use]
    pub fn with_mode(mut self, mode: WriteMode, reprocess_policy: ReprocessPolicy) -> Self {
        (self.loader.mode, self.loader.reprocess_policy) = (mode, reprocess_policy);
        self
    }

    /// Sets whether a load keeps the texts of done versions. For jobs of few keys.
    #[must_use]
    pub fn with_version_texts(mut self, keeps_version_texts: bool) -> Self {
        self.loader.keeps_version_texts = keeps_version_texts;
        self
    }

    /// Sets whether a load abandons predecessor spreadsheets that it can't read.
    #[must_use]
    pub fn allow_missing_predecessors(mut self, abandons_predecessors: bool) -> Self {
        self.loader.abandons_predecessors = abandons_predecessors;
        self
    }

    /// Sets how a load treats machine tabs that are missing or unusable.
    #[must_use]
    pub fn with_missing_tabs(mut self, missing: MissingTabPolicy) -> Self {
        self.loader.missing = missing;
        self
    }

    /// Sets how the job uses the tab Jobs; `None` leaves it alone.
    #[must_use]
    pub fn with_jobs(mut self, view: Option<JobsView>) -> Self {
        self.loader.jobs = view;
        self
    }

    /// Sets the preview, which evaluates the first output rows before a run writes.
    #[must_use]
    pub fn with_preview(mut self, preview: Option<Arc<dyn Preview>>) -> Self {
        self.loader.preview = preview;
        self
    }

    /// The title of the job's Failures tab, as last read.
    pub fn failures_title(&self) -> String {
        let seen = self.lock_session().tabs.failures.as_ref().map(|tab| tab.title.clone());
        seen.unwrap_or_else(|| name_failures_tab(&self.loader.job))
    }

    /// The cells that the spreadsheet has room for; `None` before the first load.
    fn cells_left(&self) -> Option<u64> {
        let cells = self.lock_session().cell_budget.count_cells();
        (cells > 0).then(|| CELL_LIMIT.saturating_sub(cells))
    }

    /// The tabs, as last read or written.
    pub fn tabs(&self) -> Tabs {
        self.lock_session().tabs.clone()
    }

    /// Reads the job's state and what people ask of it, in two reads, without keys and failures.
    pub async fn read_standing(&self) -> Result<JobStanding, StoreError> {
        self.loader.load_standing().await
    }

    /// The loader of this store.
    pub(crate) fn loader(&self) -> &Loader {
        &self.loader
    }

    /// Locks the session.
    pub(crate) fn lock_session(&self) -> MutexGuard<'_, SheetSession> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn read_head(&self) -> Result<HeadStatus, StoreError> {
        let metadata = self.loader.read_metadata().await?;
        let (head_status, location) = head_guard::read_head(&self.loader.job, &metadata);
        let mut session = self.lock_session();
        if let Some(seen) = location {
            let prepared = session.prepared_batches.iter().position(|prepared| prepared.id == seen.head);
            if let Some(at) = prepared {
                let prepared = session.prepared_batches.swap_remove(at);
                session.on_applied(prepared);
            }
            // The service may have assigned another id to the named range.
            if session.location.as_ref().is_some_and(|location| location.head == seen.head) {
                session.location = Some(seen);
            }
        }
        Ok(head_status)
    }
}

impl Store for SheetsStore {
    fn load(&self) -> BoxFuture<'_, Result<LoadReport, StoreError>> {
        Box::pin(async {
            let LoadResult { loaded, location, support, tabs, row_tracker, pending_restores, cell_budget } =
                self.loader.load().await?;
            let mut session = self.lock_session();
            session.strategy.record_support(support);
            let row_tracker = row_tracker.with_counters_of(&session.row_tracker);
            (session.location, session.tabs, session.row_tracker, session.cell_budget) =
                (location, tabs, row_tracker, cell_budget);
            session.own_columns =
                loaded.snapshot.as_ref().map(|found| list_existing_columns(&found.state)).unwrap_or_default();
            (session.deleted_rows, session.pending_restores, session.deletion) =
                (DeletedRows::default(), pending_restores, None);
            session.prepared_batches.clear();
            Ok(loaded)
        })
    }

    fn read_head(&self) -> BoxFuture<'_, Result<HeadStatus, StoreError>> {
        Box::pin(self.read_head())
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult> {
        Box::pin(self.send_commit(commit))
    }

    fn misplaced_writes(&self) -> BoxFuture<'_, Result<MisplacedWrites, StoreError>> {
        Box::pin(async {
            let deletion = self.verify_deletes().await?;
            let misplaced_upserts = self.verify_upserts().await?;
            let mut left = self.lock_session().row_tracker.take_unrepaired();
            left.extend(self.lock_session().jobs_refusal.take());
            Ok(MisplacedWrites { rows: deletion.rows + misplaced_upserts, left, ..deletion })
        })
    }

    fn read_failures<'a>(
        &'a self,
        rows: &'a [(Fingerprint, u32)],
    ) -> BoxFuture<'a, Result<Vec<StoredFailure>, StoreError>> {
        Box::pin(async move {
            let tab = self.lock_session().tabs.failures.clone();
            let Some(mut tab) = tab.filter(|_| !rows.is_empty()) else { return Ok(Vec::new()) };
            for _ in 0..MAX_TITLES {
                match self.loader.read_stored_failures(&tab, rows).await {
                    Ok(kept) => return Ok(kept),
                    Err(error) => {
                        tab =
                            self.with_current_title(TabKind::Failures, &tab, error).await.map_err(into_store_error)?;
                    }
                }
            }
            Err(into_store_error(LoadError::new_stale(&tab.title)))
        })
    }

    fn read_record_hashes<'a>(
        &'a self,
        rows: &'a [(Fingerprint, u32)],
    ) -> BoxFuture<'a, Result<Vec<(Fingerprint, String)>, StoreError>> {
        Box::pin(async move {
            let tab = self.lock_session().tabs.failures.clone();
            let Some(mut tab) = tab.filter(|_| !rows.is_empty()) else { return Ok(Vec::new()) };
            for _ in 0..MAX_TITLES {
                match self.loader.read_record_hashes(&tab, rows).await {
                    Ok(marks) => return Ok(marks),
                    Err(error) => {
                        tab =
                            self.with_current_title(TabKind::Failures, &tab, error).await.map_err(into_store_error)?;
                    }
                }
            }
            Err(into_store_error(LoadError::new_stale(&tab.title)))
        })
    }

    fn usage(&self) -> CallUsage {
        let calls = self.loader.sheets.calls();
        let cells_left = self.cells_left();
        let updated = self.lock_session().row_tracker.updated_rows();
        CallUsage {
            reads: calls.reads,
            writes: calls.writes,
            retries: calls.retries,
            throttled: calls.throttled,
            is_quota_shared: matches!(calls.quota_user, Some(QuotaUser::Other { .. })),
            updated,
            cells_left,
        }
    }

    fn tab_ids(&self) -> TabIds {
        self.lock_session().tabs.ids()
    }
}
