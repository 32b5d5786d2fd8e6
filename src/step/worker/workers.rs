//! The side that asks: one worker at a time, many evaluations on their way to it, each with its time.
//!
//! In scope: who waits for which answer, and what becomes of an evaluation whose worker ended. Out of scope: talking to one worker
//! (`step::worker::talk`), the worker itself (`step::worker::serve`).

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::machine::MachineTrouble;
use crate::port::clock::Clock;
use crate::port::evaluator::{Evaluation, EvaluationError, Evaluator};
use crate::step::worker::launch::own_program;
use crate::step::worker::talk::{WorkerEnd, WorkerReply, WorkerRequest, WorkerSession};

/// Times that an evaluation is tried whose worker somebody else has ended.
const MOST_TRIES: u32 = 2;

/// Evaluates in a worker process, which is started with the first evaluation and ends with this value.
pub struct Workers {
    program: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    runtime: Handle,
    questions: Mutex<Option<mpsc::UnboundedSender<WorkerRequest>>>,
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Workers {
    /// Workers that are this very program, which was started from `started`; its `main` has to serve (`step::worker::serve`) at the
    /// word of a worker. Has to be called within a runtime.
    pub fn of_this_program(started: Option<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self::of(own_program(started), clock)
    }

    /// Workers that are `program`; none where it is not known. Has to be called within a runtime.
    pub fn of(program: Option<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { program, clock, runtime: Handle::current(), questions: Mutex::default() }
    }

    fn ask(&self, question: WorkerRequest) {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        let to = questions.get_or_insert_with(|| {
            let (to, from) = mpsc::unbounded_channel();
            let (program, clock) = (self.program.clone(), Arc::clone(&self.clock));
            self.runtime.spawn(Driver { program, clock, from, waiting: VecDeque::new(), alone: 0 }.drive());
            to
        });
        // Where the runtime is at its end nobody answers, and whoever waits is told so by the question that is dropped.
        let _ = to.send(question);
    }
}

impl Evaluator for Workers {
    fn evaluate(&self, evaluation: Evaluation) -> BoxFuture<'static, WorkerReply> {
        let (answer, answered) = oneshot::channel();
        self.ask(WorkerRequest { evaluation, answer, tries: 0 });
        async move {
            let gone = || MachineTrouble::resource("the evaluator has stopped");
            answered.await.unwrap_or_else(|_| Err(EvaluationError::Machine(gone())))
        }
        .boxed()
    }
}

/// Keeps a worker as long as there are questions.
struct Driver {
    program: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    from: mpsc::UnboundedReceiver<WorkerRequest>,
    waiting: VecDeque<WorkerRequest>,
    /// Questions that are to be asked one by one, to see which of them ends a worker.
    alone: usize,
}

impl Driver {
    async fn drive(mut self) {
        loop {
            if self.waiting.is_empty() {
                let Some(question) = self.from.recv().await else { return };
                self.waiting.push_back(question);
            }
            let talk = match WorkerSession::begin(self.program.as_deref(), self.alone, self.clock.as_ref()).await {
                Ok(talk) => talk,
                Err(trouble) => {
                    self.refuse_all(&trouble);
                    continue;
                }
            };
            self.alone = 0;
            match talk.go_on(&mut self.waiting, &mut self.from, self.clock.as_ref()).await {
                WorkerEnd::Done => return,
                WorkerEnd::Rejected(why) => self.reject_first(why),
                WorkerEnd::Gone(why) => self.try_first_again(why),
                WorkerEnd::Suspected(questions) => self.alone = questions,
                WorkerEnd::Refused(trouble) => self.refuse_all(&trouble),
            }
        }
    }

    fn reject_first(&mut self, why: String) {
        if let Some(first) = self.waiting.pop_front() {
            let _ = first.answer.send(Err(EvaluationError::Rejected(why)));
        }
    }

    /// The worker was ended by somebody else, as a system does that is out of memory: once more, and then it is taken to be the input.
    fn try_first_again(&mut self, why: String) {
        let Some(first) = self.waiting.front_mut() else { return };
        first.tries += 1;
        self.alone = 1;
        if first.tries >= MOST_TRIES {
            self.reject_first(why);
        }
    }

    fn refuse_all(&mut self, trouble: &MachineTrouble) {
        for question in self.waiting.drain(..) {
            let _ = question.answer.send(Err(EvaluationError::Machine(trouble.clone())));
        }
    }
}
