//! What is due now: one pure function of the schedule, the present time and the history.
//!
//! Any number of clocks may call it: an occurrence is identified by its logical time, and the
//! history holds the last settled one. The clock that commits a claim with that logical time first
//! runs it; the others see it settled. Occurrences that do not run are returned with their reason,
//! to be recorded in the same commit as the claim.

use sheetkeep_base::time::Timestamp;

use crate::job_schedule::{JobSchedule, MisfirePolicy, Occurrence, OverlapPolicy, estimate_ms};

/// A clock may be early by this much, in milliseconds, and its run counts for the occurrence.
pub const EARLY_MS: u64 = 60_000;

/// How many occurrences are recorded one by one; older ones are recorded as one range.
pub const MAX_RECORDED: usize = 100;

/// What is known of a job's earlier runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OccurrenceHistory {
    /// The latest logical time that was claimed, or recorded as missed or skipped. Everything up to
    /// it is settled. None for a job without a run or record.
    pub settled_until: Option<Timestamp>,
    /// The run that holds the lease now.
    pub active: Option<ActiveRun>,
    /// Start and end of ended runs, in any order.
    pub ended: Vec<(Timestamp, Timestamp)>,
    /// Lengths of the last runs in milliseconds, oldest first.
    pub durations_ms: Vec<u64>,
    /// Failed runs since the last one that succeeded.
    pub failures_in_a_row: u32,
    /// Whether a person paused the job.
    pub is_paused: bool,
}

/// A run that holds its job's lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveRun {
    /// The run's id.
    pub id: String,
    /// When it started.
    pub started_at: Timestamp,
}

/// How the text of a skip because of an active run ends; no other text of a reason does.
const ACTIVE_RUN_SUFFIX: &str = "still active";

/// Why an occurrence does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClosedReason {
    /// Missed: no run started in time, and a later occurrence runs in its place.
    Superseded,
    /// Missed: it is later than `misfire_grace`, and the policy is `skip`.
    TooLate,
    /// Skipped: a run of the job was active. The id is known while it still is.
    Overlap(Option<String>),
    /// Skipped: its date is a blackout date.
    Blackout,
    /// Skipped: a person paused the job.
    Paused,
    /// Skipped: so many runs in a row failed.
    PausedAfterFailures(u32),
}

impl ClosedReason {
    /// Returns whether the occurrence was missed; otherwise it was skipped on purpose.
    pub fn is_missed(&self) -> bool {
        matches!(self, Self::Superseded | Self::TooLate)
    }

    /// Returns the reason in words, for the row in `Runs`.
    pub fn to_text(&self) -> String {
        match self {
            Self::Superseded => "missed: no run started in time, a later occurrence runs in its place".to_owned(),
            Self::TooLate => "missed: later than misfire_grace allows".to_owned(),
            Self::Overlap(Some(id)) => format!("skipped: run {id} is {ACTIVE_RUN_SUFFIX}"),
            Self::Overlap(None) => format!("skipped: an earlier run was {ACTIVE_RUN_SUFFIX}"),
            Self::Blackout => "skipped: blackout date".to_owned(),
            Self::Paused => "skipped: the job is paused".to_owned(),
            Self::PausedAfterFailures(n) => format!("skipped: paused after {n} failed runs in a row"),
        }
    }
}

/// Returns whether a row of `Runs` with this message, as `ClosedReason::to_text` wrote it, was
/// skipped because a run was active.
pub fn is_overlap_text(message: &str) -> bool {
    message.ends_with(ACTIVE_RUN_SUFFIX)
}

/// An occurrence that does not run, to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedOccurrence {
    /// The occurrence that does not run.
    pub occurrence: Occurrence,
    /// Why it does not run.
    pub reason: ClosedReason,
}

/// Occurrences that were missed long ago, to be recorded as one range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissedRange {
    /// The first logical time.
    pub first: Timestamp,
    /// How many occurrences there were.
    pub count: u64,
}

/// What a call has to do now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DueDecision {
    /// The occurrence to claim and run, if one is due.
    pub due: Option<Occurrence>,
    /// Occurrences that do not run. Recorded with the claim, or by a commit of their own.
    pub closed: Vec<ClosedOccurrence>,
    /// Missed occurrences before the ones in `closed`.
    pub missed_before: Option<MissedRange>,
    /// An occurrence that waits for the active run to end (`overlap = "queue"`).
    pub waiting: Option<Occurrence>,
    /// When to ask again: the next start; with `run_all` it may be in the past.
    pub next: Option<Occurrence>,
}

impl DueDecision {
    /// Returns the logical time up to which everything is settled once this decision is recorded.
    pub fn settles_until(&self) -> Option<Timestamp> {
        let closed = self.closed.iter().map(|closed| closed.occurrence.scheduled_for);
        closed.chain(self.due.map(|due| due.scheduled_for)).max()
    }
}

/// Decides what is due at `now`. Deterministic: the same arguments give the same decision.
pub fn decide(schedule: &JobSchedule, now: Timestamp, history: &OccurrenceHistory) -> DueDecision {
    let estimate = estimate_ms(&history.durations_ms);
    let (mut pending, missed_before) = find_pending(schedule, now, history, estimate);
    let mut decision = DueDecision { missed_before, ..DueDecision::default() };
    close_skipped(schedule, history, &mut pending, &mut decision.closed);
    let backlog = match (&history.active, schedule.overlap) {
        (Some(_), OverlapPolicy::Queue) => {
            decision.waiting = pending.last().copied();
            pending
        }
        _ => choose(schedule, now, pending, &mut decision),
    };
    // What is recorded settles everything before it, so nothing after a waiting occurrence is.
    if let Some(first) = backlog.first() {
        decision.closed.retain(|closed| closed.occurrence < *first);
    }
    decision.closed.sort_by_key(|closed| closed.occurrence);
    let settled = decision.settles_until().or(history.settled_until).unwrap_or(now);
    decision.next = backlog.first().copied().or_else(|| schedule.next_after(settled, estimate));
    decision
}

/// The unsettled occurrences whose start has come, and those too old to be recorded one by one.
fn find_pending(
    schedule: &JobSchedule,
    now: Timestamp,
    history: &OccurrenceHistory,
    estimate: u64,
) -> (Vec<Occurrence>, Option<MissedRange>) {
    let lead = schedule.lead_ms(estimate);
    let after = match history.settled_until {
        Some(settled) => settled,
        // A new job: what is still in time runs, nothing before it was missed.
        None => {
            Timestamp(now.0.saturating_sub(to_i64(schedule.misfire_grace_ms.saturating_add(schedule.delay_ms)) + 1))
        }
    };
    let most = match schedule.misfire {
        MisfirePolicy::RunAll { max } => MAX_RECORDED.max(usize::try_from(max).unwrap_or(MAX_RECORDED)),
        MisfirePolicy::Skip | MisfirePolicy::RunOnce => MAX_RECORDED,
    };
    let recent = schedule.last_between(after, now.add_ms(lead), most, estimate);
    let mut pending: Vec<Occurrence> =
        recent.occurrences.into_iter().filter(|occurrence| occurrence.starts_at <= now).collect();
    if history.settled_until.is_none() && !pending.is_empty() {
        let latest = pending.len() - 1;
        pending.drain(..latest);
        return (pending, None);
    }
    if pending.is_empty() {
        pending.extend(find_early(schedule, now, after, estimate));
    }
    let missed = recent.first_dropped.map(|first| MissedRange { first: first.scheduled_for, count: recent.dropped });
    (pending, missed)
}

/// The next occurrence, if the clock is early for it by a minute or a tenth of the interval.
fn find_early(schedule: &JobSchedule, now: Timestamp, after: Timestamp, estimate: u64) -> Option<Occurrence> {
    let next = schedule.next_after(after.max(Timestamp(now.0 - 1)), estimate)?;
    let following = schedule.next_after(next.scheduled_for, estimate)?;
    let interval = following.scheduled_for.ms_since(next.scheduled_for);
    (next.starts_at.ms_since(now) <= EARLY_MS.min(interval / 10)).then_some(next)
}

/// Takes out what is skipped on purpose: blackout dates, pauses, occurrences during a run.
fn close_skipped(
    schedule: &JobSchedule,
    history: &OccurrenceHistory,
    pending: &mut Vec<Occurrence>,
    closed: &mut Vec<ClosedOccurrence>,
) {
    pending.retain(|occurrence| match skip_reason(schedule, history, occurrence) {
        None => true,
        Some(reason) => {
            closed.push(ClosedOccurrence { occurrence: *occurrence, reason });
            false
        }
    });
}

fn skip_reason(schedule: &JobSchedule, history: &OccurrenceHistory, occurrence: &Occurrence) -> Option<ClosedReason> {
    if schedule.blackout.has_date(occurrence.date) {
        return Some(ClosedReason::Blackout);
    }
    if history.is_paused {
        return Some(ClosedReason::Paused);
    }
    if schedule.pause_after > 0 && history.failures_in_a_row >= schedule.pause_after {
        return Some(ClosedReason::PausedAfterFailures(history.failures_in_a_row));
    }
    if schedule.overlap != OverlapPolicy::Skip {
        return None;
    }
    if let Some(active) = history.active.as_ref().filter(|active| active.started_at <= occurrence.starts_at) {
        return Some(ClosedReason::Overlap(Some(active.id.clone())));
    }
    let is_during =
        |(start, end): &(Timestamp, Timestamp)| *start <= occurrence.starts_at && occurrence.starts_at < *end;
    history.ended.iter().any(is_during).then_some(ClosedReason::Overlap(None))
}

/// Chooses by the misfire policy which pending occurrence runs; returns those that wait behind it.
fn choose(
    schedule: &JobSchedule,
    now: Timestamp,
    mut pending: Vec<Occurrence>,
    decision: &mut DueDecision,
) -> Vec<Occurrence> {
    if pending.is_empty() {
        return pending;
    }
    let kept = match schedule.misfire {
        MisfirePolicy::RunAll { max } => usize::try_from(max).unwrap_or(usize::MAX).max(1),
        MisfirePolicy::Skip | MisfirePolicy::RunOnce => 1,
    };
    let backlog = pending.split_off(pending.len().saturating_sub(kept));
    let close = |occurrence, reason| ClosedOccurrence { occurrence, reason };
    decision.closed.extend(pending.into_iter().map(|occurrence| close(occurrence, ClosedReason::Superseded)));
    let mut backlog = backlog.into_iter();
    let Some(first) = backlog.next() else { return Vec::new() };
    let is_too_late = now.ms_since(first.is_expected_at()) > schedule.misfire_grace_ms;
    if schedule.misfire == MisfirePolicy::Skip && is_too_late {
        decision.closed.push(close(first, ClosedReason::TooLate));
    } else {
        decision.due = Some(first);
    }
    backlog.collect()
}

fn to_i64(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX / 4)
}
