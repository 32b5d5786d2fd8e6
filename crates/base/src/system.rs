//! The real machine: the only reader of the real clock and of real randomness.
//!
//! In scope: `SystemClock`, `SystemRng`, and their controllable variants for tests of callers.
//! Out of scope: every decision.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;

use crate::clock::Clock;
use crate::rng::Rng;
use crate::time::Timestamp;

/// The wall clock of this machine, with tokio's timers.
#[derive(Debug, Clone)]
pub struct SystemClock {
    started: tokio::time::Instant,
}

impl SystemClock {
    /// Creates a clock whose monotonic count starts now.
    #[expect(clippy::disallowed_methods, reason = "this file is the one place where clocks are read")]
    pub fn new() -> Self {
        Self { started: tokio::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this file is the one place where clocks are read")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "this file is the one place where sleeping is done")]
    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(wait))
    }
}

/// The latest time that HTTP can write as a date, 9999-12-31T23:59:59Z, in seconds since 1970.
const LAST_SECOND: u64 = 253_402_300_799;

/// Returns how the clock of this machine is wrong if it has no valid date: before 1970, or after
/// the year 9999.
#[expect(clippy::disallowed_methods, reason = "this file is the one place where clocks are read")]
pub fn beyond_the_calendar() -> Option<&'static str> {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) if since.as_secs() < LAST_SECOND => None,
        Ok(_) => Some("after the year 9999"),
        Err(_) => Some("before 1970"),
    }
}

/// A clock that starts at a given time and follows tokio's, so that it stops with a paused runtime.
#[derive(Debug, Clone)]
pub struct TestClock {
    origin: Timestamp,
    inner: SystemClock,
}

impl TestClock {
    /// Creates a clock that shows `origin` now.
    pub fn starting_at(origin: Timestamp) -> Self {
        Self { origin, inner: SystemClock::new() }
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.origin.add_ms(self.inner.monotonic_ms())
    }

    fn monotonic_ms(&self) -> u64 {
        self.inner.monotonic_ms()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep(wait)
    }
}

/// Randomness of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    #[expect(clippy::disallowed_methods, reason = "this file is the one place where randomness is read")]
    fn next_u64(&self) -> u64 {
        getrandom::u64().expect("the operating system has randomness once the process runs")
    }
}

/// A seeded sequence (splitmix64, Steele et al. 2014): equal seeds give equal ids and jitter.
#[derive(Debug)]
pub struct SeededRng {
    state: AtomicU64,
}

impl SeededRng {
    /// Creates the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }
}

impl Rng for SeededRng {
    fn next_u64(&self) -> u64 {
        let step = 0x9E37_79B9_7F4A_7C15_u64;
        let mut z = self.state.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
