//! The alerts of a job in the commits of a run.
//!
//! In scope: what a draft carries, what an applied commit has recorded. Out of scope: the recorder
//! (`runner::alert_recorder`).

use crate::ledger::runs::run::Run;
use crate::runner::alert_recorder::RecordedRuns;
use crate::runner::commit::committer::Committer;
use crate::runner::schedule_recorder::ScheduleRecorder;
use crate::time::Timestamp;

impl Committer {
    /// Returns the alerts after the next commit; `ended` is the run by the service's clock, if the
    /// commit is its last one. The run's row is reported once.
    pub(super) fn alerts_after(&mut self, ended: Option<&Run>) -> Option<String> {
        let now = self.service_time();
        let recorder = self.alerts.as_mut()?;
        let closed = self.schedule.iter().flat_map(ScheduleRecorder::closed_rows).collect();
        let ended = ended.filter(|_| !self.is_run_row_written);
        let of_commit = RecordedRuns { abandoned: &self.abandoned_runs, closed, ended };
        Some(recorder.text_after(&self.run.id, &of_commit, now))
    }

    /// Keeps what an applied commit has recorded of the alerts.
    pub(super) fn record_alerts(&mut self, is_last: bool) {
        let is_last = is_last && !self.is_run_row_written;
        let closed = self.schedule.iter().flat_map(ScheduleRecorder::closed_rows).collect();
        let of_commit = RecordedRuns { abandoned: &self.abandoned_runs, closed, ended: None };
        if let Some(recorder) = &mut self.alerts {
            recorder.on_applied(&of_commit, is_last);
        }
    }

    /// Takes the alerts of a reload, and the time until which people asked for silence.
    pub(super) fn reload_alerts(&mut self, stored: Option<&str>, silence_until: Option<Timestamp>) {
        if let Some(recorder) = &mut self.alerts {
            recorder.load(stored, silence_until);
        }
    }
}
