//! The guarded commit: prepare a batch, send it, and read its response.
//!
//! In scope: the order of calls, resending the same bytes, encoding again after a refusal that allows
//! it, the capability probe of the guard.
//! Out of scope: the guard itself (`store::guard::head_guard`), cells (`store::commit::encoder`),
//! what a refusal means (`refusal` beside this file).

use std::sync::Arc;

use crate::ledger::commit::changes::{Commit, CommitPart, CommitResult};
use crate::ledger::leases::head::HeadId;
use crate::port::store::StoreError;
use crate::sheets_client::sheets::BatchResult;
use crate::sheets_client::types::requests::Batch;
use crate::store::commit::encoder::{EncodeContext, EncodedBatch, encode};
use crate::store::commit::own_columns::list_existing_columns;
use crate::store::commit::response::parse_found_cells;
use crate::store::commit::row_plan::RowContext;
use crate::store::guard::guard_kind::GuardSupport;
use crate::store::guard::head_guard;
use crate::store::probe::capability::probe_guard;
use crate::store::session::row_tracker::PendingVerification;
use crate::store::session::sheet_session::{PreparedBatch, SheetSession};
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::error::convert_unexecuted_call;
use crate::store::tabs::load_plan::MissingTabPolicy;

impl SheetsStore {
    pub(super) async fn send_commit(&self, commit: &Commit) -> CommitResult {
        let sent = self.lock_session().prepared_batches.iter().find(|prepared| prepared.id == commit.to).cloned();
        let ready = match sent {
            Some(prepared) => Ok(prepared),
            None => self.prepare(commit).await,
        };
        let mut prepared = match ready {
            Ok(prepared) => prepared,
            Err(result) => return result,
        };
        loop {
            match self.loader().sheets.batch_update(&self.loader().id, &prepared.batch).await {
                BatchResult::Applied(response) => {
                    self.lock_session().on_applied(prepared);
                    let (header, keys) = parse_found_cells(response.updated.as_ref());
                    self.lock_session().row_tracker.check_response(&header, &keys);
                    if commit.from.is_none() {
                        // Probe immediately, so that the next commit can measure its own duration.
                        // If the probe fails, the next commit repeats it and reports the result.
                        let probed = self.ensure_guard_probed(commit).await;
                        tracing::debug!(event = "guard.chosen", proved = ?probed, "the guard after the first commit");
                    }
                    return CommitResult::Applied;
                }
                BatchResult::Refused(refusal) => match self.classify_refusal(commit, &prepared, &refusal) {
                    Some(result) => return result,
                    // Fall back from the named range to the title. The title guard has no further
                    // fallback.
                    None => prepared = self.encode_commit(commit),
                },
                BatchResult::TooLarge(_) => return CommitResult::TooLarge,
                BatchResult::NotExecuted(error) => return convert_unexecuted_call(&error),
                BatchResult::Lost(cause) => return CommitResult::ReplyLost { why: cause.to_string() },
            }
        }
    }

    /// Prepares the batch of a commit. Probes the guard first if its support is unknown.
    async fn prepare(&self, commit: &Commit) -> Result<PreparedBatch, CommitResult> {
        if let Some(from) = commit.from {
            self.ensure_at_head(from).await?;
            self.ensure_guard_probed(commit).await?;
        }
        self.ensure_rows_known(commit).await?;
        self.ensure_columns_available(commit)?;
        let mut prepared = self.encode_commit(commit);
        let mut room = self.ensure_cells_available(&prepared).await;
        if let (Err(CommitResult::Refused { why, .. }), false) = (&room, prepared.jobs_requests.is_empty()) {
            self.lock_session().leave_jobs(why);
            prepared = self.encode_commit(commit);
            room = self.ensure_cells_available(&prepared).await;
        }
        if let Err(result) = room {
            self.lock_session().prepared_batches.retain(|sent| sent.id != commit.to);
            return Err(result);
        }
        Ok(prepared)
    }

    /// Probes the guard if its support is unknown.
    async fn ensure_guard_probed(&self, commit: &Commit) -> Result<(), CommitResult> {
        if self.lock_session().strategy.next_support() != GuardSupport::Unknown {
            return Ok(());
        }
        // The metadata has the id that the service assigned to the named range.
        self.read_head().await.map_err(|error| make_unexecuted_result(&error))?;
        let Some(location) = self.lock_session().location.clone() else { return Ok(()) };
        let salt = derive_probe_salt(commit.to);
        let support = probe_guard(&self.loader().sheets, &self.loader().id, &location, salt).await?;
        self.lock_session().strategy.record_support(support);
        Ok(())
    }

    /// Encodes a commit from the session. Remembers the batch, so that a resend is identical byte
    /// for byte.
    pub(super) fn encode_commit(&self, commit: &Commit) -> PreparedBatch {
        let mut session = self.lock_session();
        let guard_kind = session.strategy.choose_guard(commit);
        let batch_steps =
            head_guard::make_batch_steps(&self.loader().job, commit, session.location.as_ref(), guard_kind);
        let location =
            head_guard::derive_next_location(&self.loader().job, commit, session.location.as_ref(), guard_kind);
        let row_context = RowContext {
            own_columns: &session.own_columns,
            ..session.row_tracker.make_row_context(self.loader().mode)
        };
        let support = session.strategy.next_support();
        let recreates = self.loader().missing == MissingTabPolicy::Recreate;
        let context = EncodeContext {
            recreates_tabs: recreates,
            tabs: &session.tabs,
            support,
            row_context,
            pending_restores: session.pending_restores.as_ref(),
            deleted_rows: &session.deleted_rows,
        };
        let EncodedBatch { requests, parts, jobs_requests, tabs, rows, deletion } =
            encode(commit, &batch_steps, context);
        let batch = match &rows.undo_log {
            Some(undo_log) => {
                Batch::new(requests).with_response_ranges(PendingVerification::make_ranges(&location.title, undo_log))
            }
            None => Batch::new(requests),
        };
        let (batch, rows, own_columns) = (Arc::new(batch), Arc::new(rows), list_existing_columns(&commit.state).into());
        let prepared = PreparedBatch {
            id: commit.to,
            batch,
            parts: parts.into(),
            guard_kind,
            location,
            jobs_requests: jobs_requests.into(),
            tabs,
            rows,
            deletion,
            own_columns,
        };
        session.store_batch(prepared.clone());
        prepared
    }

    /// Checks that the session is at the head from which the commit starts. Reads the head if it is
    /// not.
    async fn ensure_at_head(&self, from: HeadId) -> Result<(), CommitResult> {
        let there = |session: &SheetSession| session.location.as_ref().is_some_and(|location| location.head == from);
        if there(&self.lock_session()) {
            return Ok(());
        }
        self.read_head().await.map_err(|error| make_unexecuted_result(&error))?;
        if there(&self.lock_session()) {
            return Ok(());
        }
        Err(CommitResult::Refused { part: CommitPart::Guard, why: "another writer committed".to_owned() })
    }
}

/// Returns an id seed for a probe that no commit uses. A complemented nonce would not work: it
/// yields the same tab id.
fn derive_probe_salt(head: HeadId) -> u64 {
    head.nonce.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1)
}

/// The response for a batch that was not sent because a preceding read failed.
pub(super) fn make_unexecuted_result(error: &StoreError) -> CommitResult {
    CommitResult::NotExecuted {
        fault: error.final_fault(),
        is_proxy_error: error.is_proxy_error(),
        why: error.describe_cause(),
    }
}
