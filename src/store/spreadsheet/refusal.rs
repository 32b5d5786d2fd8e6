//! What a refused batch means: which part of the commit the service refused, and what follows.
//!
//! In scope: the label of the refused request, corrected by the error; a refusal of the tab `Jobs`
//! alone. Out of scope: the texts of refusals (`sheets_client::errors::api_error`), what the runner
//! does next (`ledger::commit::commit_machine`).

use crate::ledger::commit::changes::{Commit, CommitPart, CommitResult};
use crate::sheets_client::errors::api_error::ApiError;
use crate::sheets_client::types::requests::Request;
use crate::store::session::sheet_session::PreparedBatch;
use crate::store::spreadsheet::store::SheetsStore;

impl SheetsStore {
    /// Classifies a refusal. Returns `None` if the caller should encode the same commit again:
    /// under the title guard, or without the tab `Jobs`.
    pub(super) fn classify_refusal(
        &self,
        commit: &Commit,
        prepared: &PreparedBatch,
        refusal: &ApiError,
    ) -> Option<CommitResult> {
        let why = match refusal.advice(self.loader().sheets.client_email()) {
            Some(advice) => format!("{}; {advice}", refusal.message.trim_end_matches('.')),
            None => refusal.message.clone(),
        };
        if refusal.code != 400 {
            return Some(CommitResult::NotExecuted { fault: refusal.fault(), is_proxy_error: false, why });
        }
        if self.continue_without_jobs(prepared, refusal, &why) {
            return None;
        }
        let part = match refusal.request {
            Some(at) => prepared.parts.get(at).copied().unwrap_or(CommitPart::Other),
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
        let mut session = self.lock_session();
        let counts = part == CommitPart::Layout && !refusal.is_about_missing_range();
        let part = if counts && session.is_layout_exhausted() { CommitPart::Other } else { part };
        session.layout_refusals += u32::from(counts);
        let location = session.location.clone();
        if part == CommitPart::Guard && session.strategy.on_refused(commit, location.as_ref(), prepared.guard_kind) {
            return None;
        }
        Some(CommitResult::Refused { part, why })
    }

    /// Whether a refusal concerns only the tab Jobs. Then the commit continues without it. A tab of
    /// that title does not count: another job has just made it, and a load finds it.
    fn continue_without_jobs(&self, prepared: &PreparedBatch, refusal: &ApiError, why: &str) -> bool {
        let requests = prepared.batch.requests();
        let is_for_jobs = match refusal.request {
            Some(at) => prepared.jobs_requests.contains(&at),
            None => !prepared.jobs_requests.is_empty(),
        };
        let makes_tab = refusal.request.is_some_and(|at| matches!(requests.get(at), Some(Request::AddSheet { .. })));
        let mut session = self.lock_session();
        if !is_for_jobs || (makes_tab && !session.is_layout_exhausted()) {
            return false;
        }
        session.leave_jobs(why);
        true
    }
}
