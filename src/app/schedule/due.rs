//! What is due of a scheduled job: `run --due`, for any number of simple clocks.
//!
//! In scope: the question to the sheet, and the claim that follows from its answer. Out of scope:
//! the rules (`schedule::decision`), and the run that makes the claim (`app::single_run`).
//!
//! ```text
//!  clock ─▶ state and Jobs, two reads ─▶ decide ─▶ not due: nothing is written
//!                                          │
//!                                          ├─▶ due: a run, whose first commit claims the occurrence
//!                                          └─▶ skipped or missed: one commit records it
//! ```
//!
//! Two clocks may decide the same. Their first commits are guarded by the same head, so one of them
//! is refused. Its run then finds the occurrence settled, and ends.

use std::sync::Arc;

use crate::app::connect::connect_without_writing;
use crate::app::error::AppError;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::leases::lease::LeaseStatus;
use crate::ledger::runs::run::{Run, RunStatus, Trigger, run_id};
use crate::ledger::runs::schedule_history::{EndedRun, ScheduleHistory};
use crate::rng::Rng;
use crate::runner::run_config::RunError;
use crate::runner::schedule_claim::ScheduleClaim;
use crate::schedule::decision::{ActiveRun, ClosedOccurrence, DueDecision, MissedRange, OccurrenceHistory, decide};
use crate::schedule::job_schedule::{JobSchedule, Occurrence};
use crate::store::load::job_standing::JobStanding;
use crate::store::spreadsheet::store::SheetsStore;
use crate::time::Timestamp;

/// What started a run for an occurrence, in Runs.
pub const SCHEDULE_TRIGGER: &str = "schedule";
/// What started a run that a person asked for in Jobs, in Runs.
pub const REQUEST_TRIGGER: &str = "run now";

/// What a call of `run --due` has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DueStep {
    /// Nothing: neither an occurrence nor a request is open.
    NotDue {
        /// The next occurrence.
        next: Option<Occurrence>,
        /// What people wrote in Jobs and what is not understood, as messages. A run says so itself.
        unclear: Vec<String>,
    },
    /// Nothing yet: a run of the job is active. It, or a later clock, records what comes meanwhile.
    Active {
        /// The active run.
        run: ActiveRun,
        /// The occurrence that comes during it, if one does.
        occurrence: Option<Occurrence>,
    },
    /// Start this run.
    Run(Box<DueRun>),
    /// Record occurrences that do not run, in one commit. Nothing is processed.
    Record(Box<DueRun>),
}

/// A run for an occurrence or a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRun {
    /// What it claims and records.
    pub claim: ScheduleClaim,
    /// What started it.
    pub trigger: Trigger,
    /// The occurrence for which it runs; `None` for a request.
    pub occurrence: Option<Occurrence>,
    /// The next occurrence after it.
    pub next: Option<Occurrence>,
}

/// Reads the job's state, and returns what is to do now. The time is the service's: a clock that is
/// wrong neither runs early nor late.
pub async fn find_due_step(
    settings: &Settings,
    host: &str,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<DueStep, AppError> {
    let Some(schedule) = &settings.schedule else { return Err(AppError::NoSchedule { job: settings.job.clone() }) };
    let sheet = connect_without_writing(settings, clock, rng)?;
    let store = SheetsStore::new(sheet.sheets, sheet.id, &settings.job, &settings.tab, Arc::clone(clock))
        .with_jobs(settings.jobs.clone());
    let standing = sheet.file.check(store.read_standing().await.map_err(AppError::from))?;
    if let Some(next) = standing.state.as_ref().and_then(|state| state.successor.clone()) {
        return Err(AppError::Run(RunError::RolledOver { next }));
    }
    Ok(decide_next_step(schedule, &settings.job, host, &standing, rng.as_ref()))
}

/// Returns what is to do, as a function of what was read.
pub fn decide_next_step(
    schedule: &JobSchedule,
    job: &str,
    host: &str,
    standing: &JobStanding,
    rng: &dyn Rng,
) -> DueStep {
    let now = standing.service_time;
    let stored = standing.state.as_ref().and_then(|state| state.schedule.clone()).unwrap_or_default();
    let history = make_history(schedule, standing, &stored);
    let decision = decide(schedule, now, &history);
    if let Some(run) = history.active {
        // Only the holder of the lease commits.
        let closed = decision.closed.last().map(|closed| closed.occurrence);
        return DueStep::Active { run, occurrence: decision.due.or(decision.waiting).or(closed) };
    }
    let request = standing.requests.run_now.clone().filter(|request| stored.is_new_request(request));
    let rows = ClosedRows { job, host, rng };
    let mut closed: Vec<Run> = decision.missed_before.iter().map(|range| rows.make_range_run(range)).collect();
    // One that could not start has its row.
    let has_no_row = |closed: &&ClosedOccurrence| stored.unstarted != Some(closed.occurrence.scheduled_for);
    closed.extend(decision.closed.iter().filter(has_no_row).map(|closed| rows.make_occurrence_run(closed)));
    if history.settled_until.is_none() && decision.due.is_none() {
        // The first call comes later than the grace. From here on, nothing is left out in silence.
        closed.extend(schedule.last_until(now, 0).map(|last| rows.make_uncalled_run(last)));
    }
    let mut step = make_due_step(&decision, request, closed, schedule.times_text());
    if let DueStep::NotDue { unclear, .. } = &mut step {
        // A run has answered the others, and reads the same text each time.
        let answered = standing.state.as_ref().map(|state| &state.answered_cells);
        let is_open = |message: &&String| answered.is_none_or(|answered| !answered.contains(message));
        unclear.extend(standing.requests.unclear.iter().filter(is_open).cloned());
    }
    if let DueStep::Run(due) = &mut step {
        due.claim.has_failed_start = due.claim.occurrence.is_some() && due.claim.occurrence == stored.unstarted;
    }
    step
}

fn make_due_step(decision: &DueDecision, request: Option<String>, mut closed: Vec<Run>, times: String) -> DueStep {
    let next = decision.next;
    if decision.due.is_none() && request.is_none() {
        let Some(last) = closed.pop() else { return DueStep::NotDue { next, unclear: Vec::new() } };
        let claim = ScheduleClaim {
            occurrence: last.trigger.scheduled_for,
            request: None,
            times,
            closed,
            has_failed_start: false,
            recorded_outcome: Some((last.status, last.message)),
        };
        return DueStep::Record(Box::new(DueRun { claim, trigger: last.trigger, occurrence: None, next }));
    }
    let occurrence = decision.due.map(|due| due.scheduled_for);
    let kind = if occurrence.is_some() { SCHEDULE_TRIGGER } else { REQUEST_TRIGGER };
    let trigger = Trigger { kind: kind.to_owned(), run_key: None, scheduled_for: occurrence };
    let claim = ScheduleClaim { occurrence, request, times, closed, has_failed_start: false, recorded_outcome: None };
    DueStep::Run(Box::new(DueRun { claim, trigger, occurrence: decision.due, next }))
}

fn make_history(schedule: &JobSchedule, standing: &JobStanding, stored: &ScheduleHistory) -> OccurrenceHistory {
    let now = standing.service_time;
    let active = standing.state.as_ref().and_then(|state| match state.lease.status(|_| false, now) {
        LeaseStatus::Held { holder, .. } => Some(ActiveRun { id: holder.run, started_at: state.lease.since }),
        LeaseStatus::Free | LeaseStatus::Abandoned(_) => None,
    });
    // Times that the schedule had not before are neither missed nor run late.
    let is_changed = !stored.times.is_empty() && stored.times != schedule.times_text();
    let in_time = i64::try_from(schedule.misfire_grace_ms.saturating_add(schedule.delay_ms)).unwrap_or(i64::MAX);
    let since = Timestamp(now.0.saturating_sub(in_time).saturating_sub(1));
    let settled_until = stored.settled_until.map(|settled| if is_changed { settled.max(since) } else { settled });
    OccurrenceHistory {
        settled_until,
        active,
        ended: stored.ended.iter().map(|run| (run.start_time(), run.end_time())).collect(),
        durations_ms: stored.ended.iter().map(EndedRun::duration_ms).collect(),
        failures_in_a_row: stored.failures_in_a_row,
        is_paused: standing.requests.is_paused,
    }
}

/// Makes the rows in Runs of occurrences that do not run.
struct ClosedRows<'a> {
    job: &'a str,
    host: &'a str,
    rng: &'a dyn Rng,
}

impl ClosedRows<'_> {
    fn make_occurrence_run(&self, closed: &ClosedOccurrence) -> Run {
        let (occurrence, reason) = (&closed.occurrence, &closed.reason);
        let status = if reason.is_missed() { RunStatus::Missed } else { RunStatus::Skipped };
        self.make_row(occurrence.scheduled_for, occurrence.starts_at, status, reason.to_text())
    }

    fn make_uncalled_run(&self, occurrence: Occurrence) -> Run {
        let message = "skipped: no call of run --due came before this time".to_owned();
        self.make_row(occurrence.scheduled_for, occurrence.starts_at, RunStatus::Skipped, message)
    }

    fn make_range_run(&self, range: &MissedRange) -> Run {
        let message = format!("missed: {} occurrences from this one on; no run started", range.count);
        self.make_row(range.first, range.first, RunStatus::Missed, message)
    }

    fn make_row(&self, scheduled_for: Timestamp, at: Timestamp, status: RunStatus, message: String) -> Run {
        Run {
            status,
            host: self.host.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            message,
            ..Run::new(
                run_id(at, self.rng.next_u64()),
                self.job.to_owned(),
                Trigger { kind: SCHEDULE_TRIGGER.to_owned(), run_key: None, scheduled_for: Some(scheduled_for) },
                at,
            )
        }
    }
}
