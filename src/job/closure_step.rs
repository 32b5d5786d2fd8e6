//! A closure as a step.
//!
//! In scope: what the closure gets and returns, its panics, its end when the run stops. Out of
//! scope: when it is called, and how often (`runner::steps::step_executor`).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::ledger::values::exact_number;
use crate::port::step::{Step, StepContext, StepError};

/// What a step is called with, beside the item.
#[derive(Debug, Clone)]
pub struct ItemContext {
    key: String,
    version: String,
    idempotency_key: String,
    logical_date: Arc<str>,
    attempt: u32,
    fencing_token: u64,
    cancel: CancellationToken,
}

impl ItemContext {
    /// Returns the item's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the item's version; empty for a job without versions.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the text that names this change of this item in this step: `sk1_…`. It is the same
    /// for each attempt, run and machine. A receiver that drops what it has seen under the same key
    /// makes the effect happen once.
    pub fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }

    /// Returns the date for which the run is made, such as `2026-11-29`.
    pub fn logical_date(&self) -> &str {
        &self.logical_date
    }

    /// Returns the number of the attempt within this run, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns the number of the lease term, which only grows: a receiver that remembers the
    /// highest one can refuse a run that was overtaken.
    pub fn fencing_token(&self) -> u64 {
        self.fencing_token
    }

    /// Resolves when the run no longer waits for the step, which is dropped then.
    pub async fn wait_until_stopped(&self) {
        self.cancel.cancelled().await;
    }
}

type StepClosure = dyn Fn(Value, ItemContext) -> BoxFuture<'static, Result<Vec<Value>, StepError>> + Send + Sync;

/// A step that calls a closure.
#[derive(Clone)]
pub(crate) struct ClosureStep {
    name: String,
    work: Arc<StepClosure>,
    logical_date: Arc<str>,
}

impl ClosureStep {
    /// Creates the step. What the closure returns is a row if it serializes to an object; a
    /// sequence is several rows, and null or unit is none.
    pub(crate) fn new<F, R, T>(name: String, work: F, logical_date: Arc<str>) -> Self
    where
        F: Fn(Value, ItemContext) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, StepError>> + Send + 'static,
        T: Serialize,
    {
        let work = move |item: Value, context: ItemContext| -> BoxFuture<'static, Result<Vec<Value>, StepError>> {
            // The closure itself may panic, too, before it returns its future.
            let begun = std::panic::catch_unwind(AssertUnwindSafe(|| work(item, context)));
            async move {
                let Ok(begun) = begun else { return Err(make_panic_error()) };
                let ended = AssertUnwindSafe(begun).catch_unwind().await.map_err(|_| make_panic_error())?;
                convert_output(&ended?)
            }
            .boxed()
        };
        Self { name, work: Arc::new(work), logical_date }
    }
}

fn make_panic_error() -> StepError {
    StepError::rejected("the step panicked; its message is on standard error")
}

fn convert_output(output: &impl Serialize) -> Result<Vec<Value>, StepError> {
    match serde_json::to_value(output)? {
        Value::Null => Ok(Vec::new()),
        Value::Array(values) => Ok(values),
        value => Ok(vec![value]),
    }
}

/// Returns the item with numbers as numbers: those with more digits than a double has are rounded.
fn convert_numbers(item: Value) -> Value {
    let text = exact_number::render(&item);
    serde_json::from_str(&text).unwrap_or(item)
}

impl Step for ClosureStep {
    fn run<'a>(&'a self, input: Value, context: &'a StepContext) -> BoxFuture<'a, Result<Vec<Value>, StepError>> {
        let for_item = ItemContext {
            key: context.key.as_str().to_owned(),
            version: context.version.0.clone(),
            idempotency_key: context.idempotency_key.clone(),
            logical_date: Arc::clone(&self.logical_date),
            attempt: context.attempt,
            fencing_token: context.fence.0,
            cancel: context.cancel.clone(),
        };
        async move {
            let working = (self.work)(convert_numbers(input), for_item);
            tokio::select! {
                biased;
                ended = working => ended,
                () = context.cancel.cancelled() => Err(StepError::Cancelled),
            }
        }
        .boxed()
    }

    fn name(&self) -> &str {
        &self.name
    }

    /// What a closure does is not known, so the run claims its lease first.
    fn has_outside_effects(&self) -> bool {
        true
    }
}
