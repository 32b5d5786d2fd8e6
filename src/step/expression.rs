//! An expression with limits: evaluated in this process if that is certain to be quick, otherwise
//! by an evaluator.
//!
//! In scope: the choice between the two, and the errors. Out of scope: which expressions are quick
//! (`step::jq::bounds::bounded`), the evaluator (`step::worker`).

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::ledger::values::json_path::MemberPath;
use crate::port::evaluator::{Evaluation, EvaluationBounds, EvaluationError, Evaluator};
use crate::step::jq::program::{MAX_DOCUMENT_OUTPUTS, MAX_OUTPUTS, Program};

/// An expression with its limits and its evaluator.
#[derive(Clone)]
pub struct Expression {
    program: Program,
    bounds: EvaluationBounds,
    evaluator: Option<Arc<dyn Evaluator>>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.program).field(&self.bounds).finish()
    }
}

impl Expression {
    /// Creates an expression that `evaluator` evaluates within `bounds` if it may not end by
    /// itself.
    pub fn new(program: Program, bounds: EvaluationBounds, evaluator: Option<Arc<dyn Evaluator>>) -> Self {
        Self { program, bounds, evaluator }
    }

    /// Creates an expression that is evaluated in this process and without limits: for expressions
    /// that are known to end.
    pub fn new_unbounded(program: Program) -> Self {
        Self { program, bounds: EvaluationBounds::default(), evaluator: None }
    }

    /// Returns the expression as written.
    pub fn source(&self) -> &str {
        self.program.source()
    }

    /// Returns the path if the expression is a plain path.
    pub fn path(&self) -> Option<&MemberPath> {
        self.program.path()
    }

    /// Returns every value that it yields for `input`, at most 10,000.
    pub async fn evaluate(&self, input: &Value) -> Result<Vec<Value>, EvaluationError> {
        if let Some(values) = self.program.run_if_small(input) {
            return values.map_err(|error| EvaluationError::Rejected(error.to_string()));
        }
        self.evaluate_bounded(input.clone(), MAX_OUTPUTS, self.bounds).await
    }

    /// Returns every value that it yields for a whole document of `bytes` bytes, at most
    /// 10,000,000: the records of a source. The limits of time and memory grow with the document.
    pub async fn evaluate_document(&self, document: Value, bytes: u64) -> Result<Vec<Value>, EvaluationError> {
        let mebibytes = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
        let bounds = EvaluationBounds {
            time: self.bounds.time.saturating_mul(1 + mebibytes / 10),
            memory: self.bounds.memory.saturating_add(bytes.saturating_mul(MEMORY_PER_BYTE)),
        };
        self.evaluate_bounded(document, MAX_DOCUMENT_OUTPUTS, bounds).await
    }

    async fn evaluate_bounded(
        &self,
        input: Value,
        most: usize,
        bounds: EvaluationBounds,
    ) -> Result<Vec<Value>, EvaluationError> {
        let Some(evaluator) = &self.evaluator else {
            let values = self.program.run_at_most(input, most);
            return values.map_err(|error| EvaluationError::Rejected(error.to_string()));
        };
        evaluator
            .evaluate(Evaluation { expression: self.program.shared_source(), input, max_values: most, bounds })
            .await
    }
}

/// Memory limit per byte of a whole document, in bytes: as text, as a value, and as the results.
const MEMORY_PER_BYTE: u64 = 40;
