//! The cost of an expression, as a polynomial in the size of its input.
//!
//! In scope: adding, multiplying and evaluating costs; the size of an input. Out of scope: deriving
//! the cost of an expression (`step::jq::bounds::bounded`).

use serde_json::Value;

/// Number of coefficients; a cost of a higher degree is not represented.
const TERMS: usize = 5;

/// How many terms may be evaluated for one input in this process: at most a second of work, and
/// usually far less.
const BUDGET: f64 = 2_000_000.0;

/// How many per byte of an input whose size is not measured.
const LINEAR: f64 = 2.0;

/// A cost: `terms[n]` is the coefficient of the nth power of the input's size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    terms: [f64; TERMS],
}

impl Cost {
    /// Returns a constant cost.
    pub(crate) fn new_constant(cost: f64) -> Self {
        let mut terms = [0.0; TERMS];
        let [first, ..] = &mut terms;
        *first = cost;
        Self { terms }
    }

    /// Returns a cost of 1.
    pub(crate) fn new_one() -> Self {
        Self::new_constant(1.0)
    }

    /// Returns a cost equal to the input's size.
    pub(crate) fn new_input() -> Self {
        let mut terms = [0.0; TERMS];
        let [_, second, ..] = &mut terms;
        *second = 1.0;
        Self { terms }
    }

    /// Returns the sum.
    pub(crate) fn add_cost(self, other: Self) -> Self {
        let mut terms = self.terms;
        terms.iter_mut().zip(other.terms).for_each(|(term, more)| *term += more);
        Self { terms }
    }

    /// Returns the product; `None` if its degree is too high.
    pub(crate) fn multiply_cost(self, other: Self) -> Option<Self> {
        let mut terms = [0.0; TERMS];
        for (n, left) in self.terms.into_iter().enumerate().filter(|(_, term)| *term > 0.0) {
            for (m, right) in other.terms.into_iter().enumerate().filter(|(_, term)| *term > 0.0) {
                *terms.get_mut(n + m)? += left * right;
            }
        }
        Some(Self { terms })
    }

    /// Multiplies by a constant.
    pub(crate) fn scale_cost(self, factor: f64) -> Self {
        Self { terms: self.terms.map(|term| term * factor) }
    }

    /// Returns whether it is negligible for every input, however large.
    pub(crate) fn is_small_for_all(&self) -> bool {
        match self.terms {
            [fixed, linear, higher @ ..] => {
                fixed <= BUDGET && linear <= LINEAR && higher.iter().all(|term| *term == 0.0)
            }
        }
    }

    /// Returns whether it is within the budget for this input.
    pub(crate) fn is_small_for(&self, input: &Value) -> bool {
        self.is_small_for_all() || self.evaluate_at(measure_value(input)) <= BUDGET
    }

    fn evaluate_at(&self, size: f64) -> f64 {
        self.terms.iter().rev().fold(0.0, |sum, term| sum * size + term)
    }
}

/// Returns the size of a value: its parts, and the bytes of its texts.
fn measure_value(value: &Value) -> f64 {
    fn count_units(value: &Value) -> usize {
        1 + match value {
            Value::Null | Value::Bool(_) => 0,
            Value::Number(_) => 20,
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(count_units).sum(),
            Value::Object(members) => members.iter().map(|(name, member)| 1 + name.len() + count_units(member)).sum(),
        }
    }
    u32::try_from(count_units(value)).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cost_is_small_for_small_inputs_alone() {
        let quadratic = Cost::new_input().multiply_cost(Cost::new_input()).expect("a second power");
        assert!(quadratic.is_small_for(&json!([1, 2, 3])) && !quadratic.is_small_for_all());
        assert!(!quadratic.is_small_for(&json!("x".repeat(10_000))));
        assert!(Cost::new_input().add_cost(Cost::new_constant(5.0)).is_small_for(&json!("x".repeat(1_000_000))));
        assert_eq!(quadratic.multiply_cost(quadratic).and_then(|cost| cost.multiply_cost(quadratic)), None);
    }
}
