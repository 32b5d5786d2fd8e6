//! The run loop's part for an end before the end of the source. That is stop requests, errors of
//! this machine, steps that are cancelled, and the release of the lease.
//!
//! In scope: what is given up, what is still waited for. Out of scope: the requests themselves
//! (`runner::shutdown`), the commit that releases (`runner::commit::lease_release`).

use std::time::Duration;

use futures_util::stream::StreamExt;

use crate::ledger::runs::event::Event;
use crate::machine::MachineError;
use crate::runner::run_config::RunError;
use crate::runner::run_loop::RunLoop;
use crate::runner::shutdown::StopReason;

/// How long an ended run waits for its cancelled steps. Programs are killed earlier.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(6);

/// What a run does first when it has to stop.
const FINISHING_ITEMS: &str = "finishing the items in progress";

impl RunLoop {
    pub(super) fn on_stop_requested(&mut self) {
        let reason = self.executor.stop.requested_reason();
        self.is_stopping = true;
        if let Some(inputs) = &self.inputs {
            self.stop_reason = reason;
            if !inputs.ends_on_stop() {
                self.stop_intake();
            }
        }
        let has_programs = self.executor.has_outside_effects() && !self.active_steps.is_empty();
        let way_out = match reason {
            Some(StopReason::Interrupt) if has_programs => "; press Ctrl-C again to end their programs",
            Some(StopReason::Terminate | StopReason::HangUp) if has_programs => "; a second signal ends their programs",
            _ => "",
        };
        let why = reason.map_or("a request", StopReason::as_str).to_owned();
        self.emit(Event::Stopping { why, what: format!("{FINISHING_ITEMS}{way_out}") });
    }

    /// Returns whether the source failed after a signal. Ctrl-C also ends the program that writes
    /// into the run's standard input. So the source may break off before the run has seen its own
    /// signal.
    pub(super) fn is_source_interrupted(&self) -> bool {
        let by_signal = [StopReason::Interrupt, StopReason::Terminate, StopReason::HangUp];
        self.source_error.is_some()
            && self.executor.stop.requested_reason().is_some_and(|reason| by_signal.contains(&reason))
    }

    /// Leaves items whose steps are under way to the next run: they are neither done nor failed,
    /// and the cursor stays before them. Their programs are asked to end and get some time. Until
    /// then the run keeps the lease, so that no other run repeats them.
    pub(super) fn abandon_steps(&mut self, patience: Duration) {
        self.executor.cancel.cancel();
        // The source may have ended before the stop was requested. With abandoned items the run is
        // still incomplete.
        self.stop_reason = self.stop_reason.or_else(|| self.executor.stop.requested_reason());
        let left = self.active_steps.len();
        self.has_abandoned_items |= left > 0;
        let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        self.abandon_at_ms = Some(self.clock.monotonic_ms().saturating_add(patience));
        let is_signalled = self.stop_reason.is_some_and(|reason| reason != StopReason::Deadline);
        let why = if is_signalled { "asked again" } else { "out of time" }.to_owned();
        let what = format!("ending the steps at work; items in progress that are left to the next run: {left}");
        self.emit(Event::Stopping { why, what });
    }

    /// Stops because of an error of this machine: finished items are committed, the others are left
    /// untouched.
    pub(super) fn stop_for_machine(&mut self, machine_error: MachineError) {
        if self.machine_error.is_some() {
            return;
        }
        self.stop_intake();
        self.emit(Event::Stopping { why: machine_error.why.clone(), what: FINISHING_ITEMS.to_owned() });
        self.machine_error = Some(machine_error);
    }

    pub(super) fn stop_intake(&mut self) {
        self.inputs = None;
        self.release_first_records();
        let given_up = self.start_markers.give_up();
        self.intake.unmark_begun(&given_up);
    }

    /// Cancels the steps under way, so that no program outlives the run.
    pub(super) async fn cancel_steps(&mut self) {
        if self.active_steps.is_empty() {
            return;
        }
        self.executor.cancel.cancel();
        let Self { active_steps, clock, .. } = self;
        tokio::select! {
            () = async { while active_steps.next().await.is_some() {} } => {}
            () = clock.sleep(CANCEL_TIMEOUT) => {}
        }
    }

    /// Releases the lease of a run that can't continue although the sheet is writable, so that the
    /// next run need not wait.
    pub(super) async fn release_lease(&mut self, error: &RunError) {
        let given_up = self.start_markers.give_up();
        self.intake.unmark_begun(&given_up);
        self.active_steps.clear();
        self.committer.release_lease(&error.to_string(), &mut self.intake, &mut self.queue).await;
    }
}
