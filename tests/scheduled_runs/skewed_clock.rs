//! The clock of a machine that shows another time than the spreadsheet's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sheetkeep::clock::Clock;
use sheetkeep::time::Timestamp;

/// A clock that advances like another one and is ahead of it, or behind where `ahead_ms` is less
/// than 0.
pub struct SkewedClock {
    inner: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
}

impl SkewedClock {
    pub fn new(inner: &Arc<dyn Clock>, ahead_ms: i64) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), ahead_ms: AtomicI64::new(ahead_ms) })
    }

    /// Sets the clock while runs read it.
    pub fn set_ahead_ms(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::SeqCst);
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.inner.now().0.saturating_add(self.ahead_ms.load(Ordering::SeqCst)))
    }

    fn monotonic_ms(&self) -> u64 {
        self.inner.monotonic_ms()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep(wait)
    }
}
