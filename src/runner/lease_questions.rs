//! Questions of the source about the lease, and the run's answers.
//!
//! In scope: the way from who asks to the run loop, and back. Out of scope: the answer itself
//! (`runner::commit::held_lease`).

use futures_util::future::BoxFuture;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::port::lease_check::LeaseCheck;

/// A question: where its answer goes.
pub type LeaseQuestion = oneshot::Sender<bool>;

/// The questions of one run.
pub struct LeaseQuestions {
    sender: UnboundedSender<LeaseQuestion>,
    receiver: UnboundedReceiver<LeaseQuestion>,
    /// A question that could not be answered yet; it is the next one.
    postponed: Option<LeaseQuestion>,
}

impl Default for LeaseQuestions {
    fn default() -> Self {
        let (sender, receiver) = unbounded_channel();
        Self { sender, receiver, postponed: None }
    }
}

impl LeaseQuestions {
    /// Returns what asks; it may be cloned and used from any task.
    pub fn sender(&self) -> LeaseAsker {
        LeaseAsker(self.sender.clone())
    }

    /// Keeps a question that can't be answered now.
    pub fn postpone(&mut self, question: LeaseQuestion) {
        self.postponed = Some(question);
    }

    /// Returns the next question. The caller may cancel.
    pub async fn next(&mut self) -> LeaseQuestion {
        if let Some(question) = self.postponed.take() {
            return question;
        }
        match self.receiver.recv().await {
            Some(question) => question,
            // A sender is kept here, so the channel stays open.
            None => std::future::pending().await,
        }
    }
}

/// Asks a run whether it holds the lease.
#[derive(Clone)]
pub struct LeaseAsker(UnboundedSender<LeaseQuestion>);

impl LeaseCheck for LeaseAsker {
    fn is_held(&self) -> BoxFuture<'static, bool> {
        let (question, answer) = oneshot::channel();
        let is_sent = self.0.send(question).is_ok();
        // Without an answer the run has ended.
        Box::pin(async move { is_sent && answer.await.unwrap_or(false) })
    }
}
