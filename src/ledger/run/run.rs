//! One pass over the source: when, by whom, how it went and how it ended.
//!
//! In scope: run ids, counts, statuses, the row in Runs. Out of scope: how the row becomes cells (`ledger::state::state_codec`).

use std::fmt;

use crate::ledger::lease::row_order::read_run_cell;
use crate::time::Timestamp;

/// How a run stands or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Under way.
    Running,
    /// Every item is done.
    Succeeded,
    /// It reached the end of the source, and some items failed.
    Partial,
    /// It could not reach the end of the source.
    Failed,
    /// Somebody asked it to stop; what was in hand is kept.
    Interrupted,
    /// Its own deadline ended it.
    TimedOut,
    /// It vanished; a later run found its lease and tells so.
    Crashed,
}

impl RunStatus {
    /// The word in the sheet.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::TimedOut => "timed out",
            Self::Crashed => "crashed",
        }
    }

    /// The status of a word in the sheet.
    pub fn of_word(word: &str) -> Option<Self> {
        let all = [
            Self::Running,
            Self::Succeeded,
            Self::Partial,
            Self::Failed,
            Self::Interrupted,
            Self::TimedOut,
            Self::Crashed,
        ];
        all.into_iter().find(|status| status.word() == word)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a run counted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Counts {
    /// Records that the source yielded.
    pub read: u64,
    /// Items that became done in this run.
    pub new: u64,
    /// Items that were done before, or came twice.
    pub skipped: u64,
    /// Items that could not be processed.
    pub failed: u64,
    /// Of the new ones: those that had failed in an earlier run.
    pub recovered: u64,
    /// Tries of steps beyond the first.
    pub retries: u64,
}

/// Who asked for a run, and for which moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Trigger {
    /// `cli`, `schedule`, `http` and so on.
    pub kind: String,
    /// What makes two invocations the same one, if the invoker said.
    pub run_key: Option<String>,
    /// The moment the run was meant for.
    pub scheduled_for: Option<Timestamp>,
}

/// A run as it is told: in the state while it lives, in Runs when it is over.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    /// The run's id.
    pub id: String,
    /// The job.
    pub job: String,
    /// Who asked for it.
    pub trigger: Trigger,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; none while it lives, and none for a crashed one.
    pub finished: Option<Timestamp>,
    /// How it stands.
    pub status: RunStatus,
    /// What it counted.
    pub counts: Counts,
    /// Calls to the store.
    pub calls: u64,
    /// The number of its first commit, 0 when it made none.
    pub first_commit: u64,
    /// The number of its last commit.
    pub last_commit: u64,
    /// The machine.
    pub host: String,
    /// The version of this tool.
    pub version: String,
    /// One sentence for people.
    pub message: String,
}

impl Run {
    /// Whole seconds from start to finish, rounded to tenths.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
    pub fn seconds(&self) -> f64 {
        self.finished.map_or(0.0, |end| (end.since(self.started) as f64 / 100.0).round() / 10.0)
    }
}

/// A run's id: its start to the second and 20 random bits, so that ids sort by time and people can say them.
pub fn run_id(started: Timestamp, bits: u64) -> String {
    let text = started.to_string();
    let digits: String = text.chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, clock) = digits.split_at(digits.len().min(8));
    format!("{day}-{clock}-{:05x}", bits & 0xf_ffff)
}

/// When a run began, as its id tells: all but the chance at its end.
pub fn began(run: &str) -> &str {
    run.rsplit_once('-').map_or(run, |(began, _)| began)
}

/// Whether a text is a run's id as this tool makes them.
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

/// Whether a text is what this tool writes into a cell `run`: a run's id, and perhaps the row's order behind it.
pub fn is_in_run_cell(text: &str) -> bool {
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
