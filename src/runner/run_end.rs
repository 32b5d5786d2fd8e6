//! The end of a run: which status and which message its row in Runs gets.
//!
//! In scope: the causes of an end, and the texts about them. Out of scope: when a run ends
//! (`runner::run_loop`), and the commit that writes the row (`runner::commit::committer`).

use std::sync::Arc;

use crate::ledger::runs::end_state::{NextDue, RunEndState};
use crate::ledger::runs::expectation::{Expectations, FilledColumns};
use crate::ledger::runs::held_changes::HeldReport;
use crate::ledger::runs::run::{Run, RunStatus};
use crate::runner::shutdown::StopReason;
use crate::time::Timestamp;

/// The end of a run, as known when its last commit is drafted.
pub struct RunEnd {
    /// End of the run, by this machine's clock.
    pub finished: Timestamp,
    /// Why the run ends.
    pub cause: EndCause,
    /// A sentence about keys that the source yielded more than once.
    pub repeated: Option<String>,
    /// When the next run is due.
    pub next_due: NextDue,
}

/// Why a run ends.
pub enum EndCause {
    /// The run can't continue, although the sheet is writable. The text is all that the row contains.
    CannotContinue(String),
    /// An error of this machine or of the source, or first records that all fail alike.
    Failed(String),
    /// A request, or the deadline.
    Stopped(StopReason),
    /// The occurrence did not run; this row records why.
    NotRun(RunStatus, String),
    /// The source is exhausted.
    SourceRead(FullPass),
}

/// What a run that read its whole source reports of itself.
pub struct FullPass {
    /// Name of the job.
    pub job: String,
    /// True if the run processed items again at a user's request.
    pub is_reprocess: bool,
    /// Number of items that made no row.
    pub rowless: u64,
    /// What the run is expected to yield.
    pub expectations: Arc<Expectations>,
    /// Which of the expected columns were filled.
    pub filled: FilledColumns,
    /// How its counts are far from those of earlier runs, where nothing is expected.
    pub unusual: Vec<String>,
    /// How its length does not fit into the job's schedule, if that is so.
    pub outgrown: Option<String>,
    /// The changes that it holds back, if it does.
    pub held: Option<HeldReport>,
}

impl RunEnd {
    /// Returns the run with the status, the message and the time of its end. Messages about repairs
    /// that the run has already follow those of the end.
    pub fn close(&self, run: Run) -> Run {
        let run = Run { end_state: RunEndState { next_due: self.next_due, ..run.end_state }, ..run };
        let finished = Some(self.finished);
        let (status, message) = match &self.cause {
            EndCause::CannotContinue(why) => {
                return Run { status: RunStatus::Failed, message: why.clone(), finished, ..run };
            }
            EndCause::Failed(error) => (RunStatus::Failed, error.clone()),
            EndCause::Stopped(StopReason::Deadline) => {
                (RunStatus::TimedOut, "stopped at its deadline; the next run continues".to_owned())
            }
            EndCause::Stopped(reason) => {
                (RunStatus::Interrupted, format!("stopped by {}; the next run continues", reason.as_str()))
            }
            EndCause::NotRun(status, why) => (*status, why.clone()),
            EndCause::SourceRead(pass) => pass.decide_status(&run),
        };
        let messages = [message, self.repeated.clone().unwrap_or_default(), run.message];
        Run { status, message: join_phrases(&messages), finished, ..run }
    }
}

impl FullPass {
    fn decide_status(&self, run: &Run) -> (RunStatus, String) {
        // A run that holds changes back has named what it would fall short of.
        let violations = match &self.held {
            Some(held) => held.sentence(),
            None => self.expectations.find_violations(&run.counts, &self.filled).join("; "),
        };
        let status = match (violations.is_empty(), run.counts.failed) {
            (false, _) => RunStatus::Degraded,
            (true, 0) => RunStatus::Succeeded,
            (true, _) => RunStatus::Partial,
        };
        let failed = match run.counts.failed {
            0 if self.is_reprocess => "forgot keys for a forced run".to_owned(),
            0 => String::new(),
            failed => format!("{failed} failed; see Failures {}", self.job),
        };
        let outgrown = self.outgrown.clone().unwrap_or_default();
        (
            status,
            join_phrases(&[
                violations,
                failed,
                describe_rowless_items(self.rowless),
                self.unusual.join("; "),
                outgrown,
            ]),
        )
    }
}

/// Returns the phrase about items that made no row; empty if there are none.
fn describe_rowless_items(items: u64) -> String {
    match items {
        0 => String::new(),
        1 => "1 item made no row".to_owned(),
        _ => format!("{items} items made no row"),
    }
}

/// Joins the phrases that are not empty.
fn join_phrases(phrases: &[String]) -> String {
    let phrases = phrases.iter().map(String::as_str).filter(|phrase| !phrase.is_empty());
    phrases.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::runs::run::{Counts, Trigger};

    fn run(failed: u64, message: &str) -> Run {
        Run {
            counts: Counts { read: 3, failed, ..Counts::default() },
            host: "a".into(),
            version: "0.1.0".into(),
            message: message.into(),
            ..Run::new("r1".into(), "orders".into(), Trigger::default(), Timestamp(0))
        }
    }

    fn close_run(cause: EndCause, run: Run) -> (RunStatus, String) {
        let end =
            RunEnd { finished: Timestamp(9), cause, repeated: Some("1 key twice".into()), next_due: NextDue::Never };
        let run = end.close(run);
        assert_eq!((run.finished, run.end_state.next_due), (Some(Timestamp(9)), NextDue::Never));
        (run.status, run.message)
    }

    fn full_pass(is_reprocess: bool, rowless: u64) -> EndCause {
        EndCause::SourceRead(FullPass {
            job: "orders".into(),
            is_reprocess,
            rowless,
            expectations: Arc::default(),
            filled: FilledColumns::default(),
            unusual: Vec::new(),
            outgrown: None,
            held: None,
        })
    }

    #[test]
    fn a_full_pass_joins_what_there_is_to_say() {
        let all = "2 failed; see Failures orders; 1 item made no row; 1 key twice; 4 rows were repaired";
        assert_eq!(close_run(full_pass(true, 1), run(2, "4 rows were repaired")), (RunStatus::Partial, all.into()));
        let forced = "forgot keys for a forced run; 1 key twice";
        assert_eq!(close_run(full_pass(true, 0), run(0, "")), (RunStatus::Succeeded, forced.into()));
    }

    #[test]
    fn a_run_that_was_given_up_says_nothing_else() {
        let cause = EndCause::CannotContinue("the tab belongs to another job".into());
        let expected = (RunStatus::Failed, "the tab belongs to another job".into());
        assert_eq!(close_run(cause, run(2, "4 rows were repaired")), expected);
    }

    #[test]
    fn a_stopped_run_names_what_stopped_it() {
        let deadline = "stopped at its deadline; the next run continues; 1 key twice";
        assert_eq!(
            close_run(EndCause::Stopped(StopReason::Deadline), run(2, "")),
            (RunStatus::TimedOut, deadline.into())
        );
        let signal = "stopped by SIGTERM; the next run continues; 1 key twice";
        assert_eq!(
            close_run(EndCause::Stopped(StopReason::Terminate), run(0, "")),
            (RunStatus::Interrupted, signal.into())
        );
    }
}
