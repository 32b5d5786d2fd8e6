//! Resolves commits in doubt from a read of the head.
//!
//! In scope: comparing the head with every id of this run that is in doubt. Out of scope: what
//! to do next (`ledger::commit::commit_machine`).

use std::collections::VecDeque;

use crate::leases::head::HeadId;
use crate::leases::lease::Fence;

/// Number of in-doubt ids that are kept.
pub const MAX_IN_DOUBT: usize = 8;

/// The head as one read found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeadStatus {
    /// The job does not exist here.
    NotInitialized,
    /// The job exists, but its head was deleted.
    Missing,
    /// The head and its lease term.
    At {
        /// The id of the head.
        head: HeadId,
        /// The fencing token of its term.
        fence: Fence,
    },
}

/// The head that a run's drafts are based on, and the ids of its drafts that are in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct InDoubtDrafts {
    base: Option<HeadId>,
    fence: Fence,
    in_doubt: VecDeque<HeadId>,
}

/// The outcome of commits in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// The draft with this id was applied.
    Applied(HeadId),
    /// The read is older than what this run has seen: read again.
    Stale,
    /// The head is the base of the drafts: none was applied yet.
    NotApplied,
    /// Another commit was applied first, in a term not above this run's.
    ConcurrentCommit,
    /// A higher term began: another run has taken over.
    Fenced,
    /// The head is missing.
    HeadMissing,
}

impl InDoubtDrafts {
    /// Creates the set for a run that has loaded this head and term; `None` if the job does not
    /// exist yet.
    pub fn new(base: Option<HeadId>, fence: Fence) -> Self {
        Self { base, fence, ..Self::default() }
    }

    /// Returns the head that drafts are based on.
    pub fn base(&self) -> Option<HeadId> {
        self.base
    }

    /// Returns the highest term that this run has drafted in.
    pub fn fence(&self) -> Fence {
        self.fence
    }

    /// True if the outcome of a draft is unknown.
    pub fn has_doubts(&self) -> bool {
        !self.in_doubt.is_empty()
    }

    /// True if this id is a draft of this run with unknown outcome.
    pub fn is_in_doubt(&self, id: HeadId) -> bool {
        self.in_doubt.contains(&id)
    }

    /// Records a draft before it is sent.
    pub fn record(&mut self, id: HeadId, fence: Fence) {
        self.fence = self.fence.max(fence);
        remember_head(&mut self.in_doubt, id);
    }

    /// Records that a draft was applied: it is the base of further drafts.
    pub fn on_applied(&mut self, id: HeadId) {
        self.base = Some(id);
        self.in_doubt.clear();
    }

    /// Sets the base to the head that a load found, and forgets earlier drafts, because the next
    /// ones may carry something else. If one of them is applied late, its head counts as foreign,
    /// and the next load finds its content.
    pub fn rebase(&mut self, head: HeadId) {
        self.on_applied(head);
    }

    /// Resolves the drafts from one read of the head.
    pub fn resolve(&self, status: HeadStatus) -> Resolution {
        match status {
            HeadStatus::NotInitialized if self.base.is_none() => Resolution::NotApplied,
            HeadStatus::NotInitialized | HeadStatus::Missing => Resolution::HeadMissing,
            HeadStatus::At { head, .. } if self.is_in_doubt(head) => Resolution::Applied(head),
            HeadStatus::At { head, .. } if self.base == Some(head) => Resolution::NotApplied,
            // The chain never forks and its numbers only grow, so a lower number is a stale read.
            HeadStatus::At { head, .. } if self.base.is_some_and(|base| head.commit < base.commit) => Resolution::Stale,
            HeadStatus::At { fence, .. } if fence > self.fence => Resolution::Fenced,
            HeadStatus::At { .. } => Resolution::ConcurrentCommit,
        }
    }
}

fn remember_head(ids: &mut VecDeque<HeadId>, id: HeadId) {
    if ids.len() == MAX_IN_DOUBT {
        ids.pop_front();
    }
    ids.push_back(id);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(commit: u64, nonce: u64) -> HeadId {
        HeadId { commit, nonce }
    }

    fn show_head(head: HeadId, fence: u64) -> HeadStatus {
        HeadStatus::At { head, fence: Fence(fence) }
    }

    #[test]
    fn the_judgement_table_row_by_row() {
        let mut drafted = InDoubtDrafts::new(Some(head(4, 1)), Fence(2));
        drafted.record(head(5, 1), Fence(2));
        drafted.on_applied(head(5, 1));
        drafted.record(head(6, 1), Fence(2));
        drafted.record(head(6, 2), Fence(2));
        let table = [
            (show_head(head(6, 2), 2), Resolution::Applied(head(6, 2))),
            (show_head(head(6, 1), 2), Resolution::Applied(head(6, 1))),
            (show_head(head(4, 1), 2), Resolution::Stale),
            (show_head(head(3, 9), 1), Resolution::Stale),
            (show_head(head(5, 1), 2), Resolution::NotApplied),
            (show_head(head(6, 9), 2), Resolution::ConcurrentCommit),
            (show_head(head(6, 9), 3), Resolution::Fenced),
            (HeadStatus::Missing, Resolution::HeadMissing),
            (HeadStatus::NotInitialized, Resolution::HeadMissing),
        ];
        for (status, verdict) in table {
            assert_eq!(drafted.resolve(status), verdict, "{status:?}");
        }
    }

    #[test]
    fn a_reload_at_an_unmoved_head_does_not_make_it_stale() {
        let mut drafted = InDoubtDrafts::new(Some(head(4, 1)), Fence(2));
        drafted.record(head(5, 1), Fence(2));
        drafted.rebase(head(4, 1));
        drafted.record(head(5, 2), Fence(2));
        assert_eq!(drafted.resolve(show_head(head(4, 1), 2)), Resolution::NotApplied);
    }

    #[test]
    fn a_stale_reload_does_not_make_the_true_head_a_stale_one() {
        let mut drafted = InDoubtDrafts::new(Some(head(4, 1)), Fence(2));
        drafted.rebase(head(3, 1));
        drafted.record(head(4, 2), Fence(2));
        assert_eq!(drafted.resolve(show_head(head(4, 1), 2)), Resolution::ConcurrentCommit);
    }

    #[test]
    fn before_the_first_commit_nothing_at_all_means_not_yet() {
        let mut drafted = InDoubtDrafts::new(None, Fence(0));
        drafted.record(head(0, 1), Fence(1));
        assert_eq!(drafted.resolve(HeadStatus::NotInitialized), Resolution::NotApplied);
        assert_eq!(drafted.resolve(HeadStatus::Missing), Resolution::HeadMissing);
        assert_eq!(drafted.resolve(show_head(head(0, 2), 1)), Resolution::ConcurrentCommit);
    }

    #[test]
    fn invariant_7_no_more_than_eight_ids_are_remembered() {
        let mut drafted = InDoubtDrafts::new(Some(head(0, 0)), Fence(1));
        for n in 1..100 {
            drafted.record(head(1, n), Fence(1));
        }
        assert_eq!(drafted.in_doubt.len(), MAX_IN_DOUBT);
    }
}
