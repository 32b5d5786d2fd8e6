//! Records a run in the history of its job's schedule, in the commits that the run makes anyway.
//!
//! In scope: the history that the next commit writes. Out of scope: the commit
//! (`runner::commit::committer`).
//!
//! The first commit settles the claimed occurrence and records occurrences that did not run. The
//! last one adds the run. A commit may be drafted again, so each draft starts from the history as
//! last applied.

use crate::ledger::runs::run::{Run, RunStatus};
use crate::ledger::runs::schedule_history::{EndedRun, ScheduleHistory};
use crate::ledger::runs::usual_counts::{RunYield, describe_unusual_counts};
use crate::runner::run_config::RunError;
use crate::runner::schedule_claim::ScheduleClaim;
use crate::schedule::decision::is_overlap_text;

/// The history of a job's schedule, as this run sees it.
pub struct ScheduleRecorder {
    claim: ScheduleClaim,
    /// As loaded, or as this run's claim left it.
    history: ScheduleHistory,
    has_claimed: bool,
    /// Whether the run counts: it reads the whole source.
    is_counted: bool,
    /// Whether the cell of the answered request was empty when the run began.
    forgets_request: bool,
}

impl ScheduleRecorder {
    /// Creates the recorder of a run. `is_counted`: the run reads the whole source. Fails if
    /// another run has the claim already.
    pub fn new(claim: &ScheduleClaim, history: Option<&ScheduleHistory>, is_counted: bool) -> Result<Self, RunError> {
        let history = history.cloned().unwrap_or_default();
        check_claim(claim, &history)?;
        Ok(Self { claim: claim.clone(), history, has_claimed: false, is_counted, forgets_request: false })
    }

    /// Lets an answered request count again: its cell is empty now, so the same text is a new one.
    #[must_use]
    pub fn without_request(mut self) -> Self {
        self.forgets_request = true;
        self
    }

    /// Takes the history of a reload. Fails if another run has the claim by now.
    pub fn reload(&mut self, history: Option<&ScheduleHistory>) -> Result<(), RunError> {
        if !self.has_claimed {
            let forgets_request = self.forgets_request;
            *self = Self { forgets_request, ..Self::new(&self.claim, history, self.is_counted)? };
        }
        Ok(())
    }

    /// Returns the error if another run has the claim by now, as its history shows.
    pub fn check_lost_claim(&self, history: Option<&ScheduleHistory>) -> Option<RunError> {
        let history = history.filter(|_| !self.has_claimed)?;
        check_claim(&self.claim, history).err()
    }

    /// Returns the rows of occurrences that the next commit records.
    pub fn closed_rows(&self) -> impl Iterator<Item = &Run> {
        let is_open = |run: &&Run| {
            let at = run.trigger.scheduled_for;
            !self.has_claimed && at.is_none_or(|at| !self.history.is_settled(at))
        };
        self.claim.closed.iter().filter(is_open)
    }

    /// Returns the history after the next commit. `abandoned` are the vanished runs that it closes,
    /// `ended` is this run by the service's clock, if the commit is its last one.
    pub fn next_history(&self, abandoned: &[Run], ended: Option<&Run>) -> ScheduleHistory {
        let mut history = self.history.clone();
        if !self.has_claimed {
            if self.forgets_request {
                history.answered.clear();
            }
            for run in abandoned {
                history.add(run);
            }
            let closed = self.claim.closed.iter().filter_map(|run| run.trigger.scheduled_for);
            let own = self.claim.occurrence.filter(|_| !self.claim.is_failed_start());
            for at in closed.chain(own) {
                history.settle(at);
                history.times.clone_from(&self.claim.times);
            }
            if self.claim.is_failed_start() {
                // A later call may find what was missing, so the occurrence is not settled.
                history.unstarted = self.claim.occurrence.or(history.unstarted);
            }
            if let Some(request) = &self.claim.request {
                history.keep_answered_request(request);
            }
        }
        if let Some(run) = ended.filter(|_| self.is_counted) {
            history.add(run);
        }
        history
    }

    /// Returns how the counts of this run are far from those of earlier ones, a phrase each;
    /// nothing for a run that does not count.
    pub fn describe_unusual_counts(&self, run: &Run) -> Vec<String> {
        if !self.is_counted {
            return Vec::new();
        }
        let earlier = self.history.ended.iter().map(|run| RunYield::new(run.start_time(), run.read, run.new));
        let earlier: Vec<RunYield> = earlier.collect();
        describe_unusual_counts(&earlier, RunYield::new(run.started, run.counts.read, run.counts.new))
    }

    /// Returns the lengths of the last runs and of this one, in milliseconds, oldest first; nothing
    /// for a run that does not count.
    pub fn durations_ms(&self, took_ms: u64) -> Vec<u64> {
        if !self.is_counted {
            return Vec::new();
        }
        self.history.ended.iter().map(EndedRun::duration_ms).chain([took_ms]).collect()
    }

    /// Returns how many occurrences before this run were skipped in a row because a run was active.
    pub fn count_skipped_in_a_row(&self) -> u32 {
        let is_overlap = |run: &&Run| run.status == RunStatus::Skipped && is_overlap_text(&run.message);
        u32::try_from(self.claim.closed.iter().rev().take_while(is_overlap).count()).unwrap_or(u32::MAX)
    }

    /// Keeps what a commit of this run has recorded. `abandoned` as in `next_history`.
    pub fn on_applied(&mut self, abandoned: &[Run]) {
        self.history = self.next_history(abandoned, None);
        self.has_claimed = true;
    }
}

/// Checks that no other run has settled the occurrence, or answered the request.
fn check_claim(claim: &ScheduleClaim, history: &ScheduleHistory) -> Result<(), RunError> {
    match (claim.occurrence, &claim.request) {
        (Some(at), _) if claim.is_failed_start() && history.unstarted == Some(at) => {
            Err(RunError::AlreadyClaimed { what: format!("the row of its run of {at}") })
        }
        (Some(at), _) if history.is_settled(at) => Err(RunError::AlreadyClaimed { what: format!("its run of {at}") }),
        (None, Some(request)) if !history.is_new_request(request) => {
            Err(RunError::AlreadyClaimed { what: "the request \"run now\"".to_owned() })
        }
        _ => Ok(()),
    }
}
