//! What a pass does with the first records of its source: it keeps their failures back until one of them shows that the source is what it
//! should be, and stops where all of them fail for one cause.
//!
//! In scope: what waits, what is written after all, the stop. Out of scope: what counts as evidence (`runner::first_records`).

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::run::event::Event;
use crate::runner::commit_queue::PendingItem;
use crate::runner::run_loop::RunLoop;

impl RunLoop {
    /// What is settled waits for a commit; a failure of the first records waits until it is known whether all of them fail.
    pub(super) fn put(&mut self, waiting: PendingItem, may_be_held: bool) {
        let may_be_held = may_be_held && matches!(waiting.settled, ItemResult::Failed(_));
        let waiting = if may_be_held { self.intake.probation.hold(waiting) } else { Some(waiting) };
        self.release_held_items();
        if let Some(waiting) = waiting {
            self.queue.push(waiting, self.clock.monotonic_ms());
        }
    }

    fn release_held_items(&mut self) {
        for held in self.intake.probation.released() {
            self.queue.push(held, self.clock.monotonic_ms());
        }
    }

    /// Nothing more comes that could show that the job and its input fit.
    pub(super) fn end_probation(&mut self) {
        self.intake.probation.end();
        self.release_held_items();
    }

    /// Stops where all of the first records fail for one cause.
    pub(super) fn see_what_the_first_show(&mut self) {
        let Some(mut cause) = self.intake.probation.verdict().cloned() else { return };
        cause.is_program = self.worker.runs_program(&cause.step);
        self.intake.probation.end_by(cause);
        self.drop_held_items();
        self.take_nothing_more();
    }

    fn drop_held_items(&mut self) {
        self.intake.probation.drop_held();
    }

    /// The source has no further record.
    pub(super) fn source_is_read(&mut self) {
        if self.intake.probation.records() == 0 {
            self.emit(Event::Anomaly { message: "the source has no record".to_owned() });
        }
        if let Some(error) = self.intake.probation.refusal() {
            self.drop_held_items();
            self.source_error = Some(error);
            self.feed = None;
        }
        self.end_probation();
    }
}
