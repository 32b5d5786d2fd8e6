//! Session state of a spreadsheet: the cached layout, and batches whose outcome is unknown. Pure.
//!
//! In scope: the transitions when a batch is applied.
//! Out of scope: calls (`store::spreadsheet::store`).

use std::sync::Arc;

use crate::ledger::commit::changes::CommitPart;
use crate::ledger::commit::commit_resolution::MAX_IN_DOUBT;
use crate::ledger::leases::head::HeadId;
use crate::sheets_client::types::requests::Batch;
use crate::store::commit::cell_budget::CellBudget;
use crate::store::commit::deletion::{DeletedRows, RowDeletionBatch};
use crate::store::commit::restore::PendingRestores;
use crate::store::commit::row_writer::RowRequests;
use crate::store::guard::guard_kind::{GuardKind, GuardSupport};
use crate::store::guard::head_guard::StateLocation;
use crate::store::guard::strategy::GuardStrategy;
use crate::store::session::row_tracker::RowTracker;
use crate::store::tabs::schema::{JobsTab, Tabs};

/// Drafts that are remembered.
const MAX_PREPARED_BATCHES: usize = MAX_IN_DOUBT;
/// Refusals in a row of what batches do to tabs that are answered with another load.
const MAX_LAYOUT_REFUSALS: u32 = 2;

/// The cached view of the spreadsheet, as of the last load, head read or applied commit.
#[derive(Debug, Clone)]
pub struct SheetSession {
    /// The location of the state tab. `None` if the job has never run here.
    pub location: Option<StateLocation>,
    /// The guard to use, and its known support.
    pub strategy: GuardStrategy,
    /// The tabs with their headers.
    pub tabs: Tabs,
    /// The data tab's rows.
    pub row_tracker: RowTracker,
    /// Rows deleted since the last load.
    pub deleted_rows: DeletedRows,
    /// Rows deleted by mistake, which the next commit restores.
    pub pending_restores: Option<PendingRestores>,
    /// Rows that the last commit deleted, until the deletion is verified.
    pub deletion: Option<(RowDeletionBatch, StateLocation)>,
    /// The grid sizes of all tabs.
    pub cell_budget: CellBudget,
    /// The job's own columns according to the state, without deleted ones.
    pub own_columns: Vec<String>,
    /// The last batches that this session sent.
    pub prepared_batches: Vec<PreparedBatch>,
    /// Why the service refused what concerns the tab Jobs; returned once.
    pub jobs_refusal: Option<String>,
    /// Consecutive layout refusals since the last applied batch, without those for a missing range.
    pub layout_refusals: u32,
}

/// A batch as first sent, and the session values to adopt once it is applied. A resend uses it, so
/// that it is identical byte for byte.
#[derive(Debug, Clone)]
pub struct PreparedBatch {
    /// The head that it sets.
    pub id: HeadId,
    /// The requests, as they are sent; a resend has the same bytes.
    pub batch: Arc<Batch>,
    /// The commit part of each request.
    pub parts: Arc<[CommitPart]>,
    /// How it marks the new head.
    pub guard_kind: GuardKind,
    /// The location of the state tab after it.
    pub location: StateLocation,
    /// The positions of requests that concern only the tab Jobs.
    pub jobs_requests: Arc<[usize]>,
    /// The tabs after it.
    pub tabs: Tabs,
    /// Its effect on the data tab's rows.
    pub rows: Arc<RowRequests>,
    /// The rows that it deletes.
    pub deletion: Option<RowDeletionBatch>,
    /// The job's own columns after it.
    pub own_columns: Arc<[String]>,
}

impl SheetSession {
    /// Creates the session of a spreadsheet that was not read yet.
    pub fn empty() -> Self {
        Self {
            location: None,
            strategy: GuardStrategy::new(GuardSupport::Unknown),
            tabs: Tabs::default(),
            row_tracker: RowTracker::default(),
            deleted_rows: DeletedRows::default(),
            pending_restores: None,
            deletion: None,
            cell_budget: CellBudget::default(),
            own_columns: Vec::new(),
            prepared_batches: Vec::new(),
            jobs_refusal: None,
            layout_refusals: 0,
        }
    }

    /// Stores a batch before it is sent, so that a resend is identical byte for byte.
    pub fn store_batch(&mut self, prepared: PreparedBatch) {
        self.prepared_batches.retain(|sent| sent.id != prepared.id);
        if self.prepared_batches.len() == MAX_PREPARED_BATCHES {
            self.prepared_batches.remove(0);
        }
        self.prepared_batches.push(prepared);
    }

    /// Adopts the values of an applied batch.
    pub fn on_applied(&mut self, prepared: PreparedBatch) {
        self.cell_budget.apply(prepared.batch.requests());
        self.row_tracker.on_applied(&prepared.rows, &prepared.location.title);
        self.pending_restores = None;
        self.deleted_rows
            .add_deleted(prepared.deletion.as_ref().map(RowDeletionBatch::deleted_rows).unwrap_or_default());
        self.deletion = prepared.deletion.map(|deletion| (deletion, prepared.location.clone()));
        self.location = Some(prepared.location);
        self.tabs = prepared.tabs;
        self.own_columns = prepared.own_columns.to_vec();
        self.prepared_batches.clear();
        self.layout_refusals = 0;
    }

    /// Leaves the tab Jobs alone until the next load.
    pub fn leave_jobs(&mut self, why: &str) {
        self.tabs.jobs = JobsTab::Unused(self.tabs.jobs.id());
        self.jobs_refusal = Some(format!("the tab Jobs was left as it is: {why}"));
    }

    /// Returns whether another load can't help after one more layout refusal that concerns no
    /// missing range.
    ///
    /// After the first refusal a load may find a tab that was created meanwhile. The same holds for
    /// the second when several jobs start at the same time.
    pub fn is_layout_exhausted(&self) -> bool {
        self.layout_refusals >= MAX_LAYOUT_REFUSALS
    }
}
