//! The alerts of one run or of one question about a job: what is reported, and what became of it.
//!
//! In scope: a run or a question that the sheet knows nothing of, the memory of this machine, and
//! the order of it all. Out of scope: the rules (`alerts`), sending
//! (`alert_delivery`), the commit (`runner::alert_recorder`), the commit of a start that failed
//! (`app::failed_start`).
//!
//! ```text
//!  run ─▶ last commit, with the alerts' state ─▶ messages ─▶ sent ─▶ marks on this machine
//!   │                                               ▲
//!   └─▶ no commit ─▶ the memory of this machine ────┘
//! ```
//!
//! Nothing here changes the result of the run.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::alert_delivery::alert_file::{AlertFile, AlertMemory};
use crate::alert_delivery::dispatch::{AlertDispatch, DeliveryOutcome};
use crate::alerts::alert_rules::AlertRules;
use crate::alerts::condition::{Condition, Finding, ProblemReport};
use crate::alerts::condition_record::DeliveryRecord;
use crate::alerts::message::Message;
use crate::alerts::observation::shorten;
use crate::alerts::report_context::{AlertedJob, ReportContext};
use crate::app::error::AppError;
use crate::app::job::name_target;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::failpoint;
use crate::known_secrets::hide_secrets;
use crate::ledger::runs::event::RunReport;
use crate::ledger::runs::run::{RunStatus, Trigger};
use crate::runner::alert_recorder::RunAlerts;
use crate::runner::run_config::RunError;
use crate::runner::shutdown::StopReason;
use crate::time::Timestamp;

/// How long a start that failed is not recorded once more, in seconds: a scheduler that calls each
/// minute would fill Runs.
const RECORDED_FOR_S: i64 = 3_600;
/// How long a job may be unreadable before that is reported, in seconds.
const UNREADABLE_ALERT_S: i64 = 3_600;

/// The alerts of a job on this machine.
pub struct JobAlerts {
    rules: AlertRules,
    place: AlertedJob,
    clock: Arc<dyn Clock>,
    dispatch: AlertDispatch,
    file: Option<AlertFile>,
    /// Held until the messages are sent, so that a later process knows whether this one is alive.
    lock: Option<File>,
    committed: Arc<Mutex<Option<Vec<Message>>>>,
}

/// The end of a run, for alerts.
#[derive(Debug)]
pub struct AlertRunEnd<'a> {
    /// The report, or the error.
    pub ended: &'a Result<RunReport, AppError>,
    /// The run's id, if it came that far.
    pub run: Option<String>,
    /// What started the run.
    pub trigger: Trigger,
    /// When it began.
    pub began: Timestamp,
    /// Whether a person or the platform asked it to stop.
    pub is_interrupted: bool,
}

impl JobAlerts {
    /// Creates the alerts of a job; `None` if it has no channel.
    pub fn new(settings: &Settings, place: AlertedJob, clock: &Arc<dyn Clock>) -> Option<Self> {
        let dir = settings.state_dir.as_deref();
        let file = dir.map(|dir| AlertFile::new(dir, &settings.job, &name_target(settings)));
        Self::with_file(settings, place, clock, file)
    }

    /// Creates the alerts about a job file; `None` without a channel. This machine remembers them
    /// by the file's path.
    pub fn from_job_file(settings: &Settings, path: &Path, place: AlertedJob, clock: &Arc<dyn Clock>) -> Option<Self> {
        let file = find_job_file_memory(settings, path)?;
        Self::with_file(settings, place, clock, Some(file))
    }

    /// Returns whether this machine knows that the job file makes runs, and reported nothing of it.
    /// It costs the read of a small file.
    pub fn knows_working_file(settings: &Settings, path: &Path) -> bool {
        find_job_file_memory(settings, path).is_some_and(|file| file.exists() && !has_trouble(&file.read()))
    }

    fn with_file(
        settings: &Settings,
        place: AlertedJob,
        clock: &Arc<dyn Clock>,
        file: Option<AlertFile>,
    ) -> Option<Self> {
        let alerts = &settings.alerts;
        if alerts.channels.is_empty() {
            return None;
        }
        let certificates = settings.certificates.clone();
        let dispatch = AlertDispatch::new(&alerts.channels, alerts.proxies.clone(), certificates, Arc::clone(clock));
        let lock = file.as_ref().and_then(AlertFile::lock);
        let (rules, clock, committed) = (alerts.rules.clone(), Arc::clone(clock), Arc::default());
        Some(Self { rules, place, clock, dispatch, file, lock, committed })
    }

    /// Returns what a run needs to record and to report.
    pub fn make_run_alerts(&self) -> Arc<RunAlerts> {
        let memory = self.read_memory();
        let failed: Vec<String> =
            memory.failed_channels.iter().map(|(channel, why)| format!("{channel} ({why})")).collect();
        let remark = if failed.is_empty() {
            String::new()
        } else {
            format!("the last alert was not taken by {}", failed.join(", "))
        };
        let (committed, reported_run) = (Arc::clone(&self.committed), memory.reported_run.clone());
        let is_alone = self.lock.is_some() || self.file.is_none();
        Arc::new(RunAlerts {
            rules: self.rules.clone(),
            place: self.place.clone(),
            delivery: Arc::new(move |id| match memory.find_delivery(id) {
                DeliveryRecord::Unknown if is_alone => DeliveryRecord::Unknown,
                DeliveryRecord::Unknown => DeliveryRecord::UnderWay,
                known => known,
            }),
            remark,
            reported_run,
            sink: Arc::new(move |messages| {
                let mut committed = committed.lock().unwrap_or_else(PoisonError::into_inner);
                committed.get_or_insert_default().extend(messages);
            }),
        })
    }

    /// Reports the end of a run. Returns within ten seconds after the sheet knows of it.
    pub async fn finish(&self, end: &AlertRunEnd<'_>) {
        if !self.has_committed()
            && let Err(error) = end.ended
            && !end.is_interrupted
            && is_failure(error)
        {
            self.report_unrecorded(error, end).await;
            return;
        }
        let mut messages = self.take_all();
        let mut memory = self.read_memory();
        let is_good = end.ended.as_ref().is_ok_and(|report| {
            matches!(report.run.status, RunStatus::Succeeded | RunStatus::Partial | RunStatus::Degraded)
        });
        if is_good {
            let run = end.ended.as_ref().map_or("", |report| report.run.id.as_str());
            for condition in [Condition::Unrecorded, Condition::Late, Condition::Unreadable] {
                memory.state.add_finding(condition, self.clock.now(), &Finding::Good, &self.rules);
            }
            (memory.unreadable_since_s, memory.recorded_failure) = (None, None);
            messages.extend(self.report_local(&mut memory, run));
        }
        self.deliver_messages(messages, memory).await;
    }

    /// Reports what a question about the job found: whether it is late, and whether its state can
    /// be read. Only this machine remembers it.
    pub async fn finish_question(&self, findings: &[(Condition, Finding)]) {
        let mut memory = self.read_memory();
        for (condition, finding) in findings {
            memory.state.add_finding(*condition, self.clock.now(), finding, &self.rules);
        }
        let messages = self.report_local(&mut memory, &format!("late-{}", self.clock.now().0));
        self.deliver_messages(messages, memory).await;
    }

    /// Reports a question about the job that could not be asked, once that lasts for an hour.
    pub async fn finish_unreadable(&self, why: &str) {
        let mut memory = self.read_memory();
        let now_s = self.clock.now().0.div_euclid(1_000);
        let since_s = *memory.unreadable_since_s.get_or_insert(now_s);
        self.keep(&memory);
        if now_s.saturating_sub(since_s) < UNREADABLE_ALERT_S {
            return;
        }
        let problem = ProblemReport {
            since: Timestamp(since_s.saturating_mul(1_000)),
            headline: "can't be read".to_owned(),
            reason: shorten(&hide_secrets(why)),
            run: String::new(),
            read: 0,
            new: 0,
            failed: 0,
        };
        self.finish_question(&[(Condition::Unreadable, Finding::Bad(problem))]).await;
    }

    /// Reports a job file that can't be read, if it made a run on this machine before.
    pub async fn finish_unreadable_file(&self, why: &str) {
        if !self.file.as_ref().is_some_and(AlertFile::exists) {
            return;
        }
        let problem = ProblemReport {
            since: self.clock.now(),
            headline: "could not start, its job file can't be read".to_owned(),
            reason: shorten(&hide_secrets(why)),
            run: String::new(),
            read: 0,
            new: 0,
            failed: 0,
        };
        self.finish_question(&[(Condition::Unrecorded, Finding::Bad(problem))]).await;
    }

    /// Remembers that the job file made a run.
    pub async fn finish_working_file(&self) {
        let memory = self.read_memory();
        if !self.file.as_ref().is_some_and(AlertFile::exists) {
            self.keep(&memory);
        } else if has_trouble(&memory) {
            self.finish_question(&[(Condition::Unrecorded, Finding::Good)]).await;
        }
    }

    /// Forgets since when the job can't be read. Returns the finding that it can.
    pub fn note_readable(&self) -> (Condition, Finding) {
        let mut memory = self.read_memory();
        if memory.unreadable_since_s.take().is_some() {
            self.keep(&memory);
        }
        (Condition::Unreadable, Finding::Good)
    }

    /// Returns whether this machine could not read the job when it asked last. It costs the read of
    /// a small file.
    pub fn was_unreadable(settings: &Settings) -> bool {
        let file = settings.state_dir.as_deref().filter(|_| !settings.alerts.channels.is_empty());
        let file = file.map(|dir| AlertFile::new(dir, &settings.job, &name_target(settings)));
        file.is_some_and(|file| file.read().unreadable_since_s.is_some())
    }

    /// Returns the memory of this machine; an empty one without a disk.
    pub fn read_memory(&self) -> AlertMemory {
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
        let mut rules = self.rules.clone();
        rules.routes.retain(|route| route.name == channel);
        self.dispatch.try_out(&message, &rules).await
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
        memory.state.confirm("", |id| marks.find_delivery(id));
        let reporting =
            ReportContext { now, run, install: "", silence_until: None, next_due: None, place: &self.place };
        memory.state.report(&reporting, &self.rules)
    }

    /// Reports a run that the sheet knows nothing of, by the memory of this machine.
    async fn report_unrecorded(&self, error: &AppError, end: &AlertRunEnd<'_>) {
        let is_out_of_time = matches!(error, AppError::OutOfTime);
        let headline = if is_out_of_time { "ran out of time" } else { "failed before it could write to its sheet" };
        let mut memory = self.read_memory();
        let problem = ProblemReport {
            since: end.trigger.scheduled_for.unwrap_or(end.began),
            headline: headline.to_owned(),
            reason: shorten(&hide_secrets(&error.to_string())),
            run: end.run.clone().unwrap_or_default(),
            read: 0,
            new: 0,
            failed: 0,
        };
        if is_out_of_time {
            // The next run finds its lease, and leaves it out.
            memory.reported_run.clone_from(&end.run);
        }
        memory.state.add_finding(Condition::Unrecorded, self.clock.now(), &Finding::Bad(problem), &self.rules);
        let messages = self.report_local(&mut memory, &format!("unrecorded-{}", self.clock.now().0));
        self.deliver_messages(messages, memory).await;
    }

    /// Returns whether a start that failed for this reason was recorded within the last hour.
    pub fn has_recorded(&self, why: &str) -> bool {
        let now_s = self.clock.now().0.div_euclid(1_000);
        let known = self.read_memory().recorded_failure;
        known.is_some_and(|(known, at)| known == why && now_s.saturating_sub(at) < RECORDED_FOR_S)
    }

    /// Remembers that a start that failed for this reason is recorded.
    pub fn remember_recorded(&self, why: String) {
        let now_s = self.clock.now().0.div_euclid(1_000);
        let mut memory = self.read_memory();
        memory.recorded_failure = Some((why, now_s));
        self.keep(&memory);
    }

    async fn deliver_messages(&self, messages: Vec<Message>, mut memory: AlertMemory) {
        for message in &messages {
            let (kind, condition) = (message.kind.as_str(), &message.condition);
            tracing::info!(event = "alert.reported", kind, condition, severity = %message.severity, "{}", message.title);
            if message.channels.is_empty() {
                memory.note_unsent(&message.id);
            }
        }
        let sent: Vec<Message> = messages.into_iter().filter(|message| !message.channels.is_empty()).collect();
        if !sent.is_empty() {
            failpoint::pass_point(failpoint::BEFORE_ALERTS);
            let outcomes = self.dispatch.send(&sent, &self.rules).await;
            failpoint::pass_point(failpoint::AFTER_ALERTS);
            memory.note_outcomes(&outcomes);
            for message in &sent {
                if !outcomes.iter().any(|outcome| outcome.ids.contains(&message.id)) {
                    memory.note_unsent(&message.id);
                }
            }
        }
        self.keep(&memory);
    }
}

/// Returns what this machine remembers of a job file; `None` without a disk.
fn find_job_file_memory(settings: &Settings, path: &Path) -> Option<AlertFile> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Some(AlertFile::new(settings.state_dir.as_deref()?, &path.display().to_string(), "job file"))
}

fn has_trouble(memory: &AlertMemory) -> bool {
    memory.state.is_noted(Condition::Unrecorded) || memory.state.is_reported(Condition::Unrecorded)
}

/// Returns whether an error is a failure of the job: not another run, a stop, or a question that was
/// asked wrongly.
fn is_failure(error: &AppError) -> bool {
    let is_no_run = matches!(
        error,
        AppError::Run(
            RunError::Stopped { reason: StopReason::Interrupt | StopReason::Terminate | StopReason::HangUp }
                | RunError::SheetChanged
                | RunError::NoFailure { .. }
                | RunError::Fenced { .. }
        ) | AppError::NoSchedule { .. }
            | AppError::SourceReadOnce
    );
    !is_no_run && !error.is_duplicate()
}
