//! What a run of a scheduled job claims and records about its schedule.
//!
//! In scope: the claim as data. Out of scope: what is due (`schedule::decision`), and the commits
//! that record it (`runner::schedule::schedule_recorder`).

use crate::ledger::runs::run::{Run, RunStatus};
use crate::time::Timestamp;

/// The claim of a run. The default claims nothing: a run that a person started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScheduleClaim {
    /// The logical time of the occurrence that this run claims, or records as skipped or missed.
    pub occurrence: Option<Timestamp>,
    /// The times of the schedule, as text.
    pub times: String,
    /// The request `run now` that this run answers.
    pub request: Option<String>,
    /// Rows in Runs of earlier occurrences that did not run, in order. The claim records them.
    pub closed: Vec<Run>,
    /// True if the occurrence could not start before, and has its row.
    pub has_failed_start: bool,
    /// Set if nothing runs: the status and the reason of the occurrence's own row.
    pub recorded_outcome: Option<(RunStatus, String)>,
}

impl ScheduleClaim {
    /// Returns whether this claims the same as the last claim of the same call: the same
    /// occurrence, or a request as that was. A cell with a formula such as `=NOW()` asks again and
    /// again.
    pub fn repeats(&self, last: &Self) -> bool {
        self.occurrence == last.occurrence && self.request.is_some() == last.request.is_some()
    }

    /// Returns whether this records that the occurrence could not start.
    pub fn is_failed_start(&self) -> bool {
        self.recorded_outcome.as_ref().is_some_and(|(status, _)| *status == RunStatus::Failed)
    }

    /// Returns whether the run has to be visible to other calls before it processes anything.
    pub fn is_claim(&self) -> bool {
        (self.occurrence.is_some() || self.request.is_some()) && self.recorded_outcome.is_none()
    }
}
