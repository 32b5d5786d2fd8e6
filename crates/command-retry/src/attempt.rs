//! One attempt: the command as a process group of its own, with its time and its output.
//!
//! ```text
//!  standard input    the copy of ours, from its beginning; empty if there is none
//!  standard output   kept, then written to ours after a success, to standard error after a failure;
//!                    with `stream`, ours
//!  standard error    passed on as it comes; its end is kept for the report
//!  environment       ours, with SHEETKEEP_ATTEMPT and SHEETKEEP_ATTEMPTS
//! ```
//!
//! A command that fails or takes too long is ended with all processes that it started. Those that a
//! successful one left running stay.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::{BoxFuture, FusedFuture, FutureExt};
use sheetkeep_base::clock::Clock;
use sheetkeep_base::known_secrets::hide_secrets;
use sheetkeep_base::process_group::{GroupSignal, ProcessGroup};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::retryable_codes::{NOT_EXECUTABLE, NOT_FOUND, TIMED_OUT};
use crate::signals::{RelayedSignals, StopSignal};
use crate::stdin_copy::StdinCopy;

/// Time between the request to end (SIGTERM) and the kill (SIGKILL).
const KILL_DELAY: Duration = Duration::from_secs(5);
/// How long standard error is read after the command has ended, if a process that it started keeps
/// the pipe open.
const STDERR_GRACE: Duration = Duration::from_secs(1);
/// Bytes of standard error that are kept for the report.
const STDERR_KEPT: usize = 4 << 10;
/// Characters of the line of standard error that the error has.
const LINE_CHARS: usize = 300;
/// Bytes per read.
const CHUNK: usize = 64 << 10;
/// The signal from which on the command is killed: it did not end after the ones before.
const KILLING_SIGNAL: u32 = 3;

/// Takes the command's output.
pub trait CommandOutput: Send + Sync {
    /// Writes to standard output.
    fn put_out(&self, bytes: &[u8]);
    /// Writes to standard error.
    fn put_err(&self, bytes: &[u8]);
}

/// What an attempt needs.
pub(crate) struct AttemptSetup<'a> {
    /// The command and its arguments; no shell interprets them.
    pub words: &'a [OsString],
    /// Standard input of the command; `None` for an empty one.
    pub stdin: Option<&'a StdinCopy>,
    /// Whether standard output is ours, as it comes.
    pub streams_output: bool,
    /// Takes the output.
    pub output: &'a dyn CommandOutput,
    /// Measures the time limit and the grace periods.
    pub clock: &'a dyn Clock,
    /// The number of the attempt, from 1.
    pub number: u32,
    /// Attempts in all.
    pub of: u32,
    /// How long it may take.
    pub limit: Option<Duration>,
    /// Its working directory; ours if there is none.
    pub folder: Option<&'a Path>,
    /// Further variables of its environment.
    pub variables: &'a [(&'static str, String)],
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttemptEnd {
    /// Its exit code; 128 + n after signal n.
    pub exit_code: u8,
    /// Why it failed, secrets hidden; `None` after a success.
    pub error: Option<String>,
    /// The end of its standard error, secrets hidden.
    pub stderr: String,
    /// The first signal that this process received meanwhile.
    pub stopped_by: Option<StopSignal>,
    /// Whether its time was over.
    pub is_timed_out: bool,
}

impl AttemptEnd {
    /// Returns the end of an attempt in which no process was started.
    pub(crate) fn without_process(exit_code: u8, error: Option<String>) -> Self {
        Self { exit_code, error, stderr: String::new(), stopped_by: None, is_timed_out: false }
    }
}

/// Runs the command once.
pub(crate) async fn run_attempt(setup: &AttemptSetup<'_>, stops: &mut UnboundedReceiver<StopSignal>) -> AttemptEnd {
    let kept = match if setup.streams_output { Ok(None) } else { tempfile::tempfile().map(Some) } {
        Ok(kept) => kept,
        Err(error) => return start_error(setup, &error),
    };
    let started = start(setup, kept.as_ref()).and_then(|child| Ok((child, RelayedSignals::new()?)));
    let (mut child, relayed) = match started {
        Ok(started) => started,
        Err(error) => return start_error(setup, &error),
    };
    let mut run = AttemptRun { group: ProcessGroup::from_leader(child.id()), stopped_by: None, is_timed_out: false };
    let mut tail = Vec::new();
    let status = {
        let reading = pass_on(child.stderr.take(), setup.output, &mut tail).fuse();
        tokio::pin!(reading);
        let status = {
            let following = run.follow(&mut child, setup, relayed, stops);
            tokio::pin!(following);
            tokio::select! {
                status = &mut following => status,
                () = &mut reading => following.await,
            }
        };
        if !reading.is_terminated() {
            tokio::select! {
                () = &mut reading => {}
                () = setup.clock.sleep(STDERR_GRACE) => {}
            }
        }
        status
    };
    let mut end = run.end_of(&status, &tail, setup.limit);
    if let Some(kept) = kept {
        let is_success = end.error.is_none();
        let put = |bytes: &[u8]| if is_success { setup.output.put_out(bytes) } else { setup.output.put_err(bytes) };
        if let Err(error) = copy_out(kept, put) {
            tracing::warn!(event = "command.trouble", %error, "the command's standard output can't be read");
            // What was passed on is not the whole of it.
            if is_success {
                end.error = Some(format!("its standard output can't be read: {error}"));
                end.exit_code = 1;
            }
        }
    }
    end
}

fn start(setup: &AttemptSetup<'_>, kept: Option<&File>) -> io::Result<Child> {
    let (program, arguments) = setup.words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    command.env("SHEETKEEP_ATTEMPT", setup.number.to_string()).env("SHEETKEEP_ATTEMPTS", setup.of.to_string());
    command.envs(setup.variables.iter().map(|(name, value)| (*name, value)));
    if let Some(folder) = setup.folder {
        command.current_dir(folder);
    }
    command.stdin(match setup.stdin {
        Some(copy) => Stdio::from(copy.at_beginning()?),
        None => Stdio::null(),
    });
    command.stdout(match kept {
        Some(file) => Stdio::from(file.try_clone()?),
        None => Stdio::inherit(),
    });
    command.stderr(Stdio::piped());
    // A signal reaches the command once, by us, and with all processes that it started.
    #[cfg(unix)]
    command.process_group(0);
    command.spawn()
}

fn start_error(setup: &AttemptSetup<'_>, error: &io::Error) -> AttemptEnd {
    let program = setup.words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let code = match error.kind() {
        io::ErrorKind::NotFound => NOT_FOUND,
        io::ErrorKind::PermissionDenied => NOT_EXECUTABLE,
        // What the machine refuses now it may grant later.
        _ => 1,
    };
    let error = format!("{program} can't be started: {error}");
    AttemptEnd::without_process(code, Some(hide_secrets(&error).into_owned()))
}

/// What happens to a process group while it is waited for.
struct AttemptRun {
    group: ProcessGroup,
    stopped_by: Option<StopSignal>,
    is_timed_out: bool,
}

impl AttemptRun {
    /// Waits for the end of the command, passes signals on, and ends it when its time is over.
    async fn follow(
        &mut self,
        child: &mut Child,
        setup: &AttemptSetup<'_>,
        mut relayed: RelayedSignals,
        stops: &mut UnboundedReceiver<StopSignal>,
    ) -> io::Result<ExitStatus> {
        let never = || std::future::pending().boxed();
        let mut timer: BoxFuture<'static, ()> = setup.limit.map_or_else(never, |limit| setup.clock.sleep(limit));
        let mut count = 0;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                signal = stops.recv() => if let Some(signal) = signal {
                    count += 1;
                    self.stopped_by.get_or_insert(signal);
                    self.group.send(if count < KILLING_SIGNAL { signal.into() } else { GroupSignal::Kill });
                },
                signal = relayed.next() => self.group.send(signal),
                () = &mut timer => {
                    let signal = if self.is_timed_out { GroupSignal::Kill } else { GroupSignal::Terminate };
                    timer = if self.is_timed_out { never() } else { setup.clock.sleep(KILL_DELAY) };
                    self.is_timed_out = true;
                    self.group.send(signal);
                }
            }
        };
        if status.as_ref().is_ok_and(ExitStatus::success) && !self.is_timed_out {
            self.group.release();
        } else {
            self.end_group(setup.clock).await;
        }
        status
    }

    /// Ends what is left of the group of a command that failed.
    async fn end_group(&mut self, clock: &dyn Clock) {
        if self.group.is_alive() {
            self.group.end(std::future::ready(()), KILL_DELAY, clock).await;
        }
        self.group.release();
    }

    fn end_of(&self, status: &io::Result<ExitStatus>, tail: &[u8], limit: Option<Duration>) -> AttemptEnd {
        let exit_code = match status {
            _ if self.is_timed_out => TIMED_OUT,
            Ok(status) => find_exit_code(*status),
            Err(_) => 1,
        };
        let what = match status {
            _ if self.is_timed_out => Some(format!("was stopped after {} s", limit.unwrap_or_default().as_secs_f64())),
            Ok(status) if status.success() => None,
            Ok(status) => Some(status.code().map_or_else(
                || format!("was killed by signal {}", exit_code.wrapping_sub(128)),
                |code| format!("ended with {code}"),
            )),
            Err(error) => Some(format!("can't be waited for: {error}")),
        };
        let stderr = redact_stderr(tail);
        let line = find_last_line(&stderr);
        let error = what.map(|what| if line.is_empty() { what } else { format!("{what}: {line}") });
        AttemptEnd { exit_code, error, stderr, stopped_by: self.stopped_by, is_timed_out: self.is_timed_out }
    }
}

#[cfg(unix)]
fn find_exit_code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let signal = status.signal().map(|signal| signal + 128);
    status.code().or(signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(not(unix))]
fn find_exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Returns the end of an output as text, secrets hidden.
fn redact_stderr(tail: &[u8]) -> String {
    hide_secrets(&String::from_utf8_lossy(keep_whole_lines(tail))).into_owned()
}

/// Returns the end of an output without the line that the limit has cut: a part of a secret is not
/// known as one.
fn keep_whole_lines(tail: &[u8]) -> &[u8] {
    if tail.len() < STDERR_KEPT {
        return tail;
    }
    let cut = tail.iter().position(|byte| *byte == b'\n').map_or(tail.len(), |end| end + 1);
    tail.get(cut..).unwrap_or_default()
}

/// Passes a pipe on as it comes, and keeps its end in `tail`.
async fn pass_on(pipe: Option<impl AsyncRead + Unpin>, output: &dyn CommandOutput, tail: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; CHUNK];
    while let Ok(count) = pipe.read(&mut chunk).await {
        let bytes = chunk.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return;
        }
        output.put_err(bytes);
        tail.extend_from_slice(bytes);
        let surplus = tail.len().saturating_sub(STDERR_KEPT);
        tail.drain(..surplus);
    }
}

fn copy_out(mut kept: File, mut put: impl FnMut(&[u8])) -> io::Result<()> {
    kept.seek(SeekFrom::Start(0))?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = kept.read(&mut chunk)?;
        match chunk.get(..count) {
            Some(bytes) if !bytes.is_empty() => put(bytes),
            _ => return Ok(()),
        }
    }
}

fn find_last_line(stderr: &str) -> String {
    let line = stderr.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(LINE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use sheetkeep_base::known_secrets::register_secret;

    use super::*;

    struct NoOutput;

    impl CommandOutput for NoOutput {
        fn put_out(&self, _: &[u8]) {}

        fn put_err(&self, _: &[u8]) {}
    }

    async fn kept_of(stderr: &str) -> String {
        let mut tail = Vec::new();
        pass_on(Some(stderr.as_bytes()), &NoOutput, &mut tail).await;
        redact_stderr(&tail)
    }

    #[tokio::test]
    async fn a_secret_that_the_limit_cuts_is_not_shown_in_part() {
        const SECRET: &str = "correcthorsebatterystaple";
        register_secret(SECRET);
        let whole = kept_of(&format!("token {SECRET}\nthe end\n")).await;
        assert!(!whole.contains("battery") && whole.ends_with("the end\n"), "{whole}");
        for kept in 0..=SECRET.len() + 1 {
            // The limit leaves this many bytes of the secret's line.
            let filler = "x".repeat(STDERR_KEPT - kept - "\nthe end\n".len());
            for after in [format!("\n{filler}\nthe end"), format!("{filler} the end")] {
                let shown = kept_of(&format!("token {SECRET}{after}")).await;
                let parts = SECRET.as_bytes().windows(6).map(String::from_utf8_lossy);
                let leaked: Vec<_> = parts.filter(|part| shown.contains(part.as_ref())).collect();
                assert!(leaked.is_empty(), "{kept}: {leaked:?}");
            }
        }
    }
}
