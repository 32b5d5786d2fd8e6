//! Chooses the guard for each commit and falls back to the title guard after a refusal.
//!
//! In scope: the guard of each commit, giving up the named-range guard if it does not work.
//! Out of scope: the requests (`store::guard::head_guard`).

use crate::ledger::commit::changes::{Commit, CommitKind};
use crate::ledger::lease::head::HeadId;
use crate::store::guard::head_guard::{GuardKind, GuardSupport, StateLocation};

/// The guard choice of a run: the probe's result, until the service refuses a batch that the probe
/// allowed.
///
/// A missing named range may refuse a batch, as probed, and yet a name may not be free again within
/// the batch that deletes its range. Then the service refuses a commit by name although the head
/// has not moved, and the title guards from then on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GuardStrategy {
    proof: GuardSupport,
    refused: Option<(HeadId, HeadId)>,
}

impl GuardStrategy {
    /// Creates the strategy from the support recorded in the state.
    pub fn from(proof: GuardSupport) -> Self {
        Self { proof, refused: None }
    }

    /// The support that the next commit writes into the state.
    pub fn proof(&self) -> GuardSupport {
        self.proof
    }

    /// Adopts the result of a probe or a load. Once the title guards, it does so for the rest of
    /// the run.
    pub fn learn(&mut self, proof: GuardSupport) {
        if self.proof != GuardSupport::Title {
            self.proof = proof;
        }
    }

    /// The guard of this commit. A second draft from a head on which the name was refused shows
    /// that the head had not moved: the named-range guard does not work here.
    pub fn form(&mut self, commit: &Commit) -> GuardKind {
        let again = self.refused.is_some_and(|(from, to)| commit.from == Some(from) && commit.to != to);
        if again || commit.kind == CommitKind::Relocate {
            self.proof = GuardSupport::Title;
        }
        self.proof.form().unwrap_or(GuardKind::Title)
    }

    /// Handles a refusal of this commit by the guard `form`, while the state was in `place`.
    /// Returns true if the caller should resend the same commit at once under the title guard:
    /// switching from the title guard to the named-range guard is untested on this spreadsheet.
    ///
    /// Each of the two batches works only on `place`, so at most one is ever applied.
    pub fn refused(&mut self, commit: &Commit, place: Option<&StateLocation>, form: GuardKind) -> bool {
        let Some(place) = place.filter(|_| form == GuardKind::Name) else { return false };
        self.refused = commit.from.map(|from| (from, commit.to));
        if place.form == GuardKind::Title {
            self.proof = GuardSupport::Title;
        }
        place.form == GuardKind::Title
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::commit::changes::Changes;
    use crate::ledger::lease::lease::Fence;
    use crate::ledger::state::snapshot::State;

    const H0: HeadId = HeadId { commit: 0, nonce: 11 };
    const H1: HeadId = HeadId { commit: 1, nonce: 22 };

    fn commit(from: HeadId, to: HeadId, kind: CommitKind) -> Commit {
        Commit { from: Some(from), to, kind, run: String::new(), state: State::default(), changes: Changes::default() }
    }

    fn place(form: GuardKind) -> StateLocation {
        StateLocation { tab: 11, title: String::new(), fence: Fence(1), head: H0, form, name_id: Some(H0.to_string()) }
    }

    #[test]
    fn while_nothing_is_proved_the_title_guards_and_nothing_is_concluded_from_it() {
        let mut stance = GuardStrategy::from(GuardSupport::Unknown);
        assert_eq!(
            (stance.form(&commit(H0, H1, CommitKind::Claim)), stance.proof()),
            (GuardKind::Title, GuardSupport::Unknown)
        );
    }

    #[test]
    fn a_rehoused_state_stays_with_the_title() {
        let mut stance = GuardStrategy::from(GuardSupport::Name);
        assert_eq!(stance.form(&commit(H0, H1, CommitKind::Relocate)), GuardKind::Title);
        assert_eq!(
            (stance.form(&commit(H1, H1.next(3), CommitKind::Advance)), stance.proof()),
            (GuardKind::Title, GuardSupport::Title)
        );
    }

    #[test]
    fn a_name_refused_on_the_way_from_the_title_is_given_up_at_once() {
        let mut stance = GuardStrategy::from(GuardSupport::Name);
        let first = commit(H0, H1, CommitKind::Advance);
        assert_eq!(stance.form(&first), GuardKind::Name);
        assert!(stance.refused(&first, Some(&place(GuardKind::Title)), GuardKind::Name));
        assert_eq!((stance.form(&first), stance.proof()), (GuardKind::Title, GuardSupport::Title));
        stance.learn(GuardSupport::Name);
        assert_eq!(stance.proof(), GuardSupport::Title);
    }

    #[test]
    fn a_name_refused_twice_on_one_head_is_given_up_and_on_different_heads_is_not() {
        let mut stance = GuardStrategy::from(GuardSupport::Name);
        let first = commit(H0, H1, CommitKind::Claim);
        assert!(!stance.refused(&first, Some(&place(GuardKind::Name)), GuardKind::Name));
        assert_eq!(stance.form(&first), GuardKind::Name);
        let elsewhere = commit(H1, H1.next(5), CommitKind::Claim);
        assert_eq!(stance.form(&elsewhere), GuardKind::Name);
        let again = commit(H0, H0.next(33), CommitKind::Claim);
        assert_eq!((stance.form(&again), stance.proof()), (GuardKind::Title, GuardSupport::Title));
    }
}
