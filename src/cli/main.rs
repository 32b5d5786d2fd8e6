//! From the command line to an exit: one runtime, one command.
//!
//! In scope: selecting the command, clock and randomness. Out of scope: everything else.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::cli::args::command_line::CliCommand;
use crate::cli::args::jobs::schedule::ScheduleAction;
use crate::cli::commands;
use crate::cli::commands::error_report::from_machine;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::provisions;
use crate::cli::session::Session;
use crate::clock::Clock;
use crate::config::external::environment::{host_name, process_variable};
use crate::rng::Rng;
use crate::sheets_client::options::QUIET_LOG_DIRECTIVES;
use crate::step::worker::serve::{WORKER_ARGUMENT, serve_evaluations};
use crate::system::{SeededRng, SystemClock, SystemRng, explain_invalid_clock};

/// How long open resources may take to close. The embedded sheet closes immediately, and folds its
/// log into its file. An operation that never ends, such as a read on a dead mount, must not keep
/// the process.
const CLOSING: Duration = Duration::from_secs(2);

/// Runs one invocation.
pub fn main(words: impl IntoIterator<Item = OsString>) -> Exit {
    let words: Vec<OsString> = words.into_iter().collect();
    if words.get(1).is_some_and(|word| word == WORKER_ARGUMENT) {
        let code = serve_evaluations();
        return Exit::all().find(|exit| exit.code() == code).unwrap_or(Exit::Software);
    }
    #[cfg(feature = "failpoints")]
    crate::failpoint::arm(&process_variable("SHEETKEEP_FAILPOINT").unwrap_or_default());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let session = match Session::start(words, &process_variable, &clock, QUIET_LOG_DIRECTIVES) {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let runtime = match provisions::runtime() {
        Ok(runtime) => runtime,
        Err(trouble) => return session.finish(Err(from_machine(&trouble))),
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| run_command(&runtime, &session, clock)));
    let exit = session.finish(outcome.unwrap_or_else(|_| Err(panic_error())));
    runtime.shutdown_timeout(CLOSING);
    session.remove_marked_files();
    exit
}

/// Returns the error after a panic, whose own message is on standard error already.
fn panic_error() -> CliError {
    CliError::new(
        "this is an error in sheetkeep itself; what was committed stays, and the next run continues",
        Exit::Software,
    )
    .with_help("please report it with the lines above")
}

/// Fails if the machine's clock is beyond what can be written as a date.
fn check_calendar() -> Result<(), CliError> {
    if let Some(when) = explain_invalid_clock() {
        let why = format!(
            "this machine's clock says that it is {when}, and no certificate, token or date can be made of that"
        );
        return Err(CliError::new(why, Exit::Config).with_help("set the clock, then run it again"));
    }
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "a list: one line for each command")]
fn run_command(runtime: &Runtime, session: &Session, clock: Arc<dyn Clock>) -> Result<Exit, CliError> {
    check_calendar()?;
    let chance: Arc<dyn Rng> = Arc::new(SystemRng);
    match &session.args.command {
        CliCommand::Run(args) if args.force => {
            runtime.block_on(commands::maintain::force::command(session, args, host_name(), clock, chance))
        }
        CliCommand::Run(args) if args.from.is_some() => {
            runtime.block_on(commands::stage_redo::rerun_stages(session, args, host_name(), clock, chance))
        }
        CliCommand::Run(args) if args.dry_run => {
            let plan = args.as_plan();
            runtime.block_on(commands::inspect::plan::command(session, &plan, host_name(), clock, chance))
        }
        CliCommand::Run(args) if args.due => {
            runtime.block_on(commands::schedule::due::command(session, args, host_name(), clock, chance))
        }
        CliCommand::Plan(args) => {
            runtime.block_on(commands::inspect::plan::command(session, args, host_name(), clock, chance))
        }
        CliCommand::Run(args) => runtime.block_on(commands::run::command(session, args, host_name(), clock, chance)),
        CliCommand::Status(args) => runtime.block_on(commands::inspect::status::command(session, args, clock, chance)),
        CliCommand::Backfill(args) => {
            runtime.block_on(commands::schedule::backfill::command(session, args, host_name(), clock, chance))
        }
        CliCommand::Late(args) => runtime.block_on(commands::schedule::late::command(session, args, clock, chance)),
        CliCommand::Alert(args) => runtime.block_on(commands::alerts::alert::command(session, &args.action, clock)),
        CliCommand::Check(args) => runtime.block_on(commands::inspect::check::command(session, args, clock, chance)),
        CliCommand::Failures(args) => {
            runtime.block_on(commands::maintain::failures::command(session, &args.action, host_name(), clock, chance))
        }
        CliCommand::Explain(args) => {
            runtime.block_on(commands::inspect::explain::command(session, args, clock, chance))
        }
        CliCommand::Reset(args) => {
            runtime.block_on(commands::maintain::reset::command(session, args, host_name(), clock, chance))
        }
        CliCommand::Prune(args) => {
            runtime.block_on(commands::maintain::prune::command(session, args, host_name(), clock, chance))
        }
        CliCommand::Rollover(args) => {
            runtime.block_on(commands::maintain::rollover::command(session, args, host_name(), clock, chance))
        }
        CliCommand::Fsck(args) => {
            runtime.block_on(commands::maintain::fsck::command(session, args, host_name(), clock, chance))
        }
        CliCommand::Show(args) => runtime.block_on(commands::inspect::show::command(session, args, clock, chance)),
        CliCommand::Schedule(args) => {
            if let ScheduleAction::Run(args) = &args.action {
                return runtime.block_on(commands::schedule::daemon::command(session, args, clock, chance));
            }
            commands::schedule::explain_and_export::command(session, &args.action, clock.as_ref())
        }
        CliCommand::Lint(args) => commands::scripts::lint::command(session, args),
        CliCommand::Once(args) => {
            runtime.block_on(commands::scripts::once::command(session, args, host_name(), clock, chance))
        }
        CliCommand::Retry(args) => {
            let chance = args.seed.map_or(chance, |seed| Arc::new(SeededRng::new(seed)));
            runtime.block_on(commands::scripts::retry::command(session, args, clock, chance))
        }
        #[cfg(feature = "emulator")]
        CliCommand::Drill(args) => commands::drill::command(session, args, runtime),
        #[cfg(feature = "emulator")]
        CliCommand::Emulate(args) => {
            let chance = args.seed.map_or(chance, |seed| Arc::new(SeededRng::new(seed)));
            runtime.block_on(commands::emulate::command(session, args, clock, chance))
        }
    }
}
