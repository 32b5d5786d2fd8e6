//! The step `command`: runs a program of the user with an item, for an effect outside the sheet.
//!
//! In scope: how the program receives the item, what its exit status means, limits of time and
//! output. Out of scope: when it is run again (`runner::steps::step_executor`), and where a result
//! is kept until it is on the sheet (`port::journal`).
//!
//! ```text
//!  standard input    the item, as one line of JSON: a file that is complete before the program starts
//!  environment       SHEETKEEP_JOB, _STEP, _KEY, _VERSION, _IDEMPOTENCY_KEY, _FENCE, _ATTEMPT
//!  standard output   JSON values, the input of the next step or rows; without any: the item itself
//!  exit code         0 done · 75 may work later · any other: this item is bad
//! ```
//!
//! A program that is stopped or that fails is ended with all processes that it started
//! (`process_group`). After exit code 0, processes that it left running are not touched.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FusedFuture, FutureExt};
use serde_json::Value;
use tokio::process::{Child, Command as Process};

use crate::clock::Clock;
use crate::ledger::values::exact_number;
use crate::machine::{MachineError, MachineRefusal};
use crate::port::step::{Step, StepContext, StepError};
use crate::process_group::ProcessGroup;
use crate::program_file::{self, WITHHELD_VARIABLES};
use crate::step::command::process_output::ProgramOutput;
use crate::step::command::stdin_file;

/// Default name of a `command` step.
pub const DEFAULT_NAME: &str = "command";
/// Maximum number of output bytes.
const MAX_OUTPUT_BYTES: usize = 16 << 20;
/// Bytes of standard error that are read; its last line is reported.
const MAX_STDERR_BYTES: usize = 64 << 10;
/// Time between the request to end (SIGTERM) and the kill (SIGKILL).
const KILL_DELAY: Duration = Duration::from_secs(5);
/// How long to wait for output after the program has ended, if a process that it started keeps its
/// pipes open.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);
/// Characters of the reported line of standard error.
const STDERR_SUMMARY_CHARS: usize = 500;
/// Characters of an output that is not valid JSON that are reported.
const SHOWN_OUTPUT_CHARS: usize = 80;
/// The exit code of a program that asks to be run again later (`EX_TEMPFAIL` of sysexits.h).
const EXIT_RETRY_LATER: i32 = 75;

/// Settings of a `command` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSettings {
    /// The program and its arguments; no shell interprets them.
    pub words: Vec<String>,
    /// Timeout, in milliseconds.
    pub timeout_ms: u64,
    /// The working directory: the job file's folder.
    pub folder: PathBuf,
    /// The job's name, for the environment.
    pub job: String,
    /// Further variables for the environment: the logical time of the run.
    pub variables: Vec<(&'static str, String)>,
}

impl CommandSettings {
    /// Finds the program without running it. Returns its path, or why it can't be run.
    pub fn find_program(&self) -> Result<PathBuf, String> {
        let program = self.words.first().map(String::as_str).unwrap_or_default();
        program_file::find_program(program, &self.folder)
    }
}

/// A `command` step. Its effects are unknown, so it counts as having an effect outside the sheet.
pub struct CommandStep {
    name: String,
    settings: CommandSettings,
    clock: Arc<dyn Clock>,
}

impl CommandStep {
    /// Creates a step of this name.
    pub fn new(name: impl Into<String>, settings: CommandSettings, clock: Arc<dyn Clock>) -> Self {
        Self { name: name.into(), settings, clock }
    }

    async fn run_once(&self, input: Value, context: &StepContext) -> Result<Vec<Value>, StepError> {
        let program = self.settings.words.first().map(String::as_str).unwrap_or_default();
        let item = stdin_file::create(format!("{}\n", exact_number::render(&input)).as_bytes())
            .map_err(|error| describe_input_error(program, &error))?;
        let started = self.make_process(context).stdin(Stdio::from(item)).spawn();
        let mut child = started.map_err(|error| self.start_error(program, &error))?;
        let mut group = ProcessGroup::from_leader(child.id());
        let mut out = ProgramOutput::new(child.stdout.take(), MAX_OUTPUT_BYTES);
        let mut stderr = ProgramOutput::new(child.stderr.take(), MAX_STDERR_BYTES);
        let ended = {
            let reading = async { tokio::join!(out.read_to_end(), stderr.read_to_end()) }.fuse();
            tokio::pin!(reading);
            let ended = tokio::select! {
                ended = wait_for_end(&mut child, reading.as_mut()) => ended.map_err(|error| describe_output_error(&error)),
                () = self.clock.sleep(self.timeout()) => Err(self.describe_timeout(program)),
                () = context.cancel.cancelled() => Err(StepError::Cancelled),
            };
            if ended.as_ref().is_ok_and(ExitStatus::success) {
                group.release();
            } else {
                // The program may still write, and a closed pipe would kill it.
                tokio::select! {
                    () = end_group(&mut group, &mut child, self.clock.as_ref()) => {}
                    () = async { reading.as_mut().await; std::future::pending().await } => {}
                }
            }
            // A process that it left running may hold its pipes open for ever. The program's own
            // output is in them already.
            tokio::select! {
                _ = reading.as_mut(), if !reading.is_terminated() => {}
                () = self.clock.sleep(OUTPUT_GRACE), if !reading.is_terminated() => {}
                else => {}
            }
            ended?
        };
        if let Some(error) = out.error.as_ref().or(stderr.error.as_ref()) {
            return Err(describe_output_error(error));
        }
        check_status(program, ended, &take_last_line(&stderr.bytes))?;
        parse_output(program, input, &out.bytes)
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.settings.timeout_ms)
    }

    fn describe_timeout(&self, program: &str) -> StepError {
        let limit = self.timeout();
        let limit = if limit.subsec_millis() == 0 {
            format!("{} s", limit.as_secs())
        } else {
            format!("{} ms", limit.as_millis())
        };
        let why = format!("{program} was stopped after {limit}; timeout in its [[step]] gives it longer");
        StepError::Transient { why, retry_after_ms: None }
    }

    /// Classifies a failure to start. The machine or the job is the cause, unless the item's key is
    /// too long for the environment.
    fn start_error(&self, program: &str, error: &io::Error) -> StepError {
        let why = format!("the program {program} can't be started: {error}");
        if error.kind() == io::ErrorKind::ArgumentListTooLong {
            return StepError::Rejected(why);
        }
        let action = format!("the program {program} can't be started");
        let machine_error = MachineError::from_io(&action, error).unwrap_or_else(|| match error.kind() {
            io::ErrorKind::ExecutableFileBusy => MachineError { refused: MachineRefusal::Busy, why },
            _ if !self.settings.folder.is_dir() => {
                let why = format!("{why}; the folder {} is not there", self.settings.folder.display());
                MachineError { refused: MachineRefusal::Program, why }
            }
            _ => MachineError { refused: MachineRefusal::Program, why },
        });
        // Of the operations after the start, only watching its pipes may run out of resources.
        StepError::Machine { error: machine_error, has_begun: error.kind() == io::ErrorKind::StorageFull }
    }

    fn make_process(&self, context: &StepContext) -> Process {
        let (program, arguments) = self.settings.words.split_first().map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
        let mut process = Process::new(program);
        process.args(arguments).current_dir(&self.settings.folder).kill_on_drop(true);
        process.stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C at the terminal asks sheetkeep to finish the current items; the program must not
        // receive it. The signal that ends the program must reach all processes that it started.
        #[cfg(unix)]
        process.process_group(0);
        for name in WITHHELD_VARIABLES {
            process.env_remove(name);
        }
        let variables = [
            ("SHEETKEEP_JOB", self.settings.job.clone()),
            ("SHEETKEEP_STEP", self.name.clone()),
            ("SHEETKEEP_KEY", context.key.as_str().to_owned()),
            ("SHEETKEEP_VERSION", context.version.0.clone()),
            ("SHEETKEEP_IDEMPOTENCY_KEY", context.idempotency_key.clone()),
            ("SHEETKEEP_FENCE", context.fence.0.to_string()),
            ("SHEETKEEP_ATTEMPT", context.attempt.to_string()),
        ];
        process.envs(self.settings.variables.iter().map(|(name, value)| (*name, value)));
        // The environment can't contain a NUL. The record on standard input contains the exact key.
        process.envs(variables.into_iter().map(|(name, value)| (name, value.replace('\0', ""))));
        process
    }
}

impl Step for CommandStep {
    fn run<'a>(&'a self, input: Value, context: &'a StepContext) -> BoxFuture<'a, Result<Vec<Value>, StepError>> {
        self.run_once(input, context).boxed()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn has_outside_effects(&self) -> bool {
        true
    }
}

/// Returns the error of an item that could not be written completely; the program is not started.
fn describe_input_error(program: &str, error: &io::Error) -> StepError {
    let action = format!("the item for the program {program} can't be kept ready");
    let machine_error = MachineError::from_io(&action, error);
    let machine_error = machine_error.unwrap_or_else(|| MachineError::resource(format!("{action}: {error}")));
    StepError::Machine { error: machine_error, has_begun: false }
}

/// Ends the program with all processes that it started, and waits for it.
async fn end_group(group: &mut ProcessGroup, child: &mut Child, clock: &dyn Clock) {
    // An error means that the process can no longer be waited for.
    let leader_end = async {
        let _status = child.wait().await;
    };
    group.end(leader_end, KILL_DELAY, clock).await;
    let _status = child.wait().await;
}

/// Waits for the program to end, while its output is read.
async fn wait_for_end<T>(child: &mut Child, reading: Pin<&mut impl FusedFuture<Output = T>>) -> io::Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => return status,
        _ = reading => {}
    }
    child.wait().await
}

fn describe_output_error(error: &io::Error) -> StepError {
    StepError::Transient { why: format!("the program could not be listened to: {error}"), retry_after_ms: None }
}

fn check_status(program: &str, status: ExitStatus, stderr_line: &str) -> Result<(), StepError> {
    let suffix = if stderr_line.is_empty() { String::new() } else { format!(": {stderr_line}") };
    match status.code() {
        Some(0) => Ok(()),
        Some(EXIT_RETRY_LATER) => {
            Err(StepError::Transient { why: format!("{program} asks to be tried again{suffix}"), retry_after_ms: None })
        }
        Some(code) if suffix.is_empty() => {
            Err(StepError::Rejected(format!("{program} ended with {code}, and wrote nothing to standard error")))
        }
        Some(code) => Err(StepError::Rejected(format!("{program} ended with {code}{suffix}"))),
        None => {
            let why = format!("{program} was killed{}{suffix}", name_signal(status));
            Err(StepError::Transient { why, retry_after_ms: None })
        }
    }
}

/// Names the signal that ended a program.
fn name_signal(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            6 => " (SIGABRT)",
            9 => " (SIGKILL, perhaps because memory was short: dmesg shows it)",
            11 => " (SIGSEGV)",
            15 => " (SIGTERM)",
            _ => "",
        };
        return format!(" by signal {signal}{name}");
    }
    let _ = status;
    String::new()
}

fn parse_output(program: &str, input: Value, out: &[u8]) -> Result<Vec<Value>, StepError> {
    if out.len() > MAX_OUTPUT_BYTES {
        return Err(StepError::Rejected(format!("{program} writes more than {} MB", MAX_OUTPUT_BYTES >> 20)));
    }
    if out.iter().all(u8::is_ascii_whitespace) {
        return Ok(vec![input]);
    }
    let not_json = |why: String| {
        let text = String::from_utf8_lossy(out);
        let shown: String = text.trim().chars().take(SHOWN_OUTPUT_CHARS).collect();
        let more = if text.trim().chars().nth(SHOWN_OUTPUT_CHARS).is_some() { "…" } else { "" };
        let why = format!(
            "{program} writes no JSON to standard output, but {shown:?}{more} ({why}); logs belong on standard error"
        );
        StepError::Rejected(why)
    };
    let text = std::str::from_utf8(out).map_err(|error| not_json(error.to_string()))?;
    let values: Result<Vec<Value>, _> =
        serde_json::Deserializer::from_str(&exact_number::mark_inexact_numbers(text)).into_iter().collect();
    values.map_err(|error| not_json(error.to_string()))
}

fn take_last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(STDERR_SUMMARY_CHARS).collect()
}

#[cfg(all(test, unix))]
mod tests;
