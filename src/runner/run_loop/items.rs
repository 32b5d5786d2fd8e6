//! The run loop's part for items: what follows when an input is read, and when an item's steps end.
//!
//! In scope: what goes to the intake, to the steps, into the queue. Out of scope: what becomes of a
//! record (`runner::records::intake`), the first records (`first_records` beside this file).

use std::sync::Arc;

use crate::ledger::items::item::Item;
use crate::ledger::processed::low_watermark::SequenceNumber;
use crate::ledger::runs::event::Event;
use crate::ledger::runs::journal::StepResult;
use crate::port::journal::JournalFault;
use crate::port::lease_check::LeaseCheck;
use crate::port::source::SourceError;
use crate::port::step::{IdentifyError, StepError};
use crate::runner::input::input_queue::{InputQueue, RunInput};
use crate::runner::records::intake::IntakeResult;
use crate::runner::run_loop::RunLoop;
use crate::runner::steps::journal_replay::make_item;
use crate::runner::steps::step_executor::{PriorState, StepFailure, StepOutcome};

/// Records between two progress events.
const PROGRESS_EVERY: u64 = 32;

impl RunLoop {
    pub(super) fn take_input(&mut self, input: RunInput) {
        let now = self.committer.service_time();
        let is_of_source = matches!(input, RunInput::Record(..)) && self.config.retrying.reads_source();
        self.intake.first_records.watch_next(is_of_source);
        if is_of_source {
            self.intake.first_records.read();
        }
        let taken = match input {
            RunInput::Record(_, Some(Err(IdentifyError::Machine(machine_error))))
            | RunInput::Failure(_, Some(Ok((_, Err(IdentifyError::Machine(machine_error)))))) => {
                return self.stop_for_machine(machine_error);
            }
            RunInput::Record(record, identity) => self.intake.take(record, identity, now),
            RunInput::Failure(kept, again) => self.intake.take_failure(*kept, again, now),
            RunInput::Surveyed(survey) => {
                self.intake.use_survey(*survey);
                return self.begin_forecast();
            }
            RunInput::Forecast(record, identity) => return self.take_forecast_record(record, identity),
            RunInput::ForecastRead => return self.on_forecast_read(),
            RunInput::SourceRead => return self.on_source_read(),
            RunInput::Compared(repeats) => return self.intake.on_compared(repeats),
            RunInput::Result(result) => return self.take_result(*result),
            RunInput::Prepared(change) => IntakeResult::Pending(self.intake.enqueue_prepared(*change)),
        };
        match taken {
            IntakeResult::Process(item, place) if self.is_at_most_once() => {
                self.intake.mark_begun(&item, place);
                self.start_markers.push(item, place, self.clock.monotonic_ms());
            }
            IntakeResult::Process(item, place) => self.start_steps(item, place),
            IntakeResult::Pending(waiting) => self.enqueue(waiting, is_of_source),
            IntakeResult::Skip => self.check_foreseen(),
        }
        self.check_first_records();
        if self.intake.counts.read.is_multiple_of(PROGRESS_EVERY) {
            self.report_progress();
        }
    }

    pub(super) fn take_result(&mut self, result: StepResult) {
        let Some((item, values)) = make_item(result) else { return };
        if let Some((item, place)) = self.intake.take_result(item) {
            self.on_steps_done(StepOutcome {
                item,
                place,
                result: Ok(values),
                retries: 0,
                has_begun: false,
                journal_error: None,
            });
        }
    }

    pub(super) fn on_steps_done(&mut self, steps_outcome: StepOutcome) {
        if let Some(JournalFault(machine_error)) = &steps_outcome.journal_error {
            // The result itself still goes to the sheet. A further result could be lost by a crash.
            self.stop_for_machine(machine_error.clone());
        }
        if let Err(StepFailure { error: StepError::Machine { error: machine_error, .. }, .. }) = &steps_outcome.result {
            self.stop_for_machine(machine_error.clone());
        }
        if let Err(StepFailure { error: StepError::Cancelled, .. }) = &steps_outcome.result {
            // The source may have ended before the stop was requested. An item that is left to the
            // next run makes this one incomplete.
            self.stop_reason = self.stop_reason.or_else(|| self.executor.stop.requested_reason());
        }
        // Results of programs are written in any case, so that the attempt is counted.
        let is_of_source = steps_outcome.item.again.is_none() && self.config.retrying.reads_source();
        self.intake.first_records.watch_next(is_of_source);
        let may_be_deferred = is_of_source && !self.executor.has_outside_effects();
        if let Some(waiting) = self.intake.on_steps_done(steps_outcome, self.committer.service_time()) {
            self.enqueue(waiting, may_be_deferred);
        }
        self.check_first_records();
        self.report_slow_progress();
    }

    /// Passes on what is done once the run holds the lease and nothing waits for a commit.
    pub(super) fn pass_on_claim(&mut self) {
        let is_settled = self.queue.is_empty() && self.active_steps.is_empty() && !self.committer.is_busy();
        if let Some(inputs) = self.inputs.as_mut().filter(|_| is_settled && self.committer.chain.has_claimed()) {
            let lease: Arc<dyn LeaseCheck> = Arc::new(self.lease_questions.sender());
            inputs.on_claimed(&self.intake.index, &lease);
        }
    }

    /// Starts the steps of marked items, up to the concurrency limit.
    pub(super) fn start_marked_items(&mut self) {
        while self.active_steps.len() < self.config.concurrency.max(1) {
            let Some((item, place)) = self.start_markers.pop_begun() else { return };
            self.start_steps(item, place);
        }
    }

    pub(super) fn start_steps(&mut self, item: Item, place: SequenceNumber) {
        let index = &self.intake.index;
        let known = PriorState {
            state_digest: index.state_digest(&item.key),
            change_id: index.change_id(&item.key, &item.version),
        };
        self.active_steps.push_back(Box::pin(self.executor.clone().run(item, place, known)));
    }

    /// The source is exhausted. If it was read twice, both passes have to agree; otherwise records
    /// were confused.
    pub(super) fn on_source_read(&mut self) {
        if !self.intake.is_same_source() {
            let (what, why) = ("the source".to_owned(), "it changed between two readings; run again".to_owned());
            self.source_error = Some(SourceError::Unavailable { what, why });
        }
        if self.config.retrying.reads_source() {
            self.check_whole_source();
        }
        if self.source_error.is_none() {
            self.report_emptied_fields();
            self.report_lookalike_keys();
        }
        for message in self.inputs.as_mut().map(InputQueue::take_notes).unwrap_or_default() {
            (self.intake.events)(Event::LastingAnomaly { message, is_known: false });
        }
        if let (Some(comparison), Some(inputs)) = (self.intake.on_source_read(), &mut self.inputs) {
            inputs.compare(comparison);
        }
    }

    /// Input is exhausted: report the in-doubt items that the source did not yield (only if the
    /// source was read).
    pub(super) fn on_input_end(&mut self) {
        self.inputs = None;
        if !self.config.retrying.reads_source() {
            return;
        }
        for doubt in self.intake.report_remaining_doubts(self.committer.service_time()) {
            self.queue.push(doubt, self.clock.monotonic_ms());
        }
    }
}
