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
use crate::cli::streams::logs::{LogFormat, LogSettings, begin as begin_logs};
use crate::cli::streams::terminal::{ColorChoice, Terminal, TerminalEnvironment};
use crate::clock::Clock;
use crate::failpoint;

/// What every command uses.
#[derive(Debug)]
pub struct Session {
    /// The parsed arguments.
    pub args: Args,
    /// The output streams.
    pub terminal: Arc<Terminal>,
    /// Files that are removed at the very end.
    marked_files: Mutex<Vec<PathBuf>>,
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
        let terminal = Terminal::of_process(ColorChoice::Auto, env);
        let args = parse(words, terminal.err().colour()).map_err(|reply| {
            reply.show(&terminal);
            reply.exit
        })?;
        let terminal = Terminal::of_process(args.color, env);
        let settings = LogSettings {
            format: args.log_format,
            // A daemon's log is what people read of it.
            verbose: args.verbose.saturating_add(u8::from(args.command.is_daemon())),
            quiet: matches!(&args.command, CliCommand::Run(run) if run.quiet),
            directives: env("SHEETKEEP_LOG"),
        };
        let session = Self { args, terminal, marked_files: Mutex::default() };
        if let Some(path) = &session.args.log_file {
            match LogFile::open(path, Arc::clone(clock)) {
                Ok(file) => session.terminal.err().copy_to(Arc::new(file)),
                Err(error) => return Err(session.finish(Err(log_file_error(path, &error)))),
            }
        }
        match begin_logs(&session.terminal, clock, &settings, caps) {
            Ok(()) => Ok(session),
            Err(error) => Err(session.finish(Err(CliError::from_error(&error, Exit::Config)))),
        }
    }

    /// Marks a file for removal after all output is written and closed.
    pub fn mark_for_removal(&self, file: &Path) {
        self.marked_files.lock().unwrap_or_else(PoisonError::into_inner).push(file.to_owned());
    }

    /// Removes the marked files, as the last action.
    pub fn remove_marked_files(&self) {
        failpoint::pass(failpoint::LEAVE);
        for file in self.marked_files.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Err(error) = std::fs::remove_file(&file) {
                tracing::debug!(file = %file.display(), %error, "a file that is no longer needed could not be removed");
            }
        }
    }

    /// Returns whether standard error holds JSON: the result is a document, or a log collector
    /// reads it.
    fn reports_json(&self) -> bool {
        self.args.json() || self.args.log_format == LogFormat::Json
    }

    /// Reports the error, if any, and returns the exit. A summary that can't be written is an
    /// error, too.
    pub fn finish(&self, outcome: Result<Exit, CliError>) -> Exit {
        let exit = outcome.unwrap_or_else(|error| {
            error.report(&self.terminal, self.reports_json(), self.args.verbose > 0);
            error.exit()
        });
        match self.terminal.finish() {
            Ok(()) => exit,
            Err(error) => {
                let error = CliError::new(format!("failed to write standard output: {error}"), Exit::IoErr);
                error.report(&self.terminal, self.reports_json(), false);
                if exit == Exit::Ok { Exit::IoErr } else { exit }
            }
        }
    }
}

fn log_file_error(path: &Path, error: &std::io::Error) -> CliError {
    let message = format!("failed to write the log file {}: {error}", path.display());
    CliError::new(message, Exit::CantCreate).with_help("name a file in a folder that exists and that you may write to")
}

#[cfg(test)]
mod tests {
    use crate::cli::output::fixtures;

    use super::*;

    fn session(line: &str) -> (Session, crate::cli::streams::terminal::Captured) {
        let (terminal, captured) = fixtures::pipes();
        let args = parse(line.split_whitespace().map(OsString::from), false).expect("a valid line");
        (Session { args, terminal, marked_files: Mutex::default() }, captured)
    }

    #[test]
    fn an_error_is_told_as_the_command_asked_for() {
        let error = || CliError::new("the quota is used up", Exit::TempFail);
        let (plain, text) = session("sheetkeep run q.toml");
        assert_eq!(plain.finish(Err(error())), Exit::TempFail);
        assert!(text.err().starts_with("error: the quota is used up\n"), "{}", text.err());
        let (json, text) = session("sheetkeep run q.toml --json");
        assert_eq!(json.finish(Err(error())), Exit::TempFail);
        assert!(text.err().starts_with(r#"{"error":{"code":"tempfail","#), "{}", text.err());
    }

    #[test]
    fn a_good_end_says_nothing() {
        let (session, text) = session("sheetkeep run q.toml");
        assert_eq!(session.finish(Ok(Exit::Ok)), Exit::Ok);
        assert_eq!((text.out(), text.err()), (String::new(), String::new()));
    }
}
