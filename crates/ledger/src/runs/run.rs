//! One pass over the source: its trigger, times, counts and end; or an occurrence without one.
//!
//! In scope: run ids, counts, statuses, the row in Runs. Out of scope: encoding the row as cells
//! (`ledger::rows::row_codec`).

use std::fmt;

use crate::leases::row_order::read_run_cell;
use crate::runs::end_state::RunEndState;
use sheetkeep_base::time::Timestamp;

/// Maximum length of the remarks in a message, in bytes.
const MAX_MESSAGE: usize = 1_000;

/// The status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// The run is active: it has begun and has no end yet.
    Running,
    /// Every item is done.
    Succeeded,
    /// It reached the end of the source, and some items failed.
    Partial,
    /// It reached the end of the source, and did not yield what the job file expects.
    Degraded,
    /// It could not reach the end of the source.
    Failed,
    /// It was stopped on request; finished items are committed.
    Interrupted,
    /// It was stopped at its own deadline.
    TimedOut,
    /// It vanished; a later run found its lease and recorded this.
    Crashed,
    /// An occurrence of the schedule that did not run on purpose, for example on a blackout date.
    Skipped,
    /// An occurrence of the schedule for which no scheduler called in time.
    Missed,
}

impl RunStatus {
    /// Returns the word that is stored on the sheet.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::TimedOut => "timed out",
            Self::Crashed => "crashed",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
        }
    }

    /// Parses the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [
            Self::Running,
            Self::Succeeded,
            Self::Partial,
            Self::Degraded,
            Self::Failed,
            Self::Interrupted,
            Self::TimedOut,
            Self::Crashed,
            Self::Skipped,
            Self::Missed,
        ];
        all.into_iter().find(|status| status.as_str() == word)
    }

    /// Returns whether the row is of an occurrence that did not run.
    pub fn is_without_run(self) -> bool {
        matches!(self, Self::Skipped | Self::Missed)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The counts of a run so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Counts {
    /// Records that the source yielded.
    pub read: u64,
    /// Items that became done in this run.
    pub new: u64,
    /// Items that were done before, or came twice.
    pub skipped: u64,
    /// Items that failed.
    pub failed: u64,
    /// New items that had failed in an earlier run.
    pub recovered: u64,
    /// Retries of steps.
    pub retries: u64,
}

/// What started a run, and for which time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Trigger {
    /// `cli`, `schedule`, `http` and so on.
    pub kind: String,
    /// The idempotency key of the invocation, if the caller gave one.
    pub run_key: Option<String>,
    /// The time for which the run was scheduled.
    pub scheduled_for: Option<Timestamp>,
}

/// A run as it is stored: in the state while it is active, in Runs when it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    /// The run's id.
    pub id: String,
    /// The job's name.
    pub job: String,
    /// What started it.
    pub trigger: Trigger,
    /// The start time.
    pub started: Timestamp,
    /// The end time; `None` while it is active, and for a crashed run.
    pub finished: Option<Timestamp>,
    /// Running, or how it ended.
    pub status: RunStatus,
    /// Records and items, counted from its start.
    pub counts: Counts,
    /// Number of calls to the store.
    pub calls: u64,
    /// The number of its first commit, 0 if it made none.
    pub first_commit: u64,
    /// The number of its last commit.
    pub last_commit: u64,
    /// The machine's name.
    pub host: String,
    /// The version of this tool.
    pub version: String,
    /// One sentence for the user.
    pub message: String,
    /// When the next run is due, and what is left; only in Runs.
    pub end_state: RunEndState,
}

impl Run {
    /// Creates a run that begins, without counts, calls and commits.
    pub fn new(id: String, job: String, trigger: Trigger, started: Timestamp) -> Self {
        Self {
            id,
            job,
            trigger,
            started,
            finished: None,
            status: RunStatus::Running,
            counts: Counts::default(),
            calls: 0,
            first_commit: 0,
            last_commit: 0,
            host: String::new(),
            version: String::new(),
            message: String::new(),
            end_state: RunEndState::default(),
        }
    }

    /// Adds a phrase to the message, unless the message is long.
    pub fn add_remark(&mut self, phrase: &str) {
        if self.message.len() + phrase.len() < MAX_MESSAGE {
            self.message.push_str(if self.message.is_empty() { "" } else { "; " });
            self.message.push_str(phrase);
        }
    }

    /// Returns the duration in seconds, rounded to tenths.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
    pub fn seconds(&self) -> f64 {
        self.finished.map_or(0.0, |end| (end.ms_since(self.started) as f64 / 100.0).round() / 10.0)
    }
}

/// Creates a run's id from its start in seconds and 20 random bits, so that ids sort by time and
/// can be read aloud.
pub fn run_id(started: Timestamp, bits: u64) -> String {
    let text = started.to_string();
    let digits: String = text.chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, clock) = digits.split_at(digits.len().min(8));
    format!("{day}-{clock}-{:05x}", bits & 0xf_ffff)
}

/// Returns the start time in a run's id: everything but the random part.
pub fn start_text(run: &str) -> &str {
    run.rsplit_once('-').map_or(run, |(began, _)| began)
}

/// True if a text has the form of a run's id.
pub fn is_run_id(text: &str) -> bool {
    let mut parts = text.split('-').map(|part| (part.len(), part));
    let digits = |part: Option<(usize, &str)>, len| {
        part.is_some_and(|(length, part)| length == len && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    digits(parts.next(), 8)
        && digits(parts.next(), 6)
        && parts.next().is_some_and(|(length, _)| length == 5)
        && parts.next().is_none()
}

/// True if a text has the form of a cell `run`: a run's id, optionally followed by the row's order.
pub fn is_run_cell(text: &str) -> bool {
    is_run_id(read_run_cell(text).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_sort_by_time() {
        assert_eq!(run_id(Timestamp(1_517_966_773_840), 0xabc), "20180207-012613-00abc");
        assert!(run_id(Timestamp(0), u64::MAX) < run_id(Timestamp(1_000), 0));
        assert!(is_run_id(&run_id(Timestamp(0), 7)) && !is_run_id("r") && !is_run_id("2018-02-07"));
    }
}
