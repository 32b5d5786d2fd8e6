//! Which guard a run trusts, as it learns.
//!
//! In scope: the form of each commit, and giving the name up where it does not work. Out of scope: the requests (`store::guard`).

use crate::ledger::commit::{Commit, Kind};
use crate::ledger::head::HeadId;
use crate::store::guard::{Form, Place, Proof};

/// Which form each commit takes, as this run knows it: the proof's word, until the service refuses what the proof allowed.
///
/// A missing named range may refuse a batch, as proved, and yet a name may not be free again within the batch that deletes its
/// range. Then a commit by name is refused although the head stands still, and the title guards from then on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stance {
    proof: Proof,
    refused: Option<(HeadId, HeadId)>,
}

impl Stance {
    /// What the state says.
    pub fn from(proof: Proof) -> Self {
        Self { proof, refused: None }
    }

    /// What the next commit writes into the state.
    pub fn proof(&self) -> Proof {
        self.proof
    }

    /// A proof was made, or a load read one. Once the title guards, it does so for the rest of the run.
    pub fn learn(&mut self, proof: Proof) {
        if self.proof != Proof::Title {
            self.proof = proof;
        }
    }

    /// The form of this commit. A second draft from a head on which the name was refused shows that the head had not moved:
    /// the name does not work here.
    pub fn form(&mut self, commit: &Commit) -> Form {
        let again = self.refused.is_some_and(|(from, to)| commit.from == Some(from) && commit.to != to);
        if again || commit.kind == Kind::Rehouse {
            self.proof = Proof::Title;
        }
        self.proof.form().unwrap_or(Form::Title)
    }

    /// The guard refused this commit, sent in this form while the state stood in `place`. True if the same commit is to be sent
    /// at once by title: the way from title to name has never been walked here. Either batch only works on `place`, so at most one
    /// of the two is ever applied.
    pub fn refused(&mut self, commit: &Commit, place: Option<&Place>, form: Form) -> bool {
        let Some(place) = place.filter(|_| form == Form::Name) else { return false };
        self.refused = commit.from.map(|from| (from, commit.to));
        if place.form == Form::Title {
            self.proof = Proof::Title;
        }
        place.form == Form::Title
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::commit::Changes;
    use crate::ledger::lease::Fence;
    use crate::ledger::snapshot::State;

    const H0: HeadId = HeadId { commit: 0, nonce: 11 };
    const H1: HeadId = HeadId { commit: 1, nonce: 22 };

    fn commit(from: HeadId, to: HeadId, kind: Kind) -> Commit {
        Commit { from: Some(from), to, kind, run: String::new(), state: State::default(), changes: Changes::default() }
    }

    fn place(form: Form) -> Place {
        Place { tab: 11, title: String::new(), fence: Fence(1), head: H0, form, name_id: Some(H0.to_string()) }
    }

    #[test]
    fn while_nothing_is_proved_the_title_guards_and_nothing_is_concluded_from_it() {
        let mut stance = Stance::from(Proof::Open);
        assert_eq!((stance.form(&commit(H0, H1, Kind::Claim)), stance.proof()), (Form::Title, Proof::Open));
    }

    #[test]
    fn a_rehoused_state_stays_with_the_title() {
        let mut stance = Stance::from(Proof::Name);
        assert_eq!(stance.form(&commit(H0, H1, Kind::Rehouse)), Form::Title);
        assert_eq!((stance.form(&commit(H1, H1.next(3), Kind::Advance)), stance.proof()), (Form::Title, Proof::Title));
    }

    #[test]
    fn a_name_refused_on_the_way_from_the_title_is_given_up_at_once() {
        let mut stance = Stance::from(Proof::Name);
        let first = commit(H0, H1, Kind::Advance);
        assert_eq!(stance.form(&first), Form::Name);
        assert!(stance.refused(&first, Some(&place(Form::Title)), Form::Name));
        assert_eq!((stance.form(&first), stance.proof()), (Form::Title, Proof::Title));
        stance.learn(Proof::Name);
        assert_eq!(stance.proof(), Proof::Title);
    }

    #[test]
    fn a_name_refused_twice_on_one_head_is_given_up_and_on_different_heads_is_not() {
        let mut stance = Stance::from(Proof::Name);
        let first = commit(H0, H1, Kind::Claim);
        assert!(!stance.refused(&first, Some(&place(Form::Name)), Form::Name));
        assert_eq!(stance.form(&first), Form::Name);
        let elsewhere = commit(H1, H1.next(5), Kind::Claim);
        assert_eq!(stance.form(&elsewhere), Form::Name);
        let again = commit(H0, H0.next(33), Kind::Claim);
        assert_eq!((stance.form(&again), stance.proof()), (Form::Title, Proof::Title));
    }
}
