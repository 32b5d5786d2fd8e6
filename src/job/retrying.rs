//! `retry`: an operation, tried again with growing, random delays.
//!
//! In scope: waiting between attempts, reporting them. Out of scope: when a retry is due
//! (`crate::retry`, which decides for every call of a run, too).

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use thiserror::Error;

use crate::clock::Clock;
use crate::fault::Fault;
use crate::retry::{RetryDecision, RetryPolicy};
use crate::rng::Rng;
use crate::system::{SeededRng, SystemClock, SystemRng};

/// What a retry may expect of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryClass {
    /// The same call would fail again: it is not retried.
    Permanent,
    /// The error may pass: the call is retried up to the policy's number of attempts.
    Transient,
    /// A quota is used up: the call is retried until the policy's time is over.
    Throttled {
        /// The time that the other side asks to wait at least, if it names one.
        retry_after: Option<Duration>,
    },
}

/// What `on_retry` gets before each wait.
#[derive(Debug)]
#[non_exhaustive]
pub struct RetryNotice<'a, E> {
    /// The number of the next attempt, from 2.
    pub attempt: u32,
    /// The largest number of attempts.
    pub of: u32,
    /// The wait before it.
    pub delay: Duration,
    /// The error of the attempt before.
    pub error: &'a E,
}

/// The last error of an operation, after all its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{error} (after {attempts} attempts)")]
#[non_exhaustive]
pub struct RetryError<E> {
    /// The error of the last attempt.
    pub error: E,
    /// Number of attempts made.
    pub attempts: u32,
    /// False if the error is permanent, so that no attempt was left out.
    pub is_exhausted: bool,
}

/// An operation that is going to be tried; [`Retry::run`] does it.
#[expect(clippy::struct_field_names, reason = "`on_retry` is the word of the builder's method")]
pub struct Retry<C, F, N> {
    policy: RetryPolicy,
    classify: C,
    operation: F,
    on_retry: N,
    seed: Option<u64>,
}

/// Tries an operation until it succeeds, its error is permanent, or the policy's bounds are
/// reached. Delays grow from `policy.base_ms` to `policy.cap_ms` with full jitter.
///
/// ```
/// use sheetkeep::job::{RetryClass, RetryPolicy, flaky, retry};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let policy = RetryPolicy { max_attempts: 5, base_ms: 1, cap_ms: 10, max_elapsed_ms: 60_000 };
/// let service = flaky(2, "connection reset");
///
/// let attempt = retry(policy, |_| RetryClass::Transient, service)
///     .on_retry(|retry| eprintln!("attempt {} of {}: {}", retry.attempt, retry.of, retry.error))
///     .run()
///     .await;
/// assert_eq!(attempt, Ok(3));
/// # }
/// ```
pub fn retry<T, E, C, F, R>(policy: RetryPolicy, classify: C, operation: F) -> Retry<C, F, fn(&RetryNotice<'_, E>)>
where
    C: Fn(&E) -> RetryClass,
    F: FnMut() -> R,
    R: Future<Output = Result<T, E>>,
{
    Retry { policy, classify, operation, on_retry: |_| {}, seed: None }
}

impl<C, F, N> Retry<C, F, N> {
    /// Calls `notice` before each wait.
    #[must_use]
    pub fn on_retry<E, M: FnMut(&RetryNotice<'_, E>)>(self, notice: M) -> Retry<C, F, M>
    where
        C: Fn(&E) -> RetryClass,
    {
        let Self { policy, classify, operation, seed, .. } = self;
        Retry { policy, classify, operation, on_retry: notice, seed }
    }

    /// Draws the jitter from this seed, for tests: equal seeds give equal delays.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Runs the operation. Fails with its last error.
    pub async fn run<T, E, R>(self) -> Result<T, RetryError<E>>
    where
        C: Fn(&E) -> RetryClass,
        F: FnMut() -> R,
        R: Future<Output = Result<T, E>>,
        N: FnMut(&RetryNotice<'_, E>),
    {
        let Self { policy, classify, mut operation, mut on_retry, seed } = self;
        let clock = SystemClock::new();
        let rng: Arc<dyn Rng> = match seed {
            Some(seed) => Arc::new(SeededRng::new(seed)),
            None => Arc::new(SystemRng),
        };
        let (mut attempts, mut throttled) = (0, 0);
        loop {
            attempts += 1;
            let error = match operation().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let (fault, least) = match classify(&error) {
                RetryClass::Permanent => return Err(RetryError { error, attempts, is_exhausted: false }),
                RetryClass::Transient => (Fault::Transient, None),
                RetryClass::Throttled { retry_after } => (Fault::Throttled, retry_after),
            };
            throttled += u32::from(fault == Fault::Throttled);
            let failed = if fault == Fault::Throttled { throttled } else { attempts - throttled };
            let least = least.map(|least| u64::try_from(least.as_millis()).unwrap_or(u64::MAX));
            let decided = policy.decide(fault, failed, clock.monotonic_ms(), least, rng.next_f64());
            let RetryDecision::Retry { after_ms } = decided else {
                return Err(RetryError { error, attempts, is_exhausted: true });
            };
            let delay = Duration::from_millis(after_ms);
            on_retry(&RetryNotice { attempt: attempts + 1, of: policy.max_attempts, delay, error: &error });
            clock.sleep(delay).await;
        }
    }
}

/// Returns an operation that fails `times` times with `error`, and then returns the number of the
/// attempt: for tests of what retries.
pub fn flaky<E: Clone>(times: u32, error: E) -> impl Fn() -> Ready<Result<u32, E>> + Clone {
    let attempts = Arc::new(AtomicU32::new(0));
    move || {
        let attempt = attempts.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        ready(if attempt <= times { Err(error.clone()) } else { Ok(attempt) })
    }
}
