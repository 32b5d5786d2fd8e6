//! Failures that are over although nothing of them was processed: the source has come back to a version of the key that is done.
//!
//! In scope: the row that closes such a failure, and what it says. Out of scope: failures that are tried again, and those that an item of
//! another version closes (`runner::intake`).

use crate::ledger::columns::columns::quote;
use crate::ledger::columns::version_order::RankKind;
use crate::ledger::commit::changes::ItemResult;
use crate::ledger::item::failure::{Failure, FailureState};
use crate::ledger::item::item::Item;
use crate::ledger::item::write_mode::ReprocessPolicy;
use crate::ledger::processed::low_watermark::SequenceNumber;
use crate::runner::commit_queue::PendingItem;
use crate::runner::intake::Intake;
use crate::time::Timestamp;

impl Intake {
    /// What closes the failure of a key of which the source has this item, whose version is done, and where one version counts: that other
    /// version is nobody's wish any more. None where there is no such failure; where it is in doubt, because a person has to look; where
    /// its version has no order; and where this run tries it, or has tried it, from a record that somebody corrected.
    pub(super) fn overtaken(&mut self, item: &Item, place: SequenceNumber, now: Timestamp) -> Option<PendingItem> {
        let tried = self.book.tried(&item.key).filter(|_| self.book.again() != ReprocessPolicy::EachVersion)?;
        let mark = self.book.again().mark(&item.version);
        let is_other = tried.version != mark;
        // The source may yield a version that has no order beside the one that counts, in this run and in each.
        let has_order =
            self.book.again() != ReprocessPolicy::OnNewer || RankKind::of(tried.version) == RankKind::of(mark);
        let is_at_rest = !self.book.is_in_hand(&item.key) && !self.book.has_failed_here(&item.key, tried.version);
        if tried.in_doubt || !is_other || !has_order || !is_at_rest {
            return None;
        }
        let closed = self.closing(item.key.clone(), item.version.clone(), item.position.to_string(), now)?;
        let version = if item.version.0.is_empty() { String::new() } else { format!(" {}", quote(&item.version.0)) };
        let error = format!("over: the source is back at version{version}, which is done");
        let attempts = closed.attempts.saturating_sub(1);
        self.book.close_untried(&item.key, now);
        let settled =
            ItemResult::Failed(Box::new(Failure { error, attempts, state: FailureState::Recovered, ..*closed }));
        Some(PendingItem { settled, place, record: None })
    }
}
