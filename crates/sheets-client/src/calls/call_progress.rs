//! Progress of one call over its attempts, and whether a failed attempt may be repeated.
//!
//! In scope: which failures of which methods may be retried. Out of scope: how long to wait
//! (`retry` of the base crate), the loop (`calls::caller`).

use crate::errors::call_error::Method;
use crate::errors::classify::AttemptFailure;
use sheetkeep_base::fault::Fault;
use sheetkeep_base::retry::GiveUpReason;

/// Returns the fault and the minimum wait if a failed attempt may be retried; `None` if not.
pub(crate) fn find_retry_reason(method: Method, failure: &AttemptFailure) -> Option<(Fault, Option<u64>)> {
    let fault = match failure {
        AttemptFailure::Token(error) => error.fault(),
        AttemptFailure::Unreachable(_) => Fault::Transient,
        AttemptFailure::Proxy(error) => error.fault(),
        AttemptFailure::Machine(_) => Fault::Machine,
        AttemptFailure::Refused { refusal, .. } => refusal.fault(),
        AttemptFailure::TooLarge(408) if !method.is_write() => Fault::Transient,
        AttemptFailure::OutcomeUnknown { cause, .. } if !method.is_write() => cause.fault(),
        AttemptFailure::TooLarge(_) | AttemptFailure::OutcomeUnknown { .. } => return None,
    };
    fault.passes().then_some((fault, failure.retry_after_ms()))
}

/// Progress of one call.
pub(crate) struct Progress {
    pub(crate) started_ms: Option<u64>,
    pub(crate) attempts: u32,
    /// Attempts that were answered 429.
    pub(crate) throttled: u32,
    pub(crate) has_refreshed: bool,
    pub(crate) reason: (Fault, Option<u64>),
    pub(crate) exhausted: Option<GiveUpReason>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            started_ms: None,
            attempts: 0,
            throttled: 0,
            has_refreshed: false,
            reason: (Fault::Transient, None),
            exhausted: None,
        }
    }
}

impl Progress {
    /// Counts an attempt that begins at `now_ms`, monotonic.
    pub(crate) fn begin_attempt(&mut self, now_ms: u64) {
        self.started_ms.get_or_insert(now_ms);
        self.attempts += 1;
    }

    /// Notes why the last attempt failed: its fault, and the minimum wait in milliseconds.
    pub(crate) fn record_failure(&mut self, reason: (Fault, Option<u64>)) {
        self.throttled += u32::from(reason.0 == Fault::Throttled);
        self.reason = reason;
    }

    /// Returns the number of failed attempts of the last failure's kind: those answered 429, or the
    /// others.
    pub(crate) fn failed_attempts(&self) -> u32 {
        if self.reason.0 == Fault::Throttled { self.throttled } else { self.attempts - self.throttled }
    }

    /// Returns the milliseconds since the first attempt.
    pub(crate) fn elapsed_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.started_ms.unwrap_or(now_ms))
    }
}
