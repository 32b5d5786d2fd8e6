//! `sheetkeep run`, and the runs by which other commands write.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use crate::app::alerting::{AlertedEnd, Alerting};
use crate::app::error::AppError;
use crate::app::failed_start::{FailedStart, StartRecord};
use crate::app::heartbeat::{Heartbeat, HeartbeatEnd};
use crate::app::job::{RunRequest, run};
use crate::app::metrics::delivery::MetricsDelivery;
use crate::app::metrics::run_meter::{RunEnding, RunMeter};
use crate::app::own_parts::OwnParts;
use crate::app::plan::plan_file::PlanFile;
use crate::cli::args::command_line::RunArgs;
use crate::cli::commands::alert_place::alert_place;
use crate::cli::commands::error_report::{AFTER_A_DROP, from_app, from_plan_file};
use crate::cli::commands::job_file_alert::{note_working_file, report_unreadable_file};
use crate::cli::commands::load_settings::{load_settings, place};
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::destination::Place;
use crate::cli::output::run::reporter::{Audience, Reporter};
use crate::cli::output::run::summary::summary;
use crate::cli::session::Session;
use crate::cli::signals::{Signal, SignalWatch};
use crate::cli::streams::palette::Palette;
use crate::clock::Clock;
use crate::config::sections::limits::Overlap;
use crate::config::sections::reporting::heartbeat::HeartbeatSettings;
use crate::config::settings::Settings;
use crate::ledger::runs::event::{Event, RunReport};
use crate::ledger::runs::run::Trigger;
use crate::ledger::state::rollover::Rollover;
use crate::rng::Rng;
use crate::runner::input::input_queue::RetryScope;
use crate::runner::run_config::{Events, PreparedChanges, RunError};
use crate::runner::schedule_claim::ScheduleClaim;
use crate::runner::shutdown::{Stop, StopReason};
use crate::telemetry::metrics::run_measurement::RunMeasurement;

/// Runs the job and reports the result.
pub async fn command(
    session: &Session,
    args: &RunArgs,
    host: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Rng>,
) -> Result<Exit, CliError> {
    if let Some(path) = &args.plan {
        return Box::pin(run_planned(session, args, path, host, clock, chance)).await;
    }
    let retrying = if args.retry_failures { RetryScope::FailuresOnly } else { RetryScope::Default };
    run_job(session, args, RunOptions { retrying, ..RunOptions::default() }, host, clock, chance).await
}

/// Runs the job if nothing has moved since the plan was made. The run checks the head of the sheet
/// once more, as the first thing after its load.
async fn run_planned(
    session: &Session,
    args: &RunArgs,
    path: &Path,
    host: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Rng>,
) -> Result<Exit, CliError> {
    let settings = load_settings(&args.job, None)?;
    let plan = PlanFile::read(path).map_err(|error| from_plan_file(&error))?;
    plan.check_files(&settings).map_err(|error| from_plan_file(&error))?;
    let checked = plan.check_sheet(&settings, &clock, &chance).await;
    let checked = checked.map_err(|error| from_app(&error, &settings))?;
    let from = checked.map_err(|error| from_plan_file(&error))?;
    let changes = Some(PreparedChanges { from, settled: Vec::new() });
    let options = RunOptions { changes, plan: Some(plan), settings: Some(Box::new(settings)), ..RunOptions::default() };
    Box::pin(run_job(session, args, options, host, clock, chance)).await
}

/// What a run processes beside the job's own settings.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Which failures are tried, and whether the source is read.
    pub retrying: RetryScope,
    /// Changes that were prepared beforehand.
    pub changes: Option<PreparedChanges>,
    /// The rollover that the run is part of.
    pub rollover: Option<Rollover>,
    /// Whether missing machine tabs are recreated.
    pub recreates_tabs: bool,
    /// The command that starts the run, for Runs; `cli` for an ordinary run.
    pub command: Option<&'static str>,
    /// What started the run, if a schedule or a request did.
    pub trigger: Option<Trigger>,
    /// What the run claims of the job's schedule.
    pub claim: ScheduleClaim,
    /// Whether other jobs write to the terminal at the same time.
    pub shares_terminal: bool,
    /// The plan that the run applies.
    pub plan: Option<PlanFile>,
    /// The settings, if they were read before, as by a plan or the question what is due.
    pub settings: Option<Box<Settings>>,
}

/// Runs the job with these options, and reports the result: to people, and as the job's heartbeat.
pub async fn run_job(
    session: &Session,
    args: &RunArgs,
    mut order: RunOptions,
    host: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Rng>,
) -> Result<Exit, CliError> {
    let settings = match &order.settings {
        Some(settings) => settings.as_ref().clone(),
        None => match load_settings(&args.job, args.input.clone()) {
            Ok(settings) => settings,
            Err(error) => {
                report_unreadable_file(&args.job, &error, &clock).await;
                return Err(error);
            }
        },
    };
    let place = place(&args.job, &settings);
    let observers = RunObservers::new(session, args, &order, &settings, &clock);
    let alerting = alerting(&settings, &order, &place, &host, &clock);
    let stop = Stop::default();
    let abort = CancellationToken::new();
    let watch = watch_signals(&stop, &abort, &clock);
    let request = run_request(args, &mut order, &settings, alerting.as_ref(), host);
    let (trigger, began) = (request.trigger.clone(), clock.now());
    let deadline = watch_deadline(args.deadline, stop.clone(), Arc::clone(&clock));
    let events = observers.events();
    let start = FailedStart::new(&settings, &request, alerting.as_ref(), (&clock, &chance));
    let running =
        Box::pin(run(&settings, request, Arc::clone(&clock), chance, events, stop).instrument(observers.span.clone()));
    let ended = tokio::select! {
        ended = running => Some(ended),
        () = deadline => None,
        () = abort.cancelled() => None,
    };
    let signal = watch.as_ref().and_then(SignalWatch::first);
    let Some(ended) = ended.or_else(|| signal.is_none().then_some(Err(AppError::OutOfTime))) else {
        observers.reporter().abandon();
        return Err(dropped_error(signal));
    };
    if order.claim.is_claim() && ended.as_ref().is_err_and(AppError::is_duplicate) {
        observers.reporter().abandon();
        tracing::info!(event = "run.duplicate", job = settings.job, "another run has taken the occurrence");
        return Ok(Exit::Ok);
    }
    let recorded = match &ended {
        Err(error) if signal.is_none() => start.record(error, &abort).instrument(observers.span.clone()).await,
        _ => None,
    };
    let concluded = conclude(
        &mut observers.reporter(),
        &ended,
        |report| Exit::for_run(report, args.fail_on, signal),
        |error| error_of_run(error, order.plan.as_ref(), &settings),
    );
    let to_machines = observers.finish(trigger.kind.clone(), &ended, &concluded, &place);
    let run = observers.meter.run_id();
    let end = AlertedEnd { ended: &ended, run, trigger, began, is_interrupted: signal.is_some() };
    let to_people = async {
        if let Some(alerting) = alerting.as_ref().filter(|_| recorded != Some(StartRecord::Known)) {
            alerting.finish(&end).instrument(observers.span.clone()).await;
        }
        if ended.is_ok() && order.command.is_none() {
            note_working_file(&args.job, &settings, &clock).await;
        }
    };
    let reports = async { tokio::join!(to_machines, to_people) };
    if matches!(ended, Err(AppError::OutOfTime)) {
        tokio::select! {
            _ = reports => {}
            () = clock.sleep(OUT_OF_TIME_GRACE) => {}
        }
    } else {
        reports.await;
    }
    concluded
}

/// Everyone who follows a run: people, the heartbeat, and the receivers of its metrics.
struct RunObservers {
    job: String,
    reporter: Arc<Mutex<Reporter>>,
    heartbeat: Heartbeat,
    meter: RunMeter,
    /// `None` for a run by which another command writes.
    delivery: Option<MetricsDelivery>,
    /// The span of the run's log lines.
    span: Span,
}

impl RunObservers {
    fn new(session: &Session, args: &RunArgs, order: &RunOptions, settings: &Settings, clock: &Arc<dyn Clock>) -> Self {
        let is_ordinary = order.command.is_none();
        Self {
            job: settings.job.clone(),
            reporter: reporter(session, args, order, clock, place(&args.job, settings)),
            heartbeat: heartbeat(settings, order, clock),
            meter: RunMeter::start(Arc::clone(clock)),
            delivery: is_ordinary.then(|| MetricsDelivery::new(settings, Arc::clone(clock))),
            // Always on, for its fields: the level of a span decides whether lines within it have
            // them.
            span: tracing::error_span!("run", job = settings.job, run = tracing::field::Empty),
        }
    }

    /// Returns the events of the run: each observer gets them all.
    fn events(&self) -> Events {
        self.meter.wrap(self.heartbeat.wrap(events(&self.reporter, &self.span)))
    }

    fn reporter(&self) -> MutexGuard<'_, Reporter> {
        self.reporter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports the end of the run to machines. A duplicate invocation does not run, and is not
    /// reported.
    async fn finish(
        &self,
        trigger: String,
        ended: &Result<RunReport, AppError>,
        concluded: &Result<Exit, CliError>,
        place: &Place,
    ) {
        let end = heartbeat_end(&self.job, ended, concluded, place);
        let measured = self.measure(trigger, &end, concluded);
        if let Some(measured) = &measured {
            self.reporter().write_measurement(measured);
        }
        let delivering = async {
            if let (Some(delivery), Some(measured)) = (&self.delivery, &measured) {
                delivery.deliver(measured).await;
            }
        };
        let reports = async { tokio::join!(self.heartbeat.finish(&end), delivering) };
        reports.instrument(self.span.clone()).await;
    }

    fn measure(
        &self,
        trigger: String,
        end: &HeartbeatEnd<'_>,
        concluded: &Result<Exit, CliError>,
    ) -> Option<RunMeasurement> {
        if end.is_duplicate && !self.meter.is_claimed() {
            return None;
        }
        let error = concluded.as_ref().err().map(|error| (error.exit().name().to_owned(), error.message().to_owned()));
        let ending = RunEnding { job: self.job.clone(), trigger, exit_code: end.exit_code, error };
        Some(self.meter.measure(ending, end.report))
    }
}

/// Reports the end of a run to people. Returns the exit, or the error that ended the run.
fn conclude(
    reporter: &mut Reporter,
    ended: &Result<RunReport, AppError>,
    exit_of: impl FnOnce(&RunReport) -> Exit,
    error_of: impl FnOnce(&AppError) -> CliError,
) -> Result<Exit, CliError> {
    match ended {
        Ok(report) => {
            let exit = exit_of(report);
            reporter.finish(report, exit);
            Ok(exit)
        }
        Err(error) => {
            let cli_error = error_of(error);
            match report_of(error) {
                Some(report) => reporter.finish(report, cli_error.exit()),
                None => reporter.abandon(),
            }
            Err(cli_error)
        }
    }
}

/// Returns the report of a run that an error ended, if it got far enough to make one.
fn report_of(error: &AppError) -> Option<&RunReport> {
    match error {
        AppError::Pass(
            RunError::Source { report, .. }
            | RunError::Machine { report, .. }
            | RunError::AllAlike { report: Some(report), .. },
        ) => Some(report),
        _ => None,
    }
}

fn run_request(
    args: &RunArgs,
    order: &mut RunOptions,
    settings: &Settings,
    alerting: Option<&Alerting>,
    host: String,
) -> RunRequest {
    let kind = order.command.unwrap_or("cli");
    let by_command = || Trigger { kind: kind.to_owned(), ..Trigger::default() };
    RunRequest {
        accept_changes: args.accept_changes,
        overlap: overlap(args, settings.overlap),
        retrying: order.retrying.clone(),
        changes: order.changes.take(),
        rollover: order.rollover.clone(),
        recreates_tabs: order.recreates_tabs,
        trigger: order.trigger.clone().unwrap_or_else(by_command),
        claim: order.claim.clone(),
        approval: args.approve.unwrap_or_default(),
        recorded_end: None,
        alerts: alerting.map(Alerting::for_run),
        host,
        own: OwnParts::default(),
    }
}

fn reporter(
    session: &Session,
    args: &RunArgs,
    order: &RunOptions,
    clock: &Arc<dyn Clock>,
    place: Place,
) -> Arc<Mutex<Reporter>> {
    let audience = Audience {
        json: args.job.json,
        quiet: args.quiet,
        shares_terminal: order.shares_terminal,
        in_passing: !order.retrying.processes_items(),
        verbose: session.args.verbose > 0,
    };
    let (terminal, style) = (Arc::clone(&session.terminal), Arc::clone(&session.log_style));
    Arc::new(Mutex::new(Reporter::new(terminal, Arc::clone(clock), audience, place, style)))
}

/// Returns the heartbeat of the run. A run by which another command writes has none.
fn heartbeat(settings: &Settings, order: &RunOptions, clock: &Arc<dyn Clock>) -> Heartbeat {
    let silent = HeartbeatSettings::default();
    let of_run = if order.command.is_none() { &settings.heartbeat } else { &silent };
    Heartbeat::new(of_run, settings.certificates.as_deref(), Arc::clone(clock))
}

/// Returns the alerts of the run. A run by which another command writes has none.
fn alerting(
    settings: &Settings,
    order: &RunOptions,
    place: &Place,
    host: &str,
    clock: &Arc<dyn Clock>,
) -> Option<Alerting> {
    let is_ordinary = order.command.is_none();
    is_ordinary.then(|| Alerting::new(settings, alert_place(place, settings, host), clock)).flatten()
}

fn heartbeat_end<'a>(
    job: &'a str,
    ended: &'a Result<RunReport, AppError>,
    concluded: &Result<Exit, CliError>,
    place: &Place,
) -> HeartbeatEnd<'a> {
    let report = ended.as_ref().map_or_else(report_of, Some);
    let summary = report.map(|report| summary(report, place, Palette::new(false))).unwrap_or_default();
    let (exit, text) = match concluded {
        Ok(exit) => (*exit, summary),
        Err(error) => (error.exit(), format!("{summary}error: {}\n", error.message())),
    };
    let is_duplicate = ended.as_ref().is_err_and(AppError::is_duplicate);
    HeartbeatEnd { job, exit_code: exit.code(), report, text, is_duplicate }
}

/// Returns the error of a run; one that applied a plan names the plan if the sheet has moved.
fn error_of_run(error: &AppError, plan: Option<&PlanFile>, settings: &Settings) -> CliError {
    match (error, plan) {
        (AppError::Pass(RunError::MovedOn), Some(plan)) => from_plan_file(&plan.refusal_during_run()),
        _ => from_app(error, settings),
    }
}

/// Passes events on to the reporter, and names the run in the log lines of the span.
fn events(reporter: &Arc<Mutex<Reporter>>, span: &Span) -> Events {
    let (reporter, span) = (Arc::clone(reporter), span.clone());
    Arc::new(move |event| {
        if let Event::Started { run, .. } = &event {
            span.record("run", run.as_str());
        }
        reporter.lock().unwrap_or_else(PoisonError::into_inner).on(&event);
    })
}

/// Returns the overlap policy: flags come before the job file.
fn overlap(args: &RunArgs, of_file: Overlap) -> Overlap {
    let wait = args.wait.map(|wait| Overlap::Queue { wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX) });
    if args.take_over { Overlap::Replace } else { wait.unwrap_or(of_file) }
}

/// How long the reports of a run may take that was dropped at its deadline.
const OUT_OF_TIME_GRACE: Duration = Duration::from_secs(5);
/// How long programs may take to end once they are asked to. It is a little longer than the time
/// after which they are killed.
const PROGRAM_GRACE: Duration = Duration::from_secs(6);

/// Requests a stop some time before the deadline, a forced stop after half of that time, and
/// returns at the deadline.
async fn watch_deadline(deadline: Option<Duration>, stop: Stop, clock: Arc<dyn Clock>) {
    let Some(deadline) = deadline else { return std::future::pending().await };
    let margin = (deadline / 10).clamp(Duration::from_secs(1), Duration::from_secs(30)).min(deadline);
    clock.sleep(deadline.saturating_sub(margin)).await;
    stop.request(StopReason::Deadline);
    clock.sleep(margin / 2).await;
    // The rest of the time belongs to the last commit.
    stop.force(PROGRAM_GRACE.min(margin / 4));
    clock.sleep(margin / 2).await;
}

/// Returns the error of a run that a third signal dropped while it was finishing.
fn dropped_error(signal: Option<Signal>) -> CliError {
    let why = "stopped at once by a third signal; a commit may have been in progress";
    CliError::new(why, signal.map_or(Exit::Interrupted, Exit::from)).with_help(AFTER_A_DROP)
}

/// The first signal asks the run to finish the items in progress, the second one to end the
/// programs that are still at work, the third one to stop at once.
fn watch_signals(stop: &Stop, abort: &CancellationToken, clock: &Arc<dyn Clock>) -> Option<SignalWatch> {
    let (stop, abort) = (stop.clone(), abort.clone());
    let started = SignalWatch::start(Arc::clone(clock), move |signal, nth| {
        stop.request(match signal {
            Signal::Interrupt => StopReason::Interrupt,
            Signal::Terminate => StopReason::Terminate,
            Signal::HangUp => StopReason::HangUp,
        });
        match nth {
            0 | 1 => {}
            2 => stop.force(PROGRAM_GRACE),
            _ => abort.cancel(),
        }
    });
    match started {
        Ok(watch) => Some(watch),
        Err(error) => {
            tracing::warn!(event = "signals.unavailable", %error, "signals can't be received; the run can only be killed");
            None
        }
    }
}
