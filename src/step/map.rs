//! The step `map`: a jq expression that makes rows of a record.
//!
//! In scope: running the expression on one input. Out of scope: rows and columns (`ledger::shape`).

use futures_util::future::{BoxFuture, FutureExt, ready};
use serde_json::Value;

use crate::port::step::{Step, StepContext, StepError};
use crate::step::jq::Program;

/// The name of a `map` step that the job gives none.
pub const DEFAULT_NAME: &str = "map";

/// A `map` step; it changes nothing outside the sheet.
#[derive(Debug)]
pub struct Map {
    name: String,
    program: Program,
}

impl Map {
    /// A step of this name that runs `program`.
    pub fn new(name: impl Into<String>, program: Program) -> Self {
        Self { name: name.into(), program }
    }
}

impl Step for Map {
    fn run<'a>(&'a self, input: Value, _context: &'a StepContext) -> BoxFuture<'a, Result<Vec<Value>, StepError>> {
        ready(self.program.run(input).map_err(|error| StepError::Rejected(error.to_string()))).boxed()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn has_outside_effects(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::ledger::key::{Key, Version};
    use crate::ledger::lease::Fence;

    #[tokio::test]
    async fn a_map_step_yields_rows_and_rejects_what_its_expression_can_not_do() {
        let step = Map::new("rows", Program::compile("{id: .id, half: (.n / 2)}").expect("a valid expression"));
        let context = StepContext {
            key: Key::new("k").expect("a valid key"),
            version: Version::default(),
            idempotency_key: String::new(),
            fence: Fence(1),
            attempt: 1,
            deadline: None,
            cancel: CancellationToken::new(),
        };
        let rows = step.run(json!({"id": "a", "n": 3}), &context).await;
        assert_eq!(rows, Ok(vec![json!({"id": "a", "half": 1.5})]));
        let error = step.run(json!({"id": "a", "n": "three"}), &context).await.expect_err("a text has no half");
        assert_eq!(error, StepError::Rejected("cannot calculate \"three\" / 2".into()));
        assert!(!step.has_outside_effects() && step.name() == "rows");
    }
}
