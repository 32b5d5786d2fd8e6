//! An expression under bounds: evaluated at once where that is certain to be quick, and by an evaluator of its own otherwise.
//!
//! In scope: which of the two, and what is said where nothing comes of it. Out of scope: which expressions are quick (`step::bounded`),
//! the evaluator (`step::worker`).

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::ledger::columns::json_path::MemberPath;
use crate::port::evaluator::{Bounds, Evaluation, EvaluationError, Evaluator};
use crate::step::jq::{MAX_DOCUMENT_OUTPUTS, MAX_OUTPUTS, Program};

/// An expression and who evaluates it.
#[derive(Clone)]
pub struct Expression {
    program: Program,
    bounds: Bounds,
    evaluator: Option<Arc<dyn Evaluator>>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.program).field(&self.bounds).finish()
    }
}

impl Expression {
    /// `program`, evaluated within `bounds` by `evaluator` where it may not end by itself.
    pub fn new(program: Program, bounds: Bounds, evaluator: Option<Arc<dyn Evaluator>>) -> Self {
        Self { program, bounds, evaluator }
    }

    /// `program`, evaluated here and without bounds: for expressions that are known to end.
    pub fn unbounded(program: Program) -> Self {
        Self { program, bounds: Bounds::default(), evaluator: None }
    }

    /// The expression as written.
    pub fn source(&self) -> &str {
        self.program.source()
    }

    /// The path that it is, if it is nothing else.
    pub fn path(&self) -> Option<&MemberPath> {
        self.program.path()
    }

    /// Every value that it yields for `input`, at most 10,000.
    pub async fn values(&self, input: &Value) -> Result<Vec<Value>, EvaluationError> {
        if let Some(values) = self.program.run_if_small(input) {
            return values.map_err(|error| EvaluationError::Rejected(error.to_string()));
        }
        self.evaluated(input.clone(), MAX_OUTPUTS, self.bounds).await
    }

    /// Every value that it yields for a whole document of `bytes` bytes, at most 10,000,000: the records of a source. Time and memory grow with the document.
    pub async fn values_of_document(&self, document: Value, bytes: u64) -> Result<Vec<Value>, EvaluationError> {
        let mebibytes = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
        let bounds = Bounds {
            time: self.bounds.time.saturating_mul(1 + mebibytes / 10),
            memory: self.bounds.memory.saturating_add(bytes.saturating_mul(MEMORY_PER_BYTE)),
        };
        self.evaluated(document, MAX_DOCUMENT_OUTPUTS, bounds).await
    }

    async fn evaluated(&self, input: Value, most: usize, bounds: Bounds) -> Result<Vec<Value>, EvaluationError> {
        let Some(evaluator) = &self.evaluator else {
            let values = self.program.run_at_most(input, most);
            return values.map_err(|error| EvaluationError::Rejected(error.to_string()));
        };
        evaluator
            .evaluate(Evaluation { expression: self.program.shared_source(), input, max_values: most, bounds })
            .await
    }
}

/// Memory that each byte of a whole document may take, in bytes: read, as a value, and as what is made of it.
const MEMORY_PER_BYTE: u64 = 40;
