//! What a store knows of its place between calls, and the batches whose fate it does not know yet. Pure.
//!
//! In scope: what becomes known when a batch is applied. Out of scope: calls (`store::spreadsheet::store`).

use std::sync::Arc;

use crate::google::body::Batch;
use crate::ledger::commit::changes::CommitPart;
use crate::ledger::commit::commit_resolution::MAX_IN_DOUBT;
use crate::ledger::lease::head::HeadId;
use crate::store::commit::cell_budget::CellBudget;
use crate::store::commit::deletion::{DeletedRows, RowDeletionBatch};
use crate::store::commit::restore::PendingRestores;
use crate::store::commit::row_writer::RowRequests;
use crate::store::guard::head_guard::{GuardKind, GuardSupport, StateLocation};
use crate::store::guard::strategy::GuardStrategy;
use crate::store::session::row_tracker::RowTracker;
use crate::store::tabs::schema::Tabs;

/// Drafts that are remembered.
const MAX_DRAFTS: usize = MAX_IN_DOUBT;
/// Refusals in a row of what batches do to tabs that are answered with another load.
const MAX_LAYOUT_REFUSALS: u32 = 2;

/// What is known of the place: as of the last load, look or applied commit.
#[derive(Debug, Clone)]
pub struct SheetSession {
    /// Where the state stands.
    pub place: Option<StateLocation>,
    /// How the guard stands.
    pub stance: GuardStrategy,
    /// The tabs.
    pub tabs: Tabs,
    /// The data tab's rows.
    pub upkeep: RowTracker,
    /// Rows that were taken out since the last load.
    pub gone: DeletedRows,
    /// Rows that were taken out and go back with the next commit.
    pub put_back: Option<PendingRestores>,
    /// What the last commit took out, until that was looked at.
    pub removed: Option<(RowDeletionBatch, StateLocation)>,
    /// The grids of all tabs.
    pub room: CellBudget,
    /// The job's own columns, as the state says, but for those that were deleted.
    pub owned: Vec<String>,
    /// Batches that were sent from here, the last ones.
    pub drafts: Vec<PreparedBatch>,
    /// How often the service has refused what a batch does to tabs since the last one that was applied, for no place that is gone.
    pub layout_refusals: u32,
}

/// A batch as it was first sent, and what will be known once it is applied. A commit that is sent again is sent from here, so
/// that it is the same to the letter.
#[derive(Debug, Clone)]
pub struct PreparedBatch {
    /// The head that it sets.
    pub id: HeadId,
    /// Its requests.
    pub batch: Arc<Batch>,
    /// To which part of the commit each belongs.
    pub parts: Arc<[CommitPart]>,
    /// How the new head is marked.
    pub form: GuardKind,
    /// Where the state stands afterwards.
    pub place: StateLocation,
    /// The tabs afterwards.
    pub tabs: Tabs,
    /// What it does to the data tab's rows.
    pub rows: Arc<RowRequests>,
    /// What it takes out of tabs.
    pub removed: Option<RowDeletionBatch>,
    /// The job's own columns afterwards.
    pub owned: Arc<[String]>,
}

impl SheetSession {
    /// Of a place that nobody has looked at yet.
    pub fn nothing() -> Self {
        Self {
            place: None,
            stance: GuardStrategy::from(GuardSupport::Unknown),
            tabs: Tabs::default(),
            upkeep: RowTracker::default(),
            gone: DeletedRows::default(),
            put_back: None,
            removed: None,
            room: CellBudget::default(),
            owned: Vec::new(),
            drafts: Vec::new(),
            layout_refusals: 0,
        }
    }

    /// A draft is about to be sent, so that it can be sent again to the letter.
    pub fn remember(&mut self, draft: PreparedBatch) {
        self.drafts.retain(|sent| sent.id != draft.id);
        if self.drafts.len() == MAX_DRAFTS {
            self.drafts.remove(0);
        }
        self.drafts.push(draft);
    }

    /// A draft was applied.
    pub fn on_applied(&mut self, draft: PreparedBatch) {
        self.room.take(draft.batch.requests());
        self.upkeep.applied(&draft.rows, &draft.place.title);
        self.put_back = None;
        self.gone.extend(draft.removed.as_ref().map(RowDeletionBatch::seen).unwrap_or_default());
        self.removed = draft.removed.map(|removed| (removed, draft.place.clone()));
        self.place = Some(draft.place);
        self.tabs = draft.tabs;
        self.owned = draft.owned.to_vec();
        self.drafts.clear();
        self.layout_refusals = 0;
    }

    /// Counts one more refusal of what a batch does to tabs, for no place that is gone: whether another load can't help. A first one
    /// may find a tab that was made meanwhile, and a second one too, where several jobs begin at once.
    pub fn is_layout_rejected(&mut self) -> bool {
        self.layout_refusals += 1;
        self.layout_refusals > MAX_LAYOUT_REFUSALS
    }
}
