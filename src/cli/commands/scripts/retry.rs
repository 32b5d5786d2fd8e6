//! `sheetkeep retry`: runs any command until it succeeds.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;

use crate::cli::args::scripts::retry::RetryArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::invocation::Invocation;
use crate::cli::signals::{Signal, SignalWatch};
use crate::cli::streams::command_output::TerminalOutput;
use crate::cli::streams::control_characters::make_visible;
use crate::clock::Clock;
use crate::command_retry::report::{AttemptReport, RetryOutcome, RetryReport};
use crate::command_retry::retry_loop::CommandRetry;
use crate::command_retry::signals::StopSignal;
use crate::command_retry::stdin_copy::{MAX_STDIN_BYTES, StdinCopy, StdinError};
use crate::config::external::environment::register_process_secrets;
use crate::private_files;
use crate::private_files::find_parent_folder;
use crate::telemetry::logs::log_line::{LogLevel, LogLine};

/// Runs the command and returns its exit code.
pub async fn execute(context: CommandContext<'_>, args: &RetryArgs) -> Result<Exit, CliError> {
    let CommandContext { invocation, clock, rng, .. } = context;
    register_process_secrets();
    check_program_name(&args.command)?;
    let policy = args.make_policy().map_err(|why| CliError::new(why, Exit::Usage))?;
    if let Some(path) = &args.output {
        prepare_report(path)?;
    }
    let (sender, mut stops) = unbounded_channel();
    let watch = SignalWatch::start(Arc::clone(&clock), move |signal, _| {
        // Nothing is left to stop once the loop has ended.
        let _ = sender.send(stop_signal(signal));
    })
    .map_err(|error| CliError::new(format!("signals can't be received: {error}"), Exit::IoErr))?;
    let wants_stdin = !args.no_stdin && args.flaky.is_none();
    let stdin = match read_stdin(wants_stdin, &mut stops).await? {
        Ok(stdin) => stdin,
        Err(signal) => return Ok(Exit::OfCommand(signal.exit_code())),
    };
    let lines = RetryLines { invocation, clock: clock.as_ref(), of: args.max_retries };
    let retry = CommandRetry {
        command: &args.describe_command(),
        policy: &policy,
        stdin: stdin.as_ref(),
        streams_output: args.stream,
        folder: None,
        variables: &[],
        output: &TerminalOutput(Arc::clone(&invocation.terminal)),
        clock: clock.as_ref(),
        rng: rng.as_ref(),
    };
    let report = retry.run(&mut stops, &mut |attempt| lines.report_attempt(attempt)).await;
    drop(watch);
    lines.end(&report);
    let exit = Exit::OfCommand(report.exit_code);
    match &args.output {
        Some(path) => write_report(path, &report).map(|()| exit),
        None => Ok(exit),
    }
}

/// Checks that a command names a program: a variable in its place may be empty.
pub fn check_program_name(command: &[OsString]) -> Result<(), CliError> {
    if command.first().is_none_or(|program| !program.is_empty()) {
        return Ok(());
    }
    Err(CliError::new("the command after -- begins with an empty word, which names no program", Exit::Usage)
        .with_help("write the program first, as in -- ./sync.sh; a variable there may not be set"))
}

/// Returns the signal as the command receives it.
pub fn stop_signal(signal: Signal) -> StopSignal {
    match signal {
        Signal::Interrupt => StopSignal::Interrupt,
        Signal::Terminate => StopSignal::Terminate,
        Signal::HangUp => StopSignal::HangUp,
    }
}

/// Reads standard input to its end, or until a signal, if it is wanted. A terminal is not read.
pub async fn read_stdin(
    is_wanted: bool,
    stops: &mut UnboundedReceiver<StopSignal>,
) -> Result<Result<Option<StdinCopy>, StopSignal>, CliError> {
    if !is_wanted || io::stdin().is_terminal() {
        return Ok(Ok(None));
    }
    let (sender, read) = oneshot::channel();
    // A thread of its own: the process can end while it still waits for input.
    std::thread::spawn(move || sender.send(StdinCopy::read(io::stdin().lock(), MAX_STDIN_BYTES)));
    let copy = tokio::select! {
        copy = read => copy,
        Some(signal) = stops.recv() => return Ok(Err(signal)),
    };
    let lost = || StdinError::Io(io::ErrorKind::UnexpectedEof.into());
    match copy.unwrap_or_else(|_| Err(lost())) {
        Ok(copy) => Ok(Ok(Some(copy))),
        Err(error @ StdinError::TooLong(_)) => Err(CliError::new(error.to_string(), Exit::DataErr)
            .with_help("write it to a file that the command reads, and use --no-stdin")),
        Err(error) => Err(CliError::new(error.to_string(), Exit::IoErr)),
    }
}

/// The lines about attempts on standard error.
struct RetryLines<'a> {
    invocation: &'a Invocation,
    clock: &'a dyn Clock,
    of: u32,
}

impl RetryLines<'_> {
    /// A first attempt that succeeds prints nothing, so that a command under cron stays silent.
    fn report_attempt(&self, attempt: &AttemptReport) {
        let number = format!("attempt {} of {}", attempt.number, self.of);
        let text = match &attempt.error {
            Some(error) if attempt.delay > 0.0 => {
                format!("{number}: {}; the next one in {} s", make_visible(error), format_seconds(attempt.delay))
            }
            Some(error) => format!("{number}: {}", make_visible(error)),
            None => format!("{number}: succeeded"),
        };
        if attempt.error.is_some() || attempt.number > 1 || self.invocation.args.verbose > 0 {
            let event = if attempt.delay > 0.0 { "command.retrying" } else { "command.attempted" };
            self.write_line(&text, attempt.error.is_some(), event, attempt);
        }
    }

    fn end(&self, report: &RetryReport) {
        let count = report.attempts.len();
        let attempts = if count == 1 { "1 attempt".to_owned() } else { format!("{count} attempts") };
        let (took, error) = (format_seconds(report.total_s), make_visible(report.error.as_deref().unwrap_or_default()));
        let text = match report.outcome {
            RetryOutcome::Succeeded => return,
            RetryOutcome::Exhausted => format!("gave up after {attempts} in {took} s: {error}"),
            RetryOutcome::Permanent => format!("not tried again, exit code {}: {error}", report.exit_code),
            RetryOutcome::Interrupted => format!("{error} after {attempts} in {took} s"),
            RetryOutcome::Timeout => {
                format!("the deadline leaves no time for another attempt, after {attempts}: {error}")
            }
        };
        if let Some(last) = report.attempts.last() {
            self.write_line(&text, true, "command.given_up", last);
        }
    }

    fn write_line(&self, text: &str, is_warning: bool, event: &str, attempt: &AttemptReport) {
        if !self.invocation.log_style.format.is_structured() {
            self.invocation.terminal.stderr().write_line(text);
            return;
        }
        let level = if is_warning { LogLevel::Warning } else { LogLevel::Info };
        let mut line = LogLine::new(self.clock.now(), level, "sheetkeep::retry", text);
        line.add("event", event.into());
        line.add("attempt", attempt.number.into());
        line.add("of", self.of.into());
        line.add("delay_ms", convert_to_milliseconds(attempt.delay).into());
        if let Some(error) = &attempt.error {
            line.add("error.kind", "command".into());
            line.add("cause", error.as_str().into());
        }
        line.add("exit_code", attempt.exit_code.into());
        self.invocation.write_log_line(&line);
    }
}

/// Returns seconds in milliseconds, rounded up.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "delays are positive and below 2^53 ms")]
fn convert_to_milliseconds(seconds: f64) -> u64 {
    (seconds * 1_000.0).ceil() as u64
}

/// Returns seconds with two digits that count, such as `0.083` and `12`.
fn format_seconds(seconds: f64) -> String {
    let digits = if seconds < 0.1 { 3 } else { usize::from(seconds < 10.0) * 2 };
    format!("{seconds:.digits$}")
}

/// Makes the report's folders and checks that it can be written, before the first attempt.
fn prepare_report(path: &Path) -> Result<(), CliError> {
    let folder = find_parent_folder(path);
    private_files::make_folder(folder)
        .and_then(|()| private_files::check_writable(folder))
        .and_then(|()| if path.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(()) })
        .map_err(|error| report_error(path, &error).with_help("name a file that you may write with --output"))
}

fn write_report(path: &Path, report: &RetryReport) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(report)
        .map_err(|error| CliError::new(format!("the report can't be written as JSON: {error}"), Exit::Software))?;
    private_files::write_atomically(path, format!("{text}\n").as_bytes()).map_err(|error| {
        report_error(path, &error).with_help(format!("the command itself ended with {}", report.exit_code))
    })
}

fn report_error(path: &Path, error: &io::Error) -> CliError {
    CliError::new(format!("failed to write the report {}: {error}", path.display()), Exit::CantCreate)
}
