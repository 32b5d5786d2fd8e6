//! The single path of all calls: pace, try under a deadline, classify the result, decide, count.
//!
//! In scope: the loop of one call. Out of scope: what is sent (`sheets`), which failures may be
//! retried (`calls::call_progress`), and resolving a lost write (`ledger`). A write is retried only
//! if it was provably not executed (no token, no connection, 401, 429).
//!
//! `backoff` drives the loop and is used in this file only. The decisions are those of
//! `retry::RetryPolicy`. backoff's own limits read the standard library's clock, do not count
//! attempts, and do not apply after a `Retry-After`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::future::{Retry, Sleeper};
use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::auth::tokens::Tokens;
use crate::calls::call_counts::{AttemptOutcome, CallCounts};
use crate::calls::call_progress::{Progress, find_retry_reason};
use crate::calls::quota::{CallRates, Pacer, QuotaUser, Throttling};
use crate::errors::call_error::{CallError, ErrorCause, Method};
use crate::errors::classify::{AttemptFailure, ResponseMeta};
use crate::errors::unknown_outcome::UnknownOutcome;
use sheetkeep_base::clock::Clock;
use sheetkeep_base::failpoint;
use sheetkeep_base::fault::Fault;
use sheetkeep_base::retry::{GiveUpReason, RetryBudget, RetryDecision, RetryPolicy};
use sheetkeep_base::rng::Rng;
use sheetkeep_base::time::Timestamp;

/// The log target of calls, as users name it in `SHEETKEEP_LOG`.
const LOG_TARGET: &str = "sheetkeep::google";

/// A call that failed, with its number of attempts and duration.
pub(crate) struct CallFailure {
    pub(crate) failure: AttemptFailure,
    pub(crate) attempts: u32,
    pub(crate) elapsed_ms: u64,
    pub(crate) exhausted: Option<GiveUpReason>,
}

/// Retry limits and pacing of calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallPolicy {
    pub(crate) retry: RetryPolicy,
    pub(crate) retry_budget: u32,
    pub(crate) rates: CallRates,
}

/// Makes calls: paced, retried, counted.
pub(crate) struct ApiCaller {
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    policy: RetryPolicy,
    budget: Mutex<RetryBudget>,
    reads: Pacer,
    writes: Pacer,
    tokens: Tokens,
    client_email: Option<String>,
    counts: Mutex<CallCounts>,
    service_time: Mutex<Option<(Timestamp, u64)>>,
}

/// One attempt of a call.
pub(crate) type Attempt<'f, T> = dyn Fn() -> BoxFuture<'f, Result<T, AttemptFailure>> + Send + Sync + 'f;

impl ApiCaller {
    pub(crate) fn new(
        policy: CallPolicy,
        tokens: Tokens,
        client_email: Option<String>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        Self {
            policy: policy.retry,
            budget: Mutex::new(RetryBudget::new(policy.retry_budget)),
            reads: Pacer::new(policy.rates.reads_per_minute, clock.clone()),
            writes: Pacer::new(policy.rates.writes_per_minute, clock.clone()),
            tokens,
            client_email,
            counts: Mutex::default(),
            service_time: Mutex::default(),
            clock,
            rng,
        }
    }

    /// Calls until success, or until the call must not be tried again.
    pub(crate) async fn call<T>(&self, method: Method, attempt: Box<Attempt<'_, T>>) -> Result<T, CallFailure> {
        let progress = Mutex::new(Progress::default());
        let operation = || async {
            self.wait_for_quota(method).await;
            lock_despite_panic(&progress).begin_attempt(self.clock.monotonic_ms());
            self.attempt_once(method, &*attempt, &progress).await.map_err(|failure| {
                match find_retry_reason(method, &failure) {
                    Some(reason) => {
                        lock_despite_panic(&progress).record_failure(reason);
                        backoff::Error::transient(failure)
                    }
                    None => backoff::Error::permanent(failure),
                }
            })
        };
        let adapter = BackoffAdapter { caller: self, progress: &progress };
        let notify = |failure: AttemptFailure, wait: Duration| {
            let cause = self.classify_cause(method, failure);
            let (attempt, kind) = {
                let progress = lock_despite_panic(&progress);
                (progress.attempts + 1, progress.reason.0)
            };
            let delay_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(
                target: LOG_TARGET,
                event = "call.retrying",
                method = method.name(),
                attempt,
                of = self.policy.max_attempts,
                delay_ms,
                error.kind = %kind,
                %cause,
                "a call failed and is made again"
            );
        };
        let result = Retry::new(ClockSleeper(self.clock.clone()), adapter, notify, operation).await;
        match result {
            Ok(done) => {
                lock_despite_panic(&self.budget).refund();
                Ok(done)
            }
            Err(failure) => {
                let failure = match failure {
                    AttemptFailure::Token(error) => AttemptFailure::Token(self.tokens.distinguish_foreign(error).await),
                    other => other,
                };
                let progress = lock_despite_panic(&progress);
                let elapsed_ms = progress.elapsed_ms(self.clock.monotonic_ms());
                Err(CallFailure { failure, attempts: progress.attempts, elapsed_ms, exhausted: progress.exhausted })
            }
        }
    }

    /// Makes one attempt. A token that the service refuses is replaced once per call.
    async fn attempt_once<T>(
        &self,
        method: Method,
        attempt: &Attempt<'_, T>,
        progress: &Mutex<Progress>,
    ) -> Result<T, AttemptFailure> {
        loop {
            let token = self.token().await;
            let sent_ms = self.clock.monotonic_ms();
            let result = match &token {
                Ok(_) => {
                    failpoint::pass_point(failpoint::BEFORE_REQUEST);
                    let result =
                        attempt().await.map_err(|failure| failure.redacted_with(|text| self.tokens.hide(text)));
                    failpoint::pass_point(failpoint::AFTER_RESPONSE);
                    result
                }
                Err(failure) => Err(failure.clone()),
            };
            self.count(method, result.as_ref().err(), sent_ms);
            let refused = result.as_ref().is_err_and(|failure| is_unauthorised(method, failure));
            let (Ok((_, number)), true) = (token, refused) else { return result };
            if std::mem::replace(&mut lock_despite_panic(progress).has_refreshed, true) {
                return result;
            }
            self.tokens.invalidate(number);
            self.wait_for_quota(method).await;
        }
    }

    /// Returns the token for a raw call.
    pub(crate) async fn token(&self) -> Result<(SecretString, u64), AttemptFailure> {
        self.tokens.get().await.map_err(AttemptFailure::Token)
    }

    /// Records the service's own time.
    pub(crate) fn record_service_time(&self, meta: ResponseMeta) {
        if let Some(date) = meta.date {
            *lock_despite_panic(&self.service_time) = Some((date, self.clock.monotonic_ms()));
        }
    }

    pub(crate) fn service_time(&self) -> Option<(Timestamp, u64)> {
        *lock_despite_panic(&self.service_time)
    }

    pub(crate) fn counts(&self) -> CallCounts {
        let mut counts = lock_despite_panic(&self.counts).clone();
        counts.tokens = self.tokens.requests();
        counts
    }

    pub(crate) fn client_email(&self) -> Option<&str> {
        self.client_email.as_deref()
    }

    /// Converts the failure into an error with a user-facing message.
    pub(crate) fn error(&self, method: Method, call_failure: CallFailure) -> CallError {
        let CallFailure { failure, attempts, elapsed_ms, exhausted } = call_failure;
        CallError {
            method,
            cause: self.classify_cause(method, failure),
            attempts,
            elapsed_ms,
            give_up_reason: exhausted,
        }
    }

    fn classify_cause(&self, method: Method, failure: AttemptFailure) -> ErrorCause {
        match failure {
            AttemptFailure::Token(error) => ErrorCause::Token(error),
            AttemptFailure::Unreachable(why) => ErrorCause::Unreachable(why),
            AttemptFailure::Proxy(error) => ErrorCause::Proxy(error),
            AttemptFailure::Machine(error) => ErrorCause::Machine(error),
            AttemptFailure::Refused { refusal, .. } => {
                let advice = match refusal.fault() {
                    Fault::Throttled => Some(self.quota_advice(method)),
                    _ => refusal.advice(self.client_email()),
                };
                ErrorCause::Refused { refusal, advice }
            }
            AttemptFailure::TooLarge(status) => ErrorCause::TooLarge(status),
            AttemptFailure::OutcomeUnknown { cause, .. } => ErrorCause::Lost(cause),
        }
    }

    /// Returns advice for an exhausted quota; it depends on who used the quota.
    fn quota_advice(&self, method: Method) -> String {
        let (calls, key) =
            if method.is_write() { ("writes", "writes_per_minute") } else { ("reads", "reads_per_minute") };
        match self.pacer(method).quota_user() {
            QuotaUser::Own => format!(
                "this process may have used it up: where Google allows this account less than usual, lower [quota] {key}"
            ),
            QuotaUser::Other { own_calls } => format!(
                "another program may use up the same account's or project's quota of {calls} a minute: this process sent \
                 {own_calls} in the last minute"
            ),
        }
    }

    /// Waits until the quota allows the call, and counts for how long.
    async fn wait_for_quota(&self, method: Method) {
        let began_ms = self.clock.monotonic_ms();
        self.pacer(method).acquire().await;
        lock_despite_panic(&self.counts).quota_wait_ms += self.clock.monotonic_ms().saturating_sub(began_ms);
    }

    fn pacer(&self, method: Method) -> &Pacer {
        if method.is_write() { &self.writes } else { &self.reads }
    }

    fn count(&self, method: Method, failure: Option<&AttemptFailure>, sent_ms: u64) {
        let outcome = AttemptOutcome::from_failure(failure);
        let ms = self.clock.monotonic_ms().saturating_sub(sent_ms);
        tracing::debug!(target: LOG_TARGET, method = method.name(), ?outcome, ms, event = "call.made", "called");
        let mut counts = lock_despite_panic(&self.counts);
        *counts.by_method.entry((method, outcome)).or_default() += 1;
        match outcome {
            AttemptOutcome::Unsent => return,
            AttemptOutcome::Done | AttemptOutcome::Refused => self.pacer(method).record_success(sent_ms),
            AttemptOutcome::Throttled => {
                counts.throttled += 1;
                let retry_after_ms = failure.and_then(AttemptFailure::retry_after_ms);
                if let Throttling::Repeated(user) = self.pacer(method).record_refusal(sent_ms, retry_after_ms) {
                    counts.quota_user = Some(user);
                }
            }
            _ => {}
        }
        if method.is_write() {
            counts.writes += 1;
        } else {
            counts.reads += 1;
        }
    }
}

/// Returns whether the call got a definite 401. A 401 without an envelope may come from an
/// intermediary. A write then counts as lost; a read is retried.
fn is_unauthorised(method: Method, failure: &AttemptFailure) -> bool {
    match failure {
        AttemptFailure::Refused { refusal, .. } => refusal.code == 401,
        AttemptFailure::OutcomeUnknown {
            cause: UnknownOutcome::Status(401) | UnknownOutcome::WebPage(401), ..
        } => !method.is_write(),
        _ => false,
    }
}

/// Adapts our retry decisions to the `backoff` crate.
struct BackoffAdapter<'a> {
    caller: &'a ApiCaller,
    progress: &'a Mutex<Progress>,
}

impl Backoff for BackoffAdapter<'_> {
    fn next_backoff(&mut self) -> Option<Duration> {
        let caller = self.caller;
        let mut progress = lock_despite_panic(self.progress);
        let elapsed_ms = progress.elapsed_ms(caller.clock.monotonic_ms());
        let (fault, least_ms) = progress.reason;
        let draw = caller.rng.next_f64();
        match caller.policy.decide(fault, progress.failed_attempts(), elapsed_ms, least_ms, draw) {
            // A 429 shows that the service is up, so it does not spend the budget that guards
            // against a service that is down.
            RetryDecision::Retry { after_ms }
                if fault == Fault::Throttled || lock_despite_panic(&caller.budget).spend() =>
            {
                let mut counts = lock_despite_panic(&caller.counts);
                counts.retries += 1;
                if fault == Fault::Throttled {
                    counts.quota_wait_ms += after_ms;
                }
                Some(Duration::from_millis(after_ms))
            }
            RetryDecision::Retry { .. } => {
                progress.exhausted = Some(GiveUpReason::Budget);
                None
            }
            RetryDecision::GiveUp(why) => {
                progress.exhausted = Some(why);
                None
            }
        }
    }
}

/// Lets `backoff` sleep on our clock.
struct ClockSleeper(Arc<dyn Clock>);

impl Sleeper for ClockSleeper {
    type Sleep = BoxFuture<'static, ()>;

    fn sleep(&self, wait: Duration) -> Self::Sleep {
        self.0.sleep(wait)
    }
}

/// Ignores poisoning: these values are counters and timestamps and stay valid.
fn lock_despite_panic<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
