//! How long a write may keep the others waiting.
//!
//! In scope: the limit, and looking whether it is passed. Out of scope: who waits, and how long (`turns`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::storage::error::StorageError;
use crate::time::TimeSource;

/// How long the work of one call may take while nobody else can write; what takes longer is undone. Together with the 30 s for which a
/// call waits for its turn it stays well below the 90 s after which clients give up.
pub(crate) const WORK_LIMIT: Duration = Duration::from_secs(10);

/// A moment by which the work has to be done.
#[derive(Clone)]
pub(crate) struct WorkLimit {
    clock: Arc<dyn TimeSource>,
    until_ms: u64,
}

impl WorkLimit {
    /// From now on.
    pub(crate) fn from_now(clock: &Arc<dyn TimeSource>) -> Self {
        let limit = u64::try_from(WORK_LIMIT.as_millis()).unwrap_or(u64::MAX);
        Self { clock: Arc::clone(clock), until_ms: clock.monotonic_ms().saturating_add(limit) }
    }

    /// Fails once the moment is over.
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

    /// A clock on which a second goes by at each look.
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
        let told = send(100).unwrap_err();
        assert_eq!((told.code, told.status), (503, "UNAVAILABLE"));
        assert!(told.message.contains("took longer than 10 s and was undone"), "{}", told.message);
        assert_eq!(store.read("s").unwrap().last_row_with_data(0).unwrap(), None);
        assert!(send(1).is_ok());
        assert_eq!(store.read("s").unwrap().last_row_with_data(0).unwrap(), Some(0));
    }
}
