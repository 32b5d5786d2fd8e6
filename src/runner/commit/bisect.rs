//! Isolates the record that makes the service refuse a batch, so that the others are written.
//!
//! In scope: returning items to the queue, removing the rejected item.
//! Out of scope: which part is sent next (`ledger::commit::bisection`), and the failure of the
//! rejected item (`runner::records::item_failures`).

use crate::ledger::commit::bisection::{BisectionCause, MAX_REJECTED_ITEMS};
use crate::ledger::runs::event::Event;
use crate::runner::commit::commit_driver::FinishedCommit;
use crate::runner::commit::committer::{Committer, FinalCommitState};
use crate::runner::queue::commit_queue::CommitQueue;
use crate::runner::records::intake::Intake;
use crate::runner::run_config::RunError;

impl Committer {
    /// Returns refused items to the queue. Parts of them are sent until the rejected item is known.
    pub(super) fn start_bisection(
        &mut self,
        cause: BisectionCause,
        outcome: FinishedCommit,
        intake: &mut Intake,
        queue: &mut CommitQueue,
    ) -> Result<(), RunError> {
        let items = self.drafts.requeue_newest();
        let (number, suspects) = (outcome.commit.to.commit, items.len());
        self.bisection.on_refused(suspects, cause);
        self.emit(Event::Suspected { number, items: suspects as u64, why: outcome.error.why.clone() });
        self.refusal = outcome.error.why;
        queue.put_back(items, self.now_ms());
        self.final_commit = FinalCommitState::NotSent;
        self.fail_rejected_item(intake, queue)
    }

    /// Turns the item that is found to be the rejected one into a failure.
    pub(super) fn fail_rejected_item(&mut self, intake: &mut Intake, queue: &mut CommitQueue) -> Result<(), RunError> {
        if !self.bisection.has_found() {
            return Ok(());
        }
        let Some(rejected_item) = queue.pop_first() else { return Ok(()) };
        let key = rejected_item.settled.key().cloned();
        if !self.bisection.count_rejected() {
            let why = format!(
                "more than {MAX_REJECTED_ITEMS} records are refused, so it may not be the records: {}",
                self.refusal
            );
            return Err(RunError::Refused { why });
        }
        match intake.on_refused(rejected_item, &self.refusal, self.service_time()) {
            Ok(failure) => queue.put_back(failure.into_iter().collect(), self.now_ms()),
            Err(why) => {
                let why = match key {
                    Some(key) => format!("the failure of key {key} can't be recorded either: {why}"),
                    None => why,
                };
                return Err(RunError::Refused { why });
            }
        }
        Ok(())
    }
}
