//! The run loop's part for the first records of a source. It defers their failures until one record
//! shows that the source fits the job. It stops the run if all of them fail for one cause.
//!
//! In scope: what is deferred, what is written later, the stop. Out of scope: what counts as evidence
//! (`runner::queue::first_records`).

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::runs::event::Event;
use crate::runner::queue::commit_queue::PendingItem;
use crate::runner::run_loop::RunLoop;

/// The warning about an empty source.
const NO_RECORD: &str = "the source has no record: check that the program that writes it has finished";

impl RunLoop {
    /// Queues a result for a commit. A failure among the first records is deferred until it is clear
    /// whether all of them fail.
    pub(super) fn enqueue(&mut self, waiting: PendingItem, may_be_deferred: bool) {
        let may_be_deferred = may_be_deferred && matches!(waiting.settled, ItemResult::Failed(_));
        let waiting = if may_be_deferred { self.intake.first_records.defer_failure(waiting) } else { Some(waiting) };
        self.queue_deferred_items();
        if let Some(waiting) = waiting {
            self.queue.push(waiting, self.clock.monotonic_ms());
        }
    }

    fn queue_deferred_items(&mut self) {
        for deferred in self.intake.first_records.take_deferred() {
            self.queue.push(deferred, self.clock.monotonic_ms());
        }
    }

    /// Lets the deferred failures be written: no further record can show that job and input fit.
    pub(super) fn release_first_records(&mut self) {
        self.intake.first_records.end();
        self.queue_deferred_items();
    }

    /// Stops the run if all of the first records fail for one cause.
    pub(super) fn check_first_records(&mut self) {
        let Some(mut cause) = self.intake.first_records.find_common_cause().cloned() else { return };
        cause.is_program = self.executor.runs_program(&cause.step);
        self.intake.first_records.end_by(cause);
        self.drop_deferred_items();
        self.stop_intake();
    }

    fn drop_deferred_items(&mut self) {
        self.intake.first_records.drop_deferred();
    }

    /// Handles the end of the source.
    pub(super) fn check_whole_source(&mut self) {
        if self.intake.first_records.records() == 0 {
            self.emit(Event::LastingAnomaly { message: NO_RECORD.to_owned(), is_known: false });
        } else {
            self.committer.warnings.forget_warning(NO_RECORD);
        }
        if let Some(error) = self.intake.first_records.find_source_refusal() {
            self.drop_deferred_items();
            self.source_error = Some(error);
            self.inputs = None;
        }
        self.release_first_records();
    }
}
