//! Session state of a spreadsheet: the cached layout, and batches whose outcome is unknown. Pure.
//!
//! In scope: the transitions when a batch is applied.
//! Out of scope: calls (`store::spreadsheet::store`).

use std::sync::Arc;

use crate::google::types::requests::Batch;
use crate::ledger::commit::changes::CommitPart;
use crate::ledger::commit::commit_resolution::MAX_REMEMBERED;
use crate::ledger::lease::head::HeadId;
use crate::store::commit::cell_budget::CellBudget;
use crate::store::commit::deletion::{DeletedRows, RowDeletionBatch};
use crate::store::commit::restore::PendingRestores;
use crate::store::commit::row_writer::RowRequests;
use crate::store::guard::head_guard::{GuardKind, GuardSupport, StateLocation};
use crate::store::guard::strategy::GuardStrategy;
use crate::store::session::row_tracker::RowTracker;
use crate::store::tabs::schema::Tabs;

/// Maximum number of remembered batches.
const MAX_DRAFTS: usize = MAX_REMEMBERED;
/// Consecutive layout refusals that lead to another load.
const MAX_LAYOUT_REFUSALS: u32 = 2;

/// The cached view of the spreadsheet, as of the last load, head read or applied commit.
#[derive(Debug, Clone)]
pub struct SheetSession {
    /// The location of the state tab. `None` if the job has never run here.
    pub place: Option<StateLocation>,
    /// The guard to use, and its known support.
    pub stance: GuardStrategy,
    /// The tabs with their headers.
    pub tabs: Tabs,
    /// The data tab's rows.
    pub upkeep: RowTracker,
    /// Rows deleted since the last load.
    pub gone: DeletedRows,
    /// Rows deleted by mistake, which the next commit restores.
    pub put_back: Option<PendingRestores>,
    /// Rows that the last commit deleted, until the deletion is verified.
    pub removed: Option<(RowDeletionBatch, StateLocation)>,
    /// The grid sizes of all tabs.
    pub room: CellBudget,
    /// The job's own columns according to the state, without deleted ones.
    pub owned: Vec<String>,
    /// The last batches that this session sent.
    pub drafts: Vec<PreparedBatch>,
    /// Consecutive layout refusals since the last applied batch, without those for a missing range.
    pub layout_refusals: u32,
}

/// A batch as first sent, and the session values to adopt once it is applied. A resend uses it, so
/// that it is identical byte for byte.
#[derive(Debug, Clone)]
pub struct PreparedBatch {
    /// The head that it sets.
    pub id: HeadId,
    /// Its requests.
    pub batch: Arc<Batch>,
    /// The commit part of each request.
    pub parts: Arc<[CommitPart]>,
    /// How it marks the new head.
    pub form: GuardKind,
    /// The location of the state tab after it.
    pub place: StateLocation,
    /// The tabs after it.
    pub tabs: Tabs,
    /// Its effect on the data tab's rows.
    pub rows: Arc<RowRequests>,
    /// The rows that it deletes.
    pub removed: Option<RowDeletionBatch>,
    /// The job's own columns after it.
    pub owned: Arc<[String]>,
}

impl SheetSession {
    /// Creates the session of a spreadsheet that was not read yet.
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

    /// Stores a batch before it is sent, so that a resend is identical byte for byte.
    pub fn remember(&mut self, draft: PreparedBatch) {
        self.drafts.retain(|sent| sent.id != draft.id);
        if self.drafts.len() == MAX_DRAFTS {
            self.drafts.remove(0);
        }
        self.drafts.push(draft);
    }

    /// Adopts the values of an applied batch.
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

    /// Counts a layout refusal that concerns no missing range. Returns `true` if another load can't
    /// help.
    ///
    /// After the first refusal a load may find a tab that was created meanwhile. The same holds for
    /// the second when several jobs start at once.
    pub fn is_layout_rejected(&mut self) -> bool {
        self.layout_refusals += 1;
        self.layout_refusals > MAX_LAYOUT_REFUSALS
    }
}
