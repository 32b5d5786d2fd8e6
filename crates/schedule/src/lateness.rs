//! Whether a job is late: one state for each job, and the exit code of the worst.
//!
//! In scope: the classification and its exit codes. Out of scope: reading the history; a history
//! that cannot be read is `Unknown`, never late.

use std::fmt;

use sheetkeep_base::time::Timestamp;

use crate::cadence::{OutgrownInterval, find_outgrown_interval};
use crate::decision::EARLY_MS;
use crate::job_schedule::{JobSchedule, Occurrence, estimate_ms};

/// The states, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LatenessState {
    /// The last expected occurrence has a successful run.
    Ok,
    /// A person paused the job.
    Paused,
    /// The last successful run was degraded, or items of it failed.
    Degraded,
    /// The history cannot be read, so nothing is known.
    Unknown,
    /// The last successful run is older than `--max-age`.
    Stale,
    /// An expected occurrence has no successful run.
    Late,
    /// A run began, its lease expired, and it never ended.
    Stuck,
    /// No run ever succeeded.
    NeverRan,
}

impl LatenessState {
    /// Returns the word on the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Paused => "PAUSED",
            Self::Degraded => "DEGRADED",
            Self::Unknown => "UNKNOWN",
            Self::Stale => "STALE",
            Self::Late => "LATE",
            Self::Stuck => "STUCK",
            Self::NeverRan => "NEVER RAN",
        }
    }

    /// Returns the exit code of `late`: 0 for ok and paused, 3 for degraded, 69 for unknown, 6 for
    /// everything that is late. With several jobs the worst state counts, in the order of the type.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok | Self::Paused => 0,
            Self::Degraded => 3,
            Self::Unknown => 69,
            Self::Stale | Self::Late | Self::Stuck | Self::NeverRan => 6,
        }
    }
}

impl fmt::Display for LatenessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What `late` knows of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunSummary {
    /// The last successful run.
    pub last_success: Option<SuccessfulRun>,
    /// The run that began last and has not ended.
    pub unfinished: Option<UnfinishedRun>,
    /// Lengths of the last runs in milliseconds, oldest first.
    pub durations_ms: Vec<u64>,
    /// Failed runs since the last one that succeeded.
    pub failures_in_a_row: u32,
    /// Whether a person paused the job.
    pub is_paused: bool,
}

/// The last successful run of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuccessfulRun {
    /// The logical time, if a schedule started it.
    pub scheduled_for: Option<Timestamp>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Whether it was degraded, or items of it failed.
    pub is_degraded: bool,
}

/// A run without an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnfinishedRun {
    /// When it started.
    pub started_at: Timestamp,
    /// When its lease expires, or expired.
    pub lease_until: Timestamp,
}

/// A job's state, with what a person needs to judge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatenessReport {
    /// Whether the job is on time, late, stuck or stale.
    pub state: LatenessState,
    /// Milliseconds since the last successful run ended.
    pub age_ms: Option<u64>,
    /// The occurrence that should have run and has not.
    pub expected: Option<Occurrence>,
    /// The next occurrence.
    pub next: Option<Occurrence>,
    /// Whether the job is paused because so many runs in a row failed.
    pub is_paused_by_failures: bool,
    /// Set if the runs do not fit into the schedule.
    pub outgrown: Option<OutgrownInterval>,
}

/// Classifies a job at `now`. `summary` is none if the history cannot be read. `max_age_ms` is the
/// greatest age of the last success; a job without a schedule needs one to be judged at all.
pub fn classify_lateness(
    schedule: Option<&JobSchedule>,
    max_age_ms: Option<u64>,
    now: Timestamp,
    summary: Option<&RunSummary>,
) -> LatenessReport {
    let estimate = summary.map_or(0, |summary| estimate_ms(&summary.durations_ms));
    let mut report = LatenessReport {
        state: LatenessState::Unknown,
        age_ms: None,
        expected: None,
        next: schedule.and_then(|schedule| schedule.next_after(now, estimate)),
        is_paused_by_failures: false,
        outgrown: None,
    };
    let Some(summary) = summary else { return report };
    report.outgrown = schedule.and_then(|schedule| find_outgrown_interval(schedule, now, &summary.durations_ms, 0));
    report.age_ms = summary.last_success.map(|run| now.ms_since(run.ended_at));
    report.is_paused_by_failures =
        schedule.is_some_and(|schedule| schedule.pause_after > 0 && summary.failures_in_a_row >= schedule.pause_after);
    report.expected = schedule.and_then(|schedule| find_overdue(schedule, now, summary, estimate));
    report.state = classify_summary(&report, max_age_ms, now, summary);
    report
}

fn classify_summary(
    report: &LatenessReport,
    max_age_ms: Option<u64>,
    now: Timestamp,
    summary: &RunSummary,
) -> LatenessState {
    let Some(success) = summary.last_success else {
        return match summary.unfinished {
            _ if summary.is_paused => LatenessState::Paused,
            Some(run) if run.lease_until < now => LatenessState::Stuck,
            _ => LatenessState::NeverRan,
        };
    };
    if summary.is_paused {
        return LatenessState::Paused;
    }
    if summary.unfinished.is_some_and(|run| run.lease_until < now) {
        return LatenessState::Stuck;
    }
    if report.expected.is_some() {
        return LatenessState::Late;
    }
    match (report.age_ms, max_age_ms) {
        (Some(age), Some(most)) if age > most => LatenessState::Stale,
        _ if success.is_degraded => LatenessState::Degraded,
        _ => LatenessState::Ok,
    }
}

/// Returns the last occurrence that should have a successful run by now and has none. With
/// `ready_by` that is the deadline itself; otherwise the start, the usual length and the grace.
fn find_overdue(schedule: &JobSchedule, now: Timestamp, summary: &RunSummary, estimate: u64) -> Option<Occurrence> {
    let patience = match schedule.ready_by {
        Some(_) => 0,
        None => schedule.misfire_grace_ms.saturating_add(estimate).saturating_add(schedule.delay_ms),
    };
    let until = Timestamp(now.0.saturating_sub(i64::try_from(patience).unwrap_or(i64::MAX / 4)));
    let mut expected = schedule.last_until(until, estimate)?;
    for _ in 0..2_000 {
        if !schedule.blackout.has_date(expected.date) {
            let is_covered = summary.last_success.is_some_and(|run| has_covered(&run, &expected));
            return (!is_covered).then_some(expected);
        }
        expected = schedule.last_until(Timestamp(expected.scheduled_for.0 - 1), estimate)?;
    }
    None
}

/// Returns whether the run counts for the occurrence: it was for it or a later one, or it started
/// at most a minute before it.
fn has_covered(run: &SuccessfulRun, expected: &Occurrence) -> bool {
    let is_for = run.scheduled_for.is_some_and(|scheduled| scheduled >= expected.scheduled_for);
    let started = run.started_at.add_ms(EARLY_MS) >= expected.starts_at;
    is_for || started
}

/// Returns the state that decides the exit code of several jobs; `Ok` for none.
pub fn find_worst_state(states: impl IntoIterator<Item = LatenessState>) -> LatenessState {
    states.into_iter().max().unwrap_or(LatenessState::Ok)
}
