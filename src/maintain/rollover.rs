//! The move of a job to a new spreadsheet: what prevents it, and which failures move.
//!
//! In scope: the plan, computed from both spreadsheets. Out of scope: the states
//! (`ledger::state::rollover`), reading and writing (`app`), confirmation by the user (`cli`).
//!
//! A move takes two runs. The first one creates the job in the new spreadsheet: its state names the
//! earlier spreadsheets, and open failures are recorded there. The second one is the last run in
//! the old spreadsheet: its state names the new one. Until then the job runs in the old one, and a
//! repeated request completes the move.

use std::collections::HashSet;

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::items::failure::{Failure, hash_failure};
use crate::ledger::items::key::Fingerprint;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::state::rollover::MAX_PREDECESSORS;
use crate::ledger::state::snapshot::Snapshot;
use crate::maintain::close_failure::make_closing_row;
use crate::store::scan::scanned_tabs::ScannedTabs;
use crate::time::Timestamp;

/// The error text of the row of a failure that was processed before the move was complete.
const DONE_BEFORE_ERROR: &str = "done in the spreadsheet before, while the job was moved";

/// How far a move has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloverStage {
    /// The new spreadsheet holds nothing of the job.
    NotStarted,
    /// The job exists in the new spreadsheet.
    Started,
    /// The job has left the old spreadsheet.
    Complete,
}

/// The plan of a move.
#[derive(Debug, Clone, PartialEq)]
pub struct RolloverPlan {
    /// How far the move has got.
    pub stage: RolloverStage,
    /// Keys that are done, in all spreadsheets so far.
    pub keys: u64,
    /// Failures that move.
    pub failures: u64,
    /// Rows that the new spreadsheet still needs.
    pub settled: Vec<ItemResult>,
}

/// Why a job can't be moved now; each names the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolloverRefusal {
    /// The job continues in another spreadsheet.
    #[error("it continues in spreadsheet {0} already")]
    RolledOver(String),
    /// The new spreadsheet holds another job of that name.
    #[error("spreadsheet {0} holds a job of this name already, with keys of its own: name an empty one")]
    NameTaken(String),
    /// A requested action is pending.
    #[error("a requested retry or skip is pending: run the job once, then repeat the command")]
    ActionPending,
    /// A run died with items in progress.
    #[error("a run that died has marked items as begun: run the job once, then repeat the command")]
    InDoubt,
    /// A forced run is not complete.
    #[error("a forced run is not complete: run the job once, then repeat the command")]
    ReprocessPending,
    /// The job was moved there, but nothing of it is left.
    #[error(
        "it was moved to spreadsheet {0}, and nothing of it is there any more: restore an earlier version of that one"
    )]
    NothingLeft(String),
    /// The job has not completed its move to the old spreadsheet.
    #[error("its move from spreadsheet {0} is not complete: complete that first")]
    RolloverIncomplete(String),
    /// The row of a failure can't be read.
    #[error("the record of a failure can't be found in the tab Failures: run the job once, then repeat the command")]
    FailureNotFound,
    /// The job has left too many spreadsheets.
    #[error("it has left {MAX_PREDECESSORS} spreadsheets behind, and no more are read: start a job with another name")]
    TooManyPredecessors,
}

impl RolloverRefusal {
    /// Returns whether an ordinary run of the job removes the obstacle.
    pub fn is_removed_by_run(&self) -> bool {
        matches!(self, Self::ActionPending | Self::InDoubt | Self::ReprocessPending | Self::FailureNotFound)
    }
}

/// Computes the plan. `from` is the old spreadsheet's id, `to` the new one's, and `new` the new
/// one's contents. Failures that were processed meanwhile are closed at `now`.
pub fn plan_rollover(
    old: &ScannedTabs,
    new: Option<&Snapshot>,
    from: &str,
    to: &str,
    now: Timestamp,
) -> Result<RolloverPlan, RolloverRefusal> {
    let recorded = &old.snapshot.state;
    if let Some(next) = recorded.next.as_deref().filter(|next| *next != to) {
        return Err(RolloverRefusal::RolledOver(next.to_owned()));
    }
    if let Some(previous) = old.snapshot.not_yet_left.clone() {
        return Err(RolloverRefusal::RolloverIncomplete(previous));
    }
    if new.is_some_and(|new| new.state.previous.first().map(String::as_str) != Some(from)) {
        return Err(RolloverRefusal::NameTaken(to.to_owned()));
    }
    let index = &old.snapshot.processed_index;
    let stage = match (new, recorded.next.is_some()) {
        // A run there would start anew, and process everything again.
        (None, true) => return Err(RolloverRefusal::NothingLeft(to.to_owned())),
        (Some(_), true) => RolloverStage::Complete,
        (Some(_), false) => RolloverStage::Started,
        (None, false) => RolloverStage::NotStarted,
    };
    let failures = collect_failures(old).ok_or(RolloverRefusal::FailureNotFound)?;
    let (keys, count) = (index.keys(), failures.len() as u64);
    if stage == RolloverStage::Complete {
        return Ok(RolloverPlan { stage, keys, failures: count, settled: Vec::new() });
    }
    if index.failures().iter().any(|(_, prior)| prior.requested.is_some()) {
        return Err(RolloverRefusal::ActionPending);
    }
    if !recorded.begun.is_empty() {
        return Err(RolloverRefusal::InDoubt);
    }
    if !recorded.forced.is_empty() {
        return Err(RolloverRefusal::ReprocessPending);
    }
    if recorded.previous.len() >= MAX_PREDECESSORS {
        return Err(RolloverRefusal::TooManyPredecessors);
    }
    let mut settled = Vec::new();
    if let Some(new) = new {
        let going: HashSet<_> = failures.iter().map(|failure| failure.key.fingerprint()).collect();
        // The closing rows are made from the failures' rows, which the old spreadsheet still has.
        let done_failures = old.failures.iter().map(|(_, failure)| failure);
        let done_failures = done_failures.filter(|failure| !going.contains(&failure.key.fingerprint()));
        settled.extend(close_processed_failures(done_failures, &new.processed_index, now));
    }
    let is_recorded = |failure: &Failure| new.is_some_and(|new| is_recorded_in(&new.processed_index, failure));
    settled.extend(
        failures.into_iter().filter(|failure| !is_recorded(failure)).map(|one| ItemResult::Failed(Box::new(one))),
    );
    Ok(RolloverPlan { stage, keys, failures: count, settled })
}

/// Returns the failures that are not done, each as in its latest row, with the number of runs in
/// which it failed. `None` if one has no row.
fn collect_failures(old: &ScannedTabs) -> Option<Vec<Failure>> {
    let index = &old.snapshot.processed_index;
    let row = |number: u32, key: Fingerprint| {
        // Rows that wait to be restored have no number of their own; of these, the newest.
        let of = old.failures.iter().filter(|(row, failure)| *row == number && failure.key.fingerprint() == key);
        of.map(|(_, failure)| failure).max_by_key(|failure| (failure.order, failure.last_seen, failure.attempts))
    };
    let mut found: Vec<_> = index.failures();
    found.sort_by_key(|(_, prior)| prior.row);
    let along = found.into_iter().map(|(key, prior)| {
        let attempts = prior.attempts + index.suppressed_counts().get(key);
        Some(Failure { attempts, ..row(prior.row, key)?.clone() })
    });
    along.collect()
}

fn is_recorded_in(index: &ProcessedIndex, failure: &Failure) -> bool {
    index.prior_failure(&failure.key).is_some_and(|prior| {
        let same = prior
            .is_recorded(index.policy().version_hash(&failure.version), hash_failure(&failure.step, &failure.error));
        same && prior.state == failure.state && prior.attempts == failure.attempts
    })
}

/// Returns rows that close failures of the new spreadsheet which are done by now.
fn close_processed_failures<'f>(
    done_failures: impl Iterator<Item = &'f Failure>,
    new: &ProcessedIndex,
    now: Timestamp,
) -> Vec<ItemResult> {
    let mut met = HashSet::new();
    let due = done_failures.filter_map(|failure| {
        let prior = new.prior_failure(&failure.key).filter(|_| met.insert(failure.key.fingerprint()))?;
        Some(ItemResult::Failed(Box::new(make_closing_row(failure, prior, DONE_BEFORE_ERROR, now))))
    });
    due.collect()
}
