//! The run's side of the commit chain: drafts the next commit and decides what follows its end.
//!
//! In scope: the kind of the next commit, the state after it, redrafts and reloads and their
//! bounds.
//! Out of scope: which items a commit carries (`runner::run_loop`), and how its outcome
//! is resolved (`ledger::commit::commit_machine`).

use thiserror::Error;

use crate::commit::bisection::BisectionCause;
use crate::commit::changes::{Changes, Commit, CommitKind, CommitPart};
use crate::commit::commit_machine::CommitEnd;
use crate::commit::commit_resolution::InDoubtDrafts;
use crate::commit::row_deletion::HistoryLoss;
use crate::leases::head::HeadId;
use crate::leases::lease::{Fence, Holder, Lease};
use crate::rows::row_codec::encode_processed_row;
use crate::rows::tab_kind::TabKind;
use crate::runs::run::Run;
use crate::state::snapshot::{Snapshot, State};
use sheetkeep_base::time::Timestamp;

/// Maximum number of times that one batch is drafted again after a concurrent commit or a moved tab.
pub const MAX_RELOADS: u32 = 5;

/// The run's side of the commit chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommitChain {
    own_holder: Holder,
    draft_ids: InDoubtDrafts,
    state: State,
    has_claimed: bool,
    may_redraft: bool,
    redrafts: u32,
    reloads: u32,
}

/// What a commit carries besides its changes.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitMetadata {
    /// The service's time.
    pub now: Timestamp,
    /// Length of the lease from now, in milliseconds.
    pub ttl_ms: u64,
    /// True if this commit releases the lease.
    pub releases_lease: bool,
    /// The run so far.
    pub run: Run,
    /// The low watermark in the source.
    pub low_watermark: Option<String>,
}

/// The error of `CommitChain::draft`: an earlier commit is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an earlier commit is still in doubt")]
pub struct InDoubtError;

/// What the committer does after a commit has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextAction {
    /// The commit is applied, and the next one may be drafted.
    Continue,
    /// Draft the same content again, with a new id.
    Redraft,
    /// Load, then draft again what is missing.
    Reload,
    /// Draft half of it.
    Halve,
    /// Its items may be the cause: draft parts of it, starting with none
    /// (`ledger::commit::bisection`).
    Bisect(BisectionCause),
    /// Stop for this reason.
    Stop(HaltReason),
}

/// Why a run cannot continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HaltReason {
    /// Another run has taken over.
    Fenced,
    /// The head is missing.
    HeadMissing,
    /// The service did not answer clearly. The last batch is in doubt; the next run resolves it.
    OutcomeUnknown,
    /// The last batch was not executed.
    NotExecuted,
    /// The store has no working guard; no row was written.
    NoWorkingGuard,
    /// The store refuses the content of the batch.
    Refused(CommitPart),
    /// A batch is too large although it was cut.
    TooLarge,
}

impl CommitChain {
    /// Creates the chain from a load; `fresh` is the initial state if the job does not exist yet.
    pub fn new(snapshot: Option<&Snapshot>, fresh: State, me: Holder) -> Self {
        let (head, state) = match snapshot {
            Some(found) => (Some(found.head), found.state.clone()),
            None => (None, fresh),
        };
        let drafted = InDoubtDrafts::new(head, state.lease.fence);
        Self {
            own_holder: me,
            draft_ids: drafted,
            state,
            has_claimed: false,
            may_redraft: false,
            redrafts: 0,
            reloads: 0,
        }
    }

    /// Returns the ids drafted so far, for resolution.
    pub fn draft_ids(&self) -> &InDoubtDrafts {
        &self.draft_ids
    }

    /// Returns the state of the last applied commit, or as loaded.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns the term of this run's commits: the present one, or the one that it will claim.
    pub fn fence(&self) -> Fence {
        if self.has_claimed { self.state.lease.fence } else { self.state.lease.fence.next() }
    }

    /// True if this run holds the lease.
    pub fn has_claimed(&self) -> bool {
        self.has_claimed
    }

    /// Changes the state that the next commit writes: the job's definition, key column, time zone
    /// and so on.
    pub fn update_state(&mut self, update_state: impl FnOnce(&mut State)) {
        update_state(&mut self.state);
    }

    /// Returns the kind of the next commit.
    pub fn kind(&self) -> CommitKind {
        match (self.draft_ids.base(), self.has_claimed) {
            (None, _) => CommitKind::Init,
            (Some(_), _) if self.redrafts > 1 => CommitKind::Relocate,
            (Some(_), false) => CommitKind::Claim,
            (Some(_), true) => CommitKind::Advance,
        }
    }

    /// Drafts the next commit. While a commit is in doubt, nothing new is drafted (invariant 3).
    /// The same content, or a part of it, may be drafted once after `on_end` has allowed it. If one
    /// of those drafts is applied, the guard refuses the others.
    pub fn draft(
        &mut self,
        nonce: u64,
        mut changes: Changes,
        metadata: &CommitMetadata,
    ) -> Result<Commit, InDoubtError> {
        if self.draft_ids.has_doubts() && !self.may_redraft {
            return Err(InDoubtError);
        }
        self.may_redraft = false;
        let from = self.draft_ids.base();
        let to = from.map_or(HeadId { commit: 0, nonce }, |head| head.next(nonce));
        let state = self.state_after(to, &changes, metadata);
        changes.assign_order(state.lease.fence, to.commit);
        self.draft_ids.record(to, state.lease.fence);
        Ok(Commit { from, to, kind: self.kind(), run: metadata.run.id.clone(), state, changes })
    }

    /// Takes the end of a commit and returns what follows.
    pub fn on_end(&mut self, commit: &Commit, end: &CommitEnd) -> NextAction {
        match end {
            CommitEnd::Applied(id) => {
                self.draft_ids.on_applied(*id);
                self.state = State { head: Some(*id), ..commit.state.clone() };
                self.has_claimed = self.state.lease.holder.as_ref() == Some(&self.own_holder);
                (self.redrafts, self.reloads) = (0, 0);
                NextAction::Continue
            }
            CommitEnd::Redraft if self.redrafts < 2 => {
                self.redrafts += 1;
                self.may_redraft = true;
                NextAction::Redraft
            }
            CommitEnd::TooLarge if commit.changes.settled.len() > 1 => {
                self.may_redraft = true;
                NextAction::Halve
            }
            CommitEnd::TooLarge | CommitEnd::Refused(CommitPart::Content) if !commit.changes.settled.is_empty() => {
                self.may_redraft = true;
                NextAction::Bisect(BisectionCause::Refused)
            }
            CommitEnd::NoResponse if !commit.changes.settled.is_empty() => {
                self.may_redraft = true;
                NextAction::Bisect(BisectionCause::NoResponse)
            }
            CommitEnd::Reload | CommitEnd::Refused(CommitPart::Layout) if self.reloads < MAX_RELOADS => {
                self.reloads += 1;
                NextAction::Reload
            }
            CommitEnd::Redraft | CommitEnd::Reload | CommitEnd::NoResponse | CommitEnd::OutcomeUnknown => {
                NextAction::Stop(HaltReason::OutcomeUnknown)
            }
            CommitEnd::Refused(part) => NextAction::Stop(HaltReason::Refused(*part)),
            CommitEnd::TooLarge => NextAction::Stop(HaltReason::TooLarge),
            CommitEnd::Fenced => NextAction::Stop(HaltReason::Fenced),
            CommitEnd::HeadMissing => NextAction::Stop(HaltReason::HeadMissing),
            CommitEnd::NotExecuted => NextAction::Stop(HaltReason::NotExecuted),
            CommitEnd::NoWorkingGuard => NextAction::Stop(HaltReason::NoWorkingGuard),
        }
    }

    /// Allows one more draft after a definite refusal, for the commit that only releases the lease.
    /// It has the same base as the refused one. If a copy of that is applied late, the guard
    /// refuses this one.
    pub fn allow_release(&mut self) {
        self.may_redraft = true;
    }

    /// Takes a fresh load after `NextAction::Reload`. Returns `Fenced` if another run holds the
    /// lease by now. If no run holds it, this run has to claim it again before it drafts.
    pub fn on_reload(&mut self, snapshot: &Snapshot) -> Result<(), HaltReason> {
        let holder = snapshot.state.lease.holder.as_ref();
        let mine = holder == Some(&self.own_holder);
        // A draft of this run that released the lease was applied after all: no other run has taken
        // over.
        let given_back = holder.is_none() && self.draft_ids.is_in_doubt(snapshot.head);
        if !mine && !given_back && (self.has_claimed || snapshot.state.lease.fence > self.state.lease.fence) {
            return Err(HaltReason::Fenced);
        }
        self.has_claimed = mine;
        self.redrafts = 0;
        self.state = snapshot.state.clone();
        self.draft_ids.rebase(snapshot.head);
        Ok(())
    }

    fn state_after(&self, to: HeadId, changes: &Changes, metadata: &CommitMetadata) -> State {
        let mut state = self.state.clone();
        state.lease = self.lease_after(metadata);
        for (key, version, word, run) in changes.processed_entries(&metadata.run.id, state.lease.fence, to.commit) {
            state.processed.add(&encode_processed_row(key, version, word, &run));
            if let Some(sums) = &mut state.key_sums {
                sums.add(key.fingerprint());
            }
        }
        for one in &changes.settled {
            let gone = one.removals().iter().filter(|removal| removal.kind == TabKind::Processed);
            for removal in gone {
                let Some(hash) = removal.hash else { continue };
                state.processed.subtract_hash(hash);
                if let Some((sums, key)) = state.key_sums.as_mut().zip(removal.key) {
                    sums.subtract(key);
                }
                match (removal.history_loss, removal.key) {
                    (HistoryLoss::Nothing, _) => {}
                    (HistoryLoss::OfKey, Some(key)) => state.gaps.add(key, to.commit),
                    (HistoryLoss::OfKey | HistoryLoss::OfAnyKey, _) => state.gaps.add_any_before(to.commit),
                }
            }
        }
        state.columns = changes.owned_columns(state.columns);
        state.head = Some(to);
        state.low_watermark.clone_from(&metadata.low_watermark);
        state.run = (!metadata.releases_lease).then(|| metadata.run.clone());
        state
    }

    fn lease_after(&self, metadata: &CommitMetadata) -> Lease {
        let lease = &self.state.lease;
        let held = if self.has_claimed {
            lease.renew(metadata.now, metadata.ttl_ms)
        } else {
            lease.next_term(self.own_holder.clone(), metadata.now, metadata.ttl_ms)
        };
        if metadata.releases_lease { held.release(metadata.now) } else { held }
    }
}

#[cfg(test)]
mod tests;
