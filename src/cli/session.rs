//! One invocation of the command line, from its arguments to its exit code.
//!
//! In scope: parsing, setting up streams and logs, reporting an error, checking standard output at
//! the end. Out of scope: the commands.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::args::command_line::{Args, CliCommand, parse};
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::streams::log_file::LogFile;
use crate::cli::streams::logs::{LogSettings, start_logs};
use crate::cli::streams::terminal::{ColorChoice, Terminal, TerminalEnvironment};
use crate::clock::Clock;
use crate::config::external::environment::read_host_name;
use crate::config::external::names::{LOG, LOG_FORMAT};
use crate::failpoint;
use crate::telemetry::logs::log_format::{LogContext, LogFormat, LogFormatChoice, LogStyle};
use crate::telemetry::logs::log_line::LogLine;
use crate::telemetry::logs::rendering::render_line;

/// What every command uses.
pub struct Session {
    /// The parsed arguments.
    pub args: Args,
    /// The output streams.
    pub terminal: Arc<Terminal>,
    /// The format of log lines.
    pub log_style: Arc<LogStyle>,
    clock: Arc<dyn Clock>,
    /// Files that are removed at the very end.
    marked_files: Mutex<Vec<PathBuf>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("args", &self.args).finish_non_exhaustive()
    }
}

impl Session {
    /// Parses the command line and sets up streams and logs. Without a command to run (help,
    /// version, usage error) it prints the reply and returns the exit. `caps` are log directives
    /// that nothing can raise.
    pub fn start(
        words: impl IntoIterator<Item = OsString>,
        env: TerminalEnvironment<'_>,
        clock: &Arc<dyn Clock>,
        caps: &[&str],
    ) -> Result<Self, Exit> {
        let terminal = Terminal::from_process(ColorChoice::Auto, env);
        let args = parse(words, terminal.stderr().has_colour()).map_err(|reply| {
            reply.show(&terminal);
            reply.exit
        })?;
        let terminal = Terminal::from_process(args.color, env);
        let asked = env(LOG_FORMAT).filter(|word| !word.trim().is_empty());
        let choice = args
            .log_format
            .map_or_else(|| asked.as_deref().map_or(Some(LogFormatChoice::Auto), LogFormatChoice::parse), Some);
        let format = match choice {
            Some(LogFormatChoice::Fixed(format)) => format,
            Some(LogFormatChoice::Auto) | None => LogFormat::detect(env, terminal.stderr().is_terminal()),
        };
        let context = LogContext::read(env, env!("CARGO_PKG_VERSION"), &read_host_name());
        let log_style = Arc::new(LogStyle { format, context });
        let settings = LogSettings {
            style: Arc::clone(&log_style),
            // A daemon's log is what people read of it.
            verbose: args.verbose.saturating_add(u8::from(args.command.is_daemon())),
            is_quiet: match &args.command {
                CliCommand::Run(run) => run.quiet,
                // What its calls run into is made up, and in its report.
                #[cfg(feature = "emulator")]
                CliCommand::Drill(_) => args.verbose == 0,
                _ => false,
            },
            directives: env(LOG),
        };
        let session = Self { args, terminal, log_style, clock: Arc::clone(clock), marked_files: Mutex::default() };
        if choice.is_none() {
            return Err(session.finish_command(Err(log_format_error())));
        }
        if let Some(path) = &session.args.log_file {
            match LogFile::open(path, Arc::clone(clock)) {
                Ok(file) => session.terminal.stderr().copy_to(Arc::new(file)),
                Err(error) => return Err(session.finish_command(Err(log_file_error(path, &error)))),
            }
        }
        match start_logs(&session.terminal, clock, &settings, caps) {
            Ok(()) => Ok(session),
            Err(error) => Err(session.finish_command(Err(CliError::from_error(&error, Exit::Config)))),
        }
    }

    /// Marks a file for removal after all output is written and closed.
    pub fn mark_for_removal(&self, file: &Path) {
        self.marked_files.lock().unwrap_or_else(PoisonError::into_inner).push(file.to_owned());
    }

    /// Removes the marked files, as the last action.
    pub fn remove_marked_files(&self) {
        failpoint::pass_point(failpoint::BEFORE_CLEANUP);
        for file in self.marked_files.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Err(error) = std::fs::remove_file(&file) {
                tracing::debug!(event = "cleanup.failed", file = %file.display(), %error, "a file that is no longer needed could not be removed");
            }
        }
    }

    /// Reports an error: as a document where the result is one, as a line where a log collector
    /// reads standard error, else for people.
    pub fn report(&self, error: &CliError) {
        if self.log_style.format.is_structured() && !self.args.wants_json() {
            self.write_log_line(&error.log_line(self.clock.now()));
        } else {
            error.report(&self.terminal, self.args.wants_json(), self.args.verbose > 0);
        }
    }

    /// Writes a line to standard error in the structured format of this process.
    pub fn write_log_line(&self, line: &LogLine) {
        self.terminal.stderr().write_line(&render_line(line, self.log_style.format, &self.log_style.context));
    }

    /// Reports the error, if any, and returns the exit. A summary that can't be written is an
    /// error, too.
    pub fn finish_command(&self, outcome: Result<Exit, CliError>) -> Exit {
        let exit = outcome.unwrap_or_else(|error| {
            self.report(&error);
            error.exit()
        });
        match self.terminal.finish_streams() {
            Ok(()) => exit,
            Err(error) => {
                let error = CliError::new(format!("failed to write standard output: {error}"), Exit::IoErr);
                self.report(&error);
                if exit == Exit::Ok { Exit::IoErr } else { exit }
            }
        }
    }
}

fn log_format_error() -> CliError {
    let words: Vec<&str> = LogFormatChoice::ALL.into_iter().map(LogFormatChoice::as_str).collect();
    CliError::new(format!("{LOG_FORMAT} names no format of logs"), Exit::Config)
        .with_help(format!("write one of {}", words.join(", ")))
}

fn log_file_error(path: &Path, error: &std::io::Error) -> CliError {
    let message = format!("failed to write the log file {}: {error}", path.display());
    CliError::new(message, Exit::CantCreate).with_help("name a file in a folder that exists and that you may write to")
}

#[cfg(test)]
mod tests {
    use crate::cli::output::fixtures;
    use crate::system::TestClock;
    use crate::time::Timestamp;

    use super::*;

    fn session(line: &str) -> (Session, crate::cli::streams::captured::CapturedOutput) {
        session_in(line, LogFormat::Pretty)
    }

    fn session_in(line: &str, format: LogFormat) -> (Session, crate::cli::streams::captured::CapturedOutput) {
        let (terminal, captured) = fixtures::make_pipes();
        let args = parse(line.split_whitespace().map(OsString::from), false).expect("a valid line");
        let log_style = Arc::new(LogStyle { format, ..LogStyle::default() });
        let clock = Arc::new(TestClock::starting_at(Timestamp(1_517_966_773_840)));
        (Session { args, terminal, log_style, clock, marked_files: Mutex::default() }, captured)
    }

    #[tokio::test]
    async fn an_error_is_printed_as_the_command_asked_for() {
        let error = || CliError::new("the quota is used up", Exit::TempFail);
        let (plain, text) = session("sheetkeep run q.toml");
        assert_eq!(plain.finish_command(Err(error())), Exit::TempFail);
        assert!(text.captured_err().starts_with("error: the quota is used up\n"), "{}", text.captured_err());
        let (json, text) = session("sheetkeep run q.toml --json");
        assert_eq!(json.finish_command(Err(error())), Exit::TempFail);
        assert!(text.captured_err().starts_with(r#"{"error":{"code":"tempfail","#), "{}", text.captured_err());
    }

    #[tokio::test]
    async fn an_error_is_a_log_line_where_a_collector_reads() {
        let (session, text) = session_in("sheetkeep run q.toml", LogFormat::Gcp);
        let error = CliError::new("the quota is used up", Exit::TempFail);
        assert_eq!(session.finish_command(Err(error)), Exit::TempFail);
        let line: serde_json::Value = serde_json::from_str(&text.captured_err()).expect("one JSON object");
        assert_eq!((&line["severity"], &line["event"]), (&"ERROR".into(), &"command.failed".into()));
        assert_eq!((&line["error.kind"], &line["exit_code"]), (&"tempfail".into(), &75.into()));
        assert_eq!(
            (&line["message"], &line["time"]),
            (&"the quota is used up".into(), &"2018-02-07T01:26:13.840Z".into())
        );
    }

    #[tokio::test]
    async fn a_good_end_says_nothing() {
        let (session, text) = session("sheetkeep run q.toml");
        assert_eq!(session.finish_command(Ok(Exit::Ok)), Exit::Ok);
        assert_eq!((text.captured_out(), text.captured_err()), (String::new(), String::new()));
    }
}
