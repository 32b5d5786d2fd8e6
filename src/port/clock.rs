//! Time, as the engine asks for it. `system.rs` holds the only implementation that reads a real clock.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::time::Timestamp;

/// A clock that can be waited on.
pub trait Clock: Send + Sync {
    /// The wall time of this machine. It may jump; use it for what people read.
    fn now(&self) -> Timestamp;

    /// Milliseconds since some fixed moment; never goes back. Use it for deadlines and elapsed time.
    fn monotonic_ms(&self) -> u64;

    /// Resolves after `wait`; under a paused clock, as soon as nothing else can happen.
    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()>;
}
