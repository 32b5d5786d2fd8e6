//! A run whose batch the service does not take: the record that is why is found and told, and the rest goes on.
//!
//! In scope: putting items back, taking the culprit out. Out of scope: which part is sent next (`ledger::commit::bisection`), and what a culprit
//! becomes (`runner::intake`).

use crate::ledger::commit::bisection::{Confidence, MAX_CULPRITS};
use crate::ledger::run::event::Event;
use crate::runner::commit_driver::CommitOutcome;
use crate::runner::commit_queue::CommitQueue;
use crate::runner::committer::{ClosingRun, Committer};
use crate::runner::intake::Intake;
use crate::runner::run_config::RunError;

impl Committer {
    /// The service takes no batch with these items: part of them next, until it is known who is to blame.
    pub(super) fn suspect(
        &mut self,
        how: Confidence,
        ending: CommitOutcome,
        intake: &mut Intake,
        queue: &mut CommitQueue,
    ) -> Result<(), RunError> {
        let items = self.outstanding.return_newest();
        let (number, suspects) = (ending.commit.to.commit, items.len());
        self.blame.refused(suspects, how);
        self.emit(Event::Suspected { number, items: suspects as u64, why: ending.why.clone() });
        self.refusal = ending.why;
        queue.put_back(items, self.now_ms());
        self.closing = ClosingRun::No;
        self.set_rejected_item_aside(intake, queue)
    }

    /// An item that alone is refused becomes a failure; the others go on.
    pub(super) fn set_rejected_item_aside(
        &mut self,
        intake: &mut Intake,
        queue: &mut CommitQueue,
    ) -> Result<(), RunError> {
        if !self.blame.has_found() {
            return Ok(());
        }
        let Some(rejected_item) = queue.take_first() else { return Ok(()) };
        let key = rejected_item.settled.key().cloned();
        if !self.blame.quarantine() {
            let why =
                format!("more than {MAX_CULPRITS} records are refused, so it may not be the records: {}", self.refusal);
            return Err(RunError::Refused { why });
        }
        match intake.refused(rejected_item, &self.refusal, self.moment()) {
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
