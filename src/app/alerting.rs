//! The alerts of one run or of one question about a job: what is reported, and what became of it.
//!
//! In scope: a run that could not be recorded, the memory of this machine, and the order of it all.
//! Out of scope: the rules (`alerts`), sending (`alert`), the commit (`runner::alert_recorder`).
//!
//! ```text
//!  run ─▶ last commit, with the alerts' state ─▶ messages ─▶ sent ─▶ marks on this machine
//!   │                                                                       ▲
//!   └─▶ no commit: a commit of its own, if the sheet can be reached ────────┤
//!                  else the memory of this machine ─────────────────────────┘
//! ```
//!
//! Nothing here changes the result of the run.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use crate::alert::alert_file::{AlertFile, AlertMemory};
use crate::alert::dispatch::{AlertDispatch, DeliveryOutcome};
use crate::alerts::alert_rules::AlertRules;
use crate::alerts::condition::{Condition, Finding, Trouble};
use crate::alerts::condition_record::DeliveryRecord;
use crate::alerts::message::Message;
use crate::alerts::observation::shortened;
use crate::alerts::reporting::{AlertPlace, Reporting};
use crate::app::error::AppError;
use crate::app::job::{RunRequest, run, target_name};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::failpoint;
use crate::fault::Fault;
use crate::known_secrets::hide_secrets;
use crate::ledger::runs::event::RunReport;
use crate::ledger::runs::run::{RunStatus, Trigger};
use crate::rng::Rng;
use crate::runner::alert_recorder::RunAlerts;
use crate::runner::input::input_queue::RetryScope;
use crate::runner::run_config::RunError;
use crate::runner::shutdown::{Stop, StopReason};
use crate::time::Timestamp;

/// How long a failure that was recorded by a commit of its own is not recorded once more, in
/// seconds: a clock that calls each minute would fill Runs.
const RECORDED_FOR_S: i64 = 3_600;

/// The alerts of a job on this machine.
pub struct Alerting {
    settings: Settings,
    place: AlertPlace,
    clock: Arc<dyn Clock>,
    dispatch: AlertDispatch,
    file: Option<AlertFile>,
    /// Held until the messages are sent, so that a later process knows whether this one is alive.
    lock: Option<File>,
    committed: Arc<Mutex<Option<Vec<Message>>>>,
}

/// The end of a run, for alerts.
#[derive(Debug)]
pub struct AlertedEnd<'a> {
    /// The report, or the error.
    pub ended: &'a Result<RunReport, AppError>,
    /// What started the run.
    pub trigger: Trigger,
    /// When it began.
    pub began: Timestamp,
    /// Whether a person or the platform asked it to stop.
    pub is_interrupted: bool,
}

impl Alerting {
    /// Creates the alerts of a job; `None` if it has no channel.
    pub fn new(settings: &Settings, place: AlertPlace, clock: &Arc<dyn Clock>) -> Option<Self> {
        let alerts = &settings.alerts;
        if alerts.channels.is_empty() {
            return None;
        }
        let certificates = settings.certificates.clone();
        let dispatch = AlertDispatch::new(&alerts.channels, alerts.proxies.clone(), certificates, Arc::clone(clock));
        let dir = settings.state_dir.as_deref();
        let file = dir.map(|dir| AlertFile::new(dir, &settings.job, &target_name(settings)));
        let lock = file.as_ref().and_then(AlertFile::lock);
        let (settings, clock, committed) = (settings.clone(), Arc::clone(clock), Arc::default());
        Some(Self { settings, place, clock, dispatch, file, lock, committed })
    }

    /// Returns what a run needs to record and to report.
    pub fn for_run(&self) -> Arc<RunAlerts> {
        let memory = self.memory();
        let failed: Vec<String> =
            memory.failed_channels.iter().map(|(channel, why)| format!("{channel} ({why})")).collect();
        let remark = if failed.is_empty() {
            String::new()
        } else {
            format!("the last alert was not taken by {}", failed.join(", "))
        };
        let committed = Arc::clone(&self.committed);
        let is_alone = self.lock.is_some() || self.file.is_none();
        Arc::new(RunAlerts {
            rules: self.settings.alerts.rules.clone(),
            place: self.place.clone(),
            delivery: Arc::new(move |id| match memory.delivery(id) {
                DeliveryRecord::Unknown if is_alone => DeliveryRecord::Unknown,
                DeliveryRecord::Unknown => DeliveryRecord::UnderWay,
                known => known,
            }),
            remark,
            sink: Arc::new(move |messages| {
                let mut committed = committed.lock().unwrap_or_else(PoisonError::into_inner);
                committed.get_or_insert_default().extend(messages);
            }),
        })
    }

    /// Reports the end of a run. Returns within ten seconds after the sheet knows of it.
    pub async fn finish(&self, end: &AlertedEnd<'_>, chance: &Arc<dyn Rng>) {
        if !self.has_committed()
            && let Err(error) = end.ended
            && !end.is_interrupted
            && is_failure(error)
        {
            self.report_unrecorded(error, end, chance).await;
            return;
        }
        let mut messages = self.take_all();
        let mut memory = self.memory();
        let is_good = end.ended.as_ref().is_ok_and(|report| {
            matches!(report.run.status, RunStatus::Succeeded | RunStatus::Partial | RunStatus::Degraded)
        });
        if is_good {
            let run = end.ended.as_ref().map_or("", |report| report.run.id.as_str());
            for condition in [Condition::Unrecorded, Condition::Late, Condition::Unreadable] {
                memory.state.observe(condition, self.clock.now(), &Finding::Good, self.rules());
            }
            (memory.unreadable_since_s, memory.recorded_failure) = (None, None);
            messages.extend(self.report_local(&mut memory, run));
        }
        self.deliver(messages, memory).await;
    }

    /// Reports what a question about the job found: whether it is late, and whether its state can be
    /// read. Only this machine remembers it.
    pub async fn finish_question(&self, findings: &[(Condition, Finding)]) {
        let mut memory = self.memory();
        for (condition, finding) in findings {
            memory.state.observe(*condition, self.clock.now(), finding, self.rules());
        }
        let messages = self.report_local(&mut memory, &format!("late-{}", self.clock.now().0));
        self.deliver(messages, memory).await;
    }

    /// Returns the memory of this machine; an empty one without a disk.
    pub fn memory(&self) -> AlertMemory {
        self.file.as_ref().map(AlertFile::read).unwrap_or_default()
    }

    /// Writes the memory, if there is a disk. A failure is logged.
    pub fn keep(&self, memory: &AlertMemory) {
        let Some(file) = &self.file else { return };
        if let Err(error) = file.write(memory) {
            tracing::warn!(event = "alert.unremembered", %error, "what was reported can't be remembered, and may be reported again");
        }
    }

    /// Sends a message to a channel, and returns what became of it; nothing is remembered.
    pub async fn send_test(&self, channel: &str) -> Vec<DeliveryOutcome> {
        let message = self.place.test_message(self.clock.now(), channel);
        let mut rules = self.rules().clone();
        rules.routes.retain(|route| route.name == channel);
        self.dispatch.send(&[message], &rules).await
    }

    fn rules(&self) -> &AlertRules {
        &self.settings.alerts.rules
    }

    fn has_committed(&self) -> bool {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn take_all(&self) -> Vec<Message> {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    fn report_local(&self, memory: &mut AlertMemory, run: &str) -> Vec<Message> {
        let now = self.clock.now();
        let marks = memory.clone();
        memory.state.confirm("", |id| marks.delivery(id));
        let reporting = Reporting { now, run, install: "", silence_until: None, next_due: None, place: &self.place };
        memory.state.report(&reporting, self.rules())
    }

    /// Reports a run that ended before it could write to the sheet: by a commit of its own, so that
    /// two machines do not both report, or else by the memory of this machine.
    async fn report_unrecorded(&self, error: &AppError, end: &AlertedEnd<'_>, chance: &Arc<dyn Rng>) {
        let why = shortened(&hide_secrets(&error.to_string()));
        let mut memory = self.memory();
        let now_s = self.clock.now().0.div_euclid(1_000);
        let is_known = memory
            .recorded_failure
            .as_ref()
            .is_some_and(|(known, at)| *known == why && now_s.saturating_sub(*at) < RECORDED_FOR_S);
        if is_known {
            return;
        }
        if is_before_the_sheet(error) && self.record(&why, end, chance).await {
            memory = self.memory();
            memory.recorded_failure = Some((why, now_s));
            self.deliver(self.take_all(), memory).await;
            return;
        }
        let trouble = Trouble {
            since: end.trigger.scheduled_for.unwrap_or(end.began),
            headline: "failed before it could write to its sheet".to_owned(),
            reason: why,
            run: String::new(),
            read: 0,
            new: 0,
            failed: 0,
        };
        memory.state.observe(Condition::Unrecorded, self.clock.now(), &Finding::Bad(trouble), self.rules());
        let messages = self.report_local(&mut memory, &format!("unrecorded-{}", self.clock.now().0));
        self.deliver(messages, memory).await;
    }

    /// Records a failed run in a commit of its own. Returns whether it was applied.
    async fn record(&self, why: &str, end: &AlertedEnd<'_>, chance: &Arc<dyn Rng>) -> bool {
        let request = RunRequest {
            retrying: RetryScope::None,
            trigger: end.trigger.clone(),
            recorded_end: Some((RunStatus::Failed, why.to_owned())),
            alerts: Some(self.for_run()),
            host: self.place.host.clone(),
            ..RunRequest::default()
        };
        let (clock, chance) = (Arc::clone(&self.clock), Arc::clone(chance));
        let recorded = Box::pin(run(&self.settings, request, clock, chance, Arc::new(|_| {}), Stop::default())).await;
        if let Err(error) = &recorded {
            tracing::debug!(event = "alert.unrecorded", %error, "the failure was not recorded");
        }
        recorded.is_ok()
    }

    async fn deliver(&self, messages: Vec<Message>, mut memory: AlertMemory) {
        for message in &messages {
            let (kind, condition) = (message.kind.as_str(), &message.condition);
            tracing::info!(event = "alert.reported", kind, condition, severity = %message.severity, "{}", message.title);
            if message.channels.is_empty() {
                memory.note_unsent(&message.id);
            }
        }
        let sent: Vec<Message> = messages.into_iter().filter(|message| !message.channels.is_empty()).collect();
        if !sent.is_empty() {
            failpoint::pass(failpoint::ALERT);
            let outcomes = self.dispatch.send(&sent, self.rules()).await;
            failpoint::pass(failpoint::ALERTED);
            memory.note(&outcomes);
            for message in &sent {
                if !outcomes.iter().any(|outcome| outcome.ids.contains(&message.id)) {
                    memory.note_unsent(&message.id);
                }
            }
        }
        self.keep(&memory);
    }
}

/// Returns whether an error is a failure of the job: not another run, a stop, or a question that was
/// asked wrongly.
fn is_failure(error: &AppError) -> bool {
    let is_no_run = matches!(
        error,
        AppError::Pass(
            RunError::Stopped { reason: StopReason::Interrupt | StopReason::Terminate | StopReason::HangUp }
                | RunError::MovedOn
                | RunError::NoFailure { .. }
                | RunError::Fenced { .. }
        ) | AppError::NoSchedule { .. }
            | AppError::ReadOnce
    );
    !is_no_run && !error.is_duplicate()
}

/// Returns whether the run ended before it reached the sheet, which may be fine.
fn is_before_the_sheet(error: &AppError) -> bool {
    match error {
        AppError::Source(_) | AppError::NoProgram { .. } => true,
        AppError::Pass(RunError::Input(_) | RunError::NoField { .. } | RunError::AllAlike { report: None, .. }) => {
            error.fault() != Fault::Fenced
        }
        _ => false,
    }
}
