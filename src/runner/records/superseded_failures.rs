//! Closes failures whose version is obsolete, because the source has returned to a version that is
//! done.
//!
//! In scope: the row that closes such a failure, and its text.
//! Out of scope: retries, and failures closed by an item of another version
//! (`runner::records::intake`).

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::items::failure::{Failure, FailureState};
use crate::ledger::items::item::Item;
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::ledger::processed::low_watermark::SequenceNumber;
use crate::ledger::values::columns::quote_name;
use crate::ledger::values::version_order::RankKind;
use crate::runner::queue::commit_queue::PendingItem;
use crate::runner::records::intake::Intake;
use crate::time::Timestamp;

impl Intake {
    /// Returns the closing row of the key's failure. The item's version is done and only one
    /// version counts, so the failed one is obsolete.
    ///
    /// Returns `None` if there is no such failure, if it is in doubt (the user has to check), or if
    /// its version has no order. Also if this run retries it, or has retried it from a record that
    /// the user corrected.
    pub(super) fn close_superseded(
        &mut self,
        item: &Item,
        sequence: SequenceNumber,
        now: Timestamp,
    ) -> Option<PendingItem> {
        let prior =
            self.index.prior_failure(&item.key).filter(|_| self.index.policy() != ReprocessPolicy::EachVersion)?;
        let hash = self.index.policy().version_hash(&item.version);
        let is_other = prior.version != hash;
        // Otherwise the source could yield an unordered version beside the one that counts, in
        // every run.
        let has_order = self.index.policy() != ReprocessPolicy::OnNewer
            || RankKind::from_rank(prior.version) == RankKind::from_rank(hash);
        let is_at_rest = !self.index.is_in_hand(&item.key) && !self.index.has_failed_here(&item.key, prior.version);
        if prior.is_in_doubt || !is_other || !has_order || !is_at_rest {
            return None;
        }
        let closed =
            self.make_closing_failure(item.key.clone(), item.version.clone(), item.position.to_string(), now)?;
        let version =
            if item.version.0.is_empty() { String::new() } else { format!(" {}", quote_name(&item.version.0)) };
        let error = format!("over: the source is back at version{version}, which is done");
        let attempts = closed.attempts.saturating_sub(1);
        self.index.close_untried(&item.key, now);
        let settled =
            ItemResult::Failed(Box::new(Failure { error, attempts, state: FailureState::Recovered, ..*closed }));
        Some(PendingItem { settled, sequence, record: None })
    }
}
