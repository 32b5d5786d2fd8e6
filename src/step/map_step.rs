//! The step `map`: a jq expression that makes rows from a record.
//!
//! In scope: running the expression on one input. Out of scope: rows and columns
//! (`ledger::rows::row_builder`).

use futures_util::future::{BoxFuture, FutureExt};
use serde_json::Value;

use crate::port::evaluator::EvaluationError;
use crate::port::step::{Step, StepContext, StepError};
use crate::step::expression::Expression;

/// Default name of a `map` step.
pub const DEFAULT_NAME: &str = "map";

/// A `map` step; it has no effect outside the sheet.
#[derive(Debug)]
pub struct MapStep {
    name: String,
    expression: Expression,
}

impl MapStep {
    /// Creates a step of this name that evaluates `expression`.
    pub fn new(name: impl Into<String>, expression: Expression) -> Self {
        Self { name: name.into(), expression }
    }

    async fn evaluate(&self, input: &Value) -> Result<Vec<Value>, StepError> {
        self.expression.evaluate(input).await.map_err(|error| match error {
            EvaluationError::Rejected(why) => StepError::Rejected(why),
            EvaluationError::Machine(machine_error) => StepError::Machine { error: machine_error, has_begun: false },
        })
    }
}

impl Step for MapStep {
    fn run<'a>(&'a self, input: Value, context: &'a StepContext) -> BoxFuture<'a, Result<Vec<Value>, StepError>> {
        async move {
            tokio::select! {
                biased;
                values = self.evaluate(&input) => values,
                () = context.cancel.cancelled() => Err(StepError::Cancelled),
            }
        }
        .boxed()
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
    use crate::ledger::items::key::{Key, Version};
    use crate::ledger::leases::lease::Fence;
    use crate::step::jq::program::Program;

    #[tokio::test]
    async fn a_map_step_yields_rows_and_rejects_what_it_can_not_do() {
        let program = Program::compile("{id: .id, half: (.n / 2)}").expect("a valid expression");
        let step = MapStep::new("rows", Expression::new_unbounded(program));
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
