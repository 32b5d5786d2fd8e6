//! Evaluation of expressions that may not terminate.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;
use thiserror::Error;

use crate::machine::MachineError;

/// One evaluation: an expression, its input, and its bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The expression, in jq.
    pub expression: Arc<str>,
    /// The input value.
    pub input: Value,
    /// Maximum number of output values.
    pub max_values: usize,
    /// The bounds of time and memory.
    pub bounds: EvaluationBounds,
}

/// The time and memory that one evaluation may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvaluationBounds {
    /// The time after which the evaluation is stopped.
    pub time: Duration,
    /// Maximum memory, in bytes.
    pub memory: u64,
}

impl Default for EvaluationBounds {
    /// 10 seconds and 512 MiB.
    fn default() -> Self {
        Self { time: Duration::from_secs(10), memory: 512 << 20 }
    }
}

/// Why an evaluation has no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EvaluationError {
    /// The expression fails on this input, or exceeds its bounds: a sentence.
    #[error("{0}")]
    Rejected(String),
    /// This machine lacks what the evaluation needs; the input is not the cause.
    #[error("{0}")]
    Machine(MachineError),
}

/// Evaluates expressions under bounds, so that one that does not terminate affects only itself.
pub trait Evaluator: Send + Sync {
    /// Returns the output values. Results come in the order of the calls; dropping the future
    /// cancels the evaluation.
    fn evaluate(&self, evaluation: Evaluation) -> BoxFuture<'static, Result<Vec<Value>, EvaluationError>>;
}
