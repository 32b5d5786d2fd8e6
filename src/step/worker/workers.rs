//! The parent's side: one worker at a time, many evaluations in flight, each with its time limit.
//!
//! In scope: which caller waits for which reply, and what happens to an evaluation whose worker
//! ended. Out of scope: the exchange with one worker (`step::worker::session`), the worker itself
//! (`step::worker::serve`).

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::machine::MachineError;
use crate::port::evaluator::{Evaluation, EvaluationError, Evaluator};
use crate::step::worker::launch::find_own_program;
use crate::step::worker::session::{WorkerEnd, WorkerRequest, WorkerResult, WorkerSession};

/// How often an evaluation is tried if another process ends its worker.
const MAX_ATTEMPTS: u32 = 2;

/// Evaluates in a worker process. The process starts with the first evaluation and ends when this
/// value is dropped.
pub struct Workers {
    program: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    runtime: Handle,
    requests: Mutex<Option<mpsc::UnboundedSender<WorkerRequest>>>,
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Workers {
    /// Creates workers that are this program itself, which was started from `started`. Its `main`
    /// must call `step::worker::serve` if the first argument is `WORKER_ARGUMENT`. Must be
    /// called within a runtime.
    pub fn from_own_program(started: Option<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self::with_program(find_own_program(started), clock)
    }

    /// Creates workers that run `program`; no evaluation succeeds if it is `None`. Must be called
    /// within a runtime.
    pub fn with_program(program: Option<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { program, clock, runtime: Handle::current(), requests: Mutex::default() }
    }

    fn send(&self, request: WorkerRequest) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let to = requests.get_or_insert_with(|| {
            let (to, from) = mpsc::unbounded_channel();
            let (program, clock) = (self.program.clone(), Arc::clone(&self.clock));
            self.runtime
                .spawn(WorkerDriver { program, clock, from, waiting: VecDeque::new(), alone: 0 }.drive_workers());
            to
        });
        // If the runtime is shutting down, no reply comes. The dropped request reports that to the
        // caller.
        let _ = to.send(request);
    }
}

impl Evaluator for Workers {
    fn evaluate(&self, evaluation: Evaluation) -> BoxFuture<'static, WorkerResult> {
        let (reply, receiver) = oneshot::channel();
        self.send(WorkerRequest { evaluation, reply, lost_workers: 0 });
        async move {
            let gone = || MachineError::resource("the evaluator has stopped");
            receiver.await.unwrap_or_else(|_| Err(EvaluationError::Machine(gone())))
        }
        .boxed()
    }
}

/// Keeps a worker as long as there are requests.
struct WorkerDriver {
    program: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    from: mpsc::UnboundedReceiver<WorkerRequest>,
    waiting: VecDeque<WorkerRequest>,
    /// Number of requests to send one at a time, to find out which of them ends a worker.
    alone: usize,
}

impl WorkerDriver {
    async fn drive_workers(mut self) {
        loop {
            if self.waiting.is_empty() {
                let Some(request) = self.from.recv().await else { return };
                self.waiting.push_back(request);
            }
            let session =
                match WorkerSession::start_worker(self.program.as_deref(), self.alone, self.clock.as_ref()).await {
                    Ok(session) => session,
                    Err(machine_error) => {
                        self.refuse_all(&machine_error);
                        continue;
                    }
                };
            self.alone = 0;
            match session.exchange_requests(&mut self.waiting, &mut self.from, self.clock.as_ref()).await {
                WorkerEnd::Done => return,
                WorkerEnd::Rejected(why) => self.reject_first(why),
                WorkerEnd::Killed(why) => self.retry_first(why),
                WorkerEnd::Crashed(requests) => self.alone = requests,
                WorkerEnd::MachineRefused(machine_error) => self.refuse_all(&machine_error),
            }
        }
    }

    fn reject_first(&mut self, why: String) {
        if let Some(first) = self.waiting.pop_front() {
            let _ = first.reply.send(Err(EvaluationError::Rejected(why)));
        }
    }

    /// Handles a worker that another process ended, as a system does that is out of memory. The
    /// request is tried once more. Then its input counts as the cause.
    fn retry_first(&mut self, why: String) {
        let Some(first) = self.waiting.front_mut() else { return };
        first.lost_workers += 1;
        self.alone = 1;
        if first.lost_workers >= MAX_ATTEMPTS {
            self.reject_first(why);
        }
    }

    fn refuse_all(&mut self, machine_error: &MachineError) {
        for request in self.waiting.drain(..) {
            let _ = request.reply.send(Err(EvaluationError::Machine(machine_error.clone())));
        }
    }
}
