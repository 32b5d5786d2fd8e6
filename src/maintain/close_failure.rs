//! The row that closes a failure which no run has processed.
//!
//! In scope: its contents. Out of scope: which failures are closed (`maintain::reset`,
//! `maintain::rollover`).

use crate::ledger::items::failure::{Failure, FailureState};
use crate::ledger::processed::prior_failure::PriorFailure;
use crate::time::Timestamp;

/// Returns a row that is later than the other rows of this failure, with the state in the index;
/// `why` is its error text.
pub fn make_closing_row(failure: &Failure, prior: PriorFailure, why: &str, now: Timestamp) -> Failure {
    Failure {
        step: String::new(),
        error: why.to_owned(),
        attempts: prior.attempts,
        first_seen: prior.first_seen,
        last_seen: now.max(prior.last_seen.add_ms(1)),
        state: FailureState::Recovered,
        answered: prior.answer(),
        payload: Vec::new(),
        has_whole_record: false,
        ..failure.clone()
    }
}
