//! The clock of the runner. `system.rs` has the only implementation that reads a real one.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::time::Timestamp;

/// A clock with timers.
pub trait Clock: Send + Sync {
    /// Returns the wall time of this machine. It may jump; use it for what users see.
    fn now(&self) -> Timestamp;

    /// Returns milliseconds since a fixed time; never decreases. Use it for deadlines and
    /// durations.
    fn monotonic_ms(&self) -> u64;

    /// Resolves after `wait`; with a paused clock, as soon as nothing else can happen.
    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()>;
}
