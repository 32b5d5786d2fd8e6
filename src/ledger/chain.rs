//! A run's end of the chain of commits: drafts the next one, and says what follows when one has ended.
//!
//! In scope: which kind comes next, what the state becomes, redrafts and reloads and their bounds.
//! Out of scope: which items a commit carries (`runner::pass`), and its settlement (`ledger::settlement`).

use thiserror::Error;

use crate::ledger::commit::{Changes, Commit, Kind, Part, Settled};
use crate::ledger::head::HeadId;
use crate::ledger::judge::Drafted;
use crate::ledger::lease::{Fence, Holder, Lease};
use crate::ledger::record::processed_row;
use crate::ledger::run::Run;
use crate::ledger::settlement::End;
use crate::ledger::snapshot::{Snapshot, State};
use crate::time::Timestamp;

/// Times that one batch is drafted again because another commit went between, or a tab moved under it.
pub const MAX_RELOADS: u32 = 5;

/// A run's end of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Chain {
    me: Holder,
    drafted: Drafted,
    state: State,
    claimed: bool,
    asked: bool,
    redrafts: u32,
    reloads: u32,
}

/// What a commit says beside its changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// The service's clock.
    pub now: Timestamp,
    /// How long the lease runs from now.
    pub ttl_ms: u64,
    /// Whether the lease is given back with it.
    pub release: bool,
    /// The run as it stands.
    pub run: Run,
    /// Where the source is.
    pub cursor: Option<String>,
}

/// Why no commit is drafted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("draft a commit while the one before is in doubt")]
pub struct InDoubt;

/// What follows the end of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It is on the store; go on.
    GoOn,
    /// Draft the same content again, with a new id.
    Redraft,
    /// Load, then draft again what is not there.
    Reload,
    /// Draft half of it.
    Halve,
    /// Stop; the reason.
    Stop(Stop),
}

/// Why a run can't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Another run has taken over.
    Fenced,
    /// The head is gone.
    Corrupt,
    /// The service did not answer clearly; the last batch is in doubt, and the next run will see.
    Unclear,
    /// The last batch was never carried out.
    NotExecuted,
    /// The store was proved not to guard; nothing was written.
    Unsafe,
    /// The store refuses what the batch says.
    Refused(Part),
    /// One batch is too large although it was cut.
    TooLarge,
}

impl Chain {
    /// The end of the chain as loaded; `fresh` is what the state begins as where nothing exists yet.
    pub fn from(snapshot: Option<&Snapshot>, fresh: State, me: Holder) -> Self {
        let (head, state) = match snapshot {
            Some(found) => (Some(found.head), found.state.clone()),
            None => (None, fresh),
        };
        let drafted = Drafted::from(head, state.lease.fence);
        Self { me, drafted, state, claimed: false, asked: false, redrafts: 0, reloads: 0 }
    }

    /// The ids drafted so far, for judging.
    pub fn drafted(&self) -> &Drafted {
        &self.drafted
    }

    /// The state as of the last commit that was applied, or as loaded.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The term that this run's commits carry, or will carry once it has claimed.
    pub fn fence(&self) -> Fence {
        if self.claimed { self.state.lease.fence } else { self.state.lease.fence.next() }
    }

    /// Whether the lease is this run's.
    pub fn claimed(&self) -> bool {
        self.claimed
    }

    /// Changes the job's definition, key column or time zone as the next commit will write them.
    pub fn amend(&mut self, amend: impl FnOnce(&mut State)) {
        amend(&mut self.state);
    }

    /// The kind of the next commit.
    pub fn kind(&self) -> Kind {
        match (self.drafted.base(), self.claimed) {
            (None, _) => Kind::Init,
            (Some(_), _) if self.redrafts > 1 => Kind::Rehouse,
            (Some(_), false) => Kind::Claim,
            (Some(_), true) => Kind::Advance,
        }
    }

    /// Drafts the next commit. While one is in doubt nothing new is drafted (invariant 3); only the same content, or a part of
    /// it, may be, once, after `ended` has asked for it: whichever of those drafts is applied, the others are refused by the guard.
    pub fn draft(&mut self, nonce: u64, changes: Changes, terms: &Terms) -> Result<Commit, InDoubt> {
        if self.drafted.in_doubt() && !self.asked {
            return Err(InDoubt);
        }
        self.asked = false;
        let from = self.drafted.base();
        let to = from.map_or(HeadId { commit: 0, nonce }, |head| head.next(nonce));
        let state = self.state_after(to, &changes, terms);
        self.drafted.note(to, state.lease.fence);
        Ok(Commit { from, to, kind: self.kind(), run: terms.run.id.clone(), state, changes })
    }

    /// A commit has ended: what follows.
    pub fn ended(&mut self, commit: &Commit, end: &End) -> After {
        match end {
            End::Applied(id) => {
                self.drafted.applied(*id);
                self.state = State { head: Some(*id), ..commit.state.clone() };
                self.claimed = self.state.lease.holder.as_ref() == Some(&self.me);
                (self.redrafts, self.reloads) = (0, 0);
                After::GoOn
            }
            End::Redraft if self.redrafts < 2 => {
                self.redrafts += 1;
                self.asked = true;
                After::Redraft
            }
            End::TooLarge if commit.changes.settled.len() > 1 => {
                self.asked = true;
                After::Halve
            }
            End::Reload | End::Refused(Part::Layout) if self.reloads < MAX_RELOADS => {
                self.reloads += 1;
                After::Reload
            }
            End::Redraft | End::Reload | End::Unclear => After::Stop(Stop::Unclear),
            End::Refused(part) => After::Stop(Stop::Refused(*part)),
            End::TooLarge => After::Stop(Stop::TooLarge),
            End::Fenced => After::Stop(Stop::Fenced),
            End::Corrupt => After::Stop(Stop::Corrupt),
            End::NotExecuted => After::Stop(Stop::NotExecuted),
            End::Unsafe => After::Stop(Stop::Unsafe),
        }
    }

    /// A fresh load after `After::Reload`: fenced if the lease is by now somebody else's. If it is nobody's, this run has not
    /// claimed, and the lease as loaded is to be asked again before anything is drafted.
    pub fn reloaded(&mut self, snapshot: &Snapshot) -> Result<(), Stop> {
        let holder = snapshot.state.lease.holder.as_ref();
        let mine = holder == Some(&self.me);
        // A draft of mine that gave the lease back has arrived after all: nobody has taken over.
        let given_back = holder.is_none() && self.drafted.doubts(snapshot.head);
        if !mine && !given_back && (self.claimed || snapshot.state.lease.fence > self.state.lease.fence) {
            return Err(Stop::Fenced);
        }
        self.claimed = mine;
        self.redrafts = 0;
        self.state = snapshot.state.clone();
        self.drafted.rebased(snapshot.head);
        Ok(())
    }

    fn state_after(&self, to: HeadId, changes: &Changes, terms: &Terms) -> State {
        let mut state = self.state.clone();
        for one in &changes.settled {
            if let Settled::Done { key, version, .. } = one {
                state.processed.add(&processed_row(key, version, &terms.run.id));
            }
        }
        state.head = Some(to);
        state.lease = self.lease_after(terms);
        state.cursor.clone_from(&terms.cursor);
        state.run = (!terms.release).then(|| terms.run.clone());
        state
    }

    fn lease_after(&self, terms: &Terms) -> Lease {
        let lease = &self.state.lease;
        let held = if self.claimed {
            lease.renewed(terms.now, terms.ttl_ms)
        } else {
            lease.claimed(self.me.clone(), terms.now, terms.ttl_ms)
        };
        if terms.release { held.released(terms.now) } else { held }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::book::Book;
    use crate::ledger::item::Output;
    use crate::ledger::key::{Key, Version};
    use crate::ledger::run::{Counts, RunStatus, Trigger};

    fn me() -> Holder {
        holder("me")
    }

    fn holder(install: &str) -> Holder {
        Holder { install: install.into(), run: "r".into(), host: "h".into() }
    }

    fn terms(release: bool) -> Terms {
        let run = Run {
            id: "r".into(),
            job: "j".into(),
            trigger: Trigger::default(),
            started: Timestamp(0),
            finished: None,
            status: RunStatus::Running,
            counts: Counts::default(),
            calls: 0,
            first_commit: 0,
            last_commit: 0,
            host: String::new(),
            version: String::new(),
            message: String::new(),
        };
        Terms { now: Timestamp(1_000), ttl_ms: 300_000, release, run, cursor: Some("3".into()) }
    }

    fn one(key: &str) -> Changes {
        let key = Key::new(key).expect("a valid key");
        let done = Settled::Done { key, version: Version::default(), output: Output::default(), closes: None };
        Changes { settled: vec![done], ..Changes::default() }
    }

    fn loaded(state: &State, head: HeadId) -> Snapshot {
        let state = State { head: Some(head), ..state.clone() };
        Snapshot { state, head, book: Book::default(), tables: Vec::new(), blemishes: Vec::new() }
    }

    fn draft(chain: &mut Chain, nonce: u64, release: bool) -> Commit {
        chain.draft(nonce, one("a"), &terms(release)).expect("nothing is in doubt")
    }

    /// A chain that has initialised a job and holds its first term.
    fn begun() -> Chain {
        let mut chain = Chain::from(None, State::default(), me());
        let init = draft(&mut chain, 1, false);
        assert_eq!(chain.ended(&init, &End::Applied(init.to)), After::GoOn);
        chain
    }

    #[test]
    fn invariant_2_every_commit_names_the_head_it_was_made_from_and_only_the_first_has_none() {
        let mut chain = Chain::from(None, State::default(), me());
        let init = draft(&mut chain, 1, false);
        assert_eq!((init.from, init.to, init.kind), (None, HeadId { commit: 0, nonce: 1 }, Kind::Init));
        chain.ended(&init, &End::Applied(init.to));
        let next = draft(&mut chain, 2, false);
        assert_eq!((next.from, next.to, next.kind), (Some(init.to), HeadId { commit: 1, nonce: 2 }, Kind::Advance));
        assert_eq!(next.state.head, Some(next.to));
    }

    #[test]
    fn invariant_3_nothing_new_is_drafted_while_a_commit_is_in_doubt() {
        let mut chain = begun();
        let commit = draft(&mut chain, 2, false);
        assert_eq!(chain.draft(3, one("b"), &terms(false)), Err(InDoubt));
        assert_eq!(chain.ended(&commit, &End::Unclear), After::Stop(Stop::Unclear));
        assert_eq!(chain.draft(3, one("b"), &terms(false)), Err(InDoubt));
    }

    #[test]
    fn invariant_3_a_redraft_is_allowed_once_for_each_time_it_was_asked_for() {
        let mut chain = begun();
        let commit = draft(&mut chain, 2, false);
        assert_eq!(chain.ended(&commit, &End::Redraft), After::Redraft);
        draft(&mut chain, 3, false);
        assert_eq!(chain.draft(4, one("a"), &terms(false)), Err(InDoubt));
    }

    #[test]
    fn invariant_7_a_commit_is_redrafted_twice_the_second_time_elsewhere_and_then_the_run_stops() {
        let mut chain = begun();
        let mut commit = draft(&mut chain, 2, false);
        for (nonce, kind) in [(3, Kind::Advance), (4, Kind::Rehouse)] {
            assert_eq!(chain.ended(&commit, &End::Redraft), After::Redraft);
            commit = draft(&mut chain, nonce, false);
            assert_eq!(commit.kind, kind);
        }
        assert_eq!(chain.ended(&commit, &End::Redraft), After::Stop(Stop::Unclear));
    }

    #[test]
    fn an_earlier_draft_that_turns_out_applied_is_what_comes_next_is_made_from() {
        let mut chain = begun();
        let first = draft(&mut chain, 2, false);
        chain.ended(&first, &End::Redraft);
        let second = draft(&mut chain, 3, false);
        assert_eq!(chain.ended(&second, &End::Applied(first.to)), After::GoOn);
        assert_eq!(chain.state().head, Some(first.to));
        assert_eq!(draft(&mut chain, 4, false).from, Some(first.to));
    }

    #[test]
    fn invariant_4_a_claim_raises_the_fence_once_and_a_release_keeps_it() {
        let found = loaded(&begun().state, HeadId { commit: 7, nonce: 1 });
        let mut chain = Chain::from(Some(&found), State::default(), holder("other"));
        assert_eq!(chain.fence(), Fence(2));
        let claim = draft(&mut chain, 1, false);
        assert_eq!((claim.kind, claim.state.lease.fence), (Kind::Claim, Fence(2)));
        chain.ended(&claim, &End::Applied(claim.to));
        assert!(chain.claimed());
        let last = draft(&mut chain, 2, true);
        assert_eq!((last.kind, last.state.lease.fence, &last.state.lease.holder), (Kind::Advance, Fence(2), &None));
        chain.ended(&last, &End::Applied(last.to));
        assert!(!chain.claimed());
    }

    #[test]
    fn count_and_sum_grow_with_the_keys_of_a_commit_only_when_it_is_applied() {
        let mut chain = begun();
        let before = chain.state().processed;
        let commit = draft(&mut chain, 2, false);
        assert_eq!(commit.state.processed.count, before.count + 1);
        chain.ended(&commit, &End::Redraft);
        let again = draft(&mut chain, 3, false);
        assert_eq!(again.state.processed, commit.state.processed);
    }

    #[test]
    fn the_run_is_told_in_the_state_until_the_lease_is_given_back() {
        let mut chain = begun();
        assert!(chain.state().run.is_some());
        assert_eq!(draft(&mut chain, 2, true).state.run, None);
    }

    #[test]
    fn a_reload_under_somebody_elses_claim_is_fenced_and_under_ones_own_goes_on() {
        let mut chain = begun();
        let head = HeadId { commit: 5, nonce: 5 };
        let own = loaded(chain.state(), head);
        assert_eq!(chain.clone().reloaded(&own), Ok(()));
        let mut state = chain.state().clone();
        state.lease = state.lease.claimed(holder("other"), Timestamp(0), 1);
        assert_eq!(chain.reloaded(&loaded(&state, head)), Err(Stop::Fenced));
    }

    #[test]
    fn a_claim_that_lost_the_race_against_another_one_is_fenced() {
        let mut free = begun().state;
        free.lease = free.lease.released(Timestamp(0));
        let mut chain = Chain::from(Some(&loaded(&free, HeadId { commit: 5, nonce: 5 })), State::default(), me());
        let claim = draft(&mut chain, 6, false);
        assert_eq!(chain.ended(&claim, &End::Reload), After::Reload);
        let mut theirs = free.clone();
        theirs.lease = theirs.lease.claimed(holder("other"), Timestamp(0), 1).released(Timestamp(0));
        assert_eq!(chain.reloaded(&loaded(&theirs, HeadId { commit: 6, nonce: 9 })), Err(Stop::Fenced));
    }

    #[test]
    fn a_reload_that_finds_ones_own_last_commit_is_not_fenced_by_its_release() {
        let mut chain = Chain::from(None, State::default(), me());
        let only = draft(&mut chain, 1, true);
        assert_eq!(chain.ended(&only, &End::Refused(Part::Layout)), After::Reload);
        assert_eq!(chain.reloaded(&loaded(&only.state, only.to)), Ok(()));
        assert!(!chain.claimed());
    }

    #[test]
    fn invariant_7_reloads_of_one_batch_are_bounded_and_an_applied_commit_begins_the_count_anew() {
        let mut chain = begun();
        for round in 0..2 {
            for n in 0..MAX_RELOADS {
                let commit = draft(&mut chain, u64::from(100 * round + n) + 2, false);
                assert_eq!(chain.ended(&commit, &End::Reload), After::Reload);
                let snapshot = loaded(chain.state(), HeadId { commit: commit.to.commit, nonce: 999 });
                assert_eq!(chain.reloaded(&snapshot), Ok(()));
            }
            let commit = draft(&mut chain, u64::from(round) + 1_000, false);
            assert_eq!(chain.clone().ended(&commit, &End::Reload), After::Stop(Stop::Unclear));
            assert_eq!(chain.ended(&commit, &End::Applied(commit.to)), After::GoOn);
        }
    }

    #[test]
    fn each_end_that_nothing_can_mend_stops_the_run_for_its_own_reason() {
        let ends = [
            (End::Fenced, Stop::Fenced),
            (End::Corrupt, Stop::Corrupt),
            (End::NotExecuted, Stop::NotExecuted),
            (End::TooLarge, Stop::TooLarge),
            (End::Refused(Part::Content), Stop::Refused(Part::Content)),
        ];
        for (end, stop) in ends {
            let mut chain = begun();
            let commit = draft(&mut chain, 2, false);
            assert_eq!(chain.ended(&commit, &end), After::Stop(stop));
        }
    }
}
