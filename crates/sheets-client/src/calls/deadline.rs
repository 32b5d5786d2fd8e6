//! The deadline of one attempt.
//!
//! Out of scope: how often a call is tried (`calls::caller`).

use std::time::Duration;

use sheetkeep_base::clock::Clock;

use crate::errors::unknown_outcome::UnknownOutcome;

/// Runs `work` under a deadline. Returns its result, or the failure that the deadline passed.
pub(crate) async fn with_timeout<T>(
    clock: &dyn Clock,
    deadline: Duration,
    work: impl Future<Output = T>,
) -> Result<T, UnknownOutcome> {
    tokio::select! {
        biased;
        done = work => Ok(done),
        () = clock.sleep(deadline) => {
            Err(UnknownOutcome::TimedOut { after_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX) })
        }
    }
}
