//! The runs of one job, reduced to what lateness is judged by.
//!
//! In scope: which rows of `Runs` count, the last success, failures in a row, usual durations, a
//! run that has not ended. Out of scope: reading them (`app::schedule::run_history`), the verdict
//! (`schedule::lateness`).
//!
//! Rows come in any order, because people may sort `Runs`. Memory holds the latest runs only.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::grid::Cell;
use crate::ledger::leases::lease::LeaseStatus;
use crate::ledger::rows::row_codec::read_run_row;
use crate::ledger::runs::end_state::HeldRows;
use crate::ledger::runs::run::{Run, RunStatus};
use crate::ledger::state::snapshot::State;
use crate::schedule::job_schedule::RUNS_FOR_ESTIMATE;
use crate::schedule::lateness::{RunSummary, SuccessfulRun, UnfinishedRun};
use crate::store::tabs::jobs::JobsView;
use crate::time::Timestamp;

/// The latest runs that are kept while the pages are read.
const MAX_RUNS: usize = 1_000;
/// Triggers of runs that process nothing new: maintenance that writes through a run.
const MAINTENANCE: [&str; 4] = ["prune", "reset", "fsck", "rollover"];
/// The trigger of runs over failures alone, in Runs: they leave the source unread, so they say
/// nothing about whether the job is late.
pub const FAILURES_TRIGGER: &str = "failures";
/// The trigger of runs of past dates, in Runs. They say nothing about whether the job is late now.
pub const BACKFILL_TRIGGER: &str = "backfill";
/// Returns the run that the state names, if its lease is not released. A lease beyond any possible
/// length counts as expired.
pub fn find_unfinished_run(state: &State, now: Timestamp) -> Option<(String, UnfinishedRun)> {
    let run = state.run.as_ref().filter(|run| !MAINTENANCE.contains(&run.trigger.kind.as_str()))?;
    let lease_until = match state.lease.status(|_| false, now) {
        LeaseStatus::Free => return None,
        LeaseStatus::Held { until, .. } => until,
        LeaseStatus::Abandoned(_) => Timestamp(state.lease.until.0.min(now.0.saturating_sub(1))),
    };
    Some((run.id.clone(), UnfinishedRun { started_at: run.started, lease_until }))
}

/// The latest runs of one job, from rows in any order.
#[derive(Debug)]
pub struct LatestRuns {
    /// The name of the job whose rows count.
    pub job: String,
    /// How the job uses the tab Jobs; `None` if it does not, or once a pause there was looked for.
    pub jobs: Option<JobsView>,
    /// The id of the tab that was read last.
    pub tab: Option<i32>,
    /// Whether the tab Jobs of one of the spreadsheets pauses the job.
    pub is_paused: bool,
    /// The successful run that started last; runs of past dates don't count.
    pub last_success: Option<SuccessfulRun>,
    /// Logical times with a successful run.
    pub done: BTreeSet<Timestamp>,
    /// The latest runs by start and id, at most `MAX_RUNS`.
    latest: BTreeMap<(Timestamp, String), RunRow>,
}

/// A run that has a row in `Runs`.
#[derive(Debug, Clone, Copy)]
struct RunRow {
    status: RunStatus,
    length_ms: Option<u64>,
    row: u32,
}

impl LatestRuns {
    /// Creates it without runs.
    pub fn new(job: &str, jobs: Option<JobsView>) -> Self {
        Self {
            job: job.to_owned(),
            jobs,
            tab: None,
            is_paused: false,
            last_success: None,
            done: BTreeSet::new(),
            latest: BTreeMap::new(),
        }
    }

    /// Adds the row at this place, 1-based; `cell` returns the value in a column. A row of another job, or without a status
    /// that this version knows as one of a run, is left out.
    pub fn add_row<'v>(&mut self, at: u32, cell: impl Fn(&str) -> Option<&'v Value>) {
        if cell("job").and_then(Value::as_str) != Some(self.job.as_str()) {
            return;
        }
        let run = read_run_row(|name| match cell(name) {
            Some(Value::Number(number)) => number.as_f64().map_or(Cell::Empty, Cell::Number),
            Some(Value::String(text)) => Cell::text(&**text),
            _ => Cell::Empty,
        });
        if let Some(run) = run.filter(|run| !is_without_source(run) && !run.status.is_without_run()) {
            self.add(at, run);
        }
    }

    /// Returns the place of the run that started last, if there is one.
    pub fn last_row(&self) -> Option<u32> {
        self.latest.last_key_value().map(|(_, run)| run.row)
    }

    fn add(&mut self, at: u32, run: Run) {
        if let (true, Some(ended_at)) = (is_success(run.status), run.finished) {
            // What was held back is still to do: a backfill with --approve runs it again.
            if !matches!(run.end_state.held, HeldRows::Rows { .. }) {
                self.done.extend(run.trigger.scheduled_for);
            }
            let success = SuccessfulRun {
                scheduled_for: run.trigger.scheduled_for,
                started_at: run.started,
                ended_at,
                is_degraded: run.status != RunStatus::Succeeded,
            };
            let is_later = |last: SuccessfulRun| success.started_at > last.started_at;
            if run.trigger.kind != BACKFILL_TRIGGER && self.last_success.is_none_or(is_later) {
                self.last_success = Some(success);
            }
        }
        let length_ms = run.finished.map(|end| end.ms_since(run.started));
        self.latest.insert((run.started, run.id), RunRow { status: run.status, length_ms, row: at });
        if self.latest.len() > MAX_RUNS {
            self.latest.pop_first();
        }
    }

    /// Returns the summary. An unfinished run that has a row has ended after the state was read.
    pub fn into_summary(self, unfinished: Option<(String, UnfinishedRun)>) -> RunSummary {
        let has_ended = |id: &String| self.latest.keys().any(|(_, ended)| ended == id);
        let unfinished = unfinished.filter(|(id, _)| !has_ended(id));
        let failures = self.latest.values().rev().map(|run| run.status).filter(|status| {
            is_success(*status) || matches!(status, RunStatus::Failed | RunStatus::Crashed | RunStatus::TimedOut)
        });
        let failures_in_a_row = failures.take_while(|status| !is_success(*status)).count();
        let lengths = self.latest.values().rev().filter(|run| is_success(run.status)).filter_map(|run| run.length_ms);
        let mut durations_ms: Vec<u64> = lengths.take(RUNS_FOR_ESTIMATE).collect();
        durations_ms.reverse();
        RunSummary {
            last_success: self.last_success,
            unfinished: unfinished.map(|(_, run)| run),
            durations_ms,
            failures_in_a_row: u32::try_from(failures_in_a_row).unwrap_or(u32::MAX),
            is_paused: self.is_paused,
        }
    }
}

/// True if a run leaves the source unread.
fn is_without_source(run: &Run) -> bool {
    let kind = run.trigger.kind.as_str();
    kind == FAILURES_TRIGGER || MAINTENANCE.contains(&kind)
}

/// Whether a run of this status reached the end of its source.
fn is_success(status: RunStatus) -> bool {
    matches!(status, RunStatus::Succeeded | RunStatus::Partial | RunStatus::Degraded)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DAY: f64 = 1.0;

    fn add_runs(rows: &[(&str, &str, f64, &str, &str)]) -> LatestRuns {
        let mut runs = LatestRuns::new("orders", None);
        for (at, (id, job, started, status, trigger)) in (2..).zip(rows) {
            let row = json!({"run": id, "job": job, "trigger": trigger, "started": started,
                "finished": started + 0.01, "status": status});
            runs.add_row(at, |name| row.get(name));
        }
        runs
    }

    #[test]
    fn rows_count_in_any_order_and_other_jobs_do_not() {
        let runs = add_runs(&[
            ("r3", "orders", 46_000.0 + 2.0 * DAY, "failed", "cli"),
            ("r9", "others", 46_000.0 + 9.0 * DAY, "succeeded", "cli"),
            ("r1", "orders", 46_000.0, "succeeded", "cli"),
            ("r4", "orders", 46_000.0 + 3.0 * DAY, "crashed", "cli"),
            ("r2", "orders", 46_000.0 + DAY, "partial", "cli"),
        ]);
        assert_eq!(runs.last_row(), Some(5), "the run that started last");
        let summary = runs.into_summary(None);
        let success = summary.last_success.expect("a success");
        assert_eq!((success.started_at, success.is_degraded), (Timestamp::from_serial(46_001.0), true));
        assert_eq!((summary.failures_in_a_row, summary.durations_ms.len()), (2, 2));
    }

    #[test]
    fn maintenance_and_unknown_statuses_are_no_runs() {
        let runs = add_runs(&[
            ("r1", "orders", 46_000.0, "succeeded", "prune"),
            ("r2", "orders", 46_001.0, "skipped", "schedule"),
            ("r3", "orders", 46_002.0, "missed", "schedule"),
        ]);
        assert_eq!(runs.into_summary(None), RunSummary::default());
    }

    #[test]
    fn a_run_over_failures_alone_is_not_the_last_success() {
        let runs = add_runs(&[
            ("r1", "orders", 46_000.0, "failed", "schedule"),
            ("r2", "orders", 46_001.0, "succeeded", "failures"),
        ]);
        let summary = runs.into_summary(None);
        assert_eq!((summary.last_success, summary.failures_in_a_row), (None, 1));
    }

    #[test]
    fn a_backfill_is_not_the_last_success() {
        let runs = add_runs(&[
            ("r1", "orders", 46_000.0, "succeeded", "schedule"),
            ("r2", "orders", 46_001.0, "succeeded", "backfill"),
        ]);
        let success = runs.into_summary(None).last_success.expect("a success");
        assert_eq!(success.started_at, Timestamp::from_serial(46_000.0));
    }

    #[test]
    fn a_run_that_ended_while_it_was_read_is_not_unfinished() {
        let at = Timestamp::from_serial(46_000.0);
        let unfinished = || Some(("r1".to_owned(), UnfinishedRun { started_at: at, lease_until: at.add_ms(1) }));
        assert!(add_runs(&[]).into_summary(unfinished()).unfinished.is_some());
        let ended = add_runs(&[("r1", "orders", 46_000.0, "succeeded", "cli")]);
        assert!(ended.into_summary(unfinished()).unfinished.is_none());
    }

    #[test]
    fn a_hundred_thousand_runs_leave_a_thousand_in_memory() {
        let mut runs = LatestRuns::new("orders", None);
        for n in 0..100_000_u32 {
            let row = json!({"run": format!("r{n}"), "job": "orders", "started": 40_000.0 + f64::from(n) / 24.0,
                "status": "crashed"});
            runs.add_row(n + 2, |name| row.get(name));
        }
        assert_eq!(runs.latest.len(), MAX_RUNS);
    }
}
