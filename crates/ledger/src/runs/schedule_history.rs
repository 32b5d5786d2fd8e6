//! What a scheduled job remembers of its occurrences and runs, in the state tab.
//!
//! In scope: the last settled occurrence, failed runs in a row, the last runs, and answered
//! requests; their stored form. Out of scope: what is due (`schedule`), rows in Runs.
//!
//! The history is in the commit that it belongs to. A claim settles its occurrence in the same
//! batch that takes the lease, and a run's last commit adds the run. So any number of clocks see
//! the same history, and only one of them can claim an occurrence.

use serde::{Deserialize, Serialize};
use sheetkeep_base::time::Timestamp;

use crate::runs::run::{Run, RunStatus};

/// How many ended runs are kept: eight weeks of a daily job.
pub const RUNS_KEPT: usize = 56;

/// The longest answered request that is kept, in characters.
const MAX_REQUEST: usize = 200;

/// The history of a scheduled job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ScheduleHistory {
    /// The latest logical time that was claimed, or recorded as missed or skipped. Everything up to
    /// it is settled.
    pub settled_until: Option<Timestamp>,
    /// Failed runs since the last one that reached the end of its source.
    pub failures_in_a_row: u32,
    /// The last ended runs, oldest first, at most `RUNS_KEPT`.
    pub ended: Vec<EndedRun>,
    /// The text of the request `run now` that a run has answered; empty if none was.
    pub answered: String,
    /// The times of the schedule as they were when an occurrence was last settled. Under other
    /// times, nothing of the past was missed.
    pub times: String,
    /// The logical time of an occurrence that could not start and has its row. A later call may
    /// still start it.
    pub unstarted: Option<Timestamp>,
}

/// A run that has ended, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "(i64, u64, u64, u64)", into = "(i64, u64, u64, u64)")]
pub struct EndedRun {
    /// When it started, in seconds since 1970.
    pub started_s: i64,
    /// How long it lasted, in seconds, rounded up.
    pub lasted_s: u64,
    /// Records that its source yielded.
    pub read: u64,
    /// Items that became done in it.
    pub new: u64,
}

impl From<(i64, u64, u64, u64)> for EndedRun {
    fn from((started_s, lasted_s, read, new): (i64, u64, u64, u64)) -> Self {
        Self { started_s, lasted_s, read, new }
    }
}

impl From<EndedRun> for (i64, u64, u64, u64) {
    fn from(run: EndedRun) -> Self {
        (run.started_s, run.lasted_s, run.read, run.new)
    }
}

impl EndedRun {
    /// Returns when it started.
    pub fn start_time(&self) -> Timestamp {
        Timestamp(self.started_s.saturating_mul(1_000))
    }

    /// Returns when it ended.
    pub fn end_time(&self) -> Timestamp {
        self.start_time().add_ms(self.duration_ms())
    }

    /// Returns how long it lasted, in milliseconds.
    pub fn duration_ms(&self) -> u64 {
        self.lasted_s.saturating_mul(1_000)
    }
}

/// The stored history can't be read, because people edited it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the history of the schedule can't be read")]
pub struct DamagedHistory;

/// The stored form.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct StoredHistory {
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_until: Option<String>,
    failures_in_a_row: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    answered: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    times: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unstarted: Option<String>,
    ended: Vec<EndedRun>,
}

impl ScheduleHistory {
    /// Formats the history as the text of a state field.
    pub fn text(&self) -> String {
        let stored = StoredHistory {
            settled_until: self.settled_until.map(|at| at.to_string()),
            failures_in_a_row: self.failures_in_a_row,
            answered: self.answered.clone(),
            times: self.times.clone(),
            unstarted: self.unstarted.map(|at| at.to_string()),
            ended: self.ended.clone(),
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// Parses a state field. `None` for an empty text. `Err` for one that people edited: without
    /// the settled occurrence, one that has run could run again.
    pub fn read(text: &str) -> Result<Option<Self>, DamagedHistory> {
        if text.is_empty() {
            return Ok(None);
        }
        let stored: StoredHistory = serde_json::from_str(text).map_err(|_| DamagedHistory)?;
        let time = |text: Option<String>| text.map(|at| Timestamp::parse(&at).ok_or(DamagedHistory)).transpose();
        let (settled_until, unstarted) = (time(stored.settled_until)?, time(stored.unstarted)?);
        let StoredHistory { failures_in_a_row, answered, times, ended, .. } = stored;
        Ok(Some(Self { settled_until, failures_in_a_row, ended, answered, times, unstarted }))
    }

    /// Settles everything up to an occurrence.
    pub fn settle(&mut self, until: Timestamp) {
        self.settled_until = Some(self.settled_until.map_or(until, |settled| settled.max(until)));
        self.unstarted = self.unstarted.filter(|unstarted| *unstarted > until);
    }

    /// Returns whether the occurrence was claimed, or recorded as missed or skipped.
    pub fn is_settled(&self, scheduled_for: Timestamp) -> bool {
        self.settled_until.is_some_and(|settled| scheduled_for <= settled)
    }

    /// Keeps the text of a request as answered, cut to `MAX_REQUEST` characters.
    pub fn keep_answered_request(&mut self, request: &str) {
        self.answered = shorten_request(request);
    }

    /// Returns whether the text is a request that no run has answered.
    pub fn is_new_request(&self, request: &str) -> bool {
        !request.is_empty() && shorten_request(request) != self.answered
    }

    /// Adds a run that has ended, or vanished. A run that a person or the platform interrupted
    /// neither failed nor succeeded.
    pub fn add(&mut self, run: &Run) {
        match run.status {
            RunStatus::Succeeded | RunStatus::Partial | RunStatus::Degraded => self.failures_in_a_row = 0,
            RunStatus::Failed | RunStatus::TimedOut | RunStatus::Crashed => {
                self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
            }
            RunStatus::Running | RunStatus::Interrupted | RunStatus::Skipped | RunStatus::Missed => {}
        }
        let Some(finished) = run.finished.filter(|_| !run.status.is_without_run()) else { return };
        self.ended.push(EndedRun {
            started_s: run.started.0.div_euclid(1_000),
            lasted_s: finished.ms_since(run.started).div_ceil(1_000),
            read: run.counts.read,
            new: run.counts.new,
        });
        let surplus = self.ended.len().saturating_sub(RUNS_KEPT);
        self.ended.drain(..surplus);
    }
}

/// Returns the first `MAX_REQUEST` characters.
fn shorten_request(request: &str) -> String {
    request.trim().chars().take(MAX_REQUEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::runs::run::{Counts, Trigger};

    fn run(status: RunStatus, started_s: i64) -> Run {
        Run {
            finished: Some(Timestamp(started_s * 1_000 + 1_500)),
            status,
            counts: Counts { read: 7, new: 3, ..Counts::default() },
            ..Run::new("r".into(), "j".into(), Trigger::default(), Timestamp(started_s * 1_000))
        }
    }

    #[test]
    fn a_history_reads_back_as_it_was_written() {
        let mut history = ScheduleHistory::default();
        history.settle(Timestamp(86_400_000));
        history.unstarted = Some(Timestamp(2 * 86_400_000));
        history.add(&run(RunStatus::Failed, 10));
        history.keep_answered_request(" 46355.5 ");
        assert_eq!(ScheduleHistory::read(&history.text()), Ok(Some(history)));
        assert_eq!(ScheduleHistory::read(""), Ok(None));
    }

    #[test]
    fn a_damaged_history_is_an_error_and_not_an_empty_one() {
        for text in ["{", "7", "{\"settled_until\":\"yesterday\"}", "{\"ended\":[[1,2]]}"] {
            assert_eq!(ScheduleHistory::read(text), Err(DamagedHistory), "{text}");
        }
    }

    #[test]
    fn settling_never_goes_back() {
        let mut history = ScheduleHistory::default();
        history.settle(Timestamp(5));
        history.unstarted = Some(Timestamp(4));
        history.settle(Timestamp(3));
        assert_eq!(history.unstarted, Some(Timestamp(4)));
        history.settle(Timestamp(4));
        assert_eq!(history.unstarted, None);
        assert!(history.is_settled(Timestamp(5)) && !history.is_settled(Timestamp(6)));
    }

    #[test]
    fn failures_in_a_row_end_with_a_run_that_reaches_its_end() {
        let mut history = ScheduleHistory::default();
        for status in [RunStatus::Failed, RunStatus::Interrupted, RunStatus::Crashed, RunStatus::Missed] {
            history.add(&run(status, 1));
        }
        assert_eq!(history.failures_in_a_row, 2);
        history.add(&run(RunStatus::Partial, 2));
        assert_eq!(history.failures_in_a_row, 0);
        assert_eq!(history.ended.len(), 4, "a missed occurrence is not a run");
        assert_eq!(history.ended[0].end_time(), Timestamp(3_000));
    }

    #[test]
    fn the_oldest_runs_are_dropped() {
        let mut history = ScheduleHistory::default();
        for at in 0..100 {
            history.add(&run(RunStatus::Succeeded, at));
        }
        assert_eq!((history.ended.len(), history.ended[0].started_s), (RUNS_KEPT, 44));
    }

    #[test]
    fn a_request_counts_when_it_differs_from_the_answered_one() {
        let mut history = ScheduleHistory::default();
        assert!(history.is_new_request("now") && !history.is_new_request(""));
        history.keep_answered_request("now");
        assert!(!history.is_new_request("now") && history.is_new_request("again"));
        let long = "x".repeat(1_000);
        history.keep_answered_request(&long);
        assert!(!history.is_new_request(&long));
    }
}
