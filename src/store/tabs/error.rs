//! Load errors and their user-facing messages.
//!
//! In scope: the meaning of a failed call for a run, problems that a load found.
//! Out of scope: reading (`store::load::loader`).

use crate::fault::Fault;
use crate::ledger::commit::changes::CommitResult;
use crate::ledger::state::snapshot::{Anomaly, LoadObservation, State};
use crate::port::store::StoreError;
use crate::sheets_client::errors::call_error::{CallError, ErrorCause};
use crate::store::guard::head_guard::{self, StateLocation};
use crate::store::tabs::schema::Tab;

/// Why the parts of a snapshot could not be read.
pub enum LoadError {
    /// The service has no such range: a commit or a user moved a tab after its title was read.
    Stale(StoreError),
    /// Any other error.
    Failed(StoreError),
}

impl LoadError {
    /// The error for a tab that changed during the read.
    pub fn new_stale(title: &str) -> Self {
        let why = format!("read the spreadsheet: tab {title} was changed meanwhile");
        Self::Stale(StoreError::Unavailable { why, fault: Fault::Transient })
    }
}

impl From<StoreError> for LoadError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Classifies a failed read: stale if the service has no such range.
pub fn load_error(error: &CallError) -> LoadError {
    match &error.cause {
        ErrorCause::Refused { refusal, .. } if refusal.code == 400 => LoadError::Stale(convert_call_error(error)),
        _ => LoadError::Failed(convert_call_error(error)),
    }
}

/// Converts a failed call to the error for the run.
pub fn convert_call_error(error: &CallError) -> StoreError {
    let why = error.to_string();
    match (&error.cause, error.fault()) {
        (ErrorCause::Refused { refusal, .. }, _) if refusal.code == 404 => StoreError::Missing { why },
        (cause, _) if cause.is_foreign() => StoreError::ForeignResponse { why },
        (cause, fault) if cause.is_proxy_error() => StoreError::Proxy { why, fault },
        (_, Fault::Denied) => StoreError::Denied { why },
        (_, fault) if fault.passes() || fault == Fault::Machine => StoreError::Unavailable { why, fault },
        _ => StoreError::Inconsistent { why },
    }
}

/// Converts a failed call to the response of a commit that was not executed.
pub fn convert_unexecuted_call(error: &CallError) -> CommitResult {
    CommitResult::NotExecuted {
        fault: error.final_fault(),
        is_proxy_error: error.cause.is_proxy_error(),
        why: error.to_string(),
    }
}

/// The error for a deleted head marker.
pub fn describe_missing_head(job: &str) -> StoreError {
    let why = format!(
        "the state marker of job {job} is missing from the spreadsheet although its tabs exist; a person deleted the named range {} or the hidden state tab; restore an earlier version from the file's history, see docs/runbook.md",
        head_guard::name_job_range(job)
    );
    StoreError::Inconsistent { why }
}

/// Checks the state against the job and the term in its tab's title. A mismatch is a manual edit.
pub fn check_consistent(state: &State, job: &str, location: &StateLocation) -> Result<(), StoreError> {
    let (field, found, expected) = match state {
        State { job: of, .. } if of != job => ("job", of.clone(), job.to_owned()),
        State { lease, .. } if lease.fence != location.fence => {
            ("fence", lease.fence.to_string(), location.fence.to_string())
        }
        _ => return Ok(()),
    };
    let why = format!(
        "the state's field \"{field}\" reads \"{found}\" where its tab's title has \"{expected}\": the hidden state tab {} was edited; write that back",
        location.title
    );
    Err(StoreError::Inconsistent { why })
}

/// The anomaly for a tab of keys with rows under another column order, which were read all the
/// same. `None` if there are no such rows.
pub fn report_reordered_rows(tab: &Tab) -> Option<Anomaly> {
    let (title, rows) = (&tab.title, tab.recovery.count_rows());
    let message = format!(
        "tab {title}: {rows} rows have their cells in other columns than its header says; perhaps columns were moved while a run was writing; \
         they are read anyway, and you may move the cells back"
    );
    (rows > 0).then_some(Anomaly { message, is_blocking: false })
}

/// The anomaly for a manually edited tab of keys.
pub fn report_manual_edit(job: &str, reading: LoadObservation) -> Anomaly {
    let (expected, found) = (reading.expected.count, reading.actual.count);
    let message = format!(
        "tab Processed {job}: {found} rows exist and {expected} were written: the tab was edited; keys whose rows are gone will \
         be processed again"
    );
    Anomaly { message, is_blocking: false }
}

/// The error for a state and keys that did not match in any read.
pub fn describe_inconsistency() -> StoreError {
    let why =
        "read the spreadsheet: its state and its keys stayed inconsistent over many reads; the next run tries again"
            .to_owned();
    StoreError::Unavailable { why, fault: Fault::Transient }
}

/// The error for deleted rows whose undo log is unreadable, so that the deletion can't be verified.
pub fn describe_unreadable_deletion_log(title: &str) -> StoreError {
    let why = format!(
        "rows were deleted from the job's tabs, and the scratch rows of {title}, which hold copies of them, were edited; restore an earlier version from the file's version history"
    );
    StoreError::Inconsistent { why }
}
