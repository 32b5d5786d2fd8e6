//! The alerts of a job in the commits of a run.
//!
//! In scope: what a draft carries, what an applied commit has recorded. Out of scope: the recorder
//! (`runner::alert_recorder`).

use crate::ledger::runs::job_requests::JobRequests;
use crate::ledger::runs::run::Run;
use crate::ledger::state::snapshot::State;
use crate::runner::alert_recorder::RecordedRuns;
use crate::runner::commit::committer::Committer;
use crate::runner::run_config::RunError;
use crate::runner::schedule::schedule_recorder::ScheduleRecorder;

impl Committer {
    /// Takes the alerts as they are after the next commit into its state. `ended` is the run by the
    /// service's clock, if the commit is its last one. The run's row is reported once, and says
    /// which cells of people were answered.
    pub(super) fn draft_alerts(&mut self, ended: Option<&Run>) {
        if ended.is_some() {
            let answered = self.answered_cells.clone();
            self.chain.update_state(|state| state.answered_cells = answered);
        }
        let now = self.service_time();
        let tabs = self.driver.store.tab_ids();
        let Some(recorder) = &mut self.alerts else { return };
        let closed = self.schedule.iter().flat_map(ScheduleRecorder::closed_rows).collect();
        let ended = ended.filter(|_| !self.is_run_row_written);
        let of_commit = RecordedRuns { abandoned: &self.abandoned_runs, closed, ended, tabs };
        let text = recorder.encode_next_state(&self.run.id, &of_commit, now);
        self.chain.update_state(|state| state.alerts = Some(text));
    }

    /// Reports nothing of how this run ends: a person or the platform ended it.
    pub(in crate::runner) fn leave_end_unreported(&mut self) {
        if let Some(recorder) = &mut self.alerts {
            recorder.leave_end_unreported();
        }
    }

    /// Keeps what an applied commit has recorded of the alerts.
    pub(super) fn record_alerts(&mut self, is_last: bool) {
        let is_last = is_last && !self.is_run_row_written;
        if let Some(recorder) = &mut self.alerts {
            recorder.on_applied(is_last);
        }
    }

    /// Takes the history and the alerts of a reload. Fails if another run has the claim by now.
    pub(super) fn reload_recorders(&mut self, state: &State, requests: &JobRequests) -> Result<(), RunError> {
        if let Some(recorder) = &mut self.alerts {
            recorder.load(state.alerts.as_deref(), requests.silence_until);
        }
        match &mut self.schedule {
            Some(recorder) => recorder.reload(state.schedule.as_ref()),
            None => Ok(()),
        }
    }
}
