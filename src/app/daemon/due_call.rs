//! One call of `sheetkeep run --due`, as a process of its own: its crash, its memory and its hang
//! touch no other job.
//!
//! In scope: starting the process, reading what it answers, asking it to end. Out of scope: when a
//! call is made (`schedule::call_queue`).

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FusedFuture, FutureExt};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio_util::sync::CancellationToken;

use crate::app::daemon::notification::NOTIFY_VARIABLES;
use crate::clock::Clock;
use crate::config::job_file::JobFileForm;
use crate::schedule::call_queue::CallEnd;
use crate::time::Timestamp;

/// The longest line of standard output that is read, in bytes; of a longer one the rest is dropped.
const MAX_DOCUMENT_BYTES: usize = 256 << 10;
/// The longest line of standard error that is read, in bytes.
const MAX_LINE_BYTES: usize = 16 << 10;
/// How many runs of one call are reported.
const MAX_RUNS_REPORTED: usize = 20;
/// How long output is read after the process has ended: a program that it left behind may keep the
/// pipe open.
const AFTER_END: Duration = Duration::from_secs(2);

/// What is called.
#[derive(Debug, Clone)]
pub struct CallOrder {
    /// The job file.
    pub path: PathBuf,
    /// The job's name, for its lines.
    pub name: String,
    /// The form to use in place of the file, which is broken.
    pub form: Option<Arc<JobFileForm>>,
}

/// How a call ended, for the queue and for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallReport {
    /// How it ended.
    pub end: CallEnd,
    /// Each run in one line; empty if nothing was due.
    pub runs: Vec<String>,
    /// Why nothing ran.
    pub reason: String,
    /// The error with its next step, in one line.
    pub error: Option<String>,
}

/// Starts `run --due` for a job, and returns what it reported at its end.
pub trait JobCaller: Send + Sync {
    /// Makes one call, and resolves at its end. `stop` asks the run to commit and end; dropping the
    /// future kills it.
    fn call(&self, order: CallOrder, stop: CancellationToken) -> BoxFuture<'static, CallReport>;
}

/// Takes a line of a job's standard error: the job's name, and the line.
pub type LineSink = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// Makes each call as a process.
#[derive(Clone)]
pub struct ProcessCaller {
    /// The program, `sheetkeep` itself.
    pub program: PathBuf,
    /// Arguments before the job file, among them `run --due`.
    pub arguments: Vec<OsString>,
    /// The clock of the pauses between signals to a call that does not end.
    pub clock: Arc<dyn Clock>,
    /// Where lines of standard error go.
    pub lines: LineSink,
}

impl JobCaller for ProcessCaller {
    fn call(&self, order: CallOrder, stop: CancellationToken) -> BoxFuture<'static, CallReport> {
        let caller = self.clone();
        async move {
            match caller.start(&order) {
                Ok(child) => caller.follow_child(child, order, stop).await,
                Err(error) => CallReport {
                    error: Some(format!("the process could not be started: {error}")),
                    ..CallReport::default()
                },
            }
        }
        .boxed()
    }
}

impl ProcessCaller {
    fn start(&self, order: &CallOrder) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg("--").arg(&order.path);
        for name in NOTIFY_VARIABLES {
            command.env_remove(name);
        }
        let stdin = if order.form.is_some() { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C at the terminal reaches the daemon only, which asks its children to end.
        #[cfg(unix)]
        command.process_group(0).arg0("sheetkeep");
        command.spawn()
    }

    /// Reads the output of the process until it has ended.
    async fn follow_child(&self, mut child: Child, order: CallOrder, stop: CancellationToken) -> CallReport {
        let mut answer = DueOutput::default();
        let mut error = None;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let on_error_line = |line: &str| match find_error(line) {
            Some(found) => error = Some(found),
            None => (self.lines)(&order.name, line),
        };
        let status = {
            let reading = async {
                tokio::join!(
                    write_form(stdin, order.form.as_deref()),
                    read_lines(stdout, MAX_DOCUMENT_BYTES, |line| answer.read(line)),
                    read_lines(stderr, MAX_LINE_BYTES, on_error_line),
                );
            };
            let (mut reading, mut waiting) = (Box::pin(reading.fuse()), Box::pin(wait(&mut child, stop)));
            let status = tokio::select! {
                status = &mut waiting => status,
                () = &mut reading => waiting.await,
            };
            if !reading.is_terminated() {
                tokio::select! {
                    () = reading => {}
                    () = self.clock.sleep(AFTER_END) => {}
                }
            }
            status
        };
        let exit_code = status.and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
        CallReport {
            end: CallEnd { exit_code, next: answer.next, is_active: answer.is_active },
            runs: answer.runs,
            reason: answer.reason,
            error,
        }
    }
}

/// Waits for the end of the process, and asks it to end when it is to stop.
async fn wait(child: &mut Child, stop: CancellationToken) -> Option<ExitStatus> {
    tokio::select! {
        status = child.wait() => return status.ok(),
        () = stop.cancelled() => {}
    }
    terminate_child(child);
    child.wait().await.ok()
}

#[cfg(unix)]
fn terminate_child(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(Err(error)) = pid.map(|pid| kill_process(pid, Signal::TERM)) {
        tracing::debug!(event = "daemon.signal_failed", %error, "a process can't be asked to end");
    }
}

#[cfg(not(unix))]
fn terminate_child(_: &Child) {}

/// Passes the form of the job file to the process. One that reads nothing reports that itself.
async fn write_form(stdin: Option<ChildStdin>, form: Option<&JobFileForm>) {
    let (Some(mut stdin), Some(form)) = (stdin, form) else { return };
    let Ok(text) = serde_json::to_vec(form) else { return };
    if let Err(error) = stdin.write_all(&text).await {
        tracing::debug!(event = "daemon.form_unread", %error, "a process does not read the form of its job file");
    }
}

/// Reads lines until the end; of a line longer than `most` bytes the rest is dropped.
async fn read_lines(stream: Option<impl AsyncRead + Unpin>, most: usize, mut on_line: impl FnMut(&str)) {
    let Some(stream) = stream else { return };
    let (mut reader, mut line) = (BufReader::new(stream), Vec::new());
    loop {
        let chunk = match reader.fill_buf().await {
            Ok(chunk) if !chunk.is_empty() => chunk,
            _ => break,
        };
        let end = memchr::memchr(b'\n', chunk);
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        line.extend_from_slice(part.get(..most.saturating_sub(line.len())).unwrap_or(part));
        let taken = part.len() + usize::from(end.is_some());
        reader.consume(taken);
        if end.is_some() {
            on_line(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    if !line.is_empty() {
        on_line(&String::from_utf8_lossy(&line));
    }
}

/// What the documents on standard output say.
#[derive(Debug, Default)]
struct DueOutput {
    next: Option<Timestamp>,
    is_active: bool,
    reason: String,
    runs: Vec<String>,
}

/// The fields that are read of a document: of a run, or of a job of which nothing ran.
#[derive(Debug, Deserialize)]
struct DueDocumentFields {
    run: Option<String>,
    status: Option<String>,
    message: Option<String>,
    counts: Option<DueCounts>,
    reason: Option<String>,
    active_run: Option<String>,
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct DueCounts {
    new: u64,
    failed: u64,
}

impl DueOutput {
    fn read(&mut self, line: &str) {
        let Ok(document) = serde_json::from_str::<DueDocumentFields>(line) else { return };
        if let (Some(run), Some(status)) = (document.run, document.status) {
            if self.runs.len() < MAX_RUNS_REPORTED {
                let counts = document.counts.map(|counts| format!(": new {}, failed {}", counts.new, counts.failed));
                let message = document.message.filter(|message| !message.is_empty());
                let message = message.map(|message| format!("; {message}")).unwrap_or_default();
                self.runs.push(format!("run {run} {status}{}{message}", counts.unwrap_or_default()));
            }
            return;
        }
        self.is_active = document.active_run.is_some();
        self.reason = document.reason.unwrap_or_default();
        self.next = document.next.as_deref().and_then(Timestamp::parse);
    }
}

/// The document of an error.
#[derive(Debug, Deserialize)]
struct ErrorLine {
    error: ErrorFields,
}

#[derive(Debug, Deserialize)]
struct ErrorFields {
    message: String,
    /// Only the document of an error has it: a log line of a retry may hold an `error`, too.
    #[serde(rename = "exit_code")]
    _exit_code: u8,
    hint: Option<String>,
    #[serde(default)]
    problems: Vec<ProblemFields>,
}

#[derive(Debug, Deserialize)]
struct ProblemFields {
    message: String,
    file: Option<String>,
    line: Option<u64>,
    hint: Option<String>,
}

/// Returns the error that a line of standard error holds as a document, in one line: the problems
/// with their places, and the next step.
fn find_error(line: &str) -> Option<String> {
    let ErrorLine { error } = serde_json::from_str(line).ok()?;
    let mut parts = vec![error.message];
    for problem in error.problems {
        let place = problem.file.zip(problem.line).map(|(file, line)| format!("{file}:{line}: "));
        parts.push(format!("{}{}", place.unwrap_or_default(), problem.message));
        parts.extend(problem.hint);
    }
    parts.extend(error.hint);
    Some(parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_bounded_and_the_last_needs_no_end() {
        let mut lines = Vec::new();
        let text = format!("one\n\n{}\nlast", "x".repeat(20_000));
        read_lines(Some(text.as_bytes()), 10, |line| lines.push(line.to_owned())).await;
        assert_eq!(lines, ["one", "", "xxxxxxxxxx", "last"]);
    }

    #[test]
    fn the_last_document_answers_and_runs_are_listed() {
        let mut answer = DueOutput::default();
        answer.read(r#"{"run":"r1","status":"partial","message":"1 item failed","counts":{"new":2,"failed":1}}"#);
        answer.read("no document");
        answer.read(r#"{"due":false,"reason":"","active_run":null,"next":"2026-06-02T09:00:00.000Z"}"#);
        assert_eq!(answer.runs, ["run r1 partial: new 2, failed 1; 1 item failed"]);
        assert_eq!((answer.next, answer.is_active), (Timestamp::parse("2026-06-02T09:00:00Z"), false));
        answer.read(r#"{"due":false,"reason":"run r2 is still active","active_run":"r2","next":null}"#);
        assert_eq!((answer.next, answer.is_active), (None, true));
    }

    #[test]
    fn an_error_is_one_line_with_places_and_the_next_step() {
        let line = r#"{"error":{"message":"one thing is wrong","hint":null,"exit_code":78,"problems":[{"message":"unknown key","file":"q.toml","line":3,"hint":"did you mean tab?"}]}}"#;
        let expected = "one thing is wrong; q.toml:3: unknown key; did you mean tab?";
        assert_eq!(find_error(line).as_deref(), Some(expected));
        assert_eq!(find_error("WARN something"), None);
        assert_eq!(find_error(r#"{"error":{"kind":"transient","message":"a line of a log"}}"#), None);
    }
}
