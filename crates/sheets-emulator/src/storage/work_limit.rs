//! The time limit of a write.
//!
//! In scope: the limit and its check.
//! Out of scope: who waits, and how long (`write_queue`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::storage::error::StorageError;
use crate::time::TimeSource;

/// How long one write may block the others; a longer one is rolled back. Together with the 30 s
/// wait for the write turn it stays well below the 90 s after which clients give up.
pub(crate) const WORK_LIMIT: Duration = Duration::from_secs(10);

/// The end of the allowed time.
#[derive(Clone)]
pub(crate) struct WorkLimit {
    clock: Arc<dyn TimeSource>,
    until_ms: u64,
}

impl WorkLimit {
    /// Starts the limit now.
    pub(crate) fn from_now(clock: &Arc<dyn TimeSource>) -> Self {
        let limit = u64::try_from(WORK_LIMIT.as_millis()).unwrap_or(u64::MAX);
        Self { clock: Arc::clone(clock), until_ms: clock.monotonic_ms().saturating_add(limit) }
    }

    /// Fails once the time is over.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        if self.clock.monotonic_ms() > self.until_ms { Err(StorageError::TooLong) } else { Ok(()) }
    }
}

impl fmt::Debug for WorkLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkLimit").field("until_ms", &self.until_ms).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use serde_json::json;

    use super::*;
    use crate::batch::apply::batch_update;
    use crate::batch::context::UnknownBehaviors;
    use crate::random::SeededRandom;
    use crate::schema::response_mask::ResponseMask;
    use crate::storage::store::SpreadsheetStore;
    use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};

    /// A clock that advances by a second at each reading.
    #[derive(Default)]
    struct FastClock(AtomicU64);

    impl TimeSource for FastClock {
        fn unix_ms(&self) -> i64 {
            0
        }

        fn monotonic_ms(&self) -> u64 {
            self.0.fetch_add(1_000, Ordering::Relaxed)
        }
    }

    #[test]
    fn a_batch_that_takes_too_long_is_undone_and_others_write() {
        let store = SpreadsheetStore::in_memory().unwrap().with_time_source(Arc::new(FastClock::default()));
        store.create("s", &SpreadsheetProperties::default(), &[SheetProperties::new(0, "Sheet1", 0)]).unwrap();
        let send = |requests: usize| {
            let rows = [json!({"values": [{"userEnteredValue": {"numberValue": 1}}]})];
            let append = json!({"appendCells": {"sheetId": 0, "rows": rows, "fields": "*"}});
            let body = json!({"requests": vec![append; requests]}).to_string();
            batch_update(
                &store,
                "s",
                body.as_bytes(),
                &ResponseMask::All,
                UnknownBehaviors::default(),
                &SeededRandom::new(1),
            )
        };
        let got = send(100).unwrap_err();
        assert_eq!((got.code, got.status), (503, "UNAVAILABLE"));
        assert!(got.message.contains("took longer than 10 s and was undone"), "{}", got.message);
        assert_eq!(store.read("s").unwrap().last_row_with_data(0).unwrap(), None);
        assert!(send(1).is_ok());
        assert_eq!(store.read("s").unwrap().last_row_with_data(0).unwrap(), Some(0));
    }
}
