//! An earlier failure of a key, as the index holds it.
//!
//! In scope: when it is not retried, counts as recorded, or as renewed. Out of scope: the failure
//! with its record (`items::failure`).

use crate::items::failure::{ActionAnswer, FailureState, RequestedAction};
use crate::items::key::Fingerprint;
use sheetkeep_base::time::Timestamp;

/// An earlier failure of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriorFailure {
    /// Runs in which it failed, according to its row. `ProcessedIndex::attempts` also counts those
    /// without a row.
    pub attempts: u64,
    /// The time of its first failure.
    pub first_seen: Timestamp,
    /// The time of its newest row.
    pub last_seen: Timestamp,
    /// The hash of the failed version.
    pub version: u64,
    /// A hash of the failed step and error, so that an unchanged failure gets no new row.
    pub error: Fingerprint,
    /// The failure's state; never recovered.
    pub state: FailureState,
    /// True if the outcome of its steps is unknown, so that another record is not a new attempt.
    pub is_in_doubt: bool,
    /// The user's requested action that no run has answered yet.
    pub requested: Option<RequestedAction>,
    /// True if the user wrote a text that is not an action, and no run has answered it yet.
    pub has_unknown_action: bool,
    /// The number of its row, from 1, or of the row with the requested action; 0 for a failure of
    /// this run.
    pub row: u32,
}

impl PriorFailure {
    /// True if it is not retried: it is exhausted or skipped, and the user asks for no retry.
    pub fn is_not_retried(&self) -> bool {
        self.state.is_not_retried() && self.requested != Some(RequestedAction::Retry)
    }

    /// The answer that the next row of this failure gives.
    pub fn answer(&self) -> Option<ActionAnswer> {
        self.requested.map(ActionAnswer::Accepted)
    }

    /// True if a row has to answer a text that is not an action. An action that the user requested
    /// in another row comes first.
    pub fn awaits_answer(&self) -> bool {
        self.has_unknown_action && self.requested.is_none()
    }

    /// True if this failure (same version hash, same error) is already recorded.
    pub fn is_recorded(&self, hash: u64, error: Fingerprint) -> bool {
        self.version == hash && self.error == error
    }

    /// Resets the failure because its record has changed: it is retried as if it had never failed,
    /// and its result is written.
    pub(crate) fn renew(&mut self) {
        (self.state, self.attempts, self.error) = (FailureState::Open, 0, Fingerprint(0, 0));
    }
}
