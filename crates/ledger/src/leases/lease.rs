//! The lease: which run is active now. It avoids wasted work; the guard on every commit provides
//! safety.
//!
//! In scope: the lease as stored in the state, whether it may be claimed, and how long a runner
//! trusts its own.
//! Out of scope: the commit that claims it (`ledger::commit::commit_chain`), local locks
//! (`app::local_state::installation`).
//!
//! A lease ends by the service's clock, which is read from its responses. A runner trusts its own
//! lease until the start of the attempt that renewed it, plus ttl, minus a margin. After that
//! window it reads the head before it drafts. The fence (fencing token) is the number of the term.
//! It grows with every claim and is kept on release, so that a late writer of an older term can
//! always be detected.

use std::fmt;

use crate::leases::process_id::ProcessId;
use sheetkeep_base::time::Timestamp;

/// Maximum length of a lease, in milliseconds: a day.
pub const MAX_TTL_MS: u64 = 86_400_000;

/// The fencing token: the number of a lease term. It only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fence(pub u64);

impl Fence {
    /// Returns the next term.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The holder of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Holder {
    /// The installation: a random id stored in the state directory, or created for this process if
    /// there is no disk.
    pub installation: String,
    /// The run's id.
    pub run: String,
    /// The machine's name.
    pub host: String,
    /// The process; `None` if the machine does not provide it, and for runs of earlier versions.
    pub process: Option<ProcessId>,
}

impl Holder {
    /// True if `other` was a run of this same installation and machine whose process has ended. An
    /// installation's id alone is not enough: the state directory may be a copy (of a disk or
    /// container image) whose original is active. `started` returns the start time of the live
    /// process with a number.
    pub fn has_outlived(&self, other: &Self, started: impl FnOnce(u32) -> Option<u64>) -> bool {
        let (Some(mine), Some(its)) = (&self.process, &other.process) else { return false };
        let is_of_here = self.installation == other.installation && self.host == other.host && mine.can_see(its);
        is_of_here && its != mine && started(its.number) != Some(its.started)
    }
}

/// The lease as stored in the state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Lease {
    /// The present term; kept on release.
    pub fence: Fence,
    /// Its holder; `None` after a release.
    pub holder: Option<Holder>,
    /// Start of the term, by the service's clock.
    pub since: Timestamp,
    /// End of the term unless renewed, by the service's clock.
    pub until: Timestamp,
}

/// Whether a lease may be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseStatus {
    /// No run holds it.
    Free,
    /// Its holder is gone: the lease has expired, or that run's process on this installation and
    /// machine has ended.
    Abandoned(Holder),
    /// Another run is active.
    Held {
        /// The run that holds the lease.
        holder: Holder,
        /// The end of its lease, unless renewed.
        until: Timestamp,
    },
}

impl Lease {
    /// Returns the status of the lease at `now` (the service's clock). `is_own_dead` returns
    /// whether a holder was a run of the same installation that has ended.
    ///
    /// A lease that ends later than any lease may was written with a wrong clock, as may happen
    /// with an embedded sheet. It counts as expired. If its holder is active after all, the guard
    /// stops it.
    pub fn status(&self, is_own_dead: impl FnOnce(&Holder) -> bool, now: Timestamp) -> LeaseStatus {
        let is_over = now >= self.until || self.until > now.add_ms(MAX_TTL_MS);
        match &self.holder {
            None => LeaseStatus::Free,
            Some(holder) if is_over || is_own_dead(holder) => LeaseStatus::Abandoned(holder.clone()),
            Some(holder) => LeaseStatus::Held { holder: holder.clone(), until: self.until },
        }
    }

    /// Returns the lease as its next holder writes it: a new term.
    #[must_use]
    pub fn next_term(&self, holder: Holder, now: Timestamp, ttl_ms: u64) -> Self {
        Self { fence: self.fence.next(), holder: Some(holder), since: now, until: now.add_ms(ttl_ms) }
    }

    /// Returns the same term, extended by `ttl_ms`.
    #[must_use]
    pub fn renew(&self, now: Timestamp, ttl_ms: u64) -> Self {
        let longest = now.add_ms(MAX_TTL_MS);
        Self { until: self.until.min(longest).max(now.add_ms(ttl_ms)), ..self.clone() }
    }

    /// Returns the same term without a holder; the fence stays.
    #[must_use]
    pub fn release(&self, now: Timestamp) -> Self {
        Self { holder: None, until: now, ..self.clone() }
    }
}

/// How long a runner may draft without reading the head, in monotonic milliseconds of its own
/// clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseValidity {
    until_ms: u64,
}

impl LeaseValidity {
    /// Returns the window of an attempt that started at `began_ms`. The margin is a fifth of the
    /// ttl, at least a second for rounding of the service's clock.
    pub fn new(began_ms: u64, ttl_ms: u64) -> Self {
        let margin = (ttl_ms / 5).max(1_000).min(ttl_ms / 2);
        Self { until_ms: began_ms.saturating_add(ttl_ms - margin) }
    }

    /// True if drafting is still allowed.
    pub fn is_valid(self, now_ms: u64) -> bool {
        now_ms < self.until_ms
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holder(installation: &str) -> Holder {
        Holder {
            installation: installation.into(),
            run: "r".into(),
            host: "h".into(),
            process: Some(process("b", "n", 1)),
        }
    }

    fn process(boot: &str, namespace: &str, number: u32) -> ProcessId {
        ProcessId { boot: boot.into(), namespace: namespace.into(), number, started: 10 }
    }

    fn is_never_dead(_: &Holder) -> bool {
        false
    }

    #[test]
    fn a_lease_is_held_until_it_expires() {
        let lease = Lease::default().next_term(holder("a"), Timestamp(1_000), 300);
        assert!(matches!(lease.status(is_never_dead, Timestamp(1_299)), LeaseStatus::Held { .. }));
        assert_eq!(lease.status(is_never_dead, Timestamp(1_300)), LeaseStatus::Abandoned(holder("a")));
    }

    #[test]
    fn a_runner_takes_over_its_own_dead_sibling_at_once() {
        let lease = Lease::default().next_term(holder("a"), Timestamp(0), 300_000);
        assert_eq!(lease.status(|_| true, Timestamp(1)), LeaseStatus::Abandoned(holder("a")));
        assert!(matches!(lease.status(is_never_dead, Timestamp(1)), LeaseStatus::Held { .. }));
    }

    #[test]
    fn a_copied_installation_is_not_taken_for_its_own_dead_run() {
        let gone = |_| None;
        let me = Holder { process: Some(process("b", "n", 2)), ..holder("a") };
        let its = |process: Option<ProcessId>| Holder { process, ..holder("a") };
        assert!(me.has_outlived(&holder("a"), gone), "it ended here");
        // Its number was reused by another process.
        assert!(me.has_outlived(&holder("a"), |_| Some(11)));
        // It is active beside the copy; on another machine, or after another boot; in another
        // container of this machine.
        assert!(!me.has_outlived(&holder("a"), |_| Some(10)));
        assert!(!me.has_outlived(&its(Some(process("c", "n", 1))), gone));
        assert!(!me.has_outlived(&its(Some(process("b", "m", 1))), gone));
        assert!(!me.has_outlived(&Holder { host: "g".into(), ..holder("a") }, gone));
        assert!(!me.has_outlived(&holder("b"), gone));
        // An earlier version did not store its process.
        assert!(!me.has_outlived(&its(None), gone));
    }

    #[test]
    fn a_lease_of_a_clock_in_the_year_9999_is_over() {
        let far = Timestamp(253_402_300_740_000);
        let lease = Lease::default().next_term(holder("a"), far, 300_000);
        assert!(matches!(lease.status(is_never_dead, far), LeaseStatus::Held { .. }));
        let now = Timestamp(1_790_000_000_000);
        assert_eq!(lease.status(is_never_dead, now), LeaseStatus::Abandoned(holder("a")));
        assert_eq!(lease.next_term(holder("b"), now, 300_000).until, now.add_ms(300_000));
        assert_eq!(lease.renew(now, 300_000).until, now.add_ms(MAX_TTL_MS));
    }

    #[test]
    fn a_released_lease_keeps_its_fence() {
        let lease = Lease::default().next_term(holder("a"), Timestamp(0), 300).release(Timestamp(5));
        assert_eq!((lease.fence, lease.status(is_never_dead, Timestamp(6))), (Fence(1), LeaseStatus::Free));
    }

    proptest! {
        #[test]
        fn invariant_4_no_sequence_of_lease_events_lowers_the_fence(moves in prop::collection::vec(0_u8..3, 0..40)) {
            let mut lease = Lease::default();
            for (n, kind) in moves.into_iter().enumerate() {
                let now = Timestamp(i64::try_from(n).expect("small") * 10);
                let after = match kind {
                    0 => lease.next_term(holder("a"), now, 300),
                    1 => lease.renew(now, 300),
                    _ => lease.release(now),
                };
                prop_assert!(after.fence >= lease.fence);
                lease = after;
            }
        }

        #[test]
        fn invariant_5_trust_ends_before_the_lease_does(began in 0_u64..1_000_000, ttl in 1_000_u64..1_000_000) {
            let trust = LeaseValidity::new(began, ttl);
            prop_assert!(trust.is_valid(began));
            prop_assert!(!trust.is_valid(began + ttl - ttl.min(500)));
        }
    }
}
