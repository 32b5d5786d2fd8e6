//! How much an expression may cost, as a polynomial in the size of its input.
//!
//! In scope: adding, multiplying and evaluating such costs; the size of an input. Out of scope: the cost of an expression (`step::jq::bounded`).

use serde_json::Value;

/// Powers of the input's size that are told apart; a cost that grows faster is none.
const TERMS: usize = 5;

/// How many terms may be evaluated for one input within this process: a second of work at the most, and far less as a rule.
const BUDGET: f64 = 2_000_000.0;

/// How many for each byte of an input whose size nobody measures.
const LINEAR: f64 = 2.0;

/// A cost: `terms[n]` for each nth power of the input's size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    terms: [f64; TERMS],
}

impl Cost {
    /// The same for each input.
    pub(crate) fn fixed(cost: f64) -> Self {
        let mut terms = [0.0; TERMS];
        let [first, ..] = &mut terms;
        *first = cost;
        Self { terms }
    }

    /// Once.
    pub(crate) fn one() -> Self {
        Self::fixed(1.0)
    }

    /// As much as the input is large.
    pub(crate) fn input() -> Self {
        let mut terms = [0.0; TERMS];
        let [_, second, ..] = &mut terms;
        *second = 1.0;
        Self { terms }
    }

    /// Both.
    pub(crate) fn plus(self, other: Self) -> Self {
        let mut terms = self.terms;
        terms.iter_mut().zip(other.terms).for_each(|(term, more)| *term += more);
        Self { terms }
    }

    /// One for each of the other; none where that grows beyond what is told apart.
    pub(crate) fn times(self, other: Self) -> Option<Self> {
        let mut terms = [0.0; TERMS];
        for (n, left) in self.terms.into_iter().enumerate().filter(|(_, term)| *term > 0.0) {
            for (m, right) in other.terms.into_iter().enumerate().filter(|(_, term)| *term > 0.0) {
                *terms.get_mut(n + m)? += left * right;
            }
        }
        Some(Self { terms })
    }

    /// So many times.
    pub(crate) fn by(self, factor: f64) -> Self {
        Self { terms: self.terms.map(|term| term * factor) }
    }

    /// Whether it is a matter of course for each input, however large.
    pub(crate) fn is_small_for_all(&self) -> bool {
        match self.terms {
            [fixed, linear, higher @ ..] => {
                fixed <= BUDGET && linear <= LINEAR && higher.iter().all(|term| *term == 0.0)
            }
        }
    }

    /// Whether it is small for this input.
    pub(crate) fn is_small_for(&self, input: &Value) -> bool {
        self.is_small_for_all() || self.at(size(input)) <= BUDGET
    }

    fn at(&self, size: f64) -> f64 {
        self.terms.iter().rev().fold(0.0, |sum, term| sum * size + term)
    }
}

/// The size of a value: its parts, and the bytes of its texts.
fn size(value: &Value) -> f64 {
    fn units(value: &Value) -> usize {
        1 + match value {
            Value::Null | Value::Bool(_) => 0,
            Value::Number(_) => 20,
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(units).sum(),
            Value::Object(members) => members.iter().map(|(name, member)| 1 + name.len() + units(member)).sum(),
        }
    }
    u32::try_from(units(value)).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cost_is_small_for_small_inputs_alone() {
        let quadratic = Cost::input().times(Cost::input()).expect("a second power");
        assert!(quadratic.is_small_for(&json!([1, 2, 3])) && !quadratic.is_small_for_all());
        assert!(!quadratic.is_small_for(&json!("x".repeat(10_000))));
        assert!(Cost::input().plus(Cost::fixed(5.0)).is_small_for(&json!("x".repeat(1_000_000))));
        assert_eq!(quadratic.times(quadratic).and_then(|cost| cost.times(quadratic)), None);
    }
}
