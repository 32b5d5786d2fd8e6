//! `sheetkeep once`: runs a command unless it is done for a date.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc::unbounded_channel;

use crate::app::local_state::done_file::DoneFile;
use crate::cli::args::scripts::once::OnceArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::scripts::once_in_sheet::run_once_in_sheet;
use crate::cli::commands::scripts::once_lines::{report_not_done, report_skipped};
use crate::cli::commands::scripts::retry::{check_program_name, read_stdin, stop_signal};
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::invocation::Invocation;
use crate::cli::signals::SignalWatch;
use crate::cli::streams::command_output::TerminalOutput;
use crate::clock::Clock;
use crate::command_retry::policy::CommandPolicy;
use crate::command_retry::report::RetryReport;
use crate::command_retry::retry_loop::{CommandRetry, RetriedCommand};
use crate::config::external::environment::register_process_secrets;
use crate::rng::Rng;

/// Runs the command and returns its exit code, or 0 if it is done already.
pub async fn execute(context: CommandContext<'_>, args: &OnceArgs) -> Result<Exit, CliError> {
    let CommandContext { invocation, host, clock, rng } = context;
    register_process_secrets();
    check_program_name(&args.command)?;
    let date = args.date.map_or_else(|| find_date(args, clock.as_ref()), Ok)?;
    match &args.files {
        Some(folder) => with_files(invocation, args, folder, date, clock, rng).await,
        None => run_once_in_sheet(CommandContext { invocation, host, clock, rng }, args, date).await,
    }
}

/// Runs the command unless there is a file about name and date.
async fn with_files(
    invocation: &Invocation,
    args: &OnceArgs,
    folder: &Path,
    date: jiff::civil::Date,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<Exit, CliError> {
    let done = DoneFile::new(folder, &args.name, date);
    let file_error = |error: &io::Error| describe_file_error(&done.path(), error);
    let Some(lock) = done.lock().map_err(|error| file_error(&error))? else {
        let message = format!("{} is being done for {date} by another process", args.name);
        return Err(CliError::new(message, Exit::TempFail).with_help("wait for its end, then run it again"));
    };
    if args.force {
        done.delete().map_err(|error| file_error(&error))?;
    } else if done.is_done().map_err(|error| file_error(&error))? {
        return Ok(report_skipped(invocation, args));
    }
    let report = run(invocation, args, date.to_string(), &clock, rng.as_ref()).await?;
    if let Some(error) = &report.error {
        report_not_done(invocation, args, date, error);
        return Ok(Exit::OfCommand(report.exit_code));
    }
    let words: Vec<_> = args.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    done.write(clock.now(), report.total_s, &words.join("\0")).map_err(|error| {
        file_error(&error)
            .with_help("the command succeeded, and the next call would run it again: make the file yourself")
    })?;
    drop(lock);
    Ok(Exit::Ok)
}

fn find_date(args: &OnceArgs, clock: &dyn Clock) -> Result<jiff::civil::Date, CliError> {
    let now = jiff::Timestamp::from_millisecond(clock.now().0);
    let now = now.map_err(|error| CliError::new(format!("this machine's clock has no date: {error}"), Exit::Config))?;
    Ok(args.zone.to_datetime(now).date())
}

fn describe_file_error(path: &Path, error: &io::Error) -> CliError {
    CliError::new(format!("failed to keep {}: {error}", path.display()), Exit::CantCreate)
}

/// Runs the command once, in a process group of its own, with its output as it comes.
async fn run(
    invocation: &Invocation,
    args: &OnceArgs,
    date: String,
    clock: &Arc<dyn Clock>,
    rng: &dyn Rng,
) -> Result<RetryReport, CliError> {
    let (sender, mut stops) = unbounded_channel();
    let watch = SignalWatch::start(Arc::clone(clock), move |signal, _| {
        // Nothing is left to stop once the command has ended.
        let _ = sender.send(stop_signal(signal));
    })
    .map_err(|error| CliError::new(format!("signals can't be received: {error}"), Exit::IoErr))?;
    let stdin = match read_stdin(!args.no_stdin, &mut stops).await? {
        Ok(stdin) => stdin,
        Err(signal) => {
            let message = format!("interrupted by {}; nothing was run", signal.name());
            return Err(CliError::new(message, Exit::OfCommand(signal.exit_code())));
        }
    };
    let variables = [("SHEETKEEP_LOGICAL_DATE", date)];
    let once = CommandRetry {
        command: &RetriedCommand::Program(args.command.clone()),
        policy: &CommandPolicy::once(),
        stdin: stdin.as_ref(),
        streams_output: true,
        folder: None,
        variables: &variables,
        output: &TerminalOutput(Arc::clone(&invocation.terminal)),
        clock: clock.as_ref(),
        rng,
    };
    let report = once.run(&mut stops, &mut |_| {}).await;
    drop(watch);
    Ok(report)
}
