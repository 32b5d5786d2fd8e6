//! The spreadsheet store: load, head read and guarded commit.
//!
//! In scope: the order of calls, the session between them, the capability probe of the guard.
//! Out of scope: the guard itself (`store::guard::head_guard`), cells (`store::commit::encoder`,
//! `store::tabs::parse`), HTTP (`google`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::google::calls::quota::QuotaUser;
use crate::google::errors::call_error::ApiError;
use crate::google::sheets::{BatchReply as Answer, Sheets};
use crate::google::types::address::SpreadsheetId;
use crate::google::types::requests::Batch;
use crate::ledger::commit::changes::{Commit, CommitPart, CommitReply};
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::commit::row_deletion::TabKind;
use crate::ledger::item::failure::StoredFailure;
use crate::ledger::item::key::Fingerprint;
use crate::ledger::item::write_mode::{ReprocessPolicy, WriteMode};
use crate::ledger::lease::head::HeadId;
use crate::ledger::state::snapshot::Loaded;
use crate::port::clock::Clock;
use crate::port::preview::Preview;
use crate::port::store::{MisplacedWrites, Store, StoreError, Usage};
use crate::store::commit::deletion::DeletedRows;
use crate::store::commit::encoder::{EncodeContext, EncodedBatch, encode};
use crate::store::commit::own_columns::standing;
use crate::store::commit::response::found_by;
use crate::store::commit::row_writer::RowContext;
use crate::store::guard::head_guard::{self, GuardSupport};
use crate::store::load::loader::{LoadResult, Loader};
use crate::store::load::unstable_tabs::{MAX_TITLES, settled};
use crate::store::probe::capability::prove;
use crate::store::session::row_tracker::PendingVerification;
use crate::store::session::session::{PreparedBatch, SheetSession};
use crate::store::tabs::error::LoadError;
use crate::store::tabs::load_plan::MissingTab;
use crate::store::tabs::schema::Tabs;
use futures_util::future::BoxFuture;

/// The state store of one job on one spreadsheet.
pub struct SheetsStore {
    fetcher: Loader,
    known: Mutex<SheetSession>,
}

impl SheetsStore {
    /// Creates the store of `job`, which writes its rows to `data_tab` of this spreadsheet.
    pub fn new(sheets: Arc<Sheets>, id: SpreadsheetId, job: &str, data_tab: &str, clock: Arc<dyn Clock>) -> Self {
        let fetcher = Loader {
            sheets,
            id,
            job: job.to_owned(),
            data_tab: data_tab.to_owned(),
            mode: WriteMode::Append,
            again: ReprocessPolicy::EachVersion,
            leaving: false,
            preview: None,
            missing: MissingTab::Stops,
            clock,
        };
        Self { fetcher, known: Mutex::new(SheetSession::nothing()) }
    }

    /// Sets the write mode and the reprocess policy.
    #[must_use]
    pub fn keeping(mut self, mode: WriteMode, again: ReprocessPolicy) -> Self {
        (self.fetcher.mode, self.fetcher.again) = (mode, again);
        self
    }

    /// Sets whether a load abandons predecessor spreadsheets that it can't read.
    #[must_use]
    pub fn leaving(mut self, leaving: bool) -> Self {
        self.fetcher.leaving = leaving;
        self
    }

    /// Sets how a load treats machine tabs that are missing or unusable.
    #[must_use]
    pub fn missing(mut self, missing: MissingTab) -> Self {
        self.fetcher.missing = missing;
        self
    }

    /// Sets the preview, which evaluates the first output rows before a run writes.
    #[must_use]
    pub fn previewing(mut self, preview: Option<Arc<dyn Preview>>) -> Self {
        self.fetcher.preview = preview;
        self
    }

    /// The title of the job's Failures tab, as last read.
    pub fn failures_title(&self) -> String {
        let seen = self.known().tabs.failures.as_ref().map(|tab| tab.title.clone());
        seen.unwrap_or_else(|| head_guard::failures_title(&self.fetcher.job))
    }

    /// The tabs, as last read or written.
    pub fn tabs(&self) -> Tabs {
        self.known().tabs.clone()
    }

    /// The loader of this store.
    pub(crate) fn fetcher(&self) -> &Loader {
        &self.fetcher
    }

    /// Locks the session.
    pub(crate) fn known(&self) -> MutexGuard<'_, SheetSession> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look(&self) -> Result<HeadStatus, StoreError> {
        let metadata = self.fetcher.metadata().await?;
        let (sighting, place) = head_guard::head_in(&self.fetcher.job, &metadata);
        let mut known = self.known();
        if let Some(seen) = place {
            let draft = known.drafts.iter().position(|draft| draft.id == seen.head);
            if let Some(at) = draft {
                let draft = known.drafts.swap_remove(at);
                known.on_applied(draft);
            }
            // The service may have assigned another id to the named range.
            if known.place.as_ref().is_some_and(|place| place.head == seen.head) {
                known.place = Some(seen);
            }
        }
        Ok(sighting)
    }

    async fn send(&self, commit: &Commit) -> CommitReply {
        let sent = self.known().drafts.iter().find(|draft| draft.id == commit.to).cloned();
        let drafted = match sent {
            Some(draft) => Ok(draft),
            None => self.draft(commit).await,
        };
        let mut draft = match drafted {
            Ok(draft) => draft,
            Err(reply) => return reply,
        };
        loop {
            match self.fetcher.sheets.batch_update(&self.fetcher.id, &draft.batch).await {
                Answer::Applied(answer) => {
                    self.known().on_applied(draft);
                    let (header, keys) = found_by(answer.updated.as_ref());
                    self.known().upkeep.answered(&header, &keys);
                    if commit.from.is_none() {
                        // Probe at once, so that the next commit can measure its own duration. If
                        // the probe fails, the next commit repeats it and reports the result.
                        let proved = self.see_that_the_guard_is_proved(commit).await;
                        tracing::debug!(?proved, "the guard after the first commit");
                    }
                    return CommitReply::Applied;
                }
                Answer::Refused(refusal) => match self.refused(commit, &draft, &refusal) {
                    Some(reply) => return reply,
                    // Fall back from the named range to the title. The title guard has no further
                    // fallback.
                    None => draft = self.written(commit),
                },
                Answer::TooLarge(_) => return CommitReply::TooLarge,
                Answer::NotExecuted(error) => {
                    return CommitReply::NotExecuted { fault: error.final_fault(), why: error.to_string() };
                }
                Answer::Lost(cause) => return CommitReply::Lost { why: cause.to_string() },
            }
        }
    }

    /// Prepares the batch of a commit. Probes the guard first if its support is unknown.
    async fn draft(&self, commit: &Commit) -> Result<PreparedBatch, CommitReply> {
        if let Some(from) = commit.from {
            self.ensure_at(from).await?;
            self.see_that_the_guard_is_proved(commit).await?;
        }
        self.ensure_rows_known(commit).await?;
        self.ensure_columns_available(commit)?;
        let draft = self.written(commit);
        if let Err(reply) = self.ensure_cells_available(&draft).await {
            self.known().drafts.retain(|sent| sent.id != commit.to);
            return Err(reply);
        }
        Ok(draft)
    }

    /// Probes the guard if its support is unknown.
    async fn see_that_the_guard_is_proved(&self, commit: &Commit) -> Result<(), CommitReply> {
        if self.known().stance.proof() != GuardSupport::Unknown {
            return Ok(());
        }
        // The metadata has the id that the service assigned to the named range.
        self.look().await.map_err(|error| not_executed(&error))?;
        let Some(place) = self.known().place.clone() else { return Ok(()) };
        let salt = probe_salt(commit.to);
        let proof = prove(&self.fetcher.sheets, &self.fetcher.id, &place, salt).await?;
        self.known().stance.learn(proof);
        Ok(())
    }

    /// Encodes a commit from the session. Remembers the batch, so that a resend is identical byte
    /// for byte.
    fn written(&self, commit: &Commit) -> PreparedBatch {
        let mut known = self.known();
        let form = known.stance.form(commit);
        let ops = head_guard::ops(&self.fetcher.job, commit, known.place.as_ref(), form);
        let place = head_guard::place_after(&self.fetcher.job, commit, known.place.as_ref(), form);
        let footing = RowContext { owned: &known.owned, ..known.upkeep.footing(self.fetcher.mode) };
        let proof = known.stance.proof();
        let remakes = self.fetcher.missing == MissingTab::Remade;
        let ground = EncodeContext {
            remakes,
            tabs: &known.tabs,
            proof,
            footing,
            put_back: known.put_back.as_ref(),
            gone: &known.gone,
        };
        let EncodedBatch { requests, parts, tabs, rows, removed } = encode(commit, &ops, ground);
        let batch = match &rows.witness {
            Some(witness) => {
                Batch::new(requests).with_response_ranges(PendingVerification::ranges(&place.title, witness))
            }
            None => Batch::new(requests),
        };
        let (batch, rows, owned) = (Arc::new(batch), Arc::new(rows), standing(&commit.state).into());
        let draft =
            PreparedBatch { id: commit.to, batch, parts: parts.into(), form, place, tabs, rows, removed, owned };
        known.remember(draft.clone());
        draft
    }

    /// Checks that the session is at the head from which the commit starts. Reads the head if it is
    /// not.
    async fn ensure_at(&self, from: HeadId) -> Result<(), CommitReply> {
        let there = |known: &SheetSession| known.place.as_ref().is_some_and(|place| place.head == from);
        if there(&self.known()) {
            return Ok(());
        }
        self.look().await.map_err(|error| not_executed(&error))?;
        if there(&self.known()) {
            return Ok(());
        }
        Err(CommitReply::Refused { part: CommitPart::Guard, why: "another writer committed".to_owned() })
    }

    /// Classifies a refusal. Returns `None` if the caller should resend the same commit under the
    /// title guard.
    fn refused(&self, commit: &Commit, draft: &PreparedBatch, refusal: &ApiError) -> Option<CommitReply> {
        let why = match refusal.advice(self.fetcher.sheets.client_email()) {
            Some(advice) => format!("{}; {advice}", refusal.message),
            None => refusal.message.clone(),
        };
        if refusal.code != 400 {
            return Some(CommitReply::NotExecuted { fault: refusal.fault(), why });
        }
        let part = match refusal.request {
            Some(at) => draft.parts.get(at).copied().unwrap_or(CommitPart::Other),
            // The service does not name the request. A commit without items shows whether the items
            // are the cause.
            None => CommitPart::Content,
        };
        let part = match part {
            // If no cells are left, even the next state tab fails. The refusal does not concern
            // the head.
            _ if refusal.is_about_cell_limit() => CommitPart::Other,
            CommitPart::Content if refusal.is_about_missing_range() => CommitPart::Layout,
            // The state of the sheet does not depend on an item.
            CommitPart::Content | CommitPart::Layout
                if refusal.is_about_spreadsheet() && !refusal.is_about_missing_range() =>
            {
                CommitPart::Other
            }
            part => part,
        };
        let mut known = self.known();
        let part = match part {
            CommitPart::Layout if !refusal.is_about_missing_range() && known.is_layout_rejected() => CommitPart::Other,
            part => part,
        };
        let place = known.place.clone();
        if part == CommitPart::Guard && known.stance.refused(commit, place.as_ref(), draft.form) {
            return None;
        }
        Some(CommitReply::Refused { part, why })
    }
}

impl Store for SheetsStore {
    fn load(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        Box::pin(async {
            let LoadResult { loaded, place, proof, tabs, upkeep, put_back, room } = self.fetcher.fetch().await?;
            let mut known = self.known();
            known.stance.learn(proof);
            let upkeep = upkeep.after(&known.upkeep);
            (known.place, known.tabs, known.upkeep, known.room) = (place, tabs, upkeep, room);
            known.owned = loaded.snapshot.as_ref().map(|found| standing(&found.state)).unwrap_or_default();
            (known.gone, known.put_back, known.removed) = (DeletedRows::default(), put_back, None);
            known.drafts.clear();
            Ok(loaded)
        })
    }

    fn sight(&self) -> BoxFuture<'_, Result<HeadStatus, StoreError>> {
        Box::pin(self.look())
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitReply> {
        Box::pin(self.send(commit))
    }

    fn astray(&self) -> BoxFuture<'_, Result<MisplacedWrites, StoreError>> {
        Box::pin(async {
            let removed = self.verify_deletes().await?;
            let written = self.verify_upserts().await?;
            let left = self.known().upkeep.take_left();
            Ok(MisplacedWrites { rows: removed.rows + written, left, ..removed })
        })
    }

    fn kept<'a>(&'a self, rows: &'a [(Fingerprint, u32)]) -> BoxFuture<'a, Result<Vec<StoredFailure>, StoreError>> {
        Box::pin(async move {
            let tab = self.known().tabs.failures.clone();
            let Some(mut tab) = tab.filter(|_| !rows.is_empty()) else { return Ok(Vec::new()) };
            for _ in 0..MAX_TITLES {
                match self.fetcher.kept(&tab, rows).await {
                    Ok(kept) => return Ok(kept),
                    Err(error) => tab = self.retitled(TabKind::Failures, &tab, error).await.map_err(settled)?,
                }
            }
            Err(settled(LoadError::moved(&tab.title)))
        })
    }

    fn marks<'a>(
        &'a self,
        rows: &'a [(Fingerprint, u32)],
    ) -> BoxFuture<'a, Result<Vec<(Fingerprint, String)>, StoreError>> {
        Box::pin(async move {
            let tab = self.known().tabs.failures.clone();
            let Some(mut tab) = tab.filter(|_| !rows.is_empty()) else { return Ok(Vec::new()) };
            for _ in 0..MAX_TITLES {
                match self.fetcher.marks(&tab, rows).await {
                    Ok(marks) => return Ok(marks),
                    Err(error) => tab = self.retitled(TabKind::Failures, &tab, error).await.map_err(settled)?,
                }
            }
            Err(settled(LoadError::moved(&tab.title)))
        })
    }

    fn usage(&self) -> Usage {
        let calls = self.fetcher.sheets.calls();
        Usage {
            reads: calls.reads,
            writes: calls.writes,
            retries: calls.retries,
            throttled: calls.throttled,
            is_quota_shared: matches!(calls.quota_user, Some(QuotaUser::Other { .. })),
            updated: self.known().upkeep.updated(),
        }
    }
}

/// Returns an id seed for a probe that no commit uses. A complemented nonce would not work: it
/// yields the same tab id.
fn probe_salt(head: HeadId) -> u64 {
    head.nonce.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1)
}

/// The reply for a batch that was not sent because a preceding read failed.
pub(super) fn not_executed(error: &StoreError) -> CommitReply {
    CommitReply::NotExecuted { fault: error.final_fault(), why: error.to_string() }
}
