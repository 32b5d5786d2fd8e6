//! The errors of a run that can't commit any more: replaced by another run, refused, without a head,
//! with an unknown outcome.
//!
//! In scope: one more load, if it can name the cause. Out of scope: when a run halts
//! (`ledger::commit::commit_chain`).

use crate::ledger::commit::changes::CommitPart;
use crate::ledger::commit::commit_chain::HaltReason as Halt;
use crate::ledger::state::snapshot::State;
use crate::port::store::{Store, StoreError};
use crate::runner::commit::commit_driver::LastError;
use crate::runner::run_config::RunError;
use crate::runner::schedule::schedule_recorder::ScheduleRecorder;
use crate::runner::startup::preconditions::check_not_blocked;

/// Returns the error of a commit that ended with this halt.
pub(super) async fn describe_halt(
    store: &dyn Store,
    schedule: Option<&ScheduleRecorder>,
    halt: Halt,
    error: LastError,
) -> RunError {
    match halt {
        Halt::Fenced => describe_fencing(store, schedule).await,
        Halt::HeadMissing => describe_missing_head(),
        Halt::NoWorkingGuard => RunError::Store(StoreError::NoWorkingGuard { why: error.why }),
        Halt::OutcomeUnknown | Halt::NotExecuted => describe_unfinished_commit(error),
        Halt::Refused(part) => describe_refusal(store, part, error.why).await,
        Halt::TooLarge => {
            RunError::Refused { why: "the commit is too large for one batch, even without records".into() }
        }
    }
}

/// Returns the error for a refused batch. If a tab is missing, one more load names it and the
/// fix. People may change tabs between each load and its batch. Only then does a store return
/// `CommitPart::Layout` repeatedly.
async fn describe_refusal(store: &dyn Store, part: CommitPart, why: String) -> RunError {
    let loaded = store.load().await;
    let explained = loaded.ok().and_then(|loaded| loaded.snapshot).map(|snapshot| check_not_blocked(&snapshot));
    match explained {
        Some(Err(error)) => error,
        _ if part == CommitPart::Layout => RunError::EditedWhileRead { why },
        _ => RunError::Refused { why },
    }
}

/// Returns the error that names the run that has taken over, if one more load finds it.
pub(super) async fn describe_fencing(store: &dyn Store, schedule: Option<&ScheduleRecorder>) -> RunError {
    match store.load().await {
        Ok(loaded) => loaded.snapshot.map(|snapshot| describe_take_over(schedule, &snapshot.state)),
        Err(_) => None,
    }
    .unwrap_or_else(|| RunError::Fenced { by: "another run has taken over".to_owned() })
}

/// Returns the error of a run that another run has replaced. One that lost its claim to that run
/// has nothing left to do.
pub(super) fn describe_take_over(schedule: Option<&ScheduleRecorder>, state: &State) -> RunError {
    if let Some(lost_claim) = schedule.and_then(|recorder| recorder.check_lost_claim(state.schedule.as_ref())) {
        return lost_claim;
    }
    let by = match (&state.lease.holder, &state.lease.fence) {
        (Some(holder), fence) => format!("run {} on {} holds the lease (term {fence})", holder.run, holder.host),
        (None, fence) => format!("another run took the lease (term {fence}) and has released it"),
    };
    RunError::Fenced { by }
}

/// Returns the error for a deleted head.
pub(super) fn describe_missing_head() -> RunError {
    let why = "the job's state marker is missing from the spreadsheet although its tabs exist; restore an earlier \
               version from the file's version history, or see docs/runbook.md";
    RunError::Store(StoreError::Inconsistent { why: why.into() })
}

/// Returns the error for a batch with unknown outcome, or that could not be sent.
pub(super) fn describe_unfinished_commit(error: LastError) -> RunError {
    let LastError { why, fault, is_proxy_error } = error;
    RunError::Unfinished { why, fault, is_proxy_error }
}
