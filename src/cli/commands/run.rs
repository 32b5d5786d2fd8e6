//! `sheetkeep run`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::error::AppError;
use crate::app::job::{RunRequest, run};
use crate::cli::args::RunArgs;
use crate::cli::commands::setting::{place, settings};
use crate::cli::commands::trouble::of_app;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::reporter::{Audience, Reporter};
use crate::cli::session::Session;
use crate::cli::signals::{Signal, SignalWatch};
use crate::config::pace::Overlap;
use crate::ledger::run::run::Trigger;
use crate::ledger::state::rollover::Rollover;
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::runner::input_queue::RetryScope;
use crate::runner::run_config::{Events, PreparedChanges, RunError};
use crate::runner::shutdown::{Stop, StopReason};

/// Runs the job and says how it ended.
pub async fn command(
    session: &Session,
    args: &RunArgs,
    host: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<Exit, CliError> {
    let retrying = if args.retry_failures { RetryScope::FailuresOnly } else { RetryScope::Default };
    of(session, args, RunOptions { retrying, ..RunOptions::default() }, host, clock, chance).await
}

/// What a run takes in.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Which failures, and whether the source.
    pub retrying: RetryScope,
    /// What was worked out beforehand.
    pub errands: Option<PreparedChanges>,
    /// The job's move to another spreadsheet, where the run is for that.
    pub rollover: Option<Rollover>,
    /// Whether machine tabs that are gone are made again.
    pub remakes: bool,
    /// The command that asks, for Runs; `cli` for an ordinary run.
    pub command: Option<&'static str>,
}

/// Runs the job over what the order says, and says how it ended.
pub async fn of(
    session: &Session,
    args: &RunArgs,
    order: RunOptions,
    host: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<Exit, CliError> {
    let settings = settings(&args.job, args.input.clone())?;
    let audience = Audience {
        json: args.job.json,
        quiet: args.quiet,
        in_passing: !order.retrying.brings_items(),
        verbose: session.args.verbose > 0,
        logs: session.args.log_format,
    };
    let reporter =
        Reporter::new(Arc::clone(&session.terminal), Arc::clone(&clock), audience, place(&args.job, &settings));
    let reporter = Arc::new(Mutex::new(reporter));
    let stop = Stop::default();
    let at_once = CancellationToken::new();
    let watch = listen(&stop, &at_once, &clock);
    let wish = RunRequest {
        adopt: args.accept_changes,
        overlap: overlap(args, settings.overlap),
        retrying: order.retrying,
        errands: order.errands,
        rollover: order.rollover,
        remakes: order.remakes,
        trigger: Trigger { kind: order.command.unwrap_or("cli").to_owned(), ..Trigger::default() },
        host,
    };
    let deadline = watched(args.deadline, stop.clone(), Arc::clone(&clock));
    let running = run(&settings, wish, clock, chance, events(&reporter), stop);
    let ended = tokio::select! {
        ended = running => Some(ended),
        () = deadline => None,
        () = at_once.cancelled() => None,
    };
    let signal = watch.as_ref().and_then(SignalWatch::first);
    let mut reporter = reporter.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(ended) = ended else {
        reporter.abandon();
        return Err(dropped(signal, args.deadline));
    };
    match ended {
        Ok(report) => {
            let exit = Exit::of_run(&report, args.fail_on, signal);
            reporter.finish(&report, exit);
            Ok(exit)
        }
        Err(error) => {
            let trouble = of_app(&error, &settings);
            match &error {
                AppError::Pass(
                    RunError::Source { report, .. }
                    | RunError::Machine { report, .. }
                    | RunError::AllAlike { report: Some(report), .. },
                ) => reporter.finish(report, trouble.exit()),
                _ => reporter.abandon(),
            }
            Err(trouble)
        }
    }
}

fn events(reporter: &Arc<Mutex<Reporter>>) -> Events {
    let reporter = Arc::clone(reporter);
    Arc::new(move |event| reporter.lock().unwrap_or_else(PoisonError::into_inner).on(&event))
}

/// What is typed comes before what the job file says.
fn overlap(args: &RunArgs, of_file: Overlap) -> Overlap {
    let wait = args.wait.map(|wait| Overlap::Queue { wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX) });
    if args.take_over { Overlap::Replace } else { wait.unwrap_or(of_file) }
}

/// How long programs may take to end once they are asked to: a little longer than they are given before they are killed.
const PATIENCE: Duration = Duration::from_secs(6);

/// Asks the run to stop some time before its deadline, to hurry when half of that is over, and resolves when it strikes.
async fn watched(deadline: Option<Duration>, stop: Stop, clock: Arc<dyn Clock>) {
    let Some(deadline) = deadline else { return std::future::pending().await };
    let margin = (deadline / 10).clamp(Duration::from_secs(1), Duration::from_secs(30)).min(deadline);
    clock.sleep(deadline.saturating_sub(margin)).await;
    stop.ask(StopReason::Deadline);
    clock.sleep(margin / 2).await;
    // What is left of the time belongs to the last commit.
    stop.hurry(PATIENCE.min(margin / 4));
    clock.sleep(margin / 2).await;
}

/// A third signal came, or the deadline struck, while the run was still finishing.
fn dropped(signal: Option<Signal>, deadline: Option<Duration>) -> CliError {
    let (why, exit) = match (signal, deadline) {
        (Some(signal), _) => ("stopped at once by a third signal", Exit::from(signal)),
        (None, Some(_)) => ("stopped at once at its deadline", Exit::Timeout),
        (None, None) => ("stopped at once", Exit::Interrupted),
    };
    CliError::new(format!("{why}; a commit may have been in progress"), exit)
        .with_help("run it again: the next run reads what was committed, and nothing is doubled")
}

/// The first signal asks the run to finish what is in hand, a second one to end the programs that are at work, a third one means now.
fn listen(stop: &Stop, at_once: &CancellationToken, clock: &Arc<dyn Clock>) -> Option<SignalWatch> {
    let (stop, at_once) = (stop.clone(), at_once.clone());
    let heard = SignalWatch::begin(Arc::clone(clock), move |signal, nth| {
        stop.ask(match signal {
            Signal::Interrupt => StopReason::Interrupt,
            Signal::Terminate => StopReason::Terminate,
            Signal::HangUp => StopReason::HangUp,
        });
        match nth {
            0 | 1 => {}
            2 => stop.hurry(PATIENCE),
            _ => at_once.cancel(),
        }
    });
    match heard {
        Ok(watch) => Some(watch),
        Err(error) => {
            tracing::warn!(%error, "signals can't be received; the run can only be killed");
            None
        }
    }
}
