//! `sheetkeep run --due`: asks what is due of each job, and runs that.
//!
//! In scope: several jobs at the same time, each on its own; their output and the exit of all. Out
//! of scope: what is due (`app::schedule::due`), one run (`cli::commands::run`).

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use serde::Serialize;

use crate::app::error::AppError;
use crate::app::job::run;
use crate::app::job_alerts::{AlertRunEnd, JobAlerts};
use crate::app::run_request::RunRequest;
use crate::app::schedule::due::{DueRun, DueStep, find_due_step};
use crate::cli::args::command_line::RunArgs;
use crate::cli::args::job::JobArgs;
use crate::cli::commands::alerts::alert_place::describe_alert_place;
use crate::cli::commands::alerts::job_file_alert::report_unreadable_file;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::{describe_place, read_settings_at};
use crate::cli::commands::run::run_job;
use crate::cli::commands::run_options::RunOptions;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::json::{SCHEMA_VERSION, format_json_line};
use crate::cli::session::Session;
use crate::clock::Clock;
use crate::config::external::logical_time::LogicalTime;
use crate::config::job_file::JobFileForm;
use crate::config::settings::Settings;
use crate::rng::Rng;
use crate::runner::input::input_queue::RetryScope;
use crate::runner::shutdown::StopHandle;
use crate::schedule::explanation::explain_time;
use crate::schedule::job_schedule::Occurrence;

/// Jobs that run at the same time.
const JOBS_AT_ONCE: usize = 8;
/// Runs of one job in one call: `misfire = "run_all(…)"` may have many to catch up with.
const MAX_RUNS: usize = 1_000;
/// The longest form of a job file that is read, in bytes: of a text of 1 MiB, escaped, and a
/// `.env`.
const MAX_FORM_BYTES: u64 = 8 << 20;

/// Runs what is due. A job that fails does not keep the others from running.
pub async fn execute(context: CommandContext<'_>, args: &RunArgs) -> Result<Exit, CliError> {
    let CommandContext { session, host, clock, rng } = context;
    let call = DueCall { session, host, clock, rng, is_alone: args.more_jobs.is_empty() };
    if call.is_alone {
        return call.run_due(args).await;
    }
    let jobs: Vec<RunArgs> =
        std::iter::once(&args.job.job).chain(&args.more_jobs).map(|job| make_job_args(args, job)).collect();
    let ends: Vec<Exit> = stream::iter(&jobs)
        .map(|args| async {
            call.run_due(args).await.unwrap_or_else(|error| {
                error.report(&session.terminal, args.job.json, session.args.verbose > 0);
                error.exit()
            })
        })
        .buffered(JOBS_AT_ONCE)
        .collect()
        .await;
    Ok(choose_worst_exit(&ends))
}

/// Returns the arguments of one of several jobs.
fn make_job_args(args: &RunArgs, job: &Path) -> RunArgs {
    RunArgs { job: JobArgs { job: job.to_owned(), ..args.job.clone() }, more_jobs: Vec::new(), ..args.clone() }
}

/// Returns the exit of several jobs: that of the first one with an error, else 3 if one is partial
/// or degraded.
fn choose_worst_exit(ends: &[Exit]) -> Exit {
    let error = ends.iter().find(|exit| !matches!(exit, Exit::Ok | Exit::Partial));
    *error.or_else(|| ends.iter().find(|exit| **exit == Exit::Partial)).unwrap_or(&Exit::Ok)
}

/// One call of `run --due`.
struct DueCall<'a> {
    session: &'a Session,
    host: String,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    /// Whether it is about one job.
    is_alone: bool,
}

impl DueCall<'_> {
    /// Runs everything that is due of one job.
    async fn run_due(&self, args: &RunArgs) -> Result<Exit, CliError> {
        let form = if args.for_daemon { read_form_on_stdin()? } else { None };
        let now = LogicalTime::Now(self.clock.now());
        let settings = match read_settings_at(&args.job, form.as_ref(), now) {
            Ok(settings) => settings,
            Err(error) => {
                report_unreadable_file(&args.job, &error, &self.clock).await;
                return Err(error);
            }
        };
        let (mut exits, mut line) = (Vec::new(), DueLine::default());
        let mut last = None;
        for nth in 0..MAX_RUNS {
            match self.find_due_step(args, &settings).await? {
                // Another run is about to claim it, and has the lock.
                DueStep::Run(due) | DueStep::Record(due)
                    if last.as_ref().is_some_and(|last| due.claim.repeats(last)) =>
                {
                    break;
                }
                DueStep::Run(due) => {
                    last = Some(due.claim.clone());
                    line = DueLine { next: due.next, ..DueLine::default() };
                    let run = self.run(args, form.as_ref(), *due).await;
                    if run.is_err() && args.for_daemon {
                        self.put(args, &settings, &line);
                    }
                    exits.push(run?);
                }
                DueStep::Record(due) => {
                    last = Some(due.claim.clone());
                    self.record(args, &settings, &due).await?;
                    line = DueLine::from_closed(&due);
                    self.report(args, &settings, &line);
                }
                DueStep::NotDue { next, unclear } => {
                    (line.next, line.unclear) = (next, unclear);
                    if nth == 0 {
                        self.report(args, &settings, &line);
                    }
                    break;
                }
                DueStep::Active { run, occurrence } => {
                    let reason = format!("run {} is still active", run.id);
                    line = DueLine { reason, skipped: occurrence, active_run: Some(run.id), ..line };
                    self.report(args, &settings, &line);
                    break;
                }
            }
            if exits.last().is_some_and(|exit| *exit != Exit::Ok) {
                break;
            }
        }
        if args.for_daemon {
            self.put(args, &settings, &line);
        }
        Ok(choose_worst_exit(&exits))
    }

    /// Asks what is due. A job that can't be asked is reported once that lasts for an hour; a
    /// schedule that is not there is not a question.
    async fn find_due_step(&self, args: &RunArgs, settings: &Settings) -> Result<DueStep, CliError> {
        let asked = find_due_step(settings, &self.host, &self.clock, &self.rng).await;
        match &asked {
            Ok(_) if JobAlerts::was_unreadable(settings) => {
                if let Some(alerting) = self.make_alerts(args, settings) {
                    alerting.finish_question(&[alerting.note_readable()]).await;
                }
            }
            Ok(_) | Err(AppError::NoSchedule { .. }) => {}
            Err(error) => {
                if let Some(alerting) = self.make_alerts(args, settings) {
                    alerting.finish_unreadable(&error.to_string()).await;
                }
            }
        }
        asked.map_err(|error| from_app(&error, settings))
    }

    fn make_alerts(&self, args: &RunArgs, settings: &Settings) -> Option<JobAlerts> {
        JobAlerts::new(
            settings,
            describe_alert_place(&describe_place(&args.job, settings), settings, &self.host),
            &self.clock,
        )
    }

    async fn run(&self, args: &RunArgs, form: Option<&JobFileForm>, due: DueRun) -> Result<Exit, CliError> {
        let time = match due.occurrence {
            Some(Occurrence { scheduled_for, date, .. }) => LogicalTime::Occurrence { scheduled_for, date },
            None => LogicalTime::Now(self.clock.now()),
        };
        let options = RunOptions {
            trigger: Some(due.trigger),
            claim: due.claim,
            shares_terminal: !self.is_alone,
            settings: Some(Box::new(read_settings_at(&args.job, form, time)?)),
            ..RunOptions::default()
        };
        let (clock, rng) = (Arc::clone(&self.clock), Arc::clone(&self.rng));
        Box::pin(run_job(CommandContext { session: self.session, host: self.host.clone(), clock, rng }, args, options))
            .await
    }

    /// Records occurrences that do not run. It is not an error if another call did so first.
    async fn record(&self, args: &RunArgs, settings: &Settings, due: &DueRun) -> Result<(), CliError> {
        let alerting = self.make_alerts(args, settings);
        let request = RunRequest {
            retrying: RetryScope::None,
            trigger: due.trigger.clone(),
            claim: due.claim.clone(),
            alerts: alerting.as_ref().map(JobAlerts::make_run_alerts),
            host: self.host.clone(),
            ..RunRequest::default()
        };
        let (clock, rng) = (Arc::clone(&self.clock), Arc::clone(&self.rng));
        let ended = Box::pin(run(settings, request, clock, rng, Arc::new(|_| {}), StopHandle::default())).await;
        if let Some(alerting) = &alerting {
            let (trigger, began) = (due.trigger.clone(), self.clock.now());
            let end = AlertRunEnd { ended: &ended, run: None, trigger, began, is_interrupted: false };
            alerting.finish(&end).await;
        }
        match ended {
            Ok(_) => Ok(()),
            Err(error) if error.is_duplicate() => Ok(()),
            Err(error) => Err(from_app(&error, settings)),
        }
    }

    /// Reports a line; the daemon gets the last one only, at the end.
    fn report(&self, args: &RunArgs, settings: &Settings, line: &DueLine) {
        for message in &line.unclear {
            tracing::info!(event = "request.unclear", job = settings.job, "{message}");
        }
        if !args.for_daemon {
            self.put(args, settings, line);
        }
    }

    fn put(&self, args: &RunArgs, settings: &Settings, line: &DueLine) {
        let out = self.session.terminal.stdout();
        if args.job.json {
            out.put(&format_json_line(&line.make_document(settings)));
        } else if !args.quiet {
            out.put(&line.format_result(settings));
        }
    }
}

/// Reads a form of the job file from standard input; none if that is empty.
fn read_form_on_stdin() -> Result<Option<JobFileForm>, CliError> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MAX_FORM_BYTES).read_to_string(&mut text);
    let refused =
        |why: String| CliError::new(format!("standard input holds no form of a job file: {why}"), Exit::Usage);
    read.map_err(|error| refused(error.to_string()))?;
    if text.is_empty() {
        return Ok(None);
    }
    // The error of the parser would show values.
    serde_json::from_str(&text).map(Some).map_err(|_| refused("it is not as schedule run writes it".to_owned()))
}

/// What is reported of a job of which nothing ran.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct DueLine {
    /// Why nothing runs; empty if nothing is due.
    reason: String,
    /// The occurrence that does not run.
    skipped: Option<Occurrence>,
    /// The id of the run that is active.
    active_run: Option<String>,
    /// The next occurrence.
    next: Option<Occurrence>,
    /// What people wrote in Jobs and what is not understood.
    unclear: Vec<String>,
}

impl DueLine {
    fn from_closed(due: &DueRun) -> Self {
        let reason = due.claim.verdict.as_ref().map(|(_, message)| message.clone()).unwrap_or_default();
        Self { reason, next: due.next, ..Self::default() }
    }

    fn format_result(&self, settings: &Settings) -> String {
        let what = if self.reason.is_empty() { "nothing is due" } else { &self.reason };
        let mut line = format!("{}: {what}", settings.job);
        for (label, occurrence) in [("of", self.skipped), ("next", self.next)] {
            let local = occurrence.and_then(|at| format_local_time(at, settings));
            line.extend(local.map(|local| format!("; {label} {local}")));
        }
        for message in &self.unclear {
            line.push_str("\n  ");
            line.push_str(message);
        }
        line + "\n"
    }

    fn make_document<'a>(&'a self, settings: &'a Settings) -> DueDocument<'a> {
        DueDocument {
            schema_version: SCHEMA_VERSION,
            job: &settings.job,
            due: false,
            reason: &self.reason,
            active_run: self.active_run.as_deref(),
            next: self.next.map(|next| next.starts_at.to_string()),
            warnings: &self.unclear,
        }
    }
}

fn format_local_time(occurrence: Occurrence, settings: &Settings) -> Option<String> {
    let schedule = settings.schedule.as_ref()?;
    explain_time(occurrence.starts_at, &schedule.zone).map(|time| time.local)
}

/// The document of a job of which nothing ran. A run prints its own document.
#[derive(Debug, Clone, Serialize)]
struct DueDocument<'a> {
    schema_version: u32,
    job: &'a str,
    due: bool,
    reason: &'a str,
    active_run: Option<&'a str>,
    next: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_jobs_an_error_counts_before_a_partial_run() {
        assert_eq!(choose_worst_exit(&[]), Exit::Ok);
        assert_eq!(choose_worst_exit(&[Exit::Ok, Exit::Partial]), Exit::Partial);
        assert_eq!(choose_worst_exit(&[Exit::Partial, Exit::Unavailable, Exit::Config]), Exit::Unavailable);
    }
}
