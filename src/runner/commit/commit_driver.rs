//! Drives one commit to its end: the I/O for `ledger::commit::commit_machine`.
//!
//! In scope: sending, reading the head, waiting. Out of scope: the meaning of a reply.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::fault::Fault;
use crate::ledger::commit::changes::{Commit, CommitPart, CommitReply};
use crate::ledger::commit::commit_machine::{CommitEnd, CommitMachine, CommitStep};
use crate::ledger::commit::commit_resolution::{DraftIds, HeadStatus};
use crate::ledger::runs::event::Event;
use crate::port::store::Store;
use crate::runner::run_config::Events;

/// Delay between two failed reads of the head, in milliseconds.
const HEAD_READ_RETRY_MS: u64 = 5_000;
/// Consecutive reads that may fail; each has its own retries underneath.
const HEAD_READ_RETRIES: u32 = 3;

/// A commit whose outcome is known, or can't be determined.
#[derive(Debug)]
pub struct CommitOutcome {
    /// The commit.
    pub commit: Arc<Commit>,
    /// How it ended.
    pub end: CommitEnd,
    /// The last error message; empty if there was none.
    pub why: String,
    /// The class of the last error.
    pub fault: Fault,
    /// Milliseconds since the first send.
    pub took_ms: u64,
}

/// The ports that the driver uses.
#[derive(Clone)]
pub struct CommitDriver {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The clock for delays.
    pub clock: Arc<dyn Clock>,
    /// The event sink.
    pub events: Events,
}

impl CommitDriver {
    /// Sends a commit and reads the head until the outcome is known. Never drafts or loads.
    pub async fn drive(self, commit: Arc<Commit>, drafted: DraftIds) -> CommitOutcome {
        let began = self.clock.monotonic_ms();
        let number = commit.to.commit;
        let has_items = !commit.changes.settled.is_empty();
        let (mut machine, mut next) =
            if has_items { CommitMachine::begin_with_items() } else { CommitMachine::begin() };
        let (mut why, mut fault) = (String::new(), Fault::Transient);
        let mut was_in_doubt = false;
        let end = loop {
            next = match next {
                CommitStep::Send { after_ms } => {
                    self.wait(after_ms).await;
                    let reply = self.store.commit(&commit).await;
                    (why, fault) = reply_error(&reply).unwrap_or((why, fault));
                    machine.on_reply(commit.to, &reply)
                }
                CommitStep::ReadHead { after_ms } => {
                    if !was_in_doubt {
                        was_in_doubt = true;
                        (self.events)(Event::InDoubt { number, why: why.clone() });
                    }
                    self.wait(after_ms).await;
                    match self.read_head(&mut why, &mut fault).await {
                        Some(status) => machine.on_head_status(&drafted, status),
                        None => CommitStep::End(CommitEnd::Unclear),
                    }
                }
                CommitStep::End(end) => break end,
            };
        };
        if was_in_doubt {
            (self.events)(Event::Judged { number, verdict: verdict(&end) });
        }
        let took_ms = self.clock.monotonic_ms().saturating_sub(began);
        CommitOutcome { commit, end, why, fault, took_ms }
    }

    /// Reads the head, with retries while the service is down. Returns `None` if it stays down.
    async fn read_head(&self, why: &mut String, fault: &mut Fault) -> Option<HeadStatus> {
        for _ in 0..HEAD_READ_RETRIES {
            let error = match self.store.read_head().await {
                Ok(status) => return Some(status),
                Err(error) => error,
            };
            (*why, *fault) = (error.to_string(), error.final_fault());
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

fn reply_error(reply: &CommitReply) -> Option<(String, Fault)> {
    match reply {
        CommitReply::Applied => None,
        // The guard refuses a writer that was overtaken; the next run finds another head.
        CommitReply::Refused { part: CommitPart::Guard, why } | CommitReply::Lost { why } => {
            Some((why.clone(), Fault::Transient))
        }
        CommitReply::Refused { why, .. } | CommitReply::Unsafe { why } => Some((why.clone(), Fault::Corrupt)),
        CommitReply::TooLarge => Some(("the batch is too large for the service".into(), Fault::Rejected)),
        CommitReply::NotExecuted { why, fault } => Some((why.clone(), *fault)),
    }
}

fn verdict(end: &CommitEnd) -> &'static str {
    match end {
        CommitEnd::Applied(_) => "applied",
        CommitEnd::Redraft => "not applied; drafted again",
        CommitEnd::Reload => "another writer committed; loaded again",
        CommitEnd::Refused(_) | CommitEnd::TooLarge => "refused",
        CommitEnd::Fenced => "another run has taken over",
        CommitEnd::Corrupt => "the state marker is missing",
        CommitEnd::NotExecuted => "not executed",
        CommitEnd::Unsafe => "this service does not guard commits",
        CommitEnd::Unanswered => "still unanswered",
        CommitEnd::Unclear => "still unclear",
    }
}
