//! Runs the steps of one item, each with its own bounded retries.
//!
//! In scope: the order of steps, retries of transient errors, counting them. Out of scope: what the
//! result becomes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::ledger::items::item::Item;
use crate::ledger::items::key::make_idempotency_key_of_change;
use crate::ledger::leases::lease::Fence;
use crate::ledger::processed::low_watermark::SequenceNumber;
use crate::ledger::runs::event::{Event, EventSink};
use crate::port::journal::JournalFileError;
use crate::port::step::{Step, StepContext, StepError};
use crate::retry::{RetryDecision, RetryPolicy};
use crate::rng::Rng;
use crate::runner::shutdown::{StopHandle, StopReason};
use crate::runner::steps::journal_replay::JournalTarget;

/// Maximum number of values that one item may become in its steps.
const MAX_VALUES: usize = 100_000;

/// An item after its steps.
#[derive(Debug)]
pub struct StepOutcome {
    /// The item as it went into the first step.
    pub item: Item,
    /// Its sequence number in the order of the source.
    pub sequence: SequenceNumber,
    /// Values for rows, or the failed step and its error.
    pub result: Result<Vec<Value>, StepFailure>,
    /// Number of retries.
    pub retries: u64,
    /// True if a step with outside effects may have begun.
    pub has_begun: bool,
    /// The error of the journal, if the result could not be kept.
    pub journal_error: Option<JournalFileError>,
}

/// The step at which an item failed, and its error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFailure {
    /// The step's name.
    pub step: String,
    /// The step's error.
    pub error: StepError,
}

/// The key's state when the item was admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorState {
    /// Digest of that state, journalled with the result.
    pub state_digest: String,
    /// The id of the change, if the key returns to a version that was done before.
    pub change_id: Option<String>,
}

/// Counters for one item.
#[derive(Debug, Default)]
struct RetryCount {
    retries: u64,
    has_begun: bool,
}

/// The dependencies for running steps.
#[derive(Clone)]
pub struct StepExecutor {
    /// The steps, in order.
    pub steps: Arc<[Arc<dyn Step>]>,
    /// The retry policy within a run.
    pub retry: RetryPolicy,
    /// The clock for timeouts and pauses.
    pub clock: Arc<dyn Clock>,
    /// The random source, for jitter.
    pub rng: Arc<dyn Rng>,
    /// The spreadsheet's id, a part of idempotency keys.
    pub spreadsheet: String,
    /// The job's name, a part of idempotency keys.
    pub job: String,
    /// The fencing token of the lease term.
    pub fence: Fence,
    /// The event sink.
    pub events: EventSink,
    /// Where results are journalled until they are applied, if anywhere.
    pub journal: Option<JournalTarget>,
    /// Cancelled when the run no longer waits for items.
    pub cancel: CancellationToken,
    /// The stop requests of the run: after the first one no further attempt starts.
    pub stop: StopHandle,
}

impl StepExecutor {
    /// True if any step has effects outside the sheet.
    pub fn has_outside_effects(&self) -> bool {
        self.steps.iter().any(|step| step.has_outside_effects())
    }

    /// True if the step with this name has effects outside the sheet.
    pub fn runs_program(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step.name() == name && step.has_outside_effects())
    }

    /// Runs an item through all steps.
    pub async fn run(self, item: Item, sequence: SequenceNumber, prior_state: PriorState) -> StepOutcome {
        let mut counts = RetryCount::default();
        let result = self.run_steps(&item, prior_state.change_id.as_deref(), &mut counts).await;
        let unkept = match (&self.journal, &result) {
            (Some(journal), Ok(values)) => journal.keep(&item, prior_state.state_digest, values).await.err(),
            _ => None,
        };
        StepOutcome {
            item,
            sequence,
            result,
            retries: counts.retries,
            has_begun: counts.has_begun,
            journal_error: unkept,
        }
    }

    async fn run_steps(
        &self,
        item: &Item,
        change: Option<&str>,
        counts: &mut RetryCount,
    ) -> Result<Vec<Value>, StepFailure> {
        let mut values = vec![item.body.clone()];
        for step in self.steps.iter() {
            let mut made = Vec::with_capacity(values.len());
            for value in values {
                let failed = |error| StepFailure { step: step.name().to_owned(), error };
                made.extend(self.run_with_retries(step.as_ref(), (item, change), value, counts).await.map_err(failed)?);
                if made.len() > MAX_VALUES {
                    let error = StepError::Rejected(format!("makes more than {MAX_VALUES} values of one item"));
                    return Err(StepFailure { step: step.name().to_owned(), error });
                }
            }
            values = made;
        }
        Ok(values)
    }

    async fn run_with_retries(
        &self,
        step: &dyn Step,
        (item, change): (&Item, Option<&str>),
        value: Value,
        counts: &mut RetryCount,
    ) -> Result<Vec<Value>, StepError> {
        let began = self.clock.monotonic_ms();
        let mut attempt = 1;
        loop {
            let context = self.make_context(step, (item, change), attempt);
            let ended = step.run(value.clone(), &context).await;
            let kept_off = matches!(&ended, Err(StepError::Machine { has_begun: false, .. }));
            counts.has_begun |= step.has_outside_effects() && !kept_off;
            let error = match ended {
                Ok(made) => return Ok(made),
                Err(error) => error,
            };
            let retry_after_ms = match &error {
                StepError::Transient { retry_after_ms, .. } => *retry_after_ms,
                StepError::Machine { error: machine_error, .. } if machine_error.passes() => None,
                StepError::Rejected(_) | StepError::Cancelled | StepError::Machine { .. } => return Err(error),
            };
            let elapsed = self.clock.monotonic_ms().saturating_sub(began);
            match self.retry.decide(error.fault(), attempt, elapsed, retry_after_ms, self.rng.next_f64()) {
                RetryDecision::GiveUp(_) => return Err(error),
                RetryDecision::Retry { .. } if self.stop.requested_reason().is_some() => {
                    return Err(self.cut_off(error));
                }
                RetryDecision::Retry { after_ms } => {
                    (self.events)(Event::Retrying {
                        step: step.name().to_owned(),
                        key: item.key.clone(),
                        attempt: attempt + 1,
                        of: self.retry.max_attempts,
                        delay_ms: after_ms,
                        fault: error.fault(),
                        cause: error.to_string(),
                    });
                    tokio::select! {
                        () = self.clock.sleep(Duration::from_millis(after_ms)) => {}
                        () = self.stop.wait() => return Err(self.cut_off(error)),
                        () = self.cancel.cancelled() => return Err(StepError::Cancelled),
                    }
                }
            }
            attempt += 1;
            counts.retries += 1;
        }
    }

    /// Returns how an item ends whose retries a stop cuts off. After a signal it has not failed:
    /// the next run tries it. At the deadline it has, as after its last retry. Otherwise an item
    /// that fails at each deadline would keep all later ones from their turn.
    fn cut_off(&self, error: StepError) -> StepError {
        if self.stop.requested_reason() == Some(StopReason::Deadline) { error } else { StepError::Cancelled }
    }

    fn make_context(&self, step: &dyn Step, (item, change): (&Item, Option<&str>), attempt: u32) -> StepContext {
        let Item { key, version, .. } = item;
        StepContext {
            key: key.clone(),
            version: version.clone(),
            idempotency_key: make_idempotency_key_of_change(
                &self.spreadsheet,
                &self.job,
                step.name(),
                key,
                version,
                change,
            ),
            fence: self.fence,
            attempt,
            deadline: None,
            cancel: self.cancel.clone(),
        }
    }
}
