//! Rates, attempts and durations: commits, retries, failures, the lease.
//!
//! In scope: the settings and their defaults. Out of scope: applying them.

use crate::config::syntax::located::Located;
use crate::config::syntax::raw::{CommitSection, FailuresSection, LeaseSection, QuotaSection, RetrySection};
use crate::config::value_reader::ValueReader;
use crate::ledger::leases::lease::MAX_TTL_MS;
use crate::retry::RetryPolicy;
use crate::runner::queue::first_records::DEFAULT_STOP_AFTER;
use crate::sheets_client::calls::quota::{CallRates, DEFAULT_PER_MINUTE};

/// An hour, in milliseconds: the upper bound of most settings.
const HOUR: u64 = 3_600_000;

/// The most calls per minute that a job may set; no quota of Google's is larger.
const MAX_CALLS_PER_MINUTE: u64 = 100_000;

/// How often results are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitSettings {
    /// How long a result may wait, in milliseconds.
    pub every_ms: u64,
    /// The most rows in one commit.
    pub max_rows: usize,
}

impl Default for CommitSettings {
    fn default() -> Self {
        Self { every_ms: 2_000, max_rows: 10_000 }
    }
}

/// Default duration of a lease without renewal, in milliseconds.
pub const DEFAULT_LEASE_TTL_MS: u64 = 300_000;

/// Default number of attempts of one record, over all runs.
pub const DEFAULT_MAX_ATTEMPTS: u64 = 5;

pub(crate) fn read_commit(reader: &mut ValueReader<'_>, raw: Option<&CommitSection>) -> CommitSettings {
    let default = CommitSettings::default();
    let every = raw.and_then(|raw| raw.every.as_ref()).map(|at| reader.read_duration(at, "commit.every", 0..=HOUR));
    let rows = raw
        .and_then(|raw| raw.max_rows.as_ref())
        .map(|at| reader.read_whole_number(at, "commit.max_rows", 1..=100_000));
    CommitSettings {
        every_ms: every.flatten().unwrap_or(default.every_ms),
        max_rows: rows.flatten().and_then(|rows| usize::try_from(rows).ok()).unwrap_or(default.max_rows),
    }
}

pub(crate) fn read_retry(reader: &mut ValueReader<'_>, raw: Option<&RetrySection>) -> RetryPolicy {
    let default = RetryPolicy::default();
    let Some(raw) = raw else { return default };
    let attempts = raw.attempts.as_ref().and_then(|at| reader.read_whole_number(at, "retry.attempts", 1..=100));
    let base = raw.base.as_ref().and_then(|at| reader.read_duration(at, "retry.base", 1..=60_000));
    let cap = raw.cap.as_ref().and_then(|at| reader.read_duration(at, "retry.cap", 64_000..=HOUR));
    let max_elapsed =
        raw.max_elapsed.as_ref().and_then(|at| reader.read_duration(at, "retry.max_elapsed", 0..=24 * HOUR));
    RetryPolicy {
        max_attempts: attempts.and_then(|n| u32::try_from(n).ok()).unwrap_or(default.max_attempts),
        base_ms: base.unwrap_or(default.base_ms),
        cap_ms: cap.unwrap_or(default.cap_ms),
        max_elapsed_ms: max_elapsed.unwrap_or(default.max_elapsed_ms),
    }
}

pub(crate) fn read_pacing(reader: &mut ValueReader<'_>, raw: Option<&QuotaSection>) -> CallRates {
    let mut per_minute = |at: Option<&Located<i64>>, key| {
        let limit = at.and_then(|at| reader.read_whole_number(at, key, 1..=MAX_CALLS_PER_MINUTE));
        Some(limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(DEFAULT_PER_MINUTE))
    };
    CallRates {
        reads_per_minute: per_minute(raw.and_then(|raw| raw.reads_per_minute.as_ref()), "quota.reads_per_minute"),
        writes_per_minute: per_minute(raw.and_then(|raw| raw.writes_per_minute.as_ref()), "quota.writes_per_minute"),
    }
}

pub(crate) fn read_max_attempts(reader: &mut ValueReader<'_>, raw: Option<&FailuresSection>) -> u64 {
    let at = raw.and_then(|raw| raw.max_attempts.as_ref());
    at.and_then(|at| reader.read_whole_number(at, "failures.max_attempts", 1..=1_000)).unwrap_or(DEFAULT_MAX_ATTEMPTS)
}

pub(crate) fn stop_after(reader: &mut ValueReader<'_>, raw: Option<&FailuresSection>) -> u64 {
    let at = raw.and_then(|raw| raw.stop_after.as_ref());
    at.and_then(|at| reader.read_whole_number(at, "failures.stop_after", 0..=200)).unwrap_or(DEFAULT_STOP_AFTER)
}

pub(crate) fn read_lease_ttl(reader: &mut ValueReader<'_>, raw: Option<&LeaseSection>) -> u64 {
    let at = raw.and_then(|raw| raw.ttl.as_ref());
    at.and_then(|at| reader.read_duration(at, "lease.ttl", 1_000..=MAX_TTL_MS)).unwrap_or(DEFAULT_LEASE_TTL_MS)
}

/// What a run does if another one is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// It ends with an error.
    #[default]
    Skip,
    /// It waits, and ends with an error after this time.
    Queue {
        /// The longest wait, in milliseconds.
        wait_ms: u64,
    },
    /// It takes over the lease.
    Replace,
}

/// Default for the longest wait, in milliseconds.
pub const DEFAULT_WAIT_MS: u64 = HOUR;

pub(crate) fn read_overlap(reader: &mut ValueReader<'_>, raw: Option<&LeaseSection>) -> Overlap {
    let Some(raw) = raw else { return Overlap::Skip };
    let wait = raw.wait.as_ref().and_then(|at| reader.read_duration(at, "lease.wait", 1_000..=24 * HOUR));
    let Some(at) = &raw.overlap else { return Overlap::Skip };
    let word = reader.read_text(at);
    match word.as_deref() {
        Some("queue") => Overlap::Queue { wait_ms: wait.unwrap_or(DEFAULT_WAIT_MS) },
        Some("replace") => Overlap::Replace,
        Some("skip") | None => Overlap::Skip,
        Some(_) => {
            let help = "the policies are skip, queue and replace";
            reader.add_problem_at(at, "`lease.overlap` is not a policy", "unknown policy", help);
            Overlap::Skip
        }
    }
}
