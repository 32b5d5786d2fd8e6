//! Records a run in the alerts of its job, in the commits that the run makes anyway.
//!
//! In scope: the state that the next commit writes, and the messages that may be sent once the last
//! commit is applied. Out of scope: the rules (`alerts`), sending (`alert_delivery`).
//!
//! The first commit takes in runs that vanished and occurrences that were missed. The last one
//! takes in this run, and reports. A commit may be drafted again, so each draft starts from the
//! state as last applied.

use std::fmt;
use std::sync::Arc;

use crate::alerts::alert_rules::AlertRules;
use crate::alerts::alert_state::AlertState;
use crate::alerts::condition_record::DeliveryRecord;
use crate::alerts::message::Message;
use crate::alerts::observation::{ObservedEnding, RunObservation};
use crate::alerts::report_context::{AlertedJob, LinkedTabs, ReportContext};
use crate::known_secrets::hide_secrets;
use crate::ledger::runs::end_state::{HeldRows, NextDue};
use crate::ledger::runs::run::{Run, RunStatus};
use crate::port::store::TabIds;
use crate::time::Timestamp;

/// Takes the messages of a run, once the commit that remembers them is applied.
pub type AlertSink = Arc<dyn Fn(Vec<Message>) + Send + Sync>;

/// What a run needs to report to people.
#[derive(Clone)]
pub struct RunAlerts {
    /// When what is reported.
    pub rules: AlertRules,
    /// The job, in words.
    pub alerted_job: AlertedJob,
    /// What this machine knows of a message's delivery.
    pub delivery: Arc<dyn Fn(&str) -> DeliveryRecord + Send + Sync>,
    /// A phrase about the last delivery, for the run's row; empty if all channels worked.
    pub remark: String,
    /// The id of a run that vanished and was reported by this machine immediately.
    pub reported_run: Option<String>,
    /// Gets the messages.
    pub sink: AlertSink,
}

impl fmt::Debug for RunAlerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunAlerts").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// The alerts of a job, as this run sees them.
pub struct AlertRecorder {
    alerts: Arc<RunAlerts>,
    /// As loaded, or as this run's first commit left it.
    state: AlertState,
    installation: String,
    silence_until: Option<Timestamp>,
    has_claimed: bool,
    /// Whether the run's own end counts: it reads the whole source, or records what did not run.
    is_counted: bool,
    /// What the last draft reports.
    drafted: Vec<Message>,
    /// The state that the last draft writes.
    drafted_state: Option<Box<AlertState>>,
}

/// What a commit records.
pub struct RecordedRuns<'a> {
    /// Runs that vanished.
    pub abandoned: &'a [Run],
    /// Occurrences that did not run.
    pub closed: Vec<&'a Run>,
    /// This run by the service's clock, if the commit is its last one.
    pub ended: Option<&'a Run>,
    /// The tabs that a message may link to.
    pub tabs: TabIds,
}

impl AlertRecorder {
    /// Creates the recorder of a run of this installation.
    pub fn new(alerts: &Arc<RunAlerts>, installation: &str, is_counted: bool) -> Self {
        Self {
            alerts: Arc::clone(alerts),
            state: AlertState::default(),
            installation: installation.to_owned(),
            silence_until: None,
            has_claimed: false,
            is_counted,
            drafted: Vec::new(),
            drafted_state: None,
        }
    }

    /// Takes the state of a load, and the time until which people asked for silence. After
    /// this run's first commit, its own state is the newer one.
    pub fn load(&mut self, stored: Option<&str>, silence_until: Option<Timestamp>) {
        self.silence_until = silence_until;
        if !self.has_claimed {
            self.state = stored.map(AlertState::read).unwrap_or_default();
            self.state.confirm(&self.installation, |id| (self.alerts.delivery)(id));
        }
    }

    /// Leaves the end of this run out.
    pub fn leave_end_unreported(&mut self) {
        self.is_counted = false;
    }

    /// Returns the state after the next commit, at `now`. A last commit also reports.
    pub fn encode_next_state(&mut self, run: &str, recorded: &RecordedRuns<'_>, now: Timestamp) -> String {
        let mut state = self.next_state(recorded);
        self.drafted.clear();
        if let Some(ended) = recorded.ended {
            if self.is_counted {
                state.observe_run(&observe_run(ended), &self.alerts.rules);
            }
            let next_due = match ended.end_state.next_due {
                NextDue::At { due, .. } => Some(due),
                NextDue::Unknown | NextDue::Never => None,
            };
            let holds = matches!(ended.end_state.held, HeldRows::Rows { .. });
            let TabIds { runs, failures, jobs } = recorded.tabs;
            let tabs = LinkedTabs { runs, run_row: None, failures, jobs: jobs.filter(|_| holds) };
            let alerted_job = AlertedJob { tabs, ..self.alerts.alerted_job.clone() };
            let reporting = ReportContext {
                now,
                run,
                installation: &self.installation,
                silence_until: self.silence_until,
                next_due,
                alerted_job: &alerted_job,
            };
            self.drafted = state.report(&reporting, &self.alerts.rules);
        }
        let text = state.text();
        self.drafted_state = Some(Box::new(state));
        text
    }

    fn next_state(&self, recorded: &RecordedRuns<'_>) -> AlertState {
        let mut state = self.state.clone();
        if !self.has_claimed {
            let is_reported = |run: &&Run| self.alerts.reported_run.as_ref() == Some(&run.id);
            let abandoned = recorded.abandoned.iter().filter(|run| !is_reported(run));
            for run in abandoned.chain(recorded.closed.iter().copied()) {
                state.observe_run(&observe_run(run), &self.alerts.rules);
            }
        }
        state
    }

    /// Keeps what a commit has recorded: repairs may follow the last commit, and write it once
    /// more. The last one lets the messages go.
    pub fn on_applied(&mut self, is_last: bool) {
        if let Some(state) = self.drafted_state.take() {
            self.state = *state;
        }
        self.has_claimed = true;
        if is_last {
            (self.alerts.sink)(std::mem::take(&mut self.drafted));
        }
    }
}

/// Returns a run as alerts see it.
fn observe_run(run: &Run) -> RunObservation {
    RunObservation {
        ending: match run.status {
            RunStatus::Succeeded | RunStatus::Partial => ObservedEnding::Finished,
            RunStatus::Degraded => ObservedEnding::Degraded,
            RunStatus::Failed => ObservedEnding::Failed,
            RunStatus::TimedOut => ObservedEnding::TimedOut,
            RunStatus::Crashed => ObservedEnding::Crashed,
            RunStatus::Missed => ObservedEnding::Missed,
            RunStatus::Running | RunStatus::Interrupted | RunStatus::Skipped => ObservedEnding::Unobserved,
        },
        run: run.id.clone(),
        at: run.trigger.scheduled_for.unwrap_or(run.started),
        read: run.counts.read,
        new: run.counts.new,
        failed: run.counts.failed,
        retries: run.counts.retries,
        message: hide_secrets(&run.message).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::alerts::routing::Route;
    use crate::alerts::severity::Severity;
    use crate::ledger::runs::run::Trigger;

    #[test]
    fn a_repair_after_the_last_commit_keeps_what_was_reported() {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&sent);
        let chat = Route { name: "chat".into(), min_severity: Some(Severity::Warning), can_join_messages: true };
        let alerts = Arc::new(RunAlerts {
            rules: AlertRules { routes: vec![chat], ..AlertRules::default() },
            alerted_job: AlertedJob {
                job: "j".into(),
                spreadsheet: "s".into(),
                link: None,
                tabs: LinkedTabs::default(),
                status_command: String::new(),
                failures_command: String::new(),
                zone: TimeZone::UTC,
                host: "h".into(),
                version: "1".into(),
            },
            delivery: Arc::new(|_| DeliveryRecord::Unknown),
            remark: String::new(),
            reported_run: None,
            sink: Arc::new(move |messages| sink.lock().expect("no test panics while it holds this").extend(messages)),
        });
        let mut recorder = AlertRecorder::new(&alerts, "i", true);
        let mut run = Run::new("r1".into(), "j".into(), Trigger::default(), Timestamp(0));
        run.status = RunStatus::Failed;
        let last = RecordedRuns { abandoned: &[], closed: Vec::new(), ended: Some(&run), tabs: TabIds::default() };
        let stored = recorder.encode_next_state("r1", &last, Timestamp(1_000));
        recorder.on_applied(true);
        let repair = RecordedRuns { abandoned: &[], closed: Vec::new(), ended: None, tabs: TabIds::default() };
        assert_eq!(recorder.encode_next_state("r1", &repair, Timestamp(2_000)), stored);
        assert_eq!(sent.lock().expect("no test panics while it holds this").len(), 1);
    }
}
