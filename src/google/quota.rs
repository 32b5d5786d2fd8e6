//! Pacing: calls wait here so that the service never has to refuse them.
//!
//! In scope: one pacer for reads and one for writes, which the service counts apart. Out of scope: what to do after a 429 (`call`).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::port::clock::Clock;

/// How long a spent permit stays away, in milliseconds: the service's quotas are per minute.
const MINUTE_MS: u64 = 60_000;

/// How long a pacer stays slow after the service said 429, in milliseconds.
const STRETCH_MS: u64 = 300_000;

/// How fast calls may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// Calls a minute, for reads and for writes each; Google allows an account 60 of each. `None`: as fast as they come.
    pub per_minute: Option<u32>,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { per_minute: Some(50) }
    }
}

impl Pacing {
    /// No waiting: for the embedded sheet, which has no quota.
    pub fn unlimited() -> Self {
        Self { per_minute: None }
    }
}

/// A bucket of permits, each of which comes back a minute after it was spent. So no minute, wherever it is cut, sees more than the
/// bucket holds; a bucket that refills evenly would let twice as many through in its first minute.
pub struct Pacer {
    clock: Arc<dyn Clock>,
    per_minute: Option<usize>,
    /// Whoever holds it is next; tokio's mutex hands it on in the order of asking.
    queue: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When each permit of the last minute was spent, oldest first.
    spent: VecDeque<u64>,
    quiet_until: u64,
    stretched_until: u64,
}

impl Pacer {
    /// A full bucket.
    pub fn new(pacing: Pacing, clock: Arc<dyn Clock>) -> Self {
        let per_minute = pacing.per_minute.map(|n| usize::try_from(n.max(1)).unwrap_or(usize::MAX));
        Self { clock, per_minute, queue: tokio::sync::Mutex::new(()), state: Mutex::default() }
    }

    /// Waits for a permit and spends it; first come, first served. A caller that goes away spends nothing.
    pub async fn take(&self) {
        let _turn = self.queue.lock().await;
        while let Err(wait_ms) = self.try_spend() {
            self.clock.sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    /// The service said 429: nothing goes out for `quiet_ms` milliseconds, a minute at most (a call that must wait longer gives up
    /// and says so, it doesn't hang here), and for five minutes only half as much as usual.
    pub fn throttled(&self, quiet_ms: u64) {
        let now = self.clock.monotonic_ms();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.quiet_until = state.quiet_until.max(now.saturating_add(quiet_ms.min(MINUTE_MS)));
        state.stretched_until = now.saturating_add(STRETCH_MS);
    }

    /// Whether the service said 429 in the last five minutes.
    pub fn stretched(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.clock.monotonic_ms() < state.stretched_until
    }

    /// Spends a permit, or tells how many milliseconds (at least 1) to wait before asking again.
    fn try_spend(&self) -> Result<(), u64> {
        let now = self.clock.monotonic_ms();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now < state.quiet_until {
            return Err(state.quiet_until - now);
        }
        let Some(per_minute) = self.per_minute else { return Ok(()) };
        while state.spent.front().is_some_and(|at| at.saturating_add(MINUTE_MS) <= now) {
            state.spent.pop_front();
        }
        let allowed = if now < state.stretched_until { (per_minute / 2).max(1) } else { per_minute };
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

    use crate::system::SteeredClock;
    use crate::time::Timestamp;

    use super::*;

    fn pacer() -> (Pacer, Arc<SteeredClock>) {
        let clock = Arc::new(SteeredClock::starting_at(Timestamp(0)));
        (Pacer::new(Pacing::default(), clock.clone()), clock)
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_wherever_it_is_cut_sees_more_than_fifty_calls() {
        let (pacer, clock) = pacer();
        let mut at = Vec::new();
        for n in 0..400_u64 {
            pacer.take().await;
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
            assert!(pacer.take().now_or_never().is_some());
        }
        assert!(pacer.take().now_or_never().is_none());
        pacer.take().await;
        assert_eq!(clock.monotonic_ms(), MINUTE_MS);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_429_nothing_goes_for_a_while_and_then_half_as_much() {
        let (pacer, clock) = pacer();
        pacer.throttled(30_000);
        assert!(pacer.stretched());
        pacer.take().await;
        assert_eq!(clock.monotonic_ms(), 30_000);
        for _ in 1..25 {
            assert!(pacer.take().now_or_never().is_some());
        }
        assert!(pacer.take().now_or_never().is_none());
        clock.sleep(Duration::from_millis(STRETCH_MS)).await;
        assert!(!pacer.stretched());
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_first_goes_first() {
        let (pacer, _) = pacer();
        let pacer = Arc::new(pacer);
        for _ in 0..50 {
            pacer.take().await;
        }
        let served = Arc::new(Mutex::new(Vec::new()));
        let asking: Vec<_> = (0..120)
            .map(|n| {
                let (pacer, served) = (pacer.clone(), served.clone());
                tokio::spawn(async move {
                    pacer.take().await;
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
            pacer.take().await;
        }
        for _ in 0..10 {
            assert!(pacer.take().now_or_never().is_none());
        }
        assert_eq!(pacer.state.lock().unwrap().spent.len(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn the_embedded_sheet_is_not_paced() {
        let clock = Arc::new(SteeredClock::starting_at(Timestamp(0)));
        let pacer = Pacer::new(Pacing::unlimited(), clock.clone());
        for _ in 0..10_000 {
            pacer.take().await;
        }
        assert_eq!(clock.monotonic_ms(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_asks_for_a_day_does_not_make_later_calls_hang() {
        let (pacer, clock) = pacer();
        pacer.throttled(86_400_000);
        pacer.take().await;
        assert_eq!(clock.monotonic_ms(), MINUTE_MS);
    }
}
