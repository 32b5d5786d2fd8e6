//! Time as the emulator reads it: the wall clock for dates and tokens, a monotonic clock for quotas
//! and limits.
//!
//! In scope: the source of time, the real one, and one that starts at a given time.
//! Out of scope: dates in cells (`format::typed_date`, `format::date`). The emulator waits through
//! tokio, so that a paused runtime skips its waits.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of time.
pub trait TimeSource: Send + Sync {
    /// The wall time, in milliseconds since 1970-01-01T00:00:00Z. It may jump.
    fn unix_ms(&self) -> i64;

    /// Milliseconds since a fixed start. Never goes back.
    fn monotonic_ms(&self) -> u64;
}

/// The clock of this machine; its monotonic part follows tokio's clock.
#[derive(Debug, Clone)]
pub struct SystemTimeSource {
    started: tokio::time::Instant,
}

impl SystemTimeSource {
    /// A clock whose monotonic count starts now.
    #[expect(clippy::disallowed_methods, reason = "this file is the only reader of clocks")]
    pub fn new() -> Self {
        Self { started: tokio::time::Instant::now() }
    }
}

impl Default for SystemTimeSource {
    fn default() -> Self {
        Self::new()
    }
}

impl TimeSource for SystemTimeSource {
    #[expect(clippy::disallowed_methods, reason = "this file is the only reader of clocks")]
    fn unix_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A clock that starts at a given time and follows tokio's clock, so that it stops with a paused
/// runtime.
#[derive(Debug, Clone)]
pub struct SimulatedTimeSource {
    origin_ms: i64,
    inner: SystemTimeSource,
}

impl SimulatedTimeSource {
    /// A clock that shows this time now, in milliseconds since 1970-01-01T00:00:00Z.
    pub fn starting_at(unix_ms: i64) -> Self {
        Self { origin_ms: unix_ms, inner: SystemTimeSource::new() }
    }
}

impl TimeSource for SimulatedTimeSource {
    fn unix_ms(&self) -> i64 {
        self.origin_ms.saturating_add(i64::try_from(self.monotonic_ms()).unwrap_or(i64::MAX))
    }

    fn monotonic_ms(&self) -> u64 {
        self.inner.monotonic_ms()
    }
}

/// A wall time as RFC 3339 in UTC with milliseconds, `2026-11-22T09:00:00.000Z`. A time outside the
/// calendar is written as the nearest end of the calendar.
pub(crate) struct Rfc3339(pub(crate) i64);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nearest = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        write!(f, "{:.3}", jiff::Timestamp::from_millisecond(self.0).unwrap_or(nearest))
    }
}

/// Waits on tokio's clock.
#[expect(clippy::disallowed_methods, reason = "this file is the only one that waits")]
pub(crate) async fn sleep(wait: std::time::Duration) {
    tokio::time::sleep(wait).await;
}
