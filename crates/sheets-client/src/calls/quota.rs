//! Pacing: delays calls so that the service does not have to refuse them.
//!
//! In scope: one pacer for reads and one for writes, because the service counts them separately.
//! Out of scope: retrying after a 429 (`sheets_client::calls::caller`).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sheetkeep_base::clock::Clock;
use sheetkeep_base::retry::RetryPolicy;

/// Milliseconds until a spent permit returns. The service's quotas are per minute.
const MINUTE_MS: u64 = 60_000;

/// Default calls per minute: below Google's 60, to leave a margin for other programs of the
/// account.
pub const DEFAULT_PER_MINUTE: u32 = 50;

/// Milliseconds for which a pacer stays slow after its own calls exhausted the quota.
const SLOW_MS: u64 = 300_000;

/// Maximum call rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRates {
    /// Reads per minute; Google allows an account 60 and a project 300. `None`: no limit.
    pub reads_per_minute: Option<u32>,
    /// Writes per minute, with the same limits at Google.
    pub writes_per_minute: Option<u32>,
}

impl Default for CallRates {
    fn default() -> Self {
        Self { reads_per_minute: Some(DEFAULT_PER_MINUTE), writes_per_minute: Some(DEFAULT_PER_MINUTE) }
    }
}

impl CallRates {
    /// Returns a pacing without limits, for the embedded sheet, which has no quota.
    pub fn unlimited() -> Self {
        Self { reads_per_minute: None, writes_per_minute: None }
    }
}

/// Who can have used up an exhausted quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaUser {
    /// This process: it made at least half of the calls that it may make in a minute.
    Own,
    /// Another program that uses the same account or project: this process made too few calls.
    Other {
        /// Calls that this process made in the last minute, refused ones included.
        own_calls: usize,
    },
}

/// What a 429 means for the calls that follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttling {
    /// The first refusal since a call succeeded: it may be a single one.
    First,
    /// A call that was sent after a refusal was refused too: the quota is exhausted.
    Repeated(QuotaUser),
}

/// A bucket of permits, each of which returns one minute after it was spent. So no sliding minute
/// contains more calls than the bucket holds. A bucket that refills evenly would allow twice as
/// many in its first minute.
pub struct Pacer {
    clock: Arc<dyn Clock>,
    per_minute: Option<usize>,
    /// The holder gets the next permit. tokio's mutex is fair: first come, first served.
    queue: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When each permit of the last minute was spent (monotonic milliseconds), oldest first.
    spent: VecDeque<u64>,
    quiet_until: u64,
    slow_until: u64,
    /// Consecutive refusals. Calls that were in flight together count once.
    refusals: u32,
    last_refusal: u64,
}

impl State {
    /// Drops permits that have returned.
    fn expire(&mut self, now: u64) {
        while self.spent.front().is_some_and(|at| at.saturating_add(MINUTE_MS) <= now) {
            self.spent.pop_front();
        }
    }
}

impl Pacer {
    /// Creates a full bucket of this many calls per minute; `None`: no limit.
    pub fn new(per_minute: Option<u32>, clock: Arc<dyn Clock>) -> Self {
        let per_minute = per_minute.map(|n| usize::try_from(n.max(1)).unwrap_or(usize::MAX));
        Self { clock, per_minute, queue: tokio::sync::Mutex::new(()), state: Mutex::default() }
    }

    /// Waits for a permit and spends it, first come, first served. A cancelled caller spends
    /// nothing.
    pub async fn acquire(&self) {
        let _turn = self.queue.lock().await;
        while let Err(wait_ms) = self.try_spend() {
            self.clock.sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    /// Records a 429 for a call that was sent at `sent_ms` of the monotonic clock.
    ///
    /// No call is sent for `retry_after_ms`, or for the minimum wait of `retry::RetryPolicy` if the
    /// service named none. The wait is at most a minute: a call that must wait longer fails with
    /// that time in its error. The pace halves only if the refusal is repeated and own calls can be
    /// its cause.
    pub fn record_refusal(&self, sent_ms: u64, retry_after_ms: Option<u64>) -> Throttling {
        let now = self.clock.monotonic_ms();
        let mut state = self.state();
        if state.refusals == 0 || sent_ms > state.last_refusal {
            state.refusals = state.refusals.saturating_add(1);
        }
        state.last_refusal = now;
        let quiet_ms = retry_after_ms.unwrap_or_else(|| RetryPolicy::least_throttled_wait_ms(state.refusals));
        state.quiet_until = state.quiet_until.max(now.saturating_add(quiet_ms.min(MINUTE_MS)));
        if state.refusals < 2 {
            return Throttling::First;
        }
        state.expire(now);
        let user = self.likely_user(state.spent.len());
        if user == QuotaUser::Own {
            state.slow_until = now.saturating_add(SLOW_MS);
        }
        Throttling::Repeated(user)
    }

    /// Records that a call which was sent at `sent_ms` succeeded: earlier refusals no longer count.
    pub fn record_success(&self, sent_ms: u64) {
        let mut state = self.state();
        if sent_ms > state.last_refusal {
            state.refusals = 0;
        }
    }

    /// Returns who can have used up the quota, judged by the calls of the last minute.
    pub fn quota_user(&self) -> QuotaUser {
        let now = self.clock.monotonic_ms();
        let mut state = self.state();
        state.expire(now);
        self.likely_user(state.spent.len())
    }

    fn likely_user(&self, own_calls: usize) -> QuotaUser {
        match self.per_minute {
            Some(allowed) if own_calls < allowed.div_ceil(2) => QuotaUser::Other { own_calls },
            _ => QuotaUser::Own,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Spends a permit, or returns how many milliseconds (at least 1) to wait before the next
    /// attempt.
    fn try_spend(&self) -> Result<(), u64> {
        let now = self.clock.monotonic_ms();
        let mut state = self.state();
        if now < state.quiet_until {
            return Err(state.quiet_until - now);
        }
        let Some(per_minute) = self.per_minute else { return Ok(()) };
        state.expire(now);
        let allowed = if now < state.slow_until { (per_minute / 2).max(1) } else { per_minute };
        if state.spent.len() < allowed {
            state.spent.push_back(now);
            return Ok(());
        }
        let due = state.spent.get(state.spent.len() - allowed).copied().unwrap_or(now).saturating_add(MINUTE_MS);
        Err(due.saturating_sub(now).max(1))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use sheetkeep_base::system::TestClock;
    use sheetkeep_base::time::Timestamp;

    use super::*;

    fn pacer() -> (Pacer, Arc<TestClock>) {
        let clock = Arc::new(TestClock::starting_at(Timestamp(0)));
        (Pacer::new(CallRates::default().reads_per_minute, clock.clone()), clock)
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_wherever_it_is_cut_sees_more_than_fifty_calls() {
        let (pacer, clock) = pacer();
        let mut at = Vec::new();
        for n in 0..400_u64 {
            pacer.acquire().await;
            at.push(clock.monotonic_ms());
            clock.sleep(Duration::from_millis(n % 7 * 300)).await;
        }
        for (first, last) in at.iter().zip(&at[50..]) {
            assert!(last - first >= MINUTE_MS, "51 calls within {} ms", last - first);
        }
        assert!(at[399] < 9 * MINUTE_MS, "fifty a minute are let through, but the last came at {}", at[399]);
    }

    #[tokio::test(start_paused = true)]
    async fn fifty_calls_go_at_once_and_the_next_waits_for_its_minute() {
        let (pacer, clock) = pacer();
        for _ in 0..50 {
            assert!(pacer.acquire().now_or_never().is_some());
        }
        assert!(pacer.acquire().now_or_never().is_none());
        pacer.acquire().await;
        assert_eq!(clock.monotonic_ms(), MINUTE_MS);
    }

    /// Records a refusal of a call that is sent now.
    fn refuse(pacer: &Pacer, clock: &TestClock) -> Throttling {
        pacer.record_refusal(clock.monotonic_ms(), None)
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_429_costs_half_a_second_and_no_pace() {
        let (pacer, clock) = pacer();
        for _ in 0..20 {
            pacer.acquire().await;
        }
        assert_eq!(refuse(&pacer, &clock), Throttling::First);
        pacer.acquire().await;
        assert_eq!(clock.monotonic_ms(), 500);
        pacer.record_success(clock.monotonic_ms());
        for _ in 21..50 {
            assert!(pacer.acquire().now_or_never().is_some());
        }
        assert_eq!(refuse(&pacer, &clock), Throttling::First, "a call got through between the two");
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_429_halves_the_pace_if_own_calls_can_be_the_cause() {
        let (pacer, clock) = pacer();
        for _ in 0..25 {
            pacer.acquire().await;
        }
        refuse(&pacer, &clock);
        clock.sleep(Duration::from_millis(500)).await;
        assert_eq!(refuse(&pacer, &clock), Throttling::Repeated(QuotaUser::Own));
        pacer.acquire().await;
        assert_eq!(clock.monotonic_ms(), MINUTE_MS, "the oldest own call is a minute old");
        clock.sleep(Duration::from_millis(SLOW_MS)).await;
        for _ in 0..50 {
            assert!(pacer.acquire().now_or_never().is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_quota_that_others_used_up_leaves_the_pace_as_it_is() {
        let (pacer, clock) = pacer();
        for _ in 0..3 {
            pacer.acquire().await;
        }
        refuse(&pacer, &clock);
        clock.sleep(Duration::from_millis(500)).await;
        assert_eq!(refuse(&pacer, &clock), Throttling::Repeated(QuotaUser::Other { own_calls: 3 }));
        clock.sleep(Duration::from_secs(1)).await;
        for _ in 3..50 {
            assert!(pacer.acquire().now_or_never().is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_are_refused_together_count_as_one_refusal() {
        let (pacer, clock) = pacer();
        for _ in 0..4 {
            assert_eq!(pacer.record_refusal(0, None), Throttling::First);
            clock.sleep(Duration::from_millis(10)).await;
        }
        pacer.record_success(0);
        assert_eq!(refuse(&pacer, &clock), Throttling::Repeated(QuotaUser::Other { own_calls: 0 }));
    }

    #[tokio::test(start_paused = true)]
    async fn first_caller_goes_first() {
        let (pacer, _) = pacer();
        let pacer = Arc::new(pacer);
        for _ in 0..50 {
            pacer.acquire().await;
        }
        let served = Arc::new(Mutex::new(Vec::new()));
        let asking: Vec<_> = (0..120)
            .map(|n| {
                let (pacer, served) = (pacer.clone(), served.clone());
                tokio::spawn(async move {
                    pacer.acquire().await;
                    served.lock().unwrap().push(n);
                })
            })
            .collect();
        for asked in asking {
            asked.await.expect("served");
        }
        assert_eq!(*served.lock().unwrap(), (0..120).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_goes_away_spends_nothing() {
        let (pacer, _) = pacer();
        for _ in 0..50 {
            pacer.acquire().await;
        }
        for _ in 0..10 {
            assert!(pacer.acquire().now_or_never().is_none());
        }
        assert_eq!(pacer.state.lock().unwrap().spent.len(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn the_embedded_sheet_is_not_paced() {
        let clock = Arc::new(TestClock::starting_at(Timestamp(0)));
        let pacer = Pacer::new(CallRates::unlimited().writes_per_minute, clock.clone());
        for _ in 0..10_000 {
            pacer.acquire().await;
        }
        assert_eq!(clock.monotonic_ms(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_asks_for_a_day_does_not_make_later_calls_hang() {
        let (pacer, clock) = pacer();
        pacer.record_refusal(0, Some(86_400_000));
        pacer.acquire().await;
        assert_eq!(clock.monotonic_ms(), MINUTE_MS);
    }
}
