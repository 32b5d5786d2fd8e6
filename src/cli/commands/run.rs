//! `sheetkeep run`, and the runs by which other commands write.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::app::error::AppError;
use crate::app::failed_start::{FailedStart, StartRecord};
use crate::app::job_alerts::{AlertRunEnd, JobAlerts};
use crate::app::plan::plan_file::PlanFile;
use crate::app::provided_parts::ProvidedParts;
use crate::app::run_request::RunRequest;
use crate::app::schedule::latest_runs::FAILURES_TRIGGER;
use crate::app::single_run::run;
use crate::cli::args::command_line::RunArgs;
use crate::cli::commands::alerts::alert_place::describe_alert_place;
use crate::cli::commands::alerts::job_file_alert::{record_job_file, report_unreadable_file};
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::{from_app, from_plan_file};
use crate::cli::commands::load_settings::{describe_place, load_settings, read_settings, select_run_notes};
use crate::cli::commands::run_interrupts::{report_dropped_run, watch_deadline, watch_signals};
use crate::cli::commands::run_observers::{RunObservers, report_run_end};
use crate::cli::commands::run_options::RunOptions;
use crate::cli::commands::stage_run::StageRun;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::destination::JobDestination;
use crate::cli::signals::SignalWatch;
use crate::clock::Clock;
use crate::config::sections::limits::Overlap;
use crate::config::settings::Settings;
use crate::ledger::runs::run::Trigger;
use crate::runner::run_config::{PreparedChanges, RunError};
use crate::runner::run_scope::RunScope;
use crate::runner::shutdown::StopHandle;

/// How long the reports of a run may take that was dropped at its deadline.
const OUT_OF_TIME_GRACE: Duration = Duration::from_secs(5);

/// Runs the job and reports the result.
pub async fn execute(context: CommandContext<'_>, args: &RunArgs) -> Result<Exit, CliError> {
    if let Some(path) = &args.plan {
        return Box::pin(run_planned(context, args, path)).await;
    }
    let scope = if args.retry_failures { RunScope::FailuresOnly } else { RunScope::Default };
    Box::pin(run_job(context, args, RunOptions { scope, ..RunOptions::default() })).await
}

/// Runs the job if nothing has moved since the plan was made. The run checks the head of the sheet
/// once more, as the first thing after its load.
async fn run_planned(context: CommandContext<'_>, args: &RunArgs, path: &Path) -> Result<Exit, CliError> {
    let settings = load_settings(&args.job, None)?;
    let plan = PlanFile::read(path).map_err(|error| from_plan_file(&error))?;
    plan.check_files(&settings).map_err(|error| from_plan_file(&error))?;
    let checked = plan.check_sheet(&settings, &context.clock, &context.rng).await;
    let checked = checked.map_err(|error| from_app(&error, &settings))?;
    let from = checked.map_err(|error| from_plan_file(&error))?;
    let changes = Some(PreparedChanges { from, settled: Vec::new() });
    let options = RunOptions { changes, plan: Some(plan), settings: Some(Box::new(settings)), ..RunOptions::default() };
    Box::pin(run_job(context, args, options)).await
}

/// Returns the settings that were read before, or reads them. A job file that can't be read is
/// reported.
async fn choose_settings(
    args: &RunArgs,
    known: Option<&Settings>,
    clock: &Arc<dyn Clock>,
) -> Result<Settings, CliError> {
    let read = known.map_or_else(|| read_settings(&args.job, args.input.clone()), |known| Ok(known.clone()));
    if let Err(error) = &read {
        report_unreadable_file(&args.job, error, clock).await;
    }
    read
}

/// Runs the job with these options, and reports the result: to people, and as the job's heartbeat.
pub async fn run_job(context: CommandContext<'_>, args: &RunArgs, mut order: RunOptions) -> Result<Exit, CliError> {
    let CommandContext { invocation, host, clock, rng } = context;
    let settings = choose_settings(args, order.settings.as_deref(), &clock).await?;
    let place = describe_place(&args.job, &settings);
    let stages = StageRun::new(invocation, args, &settings, &clock, &rng)?;
    // The output of the stages' commands has the terminal.
    order.shares_terminal |= stages.is_some();
    let observers = RunObservers::new(invocation, args, &order, &settings, &clock);
    let alerting = open_alerts(&settings, &order, &place, &host, &clock);
    let stop = StopHandle::default();
    let abort = CancellationToken::new();
    let watch = watch_signals(&stop, &abort, &clock);
    let mut request = run_request(args, &mut order, &settings, alerting.as_ref(), host);
    request.own = stages.as_ref().map(|stages| stages.make_parts(&stop)).unwrap_or_default();
    let (trigger, began) = (request.trigger.clone(), clock.now());
    let deadline = watch_deadline(args.deadline, stop.clone(), Arc::clone(&clock));
    let events = observers.make_event_sink();
    let start = FailedStart::new(&settings, &request, alerting.as_ref(), (&clock, &rng));
    let running = Box::pin(run(&settings, request, Arc::clone(&clock), rng, events, stop).instrument(observers.span()));
    let ended = tokio::select! {
        ended = running => Some(ended),
        () = deadline => None,
        () = abort.cancelled() => None,
    };
    let signal = watch.as_ref().and_then(SignalWatch::first_signal);
    stages.iter().zip(&ended).for_each(|(stages, ended)| stages.finish_run(ended));
    let Some(ended) = ended.or_else(|| signal.is_none().then_some(Err(AppError::OutOfTime))) else {
        observers.lock_reporter().abandon_report();
        return Err(report_dropped_run(signal));
    };
    if order.claim.is_claim() && ended.as_ref().is_err_and(AppError::is_duplicate) {
        return Ok(abandon_duplicate(&observers, &settings));
    }
    let recorded = match &ended {
        Err(error) if signal.is_none() => start.record(error, &abort).instrument(observers.span()).await,
        _ => None,
    };
    let concluded = report_run_end(
        &mut observers.lock_reporter(),
        &ended,
        |report| Exit::for_run(report, args.fail_on, signal),
        |error| describe_run_error(error, order.plan.as_ref(), &settings),
    );
    let to_machines = observers.finish_run(trigger.kind.clone(), &ended, &concluded, &place);
    let run = observers.run_id();
    let end = AlertRunEnd { ended: &ended, run, trigger, began, is_interrupted: signal.is_some() };
    let to_people = async {
        if let Some(alerting) = alerting.as_ref().filter(|_| recorded != Some(StartRecord::AlreadyRecorded)) {
            alerting.finish(&end).instrument(observers.span()).await;
        }
        if ended.is_ok() && order.command.is_none() {
            record_job_file(&args.job, &settings, &clock).await;
        }
    };
    let reports = Box::pin(async { tokio::join!(to_machines, to_people) });
    wait_for_reports(reports, matches!(ended, Err(AppError::OutOfTime)), &clock).await;
    concluded
}

/// Ends a run whose occurrence another run has taken: the job did not fail.
fn abandon_duplicate(observers: &RunObservers, settings: &Settings) -> Exit {
    observers.lock_reporter().abandon_report();
    tracing::info!(event = "run.duplicate", job = settings.job, "another run has taken the occurrence");
    Exit::Ok
}

/// Waits for the reports of a run; of one that was dropped at its deadline, for a short time.
async fn wait_for_reports(reports: impl Future, is_out_of_time: bool, clock: &Arc<dyn Clock>) {
    let end =
        async { if is_out_of_time { clock.sleep(OUT_OF_TIME_GRACE).await } else { std::future::pending().await } };
    tokio::select! {
        _ = reports => {}
        () = end => {}
    }
}

fn run_request(
    args: &RunArgs,
    order: &mut RunOptions,
    settings: &Settings,
    alerting: Option<&JobAlerts>,
    host: String,
) -> RunRequest {
    let of_person = if order.scope.reads_source() { "cli" } else { FAILURES_TRIGGER };
    let kind = order.command.unwrap_or(of_person);
    let by_command = || Trigger { kind: kind.to_owned(), ..Trigger::default() };
    RunRequest {
        accepts_changes: args.accept_changes,
        overlap: choose_overlap(args, settings.overlap),
        scope: order.scope.clone(),
        changes: order.changes.take(),
        rollover: order.rollover.clone(),
        recreates_tabs: order.recreates_tabs,
        trigger: order.trigger.clone().unwrap_or_else(by_command),
        claim: order.claim.clone(),
        approval: args.approve.unwrap_or_default(),
        recorded_end: None,
        alerts: alerting.map(JobAlerts::make_run_alerts),
        notes: select_run_notes(settings),
        host,
        own: ProvidedParts::default(),
    }
}

/// Returns the alerts of the run. A run by which another command writes has none.
fn open_alerts(
    settings: &Settings,
    order: &RunOptions,
    place: &JobDestination,
    host: &str,
    clock: &Arc<dyn Clock>,
) -> Option<JobAlerts> {
    let is_ordinary = order.command.is_none();
    is_ordinary.then(|| JobAlerts::new(settings, describe_alert_place(place, settings, host), clock)).flatten()
}

/// Returns the error of a run; one that applied a plan names the plan if the sheet has moved.
fn describe_run_error(error: &AppError, plan: Option<&PlanFile>, settings: &Settings) -> CliError {
    match (error, plan) {
        (AppError::Run(RunError::SheetChanged), Some(plan)) => from_plan_file(&plan.refuse_during_run()),
        _ => from_app(error, settings),
    }
}

/// Returns the overlap policy: flags come before the job file.
fn choose_overlap(args: &RunArgs, of_file: Overlap) -> Overlap {
    let wait = args.wait.map(|wait| Overlap::Queue { wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX) });
    if args.take_over { Overlap::Replace } else { wait.unwrap_or(of_file) }
}
