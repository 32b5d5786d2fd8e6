//! Drives one commit to its end: the I/O for `ledger::commit::commit_machine`.
//!
//! In scope: sending, reading the head, waiting. Out of scope: the meaning of a response.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::fault::Fault;
use crate::ledger::commit::changes::{Commit, CommitPart, CommitResult};
use crate::ledger::commit::commit_machine::{CommitEnd, CommitMachine, CommitStep};
use crate::ledger::commit::commit_resolution::{HeadStatus, InDoubtDrafts};
use crate::ledger::runs::event::{Event, EventSink};
use crate::port::store::Store;

/// Delay between two failed reads of the head, in milliseconds.
const HEAD_READ_RETRY_MS: u64 = 5_000;
/// Consecutive reads that may fail; each has its own retries underneath.
const HEAD_READ_RETRIES: u32 = 3;

/// A commit whose outcome is known, or can't be determined.
#[derive(Debug)]
pub struct FinishedCommit {
    /// The commit that was sent, for the draft that follows it.
    pub commit: Arc<Commit>,
    /// How it ended.
    pub end: CommitEnd,
    /// The last error.
    pub error: LastError,
    /// Milliseconds since the first send.
    pub took_ms: u64,
}

/// The last error before the end of a commit.
#[derive(Debug, Clone)]
pub struct LastError {
    /// Its message; empty if there was none.
    pub why: String,
    /// The class of the error: what may be done about it.
    pub fault: Fault,
    /// True if a proxy is the cause.
    pub is_proxy_error: bool,
}

impl LastError {
    /// Creates the error of this message and class, which no proxy caused.
    pub fn new(why: impl Into<String>, fault: Fault) -> Self {
        Self { why: why.into(), fault, is_proxy_error: false }
    }
}

/// The ports that the driver uses.
#[derive(Clone)]
pub struct CommitDriver {
    /// The store that gets the commit and yields the head.
    pub store: Arc<dyn Store>,
    /// The clock for delays.
    pub clock: Arc<dyn Clock>,
    /// The event sink.
    pub events: EventSink,
}

impl CommitDriver {
    /// Sends a commit and reads the head until the outcome is known. Never drafts or loads.
    pub async fn drive_commit(self, commit: Arc<Commit>, drafted: InDoubtDrafts) -> FinishedCommit {
        let began = self.clock.monotonic_ms();
        let number = commit.to.commit;
        let has_items = !commit.changes.settled.is_empty();
        let (mut machine, mut next) =
            if has_items { CommitMachine::begin_with_items() } else { CommitMachine::begin() };
        let mut error = LastError::new("", Fault::Transient);
        let mut was_in_doubt = false;
        let end = loop {
            next = match next {
                CommitStep::Send { after_ms } => {
                    self.wait(after_ms).await;
                    let result = self.store.commit(&commit).await;
                    error = convert_result(&result).unwrap_or(error);
                    machine.on_result(commit.to, &result)
                }
                CommitStep::ReadHead { after_ms } => {
                    if !was_in_doubt {
                        was_in_doubt = true;
                        (self.events)(Event::InDoubt { number, why: error.why.clone() });
                    }
                    self.wait(after_ms).await;
                    match self.read_head(&mut error).await {
                        Some(status) => machine.on_head_status(&drafted, status),
                        None => CommitStep::End(CommitEnd::OutcomeUnknown),
                    }
                }
                CommitStep::End(end) => break end,
            };
        };
        if was_in_doubt {
            (self.events)(Event::Resolved { number, resolution: name_resolution(&end) });
        }
        let took_ms = self.clock.monotonic_ms().saturating_sub(began);
        FinishedCommit { commit, end, error, took_ms }
    }

    /// Reads the head, with retries while the service is down. Returns `None` if it stays down.
    async fn read_head(&self, last: &mut LastError) -> Option<HeadStatus> {
        for _ in 0..HEAD_READ_RETRIES {
            let error = match self.store.read_head().await {
                Ok(status) => return Some(status),
                Err(error) => error,
            };
            *last = LastError {
                why: error.describe_cause(),
                fault: error.final_fault(),
                is_proxy_error: error.is_proxy_error(),
            };
            if !error.fault().passes() {
                return None;
            }
            self.wait(HEAD_READ_RETRY_MS).await;
        }
        None
    }

    async fn wait(&self, ms: u64) {
        if ms > 0 {
            self.clock.sleep(Duration::from_millis(ms)).await;
        }
    }
}

fn convert_result(result: &CommitResult) -> Option<LastError> {
    Some(match result {
        CommitResult::Applied => return None,
        // The guard refuses a writer that was overtaken; the next run finds another head.
        CommitResult::Refused { part: CommitPart::Guard, why } | CommitResult::ResponseLost { why } => {
            LastError::new(why, Fault::Transient)
        }
        CommitResult::Refused { why, .. } | CommitResult::NoWorkingGuard { why } => {
            LastError::new(why, Fault::Inconsistent)
        }
        CommitResult::TooLarge => LastError::new("the batch is too large for the service", Fault::Rejected),
        CommitResult::NotExecuted { why, fault, is_proxy_error } => {
            LastError { why: why.clone(), fault: *fault, is_proxy_error: *is_proxy_error }
        }
    })
}

fn name_resolution(end: &CommitEnd) -> &'static str {
    match end {
        CommitEnd::Applied(_) => "applied",
        CommitEnd::Redraft => "not applied; drafted again",
        CommitEnd::Reload => "another run committed; loaded again",
        CommitEnd::Refused(_) | CommitEnd::TooLarge => "refused",
        CommitEnd::Fenced => "another run has taken over",
        CommitEnd::HeadMissing => "the state marker is missing",
        CommitEnd::NotExecuted => "not executed",
        CommitEnd::NoWorkingGuard => "this service does not guard commits",
        CommitEnd::NoResponse => "still unanswered",
        CommitEnd::OutcomeUnknown => "still unclear",
    }
}
