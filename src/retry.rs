//! Whether and when to try again: pure, so that every bound can be tested without waiting.
//!
//! In scope: exponential backoff with full jitter, `Retry-After`, bounds on attempts and elapsed time, a budget shared by all calls.
//! Out of scope: sleeping, and deciding whether a call is safe to repeat; a write whose answer was lost is judged, never retried.

use crate::fault::Fault;

/// The bounds of one call's retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all, the first one included.
    pub max_attempts: u32,
    /// The first wait's upper bound, in milliseconds; it doubles with every try.
    pub base_ms: u64,
    /// No wait drawn from the curve is longer; Google refills its quotas every minute, so at least 64,000.
    pub cap_ms: u64,
    /// No wait may end later than this many milliseconds after the first try began.
    pub max_elapsed_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 6, base_ms: 1_000, cap_ms: 64_000, max_elapsed_ms: 180_000 }
    }
}

/// What to do after a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Wait this many milliseconds, then try again.
    Again {
        /// Milliseconds.
        after_ms: u64,
    },
    /// Stop trying.
    GiveUp(Exhausted),
}

/// Why no further try is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// The fault does not pass by itself.
    Permanent,
    /// All attempts were used.
    Attempts,
    /// The next try would start after the time allowed; the wait it would have taken is told.
    Elapsed {
        /// Milliseconds until the next try would have been due.
        next_ms: u64,
    },
    /// The budget that all calls share is empty: the service as a whole is in trouble.
    Budget,
}

impl RetryPolicy {
    /// Decides after the `failed`-th failed try (1-based), `elapsed_ms` after the first began.
    /// `draw` is uniform in [0, 1) and is the only chance in it.
    pub fn decide(
        &self,
        fault: Fault,
        failed: u32,
        elapsed_ms: u64,
        retry_after_ms: Option<u64>,
        draw: f64,
    ) -> Decision {
        if !fault.passes() {
            return Decision::GiveUp(Exhausted::Permanent);
        }
        if failed >= self.max_attempts {
            return Decision::GiveUp(Exhausted::Attempts);
        }
        let after_ms = self.wait_ms(failed, retry_after_ms, draw);
        if elapsed_ms.saturating_add(after_ms) > self.max_elapsed_ms {
            return Decision::GiveUp(Exhausted::Elapsed { next_ms: after_ms });
        }
        Decision::Again { after_ms }
    }

    /// Full jitter under the curve; a `Retry-After` is a floor to which up to a second of jitter is added,
    /// so that all clients do not wake together.
    fn wait_ms(&self, failed: u32, retry_after_ms: Option<u64>, draw: f64) -> u64 {
        let doublings = failed.saturating_sub(1).min(32);
        let ceiling = self.base_ms.saturating_mul(1_u64 << doublings).min(self.cap_ms);
        let drawn = scale(ceiling, draw);
        match retry_after_ms {
            Some(floor) => floor.max(drawn).saturating_add(scale(1_000, draw)),
            None => drawn,
        }
    }
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

/// A budget of retries that all calls of a process share: a retry costs one token, a success gives a fifth back.
/// So a service that is down can't burn a whole run in waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryBudget {
    fifths: u32,
    capacity: u32,
}

impl RetryBudget {
    /// A full budget of `capacity` retries.
    pub fn new(capacity: u32) -> Self {
        Self { fifths: capacity.saturating_mul(5), capacity: capacity.saturating_mul(5) }
    }

    /// Takes the cost of one retry; false when nothing is left.
    pub fn spend(&mut self) -> bool {
        match self.fifths.checked_sub(5) {
            Some(left) => {
                self.fifths = left;
                true
            }
            None => false,
        }
    }

    /// Gives back a fifth of a retry.
    pub fn earn(&mut self) {
        self.fifths = (self.fifths + 1).min(self.capacity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy =
        RetryPolicy { max_attempts: 9, base_ms: 1_000, cap_ms: 64_000, max_elapsed_ms: 600_000 };

    #[test]
    fn a_wait_is_drawn_between_nothing_and_a_curve_that_doubles_up_to_the_cap() {
        for (failed, ceiling) in [(1, 1_000), (2, 2_000), (3, 4_000), (7, 64_000), (8, 64_000)] {
            let wait = |draw| POLICY.decide(Fault::Transient, failed, 0, None, draw);
            assert_eq!(wait(0.0), Decision::Again { after_ms: 0 });
            assert_eq!(wait(0.5), Decision::Again { after_ms: ceiling / 2 });
            assert_eq!(wait(1.0), Decision::Again { after_ms: ceiling });
        }
    }

    #[test]
    fn a_retry_after_is_never_cut_short() {
        for draw in [0.0, 0.3, 1.0] {
            let Decision::Again { after_ms } = POLICY.decide(Fault::Throttled, 1, 0, Some(30_000), draw) else {
                unreachable!("a throttled call is tried again");
            };
            assert!((30_000..=31_000).contains(&after_ms), "{after_ms}");
        }
    }

    #[test]
    fn a_wait_that_ends_after_the_time_allowed_is_not_begun() {
        let decided = POLICY.decide(Fault::Throttled, 1, 590_000, Some(20_000), 0.0);
        assert_eq!(decided, Decision::GiveUp(Exhausted::Elapsed { next_ms: 20_000 }));
    }

    #[test]
    fn attempts_are_bounded_and_a_permanent_fault_is_not_tried_again() {
        assert_eq!(POLICY.decide(Fault::Transient, 9, 0, None, 0.0), Decision::GiveUp(Exhausted::Attempts));
        for fault in [Fault::Denied, Fault::Rejected, Fault::Fenced, Fault::Corrupt] {
            assert_eq!(POLICY.decide(fault, 1, 0, None, 0.0), Decision::GiveUp(Exhausted::Permanent));
        }
    }

    #[test]
    fn the_shared_budget_runs_dry_and_five_successes_buy_one_retry() {
        let mut budget = RetryBudget::new(2);
        assert!(budget.spend() && budget.spend() && !budget.spend());
        for _ in 0..5 {
            assert!(!budget.spend());
            budget.earn();
        }
        assert!(budget.spend());
    }
}
