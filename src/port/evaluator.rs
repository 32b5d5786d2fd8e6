//! Who evaluates expressions of which nobody knows whether they end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;
use thiserror::Error;

use crate::machine::MachineTrouble;

/// One evaluation: an expression, its input, and how much it may take.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The expression, in jq.
    pub expression: Arc<str>,
    /// What it is evaluated on.
    pub input: Value,
    /// The most values that it may yield.
    pub most: usize,
    /// The bounds.
    pub bounds: Bounds,
}

/// How much time and memory one evaluation may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How long it may take.
    pub time: Duration,
    /// Bytes of memory.
    pub memory: u64,
}

impl Default for Bounds {
    /// 10 seconds and 512 MiB.
    fn default() -> Self {
        Self { time: Duration::from_secs(10), memory: 512 << 20 }
    }
}

/// Why an evaluation yields nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EvaluationError {
    /// The expression fails on this input, or takes more than it may: a sentence.
    #[error("{0}")]
    Rejected(String),
    /// This machine refuses what it takes to evaluate; the input is not to blame.
    #[error("{0}")]
    Machine(MachineTrouble),
}

/// Evaluates expressions under bounds, so that one without end holds up nothing but itself.
pub trait Evaluator: Send + Sync {
    /// The values that the expression yields. Answers come in the order of the questions; who drops the future asks no longer.
    fn evaluate(&self, evaluation: Evaluation) -> BoxFuture<'static, Result<Vec<Value>, EvaluationError>>;
}
