//! The session with one worker, from its start to its end: sends requests and receives replies
//! concurrently.
//!
//! In scope: the pipes, the time limit of the first pending request, why the worker ended. Out of
//! scope: what happens to the requests then (`step::worker::workers`).

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::machine::MachineError;
use crate::port::evaluator::{Evaluation, EvaluationBounds, EvaluationError};
use crate::step::worker::frame::{
    EVALUATION, EXPRESSION, FAILURE, READY_FRAME, VALUES, parse_frame, parse_values, put_frame, put_json,
};
use crate::step::worker::launch::start;
use crate::step::worker::serve::NO_THREAD;

/// Maximum number of evaluations in flight.
const MAX_IN_FLIGHT: usize = 256;
/// Bytes that wait to be written to the worker; beyond them no further evaluation is encoded.
const MAX_UNWRITTEN: usize = 1 << 20;
/// How long a worker may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a worker's standard error that are read.
const MAX_STDERR_BYTES: u64 = 4 << 10;

/// The values, or why there are none.
pub(crate) type WorkerResult = Result<Vec<Value>, EvaluationError>;

/// An evaluation, and the channel to its caller.
pub(crate) struct WorkerRequest {
    pub(crate) evaluation: Evaluation,
    pub(crate) reply: oneshot::Sender<WorkerResult>,
    /// Number of workers that another process ended while this request was the first one.
    pub(crate) lost_workers: u32,
}

/// How a session ended.
pub(crate) enum WorkerEnd {
    /// No request is left, and no caller remains.
    Done,
    /// The first pending request used too much time or memory; holds the message.
    Rejected(String),
    /// Another process ended the worker; holds the message for the case that it happens again.
    Killed(String),
    /// The worker ended with this many requests in flight; any of them may be the cause.
    Crashed(usize),
    /// The machine refused a resource.
    MachineRefused(MachineError),
}

/// A running worker.
pub(crate) struct WorkerSession {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    stderr: ChildStderr,
    unread: Vec<u8>,
    unwritten: Vec<u8>,
    written: usize,
    /// Expressions that the worker has received, by their numbers.
    expression_numbers: HashMap<Arc<str>, u32>,
    /// Number of requests in flight, counted from the first pending one.
    sent: usize,
    /// Number of requests that are still to be sent one at a time.
    alone: usize,
}

impl WorkerSession {
    /// Starts `program` as a worker and waits until it is ready. The first `alone` requests are
    /// sent one at a time.
    pub(crate) async fn start_worker(
        program: Option<&Path>,
        alone: usize,
        clock: &dyn Clock,
    ) -> Result<Self, MachineError> {
        const ACTION: &str = "the process that evaluates jq can't be started";
        let resource_error = |why: &str| MachineError::resource(format!("{ACTION}: {why}"));
        let program = program.ok_or_else(|| resource_error("this program's own file is not known"))?;
        let start_error = |error: &io::Error| {
            MachineError::from_io(ACTION, error).unwrap_or_else(|| resource_error(&error.to_string()))
        };
        let mut child = start(program).map_err(|error| start_error(&error))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(to), Some(from), Some(stderr)) = pipes else { return Err(resource_error("it has no pipes")) };
        let mut session = Self {
            child,
            to,
            from,
            stderr,
            unread: Vec::new(),
            unwritten: Vec::new(),
            written: 0,
            expression_numbers: HashMap::new(),
            sent: 0,
            alone,
        };
        tokio::select! {
            greeted = session.wait_until_ready() => greeted.map_err(|why| resource_error(&why))?,
            () = clock.sleep(START_TIMEOUT) => return Err(resource_error("it does not answer")),
        }
        Ok(session)
    }

    async fn wait_until_ready(&mut self) -> Result<(), String> {
        loop {
            match parse_frame(&self.unread) {
                Ok(Some((READY_FRAME, _, length))) => {
                    self.unread.drain(..length);
                    return Ok(());
                }
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => return Err("it is not a worker".to_owned()),
            }
            let read = self.from.read_buf(&mut self.unread).await.map_err(|error| error.to_string())?;
            if read == 0 {
                let (status, stderr_text) = self.wait_for_end().await;
                return Err(format!("it ended ({}) {stderr_text}", status.map_or_else(String::new, |s| s.to_string())));
            }
        }
    }

    /// Processes requests, in order, until there are no more or the worker ends.
    pub(crate) async fn exchange_requests(
        mut self,
        waiting: &mut VecDeque<WorkerRequest>,
        more: &mut mpsc::UnboundedReceiver<WorkerRequest>,
        clock: &dyn Clock,
    ) -> WorkerEnd {
        let mut since = clock.monotonic_ms();
        let mut open = true;
        loop {
            if waiting.is_empty() && !open {
                return WorkerEnd::Done;
            }
            self.send(waiting);
            let bounds = waiting.front().map(|first| first.evaluation.bounds);
            let spent = Duration::from_millis(clock.monotonic_ms().saturating_sub(since));
            let left = bounds.map_or(Duration::MAX, |bounds| bounds.time.saturating_sub(spent));
            if let Some(bounds) = bounds.filter(|_| left.is_zero()) {
                return WorkerEnd::Rejected(describe_timeout(bounds.time));
            }
            let rest = self.unwritten.get(self.written..).unwrap_or_default();
            tokio::select! {
                biased;
                read = self.from.read_buf(&mut self.unread) => match read {
                    Ok(n) if n > 0 => {
                        let Ok(has_replies) = self.deliver_replies(waiting) else { return self.end(bounds).await };
                        if has_replies {
                            since = clock.monotonic_ms();
                        }
                    }
                    _ => return self.end(bounds).await,
                },
                written = self.to.write(rest), if !rest.is_empty() => match written {
                    Ok(n) => self.advance_written(n),
                    Err(_) => return self.end(bounds).await,
                },
                request = more.recv(), if open && waiting.len() < MAX_IN_FLIGHT => match request {
                    Some(request) => {
                        if waiting.is_empty() {
                            since = clock.monotonic_ms();
                        }
                        waiting.push_back(request);
                        while waiting.len() < MAX_IN_FLIGHT && let Ok(request) = more.try_recv() {
                            waiting.push_back(request);
                        }
                    }
                    None => open = false,
                },
                () = clock.sleep(left), if bounds.is_some() => {}
            }
        }
    }

    /// Encodes requests, up to the limits.
    fn send(&mut self, waiting: &VecDeque<WorkerRequest>) {
        while self.unwritten.len() - self.written < MAX_UNWRITTEN
            && (self.alone == 0 || self.sent == 0)
            && let Some(request) = waiting.get(self.sent)
        {
            let Evaluation { expression, input, max_values: most, bounds } = &request.evaluation;
            let number = if let Some(number) = self.expression_numbers.get(expression) {
                *number
            } else {
                let number = u32::try_from(self.expression_numbers.len()).unwrap_or(u32::MAX);
                put_frame(&mut self.unwritten, EXPRESSION, |out| out.extend_from_slice(expression.as_bytes()));
                self.expression_numbers.insert(Arc::clone(expression), number);
                number
            };
            put_frame(&mut self.unwritten, EVALUATION, |out| {
                out.extend_from_slice(&number.to_le_bytes());
                out.extend_from_slice(&u32::try_from(*most).unwrap_or(u32::MAX).to_le_bytes());
                out.extend_from_slice(&bounds.memory.to_le_bytes());
                put_json(out, input);
            });
            self.sent += 1;
        }
    }

    fn advance_written(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written >= self.unwritten.len() {
            self.unwritten.clear();
            self.written = 0;
        }
    }

    /// Delivers the complete replies. Returns true if there were any.
    fn deliver_replies(&mut self, waiting: &mut VecDeque<WorkerRequest>) -> Result<bool, ()> {
        let mut at = 0;
        while let Some((kind, rest, length)) = parse_frame(self.unread.get(at..).unwrap_or_default()).map_err(|_| ())? {
            let reply = match kind {
                VALUES => Ok(parse_values(rest).map_err(|_| ())?),
                FAILURE => Err(EvaluationError::Rejected(String::from_utf8_lossy(rest).into_owned())),
                _ => return Err(()),
            };
            let request = waiting.pop_front().ok_or(())?;
            self.sent = self.sent.checked_sub(1).ok_or(())?;
            self.alone = self.alone.saturating_sub(1);
            // The caller may have been dropped.
            let _ = request.reply.send(reply);
            at += length;
        }
        self.unread.drain(..at);
        Ok(at > 0)
    }

    /// Waits for the end of a worker that sends no more.
    async fn wait_for_end(&mut self) -> (Option<ExitStatus>, String) {
        let mut stderr_text = Vec::new();
        let _ = (&mut self.stderr).take(MAX_STDERR_BYTES).read_to_end(&mut stderr_text).await;
        let _ = self.child.start_kill();
        let status = self.child.wait().await.ok();
        (status, String::from_utf8_lossy(&stderr_text).into_owned())
    }

    async fn end(mut self, bounds: Option<EvaluationBounds>) -> WorkerEnd {
        let (status, stderr_text) = self.wait_for_end().await;
        // Replies that were ready may have been lost with it.
        if self.sent > 1 {
            return WorkerEnd::Crashed(self.sent);
        }
        let memory = bounds.unwrap_or_default().memory >> 20;
        if stderr_text.contains("overflowed its stack") {
            return WorkerEnd::Rejected("it recurses without end, or too deep".to_owned());
        }
        if stderr_text.contains("memory allocation") {
            return WorkerEnd::Rejected(format!(
                "it needs more than {memory} MB of memory; `memory` in [jq] allows more"
            ));
        }
        if status.is_some_and(|status| status.code() == Some(NO_THREAD.into())) {
            return WorkerEnd::MachineRefused(MachineError::resource("the process that evaluates jq gets no thread"));
        }
        let how = status.map_or_else(String::new, |status| format!(" ({status})"));
        WorkerEnd::Killed(format!(
            "the process that evaluates it was ended{how}, as a system does that is out of memory"
        ))
    }
}

fn describe_timeout(time: Duration) -> String {
    format!(
        "it was stopped after {}: correct the expression if it never ends, or set a longer `timeout`",
        describe_time(time)
    )
}

fn describe_time(time: Duration) -> String {
    if time.subsec_millis() == 0 { format!("{} s", time.as_secs()) } else { format!("{} ms", time.as_millis()) }
}
