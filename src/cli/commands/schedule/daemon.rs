//! `sheetkeep schedule run`: runs many jobs by their schedules, until it is stopped.
//!
//! In scope: reading the job files, signals, the arguments of the processes that it starts. Out of
//! scope: the loop (`app::daemon`).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc::unbounded_channel;

use crate::app::daemon::daemon_loop::{Daemon, DaemonEnd, DaemonParts, DaemonRequest};
use crate::app::daemon::due_call::{LineSink, ProcessCaller};
use crate::app::daemon::job_files::{JobFileError, JobFileWatch, ScheduledJob};
use crate::app::daemon::notification::ServiceNotifier;
use crate::cli::args::jobs::schedule_run::ScheduleRunArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::invocation::Invocation;
use crate::cli::signals::{Signal, SignalWatch};
use crate::config::external::environment::find_own_program;
use crate::config::external::flags::Overrides;
use crate::step::worker::launch;

/// Calls the jobs at their times until a signal arrives.
pub async fn execute(context: CommandContext<'_>, args: &ScheduleRunArgs) -> Result<Exit, CliError> {
    let CommandContext { invocation, clock, rng, .. } = context;
    let flags =
        Overrides { env_file: args.env_file.clone(), state_dir: args.state_dir.clone(), ..Overrides::default() };
    let mut watch = JobFileWatch::new(&args.jobs, flags);
    let jobs = read_jobs(invocation, &args.jobs, &mut watch)?;
    let program = launch::find_own_program(find_own_program()).ok_or_else(|| {
        CliError::new("the file of this program is not known, so it can't be started for a job", Exit::OsErr)
    })?;
    let caller = ProcessCaller {
        program,
        arguments: make_call_arguments(invocation, args),
        clock: Arc::clone(&clock),
        lines: make_line_sink(invocation),
    };
    let parts = DaemonParts {
        clock: Arc::clone(&clock),
        rng,
        caller: Arc::new(caller),
        notifier: ServiceNotifier::from_environment(),
        most_at_once: usize::from(args.at_once),
    };
    let (sender, requests) = unbounded_channel();
    let reloads = sender.clone();
    // The loop receives for as long as signals are received.
    let on_stop = move |_: Signal, _: u32| {
        let _received = sender.send(DaemonRequest::Stop);
    };
    let on_reload = move || {
        let _received = reloads.send(DaemonRequest::Reload);
    };
    let signals = SignalWatch::start_for_daemon(clock, on_stop, on_reload)
        .map_err(|error| CliError::new(format!("signals can't be received: {error}"), Exit::OsErr))?;
    match Daemon::new(parts, watch, jobs).run(requests).await {
        DaemonEnd::Drained => Ok(Exit::Ok),
        DaemonEnd::Abandoned(left) => Err(report_abandoned_calls(left, signals.first_signal())),
    }
}

/// Reads all job files. One that can't be used ends the command; all of them are reported.
fn read_jobs(
    invocation: &Invocation,
    paths: &[PathBuf],
    watch: &mut JobFileWatch,
) -> Result<Vec<(PathBuf, ScheduledJob)>, CliError> {
    let mut found: BTreeMap<usize, _> =
        watch.poll_files().into_iter().map(|change| (change.nth, change.found)).collect();
    let (mut jobs, mut errors) = (Vec::new(), Vec::new());
    for (nth, path) in paths.iter().enumerate() {
        match found.remove(&nth) {
            Some(Ok(job)) if job.schedule.is_some() => jobs.push((path.clone(), job)),
            Some(Ok(_)) => errors.push(report_missing_schedule(path)),
            Some(Err(error)) => errors.push(to_cli_error(error)),
            None => errors.push(
                CliError::new(format!("the job file {} changes while it is read", path.display()), Exit::TempFail)
                    .with_help("start the command again once the file is complete"),
            ),
        }
    }
    let Some(last) = errors.pop() else { return Ok(jobs) };
    for error in errors {
        invocation.report(&error);
    }
    Err(last)
}

fn report_missing_schedule(path: &Path) -> CliError {
    CliError::new(format!("{} has no schedule", path.display()), Exit::Config).with_help(
        "add a table [schedule] at the end of the job file, with cron = \"0 9 * * *\" and timezone = \"Europe/Berlin\"; or leave the file out",
    )
}

fn to_cli_error(error: JobFileError) -> CliError {
    match error {
        // Also a missing file is a mistake in what the daemon is given.
        JobFileError::Config(error) => CliError::from_diagnostic(error, Exit::Config),
        JobFileError::StandardInput(_) => CliError::new(error.to_string(), Exit::Config),
    }
}

fn report_abandoned_calls(left: usize, signal: Option<Signal>) -> CliError {
    let jobs = if left == 1 { "one job was".to_owned() } else { format!("{left} jobs were") };
    let why = format!("{jobs} still at work, and killed: a second signal came, or 90 s were over");
    CliError::new(why, signal.map_or(Exit::Interrupted, Exit::from))
        .with_help("what was committed stays, and the next run of each continues; nothing is doubled")
}

/// Returns the arguments of each call, before the job file.
fn make_call_arguments(invocation: &Invocation, args: &ScheduleRunArgs) -> Vec<OsString> {
    let log_format = invocation.log_style.format.as_str();
    let mut words: Vec<OsString> =
        ["--color", "never", "--log-format", log_format, "run", "--due", "--for-daemon", "--json"]
            .map(OsString::from)
            .into();
    words.extend((0..invocation.args.verbose).map(|_| OsString::from("-v")));
    for (flag, value) in [("--env-file", &args.env_file), ("--state-dir", &args.state_dir)] {
        if let Some(value) = value {
            words.extend([OsString::from(flag), value.clone().into_os_string()]);
        }
    }
    words
}

/// Returns where lines of the jobs go: to standard error with the job's name, or, where a log
/// collector reads them, as they are.
fn make_line_sink(invocation: &Invocation) -> LineSink {
    let terminal = Arc::clone(&invocation.terminal);
    let is_structured = invocation.log_style.format.is_structured();
    Arc::new(move |job, line| {
        let written = if is_structured {
            terminal.stderr().write_line(line)
        } else {
            terminal.stderr().write_line(&format!("{job}: {line}"))
        };
        if !written {
            tracing::debug!(event = "daemon.line_lost", job, "a line can't be written");
        }
    })
}
