//! Records a start that failed: a run that ended before it could write to its sheet.
//!
//! In scope: which starts get a row, the one commit that writes it, what that commit came to. Out
//! of scope: what people hear of it (`app::job_alerts`), the commit itself (`runner`).
//!
//! ```text
//!  the source is missing ─▶ one guarded commit: the row in Runs, the occurrence, the alerts' state
//!                              │
//!                              ├─▶ applied: this machine reports it
//!                              ├─▶ another call has the row, and people hear of it from there
//!                              └─▶ no commit, or no one hears of it from there: the memory of this machine
//! ```
//!
//! With `run --due` the commit is guarded by the occurrence, so that any number of machines write
//! one row. A plain run is one run: each of them has a row, at most one an hour on a machine.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::alerts::alert_state::AlertState;
use crate::alerts::condition::Condition;
use crate::alerts::observation::shorten;
use crate::app::connect::connect_without_writing;
use crate::app::error::AppError;
use crate::app::job_alerts::JobAlerts;
use crate::app::run_request::RunRequest;
use crate::app::single_run::run;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::known_secrets::hide_secrets;
use crate::ledger::runs::event::RunReport;
use crate::rng::Rng;
use crate::runner::shutdown::StopHandle;
use crate::store::spreadsheet::store::SheetsStore;

/// How long the sheet may take to record a start that failed.
const RECORD_TIMEOUT: Duration = Duration::from_mins(1);

/// What the record of a start that failed came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartRecord {
    /// Its row is on the sheet, and in the same commit the alerts' state.
    Written,
    /// It is recorded already, and people hear of it from there, or no one has to.
    AlreadyRecorded,
    /// It has no row, or no one hears of it from there: only this machine can report it.
    Unrecorded,
}

/// A run that may have failed to start.
pub struct FailedStart<'a> {
    settings: &'a Settings,
    request: RunRequest,
    alerting: Option<&'a JobAlerts>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl<'a> FailedStart<'a> {
    /// Keeps what the record of this run needs.
    pub fn new(
        settings: &'a Settings,
        request: &RunRequest,
        alerting: Option<&'a JobAlerts>,
        (clock, rng): (&Arc<dyn Clock>, &Arc<dyn Rng>),
    ) -> Self {
        Self { settings, request: request.clone(), alerting, clock: Arc::clone(clock), rng: Arc::clone(rng) }
    }

    /// Records that the run ended with `error`, within a minute, unless `abort` is cancelled first.
    /// `None` if it ended with something else than a failed start. A later call may still start the
    /// occurrence, if it finds what was missing.
    pub async fn record(&self, error: &AppError, abort: &CancellationToken) -> Option<StartRecord> {
        if !error.is_failed_start() {
            return None;
        }
        let why = shorten(&hide_secrets(&error.to_string()));
        let (is_of_schedule, has_row) = (self.request.claim.is_claim(), self.request.claim.has_failed_start);
        if !is_of_schedule && self.alerting.is_none() {
            return Some(StartRecord::AlreadyRecorded);
        }
        if (has_row || !is_of_schedule) && self.alerting.is_some_and(|alerting| alerting.has_recorded(&why)) {
            return Some(StartRecord::AlreadyRecorded);
        }
        let recorded = if has_row { StartRecord::AlreadyRecorded } else { self.commit_record(&why, abort).await };
        let recorded = match recorded {
            StartRecord::AlreadyRecorded if !self.is_heard_of().await => StartRecord::Unrecorded,
            other => other,
        };
        if let Some(alerting) = self.alerting.filter(|_| recorded != StartRecord::Unrecorded) {
            alerting.remember_recorded(why);
        }
        Some(recorded)
    }

    async fn commit_record(&self, why: &str, abort: &CancellationToken) -> StartRecord {
        let request = self.request.from_failed_start(why);
        let (clock, rng) = (Arc::clone(&self.clock), Arc::clone(&self.rng));
        let recording = Box::pin(run(self.settings, request, clock, rng, Arc::new(|_| {}), StopHandle::default()));
        match limit_recording(recording, &self.clock, abort).await {
            Ok(recorded) => recorded,
            Err(why) => {
                tracing::warn!(
                    event = "start.unrecorded",
                    error = why,
                    "the run that could not start has no row in Runs"
                );
                StartRecord::Unrecorded
            }
        }
    }

    /// Returns whether people hear of the row of another call from the machine that wrote it. That
    /// machine has a channel, and noted the problem in the alerts' state. Without a channel here,
    /// no one has to.
    async fn is_heard_of(&self) -> bool {
        if self.alerting.is_none() {
            return true;
        }
        let Ok(sheet) = connect_without_writing(self.settings, &self.clock, &self.rng) else { return false };
        let (job, tab) = (&self.settings.job, &self.settings.tab);
        let store = SheetsStore::new(sheet.sheets, sheet.id, job, tab, Arc::clone(&self.clock));
        let Ok(standing) = store.read_standing().await else { return false };
        let stored = standing.state.and_then(|state| state.alerts);
        stored.is_some_and(|stored| AlertState::read(&stored).is_last_bad(Condition::Run))
    }
}

/// Waits for the commit, at most `RECORD_TIMEOUT`. Fails with the reason why there is no row.
async fn limit_recording(
    recording: impl Future<Output = Result<RunReport, AppError>>,
    clock: &Arc<dyn Clock>,
    abort: &CancellationToken,
) -> Result<StartRecord, String> {
    tokio::select! {
        recorded = recording => match recorded {
            Ok(_) => Ok(StartRecord::Written),
            Err(error) if error.is_duplicate() => Ok(StartRecord::AlreadyRecorded),
            Err(error) => Err(error.to_string()),
        },
        () = clock.sleep(RECORD_TIMEOUT) => Err("the sheet did not answer within a minute".to_owned()),
        () = abort.cancelled() => Err("the run was stopped".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::TestClock;
    use crate::time::Timestamp;

    #[tokio::test(start_paused = true)]
    async fn a_sheet_that_does_not_answer_gets_one_minute() {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(0)));
        let began_ms = clock.monotonic_ms();
        let ended = limit_recording(std::future::pending(), &clock, &CancellationToken::new()).await;
        assert_eq!(ended, Err("the sheet did not answer within a minute".to_owned()));
        assert_eq!(clock.monotonic_ms() - began_ms, 60_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_the_record_of_a_failed_start() {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(0)));
        let (began_ms, abort) = (clock.monotonic_ms(), CancellationToken::new());
        abort.cancel();
        let ended = limit_recording(std::future::pending(), &clock, &abort).await;
        assert_eq!((ended, clock.monotonic_ms()), (Err("the run was stopped".to_owned()), began_ms));
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_of_another_call_is_no_error() {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(0)));
        let busy = std::future::ready(Err(AppError::Busy { holder: "run r on b".into() }));
        assert_eq!(limit_recording(busy, &clock, &CancellationToken::new()).await, Ok(StartRecord::AlreadyRecorded));
    }
}
