//! `sheetkeep once` without `--files`: the mark is in the spreadsheet, where every machine sees it.
//!
//! In scope: settings, words and exit. Out of scope: the claim, the command and the mark, which are
//! those of a run with one stage (`app::stages`).

use std::path::Path;
use std::sync::Arc;

use futures_util::future::FutureExt;
use jiff::civil::Date;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use crate::app::error::AppError;
use crate::app::inspect::listing::load_snapshot;
use crate::app::run_request::RunRequest;
use crate::app::single_run::run;
use crate::app::stages::stage_parts::make_stage_parts;
use crate::app::stages::stage_plan::{
    PlannedStage, ReadStdinFn, StageFolders, StageListeners, StageOutcomes, StagePlan,
};
use crate::cli::args::scripts::once::OnceArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::{from_app, from_config};
use crate::cli::commands::load_settings::select_run_notes;
use crate::cli::commands::run_interrupts::watch_signals;
use crate::cli::commands::scripts::once_lines::{report_not_done, report_skipped};
use crate::cli::commands::scripts::retry::read_stdin;
use crate::cli::commands::stage_reprocess::revoke_keys;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::invocation::Invocation;
use crate::cli::signals::{Signal, SignalWatch};
use crate::cli::streams::command_output::TerminalOutput;
use crate::cli::streams::control_characters::make_visible;
use crate::clock::Clock;
use crate::command_retry::policy::CommandPolicy;
use crate::command_retry::report::{RetryOutcome, RetryReport};
use crate::config::external::flags::Overrides;
use crate::config::external::logical_time::LOGICAL_DATE;
use crate::config::once_job::make_once_settings;
use crate::config::settings::Settings;
use crate::ledger::items::key::{Key, Version};
use crate::ledger::runs::event::{Event, EventSink, RunReport};
use crate::ledger::runs::run::{RunStatus, Trigger};
use crate::port::source::SourceError;
use crate::rng::Rng;
use crate::runner::run_config::RunError;
use crate::runner::shutdown::StopHandle;

/// The longest name of a job, in bytes: the tabs with its marks are named after it.
const MAX_NAME_BYTES: usize = 50;
/// What started the run, in Runs.
const TRIGGER: &str = "once";

/// Runs the command and returns its exit code, or 0 if it is done already.
pub async fn run_once_in_sheet(context: CommandContext<'_>, args: &OnceArgs, date: Date) -> Result<Exit, CliError> {
    let CommandContext { invocation, host, clock, rng } = context;
    let settings = read_settings(args)?;
    let key = Key::new(date.to_string()).map_err(|error| CliError::new(format!("the date: {error}"), Exit::Usage))?;
    let plan = Arc::new(plan(invocation, args, key.clone(), &clock, &rng));
    let outcomes = Arc::new(StageOutcomes::default());
    if args.force {
        let revoked = revoke_keys(&settings, &[key], &host, &clock, &rng).await;
        revoked.map_err(|error| describe_run_error(&error, args, &settings, None))?;
    } else if is_done(&settings, &key, &clock, &rng).await.map_err(|error| from_app(&error, &settings))? {
        // What is done stays so: no claim is needed, and nothing is written.
        return Ok(report_skipped(invocation, args));
    }
    let (stop, abort) = (StopHandle::default(), CancellationToken::new());
    let watch = watch_signals(&stop, &abort, &clock);
    let request = RunRequest {
        trigger: Trigger { kind: TRIGGER.to_owned(), ..Trigger::default() },
        own: make_stage_parts(&plan, &outcomes, &stop, true),
        notes: select_run_notes(&settings),
        host,
        ..RunRequest::default()
    };
    let running = Box::pin(run(&settings, request, clock, rng, make_event_sink(invocation, args), stop));
    let ended = tokio::select! {
        ended = running => Some(ended),
        () = abort.cancelled() => None,
    };
    let signal = watch.as_ref().and_then(SignalWatch::first_signal);
    let report = outcomes.last_report();
    let Some(ended) = ended else {
        let message = format!("{}: stopped at once by a third signal; the command was killed", args.name);
        return Err(CliError::new(message, signal.map_or(Exit::Interrupted, Exit::from)));
    };
    report_end(invocation, args, &settings, date, &ended, report.as_ref(), signal)
}

/// Reads whether the sheet has the mark. Nothing is written.
async fn is_done(settings: &Settings, key: &Key, clock: &Arc<dyn Clock>, rng: &Arc<dyn Rng>) -> Result<bool, AppError> {
    let snapshot = match load_snapshot(settings, Arc::clone(clock), Arc::clone(rng)).await {
        Err(AppError::NeverRan) => None,
        read => read?,
    };
    // A state that can't be trusted is reported by the run.
    let trusted = snapshot.filter(|snapshot| !snapshot.anomalies.iter().any(|anomaly| anomaly.is_blocking));
    Ok(trusted.is_some_and(|snapshot| snapshot.processed_index.is_done(key, &Version::default())))
}

/// Reads the settings of the job that keeps the mark. A file of this machine is used only if a flag
/// names it: the mark has to be where the other machines look.
fn read_settings(args: &OnceArgs) -> Result<Settings, CliError> {
    let name = args.name.to_string();
    if name.len() > MAX_NAME_BYTES {
        let message = format!("a name that is kept in the sheet has at most {MAX_NAME_BYTES} characters");
        return Err(CliError::new(message, Exit::Usage).with_help("shorten it, or use --files DIR"));
    }
    let flags = Overrides {
        spreadsheet: args.sheet.spreadsheet.clone(),
        file: args.sheet.embedded.clone(),
        env_file: args.sheet.env_file.clone(),
        state_dir: args.sheet.state_dir.clone(),
        ..Overrides::default()
    };
    let settings = make_once_settings(&name, Path::new(""), &flags).map_err(from_config)?;
    if settings.choice.is_default() {
        let message = format!("no spreadsheet is set that could keep whether {name} is done");
        return Err(CliError::new(message, Exit::Config).with_help(
            "set SHEETKEEP_SPREADSHEET_ID, as for a job; or keep it on this machine, with --files DIR or --embedded FILE",
        ));
    }
    Ok(settings)
}

fn plan(invocation: &Invocation, args: &OnceArgs, key: Key, clock: &Arc<dyn Clock>, rng: &Arc<dyn Rng>) -> StagePlan {
    let terminal = Arc::clone(&invocation.terminal);
    let of_lines = Arc::clone(&terminal);
    let run = key.as_str().to_owned();
    let stage = PlannedStage {
        name: args.name.to_string(),
        key,
        words: args.command.clone(),
        artifact: None,
        policy: CommandPolicy::once(),
    };
    StagePlan {
        job: args.name.to_string(),
        variables: vec![(LOGICAL_DATE, run.clone())],
        run,
        stages: vec![stage],
        folders: StageFolders { base: None, dead: String::new() },
        stdin: (!args.no_stdin).then(make_stdin_reader),
        streams_output: true,
        listeners: StageListeners {
            output: Arc::new(TerminalOutput(terminal)),
            line: Arc::new(move |line| {
                of_lines.stderr().write_line(&make_visible(line));
            }),
        },
        clock: Arc::clone(clock),
        rng: Arc::clone(rng),
        watch: None,
    }
}

/// Returns what reads our standard input, once the command is about to run.
fn make_stdin_reader() -> ReadStdinFn {
    Arc::new(|| {
        async {
            // The run itself receives signals.
            let (_sender, mut stops) = unbounded_channel();
            let read = read_stdin(true, &mut stops).await.map_err(|error| error.message().to_owned())?;
            Ok(read.unwrap_or(None))
        }
        .boxed()
    })
}

/// Returns what shows the events of the run that a person has to know.
fn make_event_sink(invocation: &Invocation, args: &OnceArgs) -> EventSink {
    let (terminal, name) = (Arc::clone(&invocation.terminal), args.name.to_string());
    Arc::new(move |event| {
        let warning = match event {
            Event::Anomaly { message } | Event::LastingAnomaly { message, is_known: false } => message,
            Event::RunAbandoned { run } => format!("the earlier run {run} died before it was done"),
            _ => return,
        };
        terminal.stderr().write_line(&make_visible(&format!("{name}: warning: {warning}")));
    })
}

/// Returns the exit after the run, and reports why the command is not done.
fn report_end(
    invocation: &Invocation,
    args: &OnceArgs,
    settings: &Settings,
    date: Date,
    ended: &Result<RunReport, AppError>,
    report: Option<&RetryReport>,
    signal: Option<Signal>,
) -> Result<Exit, CliError> {
    let not_done = |error: &str| report_not_done(invocation, args, date, error);
    match ended {
        Ok(run) if run.run.status != RunStatus::Interrupted => Ok(Exit::Ok),
        Ok(_) => {
            let error = report.and_then(|report| report.error.as_deref()).unwrap_or("interrupted; nothing was run");
            not_done(error);
            let of_signal = signal.map_or(Exit::Interrupted, Exit::from);
            Ok(report.map_or(of_signal, |report| Exit::OfCommand(report.exit_code)))
        }
        Err(AppError::Run(RunError::Source { error: SourceError::Stage { why, .. }, .. })) => {
            not_done(why);
            Ok(report.map_or(Exit::Failed, |report| Exit::OfCommand(report.exit_code)))
        }
        Err(error) => Err(describe_run_error(error, args, settings, report)),
    }
}

fn describe_run_error(
    error: &AppError,
    args: &OnceArgs,
    settings: &Settings,
    report: Option<&RetryReport>,
) -> CliError {
    let name = &args.name;
    let is_done = report.is_some_and(|report| report.outcome == RetryOutcome::Succeeded);
    match error {
        AppError::Busy { holder } => report_busy_job(format!("{name} is being done by {holder}")),
        AppError::Run(RunError::LeaseHeld { holder, since, until }) => report_busy_job(format!(
            "{name} is being done by run {} on {} since {since} (if that has died, its claim ends {until})",
            holder.run, holder.host
        )),
        AppError::Run(RunError::Fenced { by }) if report.is_none() => report_busy_job(format!("{name}: {by}; nothing was run")),
        AppError::Run(
            RunError::DefinitionChanged { .. } | RunError::ModeChanged { .. } | RunError::TabChanged { .. },
        ) => {
            CliError::new(format!("{name} is the name of a job in this spreadsheet"), Exit::Config)
                .with_help("choose another name for what is done once")
        }
        error if is_done && settings.state_dir.is_some() => from_app(error, settings).with_help(
            "the command succeeded, and the sheet does not know it yet: the next call on this machine records it and runs nothing",
        ),
        error => from_app(error, settings),
    }
}

fn report_busy_job(message: String) -> CliError {
    CliError::new(message, Exit::TempFail).with_help("wait for its end, then run it again")
}
