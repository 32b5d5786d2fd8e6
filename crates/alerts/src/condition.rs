//! What can be wrong with a job, each with a state and a message of its own.

use serde::{Deserialize, Serialize};
use sheetkeep_base::time::Timestamp;

use crate::severity::Severity;

/// A condition of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Runs fail, vanish, or do not take place: rows are missing.
    Run,
    /// A run failed, and the sheet could not be written. Only this machine knows it.
    Unrecorded,
    /// `sheetkeep late` finds the job late, stale, stuck, or never run.
    Late,
    /// `sheetkeep late` or `run --due` can't read the job's state for an hour.
    Unreadable,
    /// A run did not yield what `[expect]` says.
    Yield,
    /// Too many records failed.
    Items,
    /// Too many attempts were needed.
    Retries,
}

impl Condition {
    /// Returns the word in keys and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Unrecorded => "unrecorded",
            Self::Late => "late",
            Self::Unreadable => "unreadable",
            Self::Yield => "yield",
            Self::Items => "items",
            Self::Retries => "retries",
        }
    }

    /// Returns how serious it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Run | Self::Unrecorded | Self::Late => Severity::Critical,
            Self::Unreadable | Self::Yield | Self::Items | Self::Retries => Severity::Warning,
        }
    }
}

/// What was found of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// All is well.
    Good,
    /// Something is wrong.
    Bad(ProblemReport),
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemReport {
    /// When it began: the start of the run, or the time for which one was expected.
    #[serde(with = "crate::stored_time")]
    pub since: Timestamp,
    /// A verb in the past, such as `failed` or `was missed`.
    pub headline: String,
    /// The reason, one line without secrets.
    pub reason: String,
    /// The run's id; empty if there was none.
    pub run: String,
    /// Records that the run read.
    pub read: u64,
    /// Items that became done in it.
    pub new: u64,
    /// Records that failed in it.
    pub failed: u64,
}
