//! Why a spreadsheet could not be read, in words for people.
//!
//! In scope: what a failed call means to a run, what a load found wrong. Out of scope: reading (`store::load::loader`).

use crate::fault::Fault;
use crate::google::error::{CallError, ErrorCause};
use crate::ledger::state::snapshot::{Anomaly, LoadObservation, State};
use crate::port::store::StoreError;
use crate::store::guard::head_guard::{self, StateLocation};
use crate::store::tabs::schema::Tab;

/// With these words errors begin that are about a spreadsheet that the job has left.
pub const EARLIER: &str = "read the earlier spreadsheet";

/// Why a snapshot's parts could not be read.
pub enum LoadError {
    /// The service knows no such range: a commit or a person moved a tab after its title was read.
    Stale(StoreError),
    /// Anything else.
    Failed(StoreError),
}

impl LoadError {
    /// A tab that is not what it was a moment ago.
    pub fn moved(title: &str) -> Self {
        let why = format!("tab {title} was changed while it was read");
        Self::Stale(StoreError::Unavailable { why, fault: Fault::Transient })
    }
}

impl From<StoreError> for LoadError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Ranges that could not be read: the service knows no such range, or it is something else.
pub fn unread(error: &CallError) -> LoadError {
    match &error.cause {
        ErrorCause::Refused { refusal, .. } if refusal.code == 400 => LoadError::Stale(unreadable(error)),
        _ => LoadError::Failed(unreadable(error)),
    }
}

/// A call that failed, as what it means to a run.
pub fn unreadable(error: &CallError) -> StoreError {
    let why = error.to_string();
    match (&error.cause, error.fault()) {
        (ErrorCause::Refused { refusal, .. }, _) if refusal.code == 404 => StoreError::Missing { why },
        (cause, _) if cause.is_foreign() => StoreError::Foreign { why },
        (_, Fault::Denied) => StoreError::Denied { why },
        (cause, fault) if cause.is_of_proxy() => StoreError::Unavailable { why, fault },
        (_, fault) if fault.passes() || fault == Fault::Machine => StoreError::Unavailable { why, fault },
        _ => StoreError::Corrupt { why },
    }
}

/// The error of a head that somebody deleted.
pub fn head_gone(job: &str) -> StoreError {
    let why = format!(
        "the head of job {job} is gone from the spreadsheet although its tabs are there: somebody deleted the named range {} or the \
         hidden state tab; restore an earlier version from the file's history, see docs/runbook.md",
        head_guard::range_name(job)
    );
    StoreError::Corrupt { why }
}

/// A state tab carries its job and its term in its title, and every state in it is of that term: another one was typed.
pub fn belongs(state: &State, job: &str, place: &StateLocation) -> Result<(), StoreError> {
    let (field, found, said) = match state {
        State { job: of, .. } if of != job => ("job", of.clone(), job.to_owned()),
        State { lease, .. } if lease.fence != place.fence => {
            ("fence", lease.fence.to_string(), place.fence.to_string())
        }
        _ => return Ok(()),
    };
    let why = format!(
        "the state's field \"{field}\" reads \"{found}\" where its tab's title says \"{said}\": somebody edited the hidden state tab \
         {}; write that back",
        place.title
    );
    Err(StoreError::Corrupt { why })
}

/// What people are told of a tab of keys whose rows are laid otherwise than its header says, and are read all the same; nothing of a tab without such rows.
pub fn laid_beside(tab: &Tab) -> Option<Anomaly> {
    let (title, rows) = (&tab.title, tab.laid.rows());
    let message = format!(
        "tab {title}: {rows} rows have their cells in other columns than its header says, as when columns are moved while a run is writing; \
         they are read all the same, and you may put the cells back"
    );
    (rows > 0).then_some(Anomaly { message, blocking: false })
}

/// What people are told of a tab of keys that they have edited.
pub fn edited(job: &str, reading: LoadObservation) -> Anomaly {
    let (said, found) = (reading.expected.count, reading.actual.count);
    let message = format!(
        "tab Processed {job}: {found} rows are there and {said} were written: somebody edited it; keys whose rows are gone will \
         be processed again"
    );
    Anomaly { message, blocking: false }
}

/// The error of a state and keys that do not belong together in any load.
pub fn torn() -> StoreError {
    let why =
        "read the spreadsheet: its state and its keys did not come together in many reads; the next run tries again"
            .to_owned();
    StoreError::Unavailable { why, fault: Fault::Transient }
}

/// The error of rows that were taken out and of which nobody can tell any more whether they were meant.
pub fn taken_out_unreadably(title: &str) -> StoreError {
    let why = format!(
        "rows were taken out of the job's tabs, and the scratch rows of {title}, which show them, were changed by somebody: restore the \
         version before from the file's history"
    );
    StoreError::Corrupt { why }
}
