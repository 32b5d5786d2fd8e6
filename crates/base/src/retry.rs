//! Decides whether and when to retry: pure, so that every bound can be tested without waiting.
//!
//! In scope: exponential backoff with jitter, `Retry-After`, bounds on attempts and elapsed time, a
//! budget shared by all calls. A 429 has its own curve: it costs no quota, and the quota
//! refills within a minute, so frequent retries are right.
//! Out of scope: sleeping, and whether a call is safe to repeat; a write whose response was lost
//! is not retried here. `ledger::commit` resolves it, and may send it again.

use crate::fault::Fault;

/// Maximum first delay after a 429 without `Retry-After`, in milliseconds; it doubles with each
/// further 429.
const THROTTLED_BASE_MS: u64 = 1_000;

/// Maximum delay after a 429 without `Retry-After`, in milliseconds. In 20,000 simulated refills at
/// random times of a minute, this curve is late by 3.7 s on average. At the 95th percentile it is
/// late by 7.9 s, with at most 12 refused calls.
const THROTTLED_CAP_MS: u64 = 10_000;

/// The bounds of one call's retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Maximum number of attempts, including the first. Attempts answered with 429 don't count;
    /// time alone bounds those.
    pub max_attempts: u32,
    /// Upper bound of the first delay, in milliseconds; it doubles with every attempt.
    pub base_ms: u64,
    /// Maximum delay of the curve, in milliseconds. Google refills its quotas every minute, so at
    /// least 64,000.
    pub cap_ms: u64,
    /// No delay may end later than this many milliseconds after the start of the first attempt.
    pub max_elapsed_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 6, base_ms: 1_000, cap_ms: 64_000, max_elapsed_ms: 180_000 }
    }
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDecision {
    /// Wait, then try again.
    Retry {
        /// Delay, in milliseconds.
        after_ms: u64,
    },
    /// No further attempt: a bound is reached, or the error does not pass.
    GiveUp(GiveUpReason),
}

/// Why there is no further attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUpReason {
    /// The fault does not pass by itself.
    Permanent,
    /// All attempts were used.
    Attempts,
    /// The next attempt would start after the time limit.
    Elapsed {
        /// The delay that it would have needed, in milliseconds.
        next_ms: u64,
    },
    /// The shared budget is empty: the service as a whole has problems.
    Budget,
}

impl RetryPolicy {
    /// Decides after the `failed`-th failed attempt (1-based), `elapsed_ms` after the start of the
    /// first. Attempts answered with 429 are counted separately: `failed` counts only attempts
    /// with this kind of fault. `draw` is uniform in [0, 1) and the only randomness.
    pub fn decide(
        &self,
        fault: Fault,
        failed: u32,
        elapsed_ms: u64,
        retry_after_ms: Option<u64>,
        draw: f64,
    ) -> RetryDecision {
        if !fault.passes() {
            return RetryDecision::GiveUp(GiveUpReason::Permanent);
        }
        if fault != Fault::Throttled && failed >= self.max_attempts {
            return RetryDecision::GiveUp(GiveUpReason::Attempts);
        }
        let next_input = match fault {
            Fault::Throttled => {
                let least = Self::least_throttled_wait_ms(failed);
                least + scale(least, draw)
            }
            _ => Jitter::Full.delay(self.base_ms, self.cap_ms, failed, 0, draw),
        };
        // `Retry-After` is a minimum, plus up to a second of jitter, so that clients don't retry
        // simultaneously.
        let after_ms = match retry_after_ms {
            Some(floor) => floor.max(next_input).saturating_add(scale(1_000, draw)),
            None => next_input,
        };
        if elapsed_ms.saturating_add(after_ms) > self.max_elapsed_ms {
            return RetryDecision::GiveUp(GiveUpReason::Elapsed { next_ms: after_ms });
        }
        RetryDecision::Retry { after_ms }
    }

    /// Returns the minimum delay after this many consecutive 429s (1-based), in milliseconds: half
    /// of the maximum.
    pub fn least_throttled_wait_ms(refusals: u32) -> u64 {
        limit_delay_ms(THROTTLED_BASE_MS, THROTTLED_CAP_MS, refusals) / 2
    }
}

/// How a delay is drawn around the exponential curve, so that clients that failed together do not
/// return together. The formulas are those of the AWS architecture blog's backoff simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Jitter {
    /// The curve itself: every client that failed at one moment returns at one moment.
    None,
    /// From zero to the curve; the default.
    #[default]
    Full,
    /// From half of the curve to the curve.
    Equal,
    /// From the base to three times the delay before, at most the maximum.
    Decorrelated,
}

impl Jitter {
    /// Returns the delay after the `failed`-th failed attempt (1-based), in the unit of `base` and
    /// `cap`. The curve doubles from `base` to `cap`. `previous` is the delay before this one, 0 if
    /// there was none; only `Decorrelated` reads it. `draw` is uniform in [0, 1).
    pub fn delay(self, base: u64, cap: u64, failed: u32, previous: u64, draw: f64) -> u64 {
        let ceiling = limit_delay_ms(base, cap, failed);
        match self {
            Self::None => ceiling,
            Self::Full => scale(ceiling, draw),
            Self::Equal => ceiling / 2 + scale(ceiling - ceiling / 2, draw),
            Self::Decorrelated => {
                let widest = previous.max(base).saturating_mul(3).min(cap);
                let least = base.min(cap);
                least + scale(widest.saturating_sub(least), draw)
            }
        }
    }
}

/// Returns the maximum delay after the `failed`-th failure: it doubles from `base_ms` to `cap_ms`.
fn limit_delay_ms(base_ms: u64, cap_ms: u64, failed: u32) -> u64 {
    base_ms.saturating_mul(1_u64 << failed.saturating_sub(1).min(32)).min(cap_ms)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "waits are far below 2^53 ms, and draw is clamped to [0, 1)"
)]
fn scale(ms: u64, draw: f64) -> u64 {
    (ms as f64 * draw.clamp(0.0, 1.0)) as u64
}

/// A budget of retries shared by all calls of a process: a retry costs one token, a success returns
/// a fifth. So a service that is down can't use up a whole run in delays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryBudget {
    fifths: u32,
    capacity: u32,
}

impl RetryBudget {
    /// Creates a full budget of `capacity` retries.
    pub fn new(capacity: u32) -> Self {
        Self { fifths: capacity.saturating_mul(5), capacity: capacity.saturating_mul(5) }
    }

    /// Takes the cost of one retry; returns false if the budget is empty.
    pub fn spend(&mut self) -> bool {
        match self.fifths.checked_sub(5) {
            Some(left) => {
                self.fifths = left;
                true
            }
            None => false,
        }
    }

    /// Returns a fifth of a retry to the budget.
    pub fn refund(&mut self) {
        self.fifths = (self.fifths + 1).min(self.capacity);
    }
}

#[cfg(test)]
mod tests {
    use crate::rng::Rng;
    use crate::system::SeededRng;

    use super::*;

    const POLICY: RetryPolicy =
        RetryPolicy { max_attempts: 9, base_ms: 1_000, cap_ms: 64_000, max_elapsed_ms: 600_000 };

    #[test]
    fn a_wait_is_drawn_from_zero_to_a_doubling_cap() {
        for (failed, ceiling) in [(1, 1_000), (2, 2_000), (3, 4_000), (7, 64_000), (8, 64_000)] {
            let wait = |draw| POLICY.decide(Fault::Transient, failed, 0, None, draw);
            assert_eq!(wait(0.0), RetryDecision::Retry { after_ms: 0 });
            assert_eq!(wait(0.5), RetryDecision::Retry { after_ms: ceiling / 2 });
            assert_eq!(wait(1.0), RetryDecision::Retry { after_ms: ceiling });
        }
    }

    #[test]
    fn each_jitter_has_its_own_bounds_below_the_cap() {
        let bounds = |jitter: Jitter, failed, previous| {
            [0.0, 1.0].map(|draw| jitter.delay(1_000, 8_000, failed, previous, draw))
        };
        assert_eq!(bounds(Jitter::None, 3, 0), [4_000, 4_000]);
        assert_eq!(bounds(Jitter::Full, 3, 0), [0, 4_000]);
        assert_eq!(bounds(Jitter::Equal, 3, 0), [2_000, 4_000]);
        assert_eq!(bounds(Jitter::Decorrelated, 1, 0), [1_000, 3_000]);
        assert_eq!(bounds(Jitter::Decorrelated, 3, 2_000), [1_000, 6_000]);
        for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated] {
            assert_eq!(jitter.delay(1_000, 8_000, 40, u64::MAX, 1.0), 8_000, "{jitter:?}");
        }
    }

    #[test]
    fn full_jitter_spreads_over_all_tenths_of_its_range() {
        let rng = SeededRng::new(16);
        let mut tenths = [0_u32; 10];
        for _ in 0..10_000 {
            let delay = Jitter::Full.delay(1_000, 64_000, 5, 0, rng.next_f64());
            tenths[usize::try_from(delay / 1_600).expect("below the ceiling")] += 1;
        }
        assert!(tenths.iter().all(|count| (900..=1_100).contains(count)), "{tenths:?}");
    }

    #[test]
    fn after_a_429_waits_double_from_one_second_to_ten() {
        for (failed, longest) in [(1, 1_000), (2, 2_000), (4, 8_000), (5, 10_000), (30, 10_000)] {
            let wait = |draw| POLICY.decide(Fault::Throttled, failed, 0, None, draw);
            assert_eq!(wait(0.0), RetryDecision::Retry { after_ms: longest / 2 });
            assert_eq!(wait(1.0), RetryDecision::Retry { after_ms: longest });
        }
    }

    /// Returns the milliseconds from the refill of a quota to the first accepted call, and the
    /// number of refused calls before it.
    fn wait_for_refill(refill_ms: u64, rng: &SeededRng) -> (u64, u32) {
        let (mut at_ms, mut refused) = (0, 0);
        while at_ms < refill_ms {
            refused += 1;
            match RetryPolicy::default().decide(Fault::Throttled, refused, at_ms, None, rng.next_f64()) {
                RetryDecision::Retry { after_ms } => at_ms += after_ms,
                RetryDecision::GiveUp(why) => unreachable!("a refill within a minute is waited for: {why:?}"),
            }
        }
        (at_ms - refill_ms, refused)
    }

    #[test]
    fn a_used_up_quota_is_met_within_eight_seconds_of_its_refill() {
        let rng = SeededRng::new(429);
        let mut waits: Vec<_> = (0..20_000).map(|_| wait_for_refill(scale(60_000, rng.next_f64()), &rng)).collect();
        waits.sort_unstable();
        let mean = waits.iter().map(|wait| wait.0).sum::<u64>() / 20_000;
        let (p95, most_refused) = (waits[19_000].0, waits.iter().map(|wait| wait.1).max());
        assert!(mean <= 4_000 && p95 <= 8_000, "late by {mean} ms on average, {p95} ms at p95");
        assert!(most_refused <= Some(14), "{most_refused:?} refused calls");
    }

    #[test]
    fn a_retry_after_is_never_cut_short() {
        for draw in [0.0, 0.3, 1.0] {
            let RetryDecision::Retry { after_ms } = POLICY.decide(Fault::Throttled, 1, 0, Some(30_000), draw) else {
                unreachable!("a throttled call is tried again");
            };
            assert!((30_000..=31_000).contains(&after_ms), "{after_ms}");
        }
    }

    #[test]
    fn a_wait_that_ends_after_the_time_allowed_is_not_begun() {
        let decided = POLICY.decide(Fault::Throttled, 1, 590_000, Some(20_000), 0.0);
        assert_eq!(decided, RetryDecision::GiveUp(GiveUpReason::Elapsed { next_ms: 20_000 }));
    }

    #[test]
    fn attempts_are_bounded_and_permanent_faults_not_retried() {
        assert_eq!(POLICY.decide(Fault::Transient, 9, 0, None, 0.0), RetryDecision::GiveUp(GiveUpReason::Attempts));
        assert_eq!(POLICY.decide(Fault::Throttled, 9, 0, None, 0.0), RetryDecision::Retry { after_ms: 5_000 });
        for fault in [Fault::Denied, Fault::Rejected, Fault::Fenced, Fault::Inconsistent] {
            assert_eq!(POLICY.decide(fault, 1, 0, None, 0.0), RetryDecision::GiveUp(GiveUpReason::Permanent));
        }
    }

    #[test]
    fn the_shared_budget_runs_dry_and_five_successes_buy_one_retry() {
        let mut budget = RetryBudget::new(2);
        assert!(budget.spend() && budget.spend() && !budget.spend());
        for _ in 0..5 {
            assert!(!budget.spend());
            budget.refund();
        }
        assert!(budget.spend());
    }
}
