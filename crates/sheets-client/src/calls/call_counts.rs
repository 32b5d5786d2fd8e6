//! Counts of calls, by method and by how each attempt ended.
//!
//! In scope: what counts as which outcome. Out of scope: when an attempt is made
//! (`calls::caller`).

use std::collections::BTreeMap;

use crate::calls::quota::QuotaUser;
use crate::errors::call_error::Method;
use crate::errors::classify::AttemptFailure;
use sheetkeep_base::fault::Fault;

/// How an attempt ended, for the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptOutcome {
    /// The service answered with a success.
    Done,
    /// The service refused it.
    Refused,
    /// The service returned 429 or another rate-limit error.
    Throttled,
    /// The service returned 408 or 413.
    TooLarge,
    /// It was never sent: no token or no connection.
    Unsent,
    /// Its outcome is unknown.
    Lost,
}

impl AttemptOutcome {
    /// Returns the outcome of an attempt with this failure; `None` is a success.
    pub(crate) fn from_failure(failure: Option<&AttemptFailure>) -> Self {
        match failure {
            None => AttemptOutcome::Done,
            Some(AttemptFailure::Refused { refusal, .. }) if refusal.fault() == Fault::Throttled => {
                AttemptOutcome::Throttled
            }
            Some(AttemptFailure::Refused { .. }) => AttemptOutcome::Refused,
            Some(AttemptFailure::TooLarge(_)) => AttemptOutcome::TooLarge,
            Some(
                AttemptFailure::Token(_)
                | AttemptFailure::Unreachable(_)
                | AttemptFailure::Proxy(_)
                | AttemptFailure::Machine(_),
            ) => AttemptOutcome::Unsent,
            Some(AttemptFailure::OutcomeUnknown { .. }) => AttemptOutcome::Lost,
        }
    }
}

/// Calls made since the process started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Attempts that the service counts as reads.
    pub reads: u64,
    /// Attempts that the service counts as writes.
    pub writes: u64,
    /// Requests for tokens.
    pub tokens: u64,
    /// Attempts after the first one of a call.
    pub retries: u64,
    /// Responses with 429.
    pub throttled: u64,
    /// Milliseconds for which calls waited for the quota: before they were sent, and after a 429.
    /// Calls that wait at the same time count each.
    pub quota_wait_ms: u64,
    /// Who can have used up the quota, when calls were last answered 429 twice in a row.
    pub quota_user: Option<QuotaUser>,
    /// Attempts by method and outcome.
    pub by_method: BTreeMap<(Method, AttemptOutcome), u64>,
}
