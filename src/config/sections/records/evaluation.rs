//! The evaluation of expressions: bounds, and the evaluator for expressions that may not end.
//!
//! In scope: the settings of `[jq]`. Out of scope: evaluating (`step::expression`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::config::syntax::raw::JobFile;
use crate::config::value_reader::ValueReader;
use crate::port::evaluator::{EvaluationBounds, Evaluator};
use crate::step::expression::Expression;
use crate::step::jq::program::Program;

/// The longest timeout that may be set, in milliseconds.
pub(super) const MAX_TIMEOUT_MS: u64 = 3_600_000;

/// The least and the most memory that may be set, in megabytes.
const MEMORY_MB: std::ops::RangeInclusive<u64> = 16..=65_536;

/// Bounds of expressions, and the evaluator of those that may not end.
#[derive(Clone, Default)]
pub struct EvaluationSettings {
    /// The bounds of one evaluation.
    pub bounds: EvaluationBounds,
    /// Evaluates what may not end. Without it, only the number of values bounds an expression.
    pub evaluator: Option<Arc<dyn Evaluator>>,
}

impl fmt::Debug for EvaluationSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvaluationSettings").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

impl EvaluationSettings {
    /// Returns an expression with these bounds.
    pub fn make_expression(&self, program: &Program) -> Expression {
        Expression::new(program.clone(), self.bounds, self.evaluator.clone())
    }

    /// Returns an expression with a timeout of its own.
    pub fn make_expression_within(&self, program: &Program, timeout_ms: u64) -> Expression {
        let bounds = EvaluationBounds { time: Duration::from_millis(timeout_ms), ..self.bounds };
        Expression::new(program.clone(), bounds, self.evaluator.clone())
    }
}

/// Reads the settings of `[jq]`.
pub(in crate::config) fn settings(reader: &mut ValueReader<'_>, raw: &JobFile) -> EvaluationSettings {
    let mut bounds = EvaluationBounds::default();
    if let Some(jq) = &raw.jq {
        if let Some(at) = &jq.timeout
            && let Some(ms) = reader.read_duration(at, "jq.timeout", 1..=MAX_TIMEOUT_MS)
        {
            bounds.time = Duration::from_millis(ms);
        }
        if let Some(at) = &jq.memory
            && let Some(memory) = reader.read_whole_number(at, "jq.memory", MEMORY_MB)
        {
            bounds.memory = memory << 20;
        }
    }
    EvaluationSettings { bounds, evaluator: None }
}
