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
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_machine;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::provisions;
use crate::cli::session::Session;
use crate::clock::Clock;
use crate::config::external::environment::{read_host_name, read_process_variable};
use crate::sheets_client::options::QUIET_LOG_DIRECTIVES;
use crate::step::worker::serve::{WORKER_ARGUMENT, serve_evaluations};
use crate::system::{SystemClock, SystemRng, explain_invalid_clock};

/// How long open resources may take to close. The embedded sheet closes immediately, and folds its
/// log into its file. An operation that never ends, such as a read on a dead mount, must not keep
/// the process.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(2);

/// Runs one invocation.
pub fn main(words: impl IntoIterator<Item = OsString>) -> Exit {
    let words: Vec<OsString> = words.into_iter().collect();
    if words.get(1).is_some_and(|word| word == WORKER_ARGUMENT) {
        let code = serve_evaluations();
        return Exit::all().find(|exit| exit.code() == code).unwrap_or(Exit::Software);
    }
    #[cfg(feature = "failpoints")]
    crate::failpoint::arm(&read_process_variable("SHEETKEEP_FAILPOINT").unwrap_or_default());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let session = match Session::start(words, &read_process_variable, &clock, QUIET_LOG_DIRECTIVES) {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let runtime = match provisions::build_runtime() {
        Ok(runtime) => runtime,
        Err(error) => return session.finish_command(Err(from_machine(&error))),
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| run_command(&runtime, &session, clock)));
    let exit = session.finish_command(outcome.unwrap_or_else(|_| Err(make_panic_error())));
    runtime.shutdown_timeout(SHUTDOWN_WAIT);
    session.remove_marked_files();
    exit
}

/// Returns the error after a panic, whose own message is on standard error already.
fn make_panic_error() -> CliError {
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

fn run_command(runtime: &Runtime, session: &Session, clock: Arc<dyn Clock>) -> Result<Exit, CliError> {
    check_calendar()?;
    let context = CommandContext { session, host: read_host_name(), clock, rng: Arc::new(SystemRng) };
    match &session.args.command {
        CliCommand::Run(args) if args.force => runtime.block_on(commands::maintain::force::execute(context, args)),
        CliCommand::Run(args) if args.from.is_some() => {
            runtime.block_on(commands::stage_redo::rerun_stages(context, args))
        }
        CliCommand::Run(args) if args.dry_run => {
            let plan = args.as_plan();
            runtime.block_on(commands::inspect::plan::execute(context, &plan))
        }
        CliCommand::Run(args) if args.due => runtime.block_on(commands::schedule::due::execute(context, args)),
        CliCommand::Plan(args) => runtime.block_on(commands::inspect::plan::execute(context, args)),
        CliCommand::Run(args) => runtime.block_on(commands::run::execute(context, args)),
        CliCommand::Status(args) => runtime.block_on(commands::inspect::status::execute(context, args)),
        CliCommand::Backfill(args) => runtime.block_on(commands::schedule::backfill::execute(context, args)),
        CliCommand::Late(args) => runtime.block_on(commands::schedule::late::execute(context, args)),
        CliCommand::Alert(args) => runtime.block_on(commands::alerts::alert::execute(context, &args.action)),
        CliCommand::Check(args) => runtime.block_on(commands::inspect::check::execute(context, args)),
        CliCommand::Failures(args) => runtime.block_on(commands::maintain::failures::execute(context, &args.action)),
        CliCommand::Explain(args) => runtime.block_on(commands::inspect::explain::execute(context, args)),
        CliCommand::Reset(args) => runtime.block_on(commands::maintain::reset::execute(context, args)),
        CliCommand::Prune(args) => runtime.block_on(commands::maintain::prune::execute(context, args)),
        CliCommand::Rollover(args) => runtime.block_on(commands::maintain::rollover::execute(context, args)),
        CliCommand::Fsck(args) => runtime.block_on(commands::maintain::fsck::execute(context, args)),
        CliCommand::Show(args) => runtime.block_on(commands::inspect::show::execute(context, args)),
        CliCommand::Schedule(args) => {
            if let ScheduleAction::Run(args) = &args.action {
                return runtime.block_on(commands::schedule::daemon::execute(context, args));
            }
            commands::schedule::explain_and_export::execute(session, &args.action, context.clock.as_ref())
        }
        CliCommand::Lint(args) => commands::scripts::lint::execute(session, args),
        CliCommand::Once(args) => runtime.block_on(commands::scripts::once::execute(context, args)),
        CliCommand::Retry(args) => {
            let context = context.with_seed(args.seed);
            runtime.block_on(commands::scripts::retry::execute(context, args))
        }
        #[cfg(feature = "emulator")]
        CliCommand::Drill(args) => commands::drill::execute(session, args, runtime),
        #[cfg(feature = "emulator")]
        CliCommand::Emulate(args) => {
            let context = context.with_seed(args.seed);
            runtime.block_on(commands::emulate::execute(context, args))
        }
    }
}
