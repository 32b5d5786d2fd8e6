//! Chooses the guard for each commit and falls back to the title guard after a refusal.
//!
//! In scope: the guard of each commit, giving up the named-range guard if it does not work.
//! Out of scope: the requests (`store::guard::head_guard`).

use crate::ledger::commit::changes::{Commit, CommitKind};
use crate::ledger::leases::head::HeadId;
use crate::store::guard::guard_kind::{GuardKind, GuardSupport};
use crate::store::guard::head_guard::StateLocation;

/// The guard choice of a run: the probe's result, until the service refuses a batch that the probe
/// allowed.
///
/// A missing named range may refuse a batch, as probed. Yet a name may not be free again within the
/// batch that deletes its range. Then the service refuses a commit by name although the head has
/// not moved, and the title guards from then on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GuardStrategy {
    support: GuardSupport,
    refused: Option<(HeadId, HeadId)>,
}

impl GuardStrategy {
    /// Creates the strategy from the support recorded in the state.
    pub fn new(support: GuardSupport) -> Self {
        Self { support, refused: None }
    }

    /// The support that the next commit writes into the state.
    pub fn next_support(&self) -> GuardSupport {
        self.support
    }

    /// Adopts the result of a probe or a load. Once the title guards, it does so for the rest of
    /// the run.
    pub fn record_support(&mut self, support: GuardSupport) {
        if self.support != GuardSupport::Title {
            self.support = support;
        }
    }

    /// The guard of this commit. The name may have been refused on this head before. A second draft
    /// from it shows that the head had not moved: the named-range guard does not work here.
    pub fn choose_guard(&mut self, commit: &Commit) -> GuardKind {
        let again = self.refused.is_some_and(|(from, to)| commit.from == Some(from) && commit.to != to);
        if again || commit.kind == CommitKind::Relocate {
            self.support = GuardSupport::Title;
        }
        self.support.guard_kind().unwrap_or(GuardKind::Title)
    }

    /// Handles a refusal of this commit by the guard `guard_kind`, while the state was in
    /// `location`. Returns true if the caller should resend the same commit immediately under the title
    /// guard. The switch from the title guard to the named-range guard is then untested on this
    /// spreadsheet.
    ///
    /// Each of the two batches works only on `location`, so at most one is ever applied.
    pub fn on_refused(&mut self, commit: &Commit, location: Option<&StateLocation>, guard_kind: GuardKind) -> bool {
        let Some(location) = location.filter(|_| guard_kind == GuardKind::Name) else { return false };
        self.refused = commit.from.map(|from| (from, commit.to));
        if location.guard_kind == GuardKind::Title {
            self.support = GuardSupport::Title;
        }
        location.guard_kind == GuardKind::Title
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::commit::changes::Changes;
    use crate::ledger::leases::lease::Fence;
    use crate::ledger::state::snapshot::State;

    const H0: HeadId = HeadId { commit: 0, nonce: 11 };
    const H1: HeadId = HeadId { commit: 1, nonce: 22 };

    fn commit(from: HeadId, to: HeadId, kind: CommitKind) -> Commit {
        Commit { from: Some(from), to, kind, run: String::new(), state: State::default(), changes: Changes::default() }
    }

    fn location(guard_kind: GuardKind) -> StateLocation {
        StateLocation {
            tab: 11,
            title: String::new(),
            fence: Fence(1),
            head: H0,
            guard_kind,
            range_id: Some(H0.to_string()),
        }
    }

    #[test]
    fn while_nothing_is_proved_the_title_guards() {
        let mut strategy = GuardStrategy::new(GuardSupport::Unknown);
        assert_eq!(
            (strategy.choose_guard(&commit(H0, H1, CommitKind::Claim)), strategy.next_support()),
            (GuardKind::Title, GuardSupport::Unknown)
        );
    }

    #[test]
    fn a_rehoused_state_stays_with_the_title() {
        let mut strategy = GuardStrategy::new(GuardSupport::Name);
        assert_eq!(strategy.choose_guard(&commit(H0, H1, CommitKind::Relocate)), GuardKind::Title);
        assert_eq!(
            (strategy.choose_guard(&commit(H1, H1.next(3), CommitKind::Advance)), strategy.next_support()),
            (GuardKind::Title, GuardSupport::Title)
        );
    }

    #[test]
    fn a_name_refused_on_the_way_from_the_title_is_given_up_at_once() {
        let mut strategy = GuardStrategy::new(GuardSupport::Name);
        let first = commit(H0, H1, CommitKind::Advance);
        assert_eq!(strategy.choose_guard(&first), GuardKind::Name);
        assert!(strategy.on_refused(&first, Some(&location(GuardKind::Title)), GuardKind::Name));
        assert_eq!((strategy.choose_guard(&first), strategy.next_support()), (GuardKind::Title, GuardSupport::Title));
        strategy.record_support(GuardSupport::Name);
        assert_eq!(strategy.next_support(), GuardSupport::Title);
    }

    #[test]
    fn a_name_refused_twice_on_one_head_is_given_up() {
        let mut strategy = GuardStrategy::new(GuardSupport::Name);
        let first = commit(H0, H1, CommitKind::Claim);
        assert!(!strategy.on_refused(&first, Some(&location(GuardKind::Name)), GuardKind::Name));
        assert_eq!(strategy.choose_guard(&first), GuardKind::Name);
        let elsewhere = commit(H1, H1.next(5), CommitKind::Claim);
        assert_eq!(strategy.choose_guard(&elsewhere), GuardKind::Name);
        let again = commit(H0, H0.next(33), CommitKind::Claim);
        assert_eq!((strategy.choose_guard(&again), strategy.next_support()), (GuardKind::Title, GuardSupport::Title));
    }
}
