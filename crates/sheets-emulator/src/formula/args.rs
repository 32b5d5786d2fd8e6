//! The arguments of a function, and their conversions.
//!
//! In scope: numbers, texts and booleans.
//! Out of scope: the functions (`functions`).

use crate::formula::matrix::{Matrix, Operand};
use crate::grid::value::{EvalResult, Scalar, to_number, to_text};

/// The arguments of a function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Args<'a>(pub &'a [Operand]);

impl<'a> Args<'a> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns an argument, even an error. A range of one cell is that cell.
    pub(crate) fn raw(&self, at: usize) -> EvalResult<&'a Scalar> {
        match self.0.get(at).ok_or("#N/A")? {
            Operand::Single(scalar) => Ok(scalar),
            Operand::Matrix(matrix) if matrix.size() == 1 => Ok(matrix.at(0, 0)),
            Operand::Matrix(_) => Err("#VALUE!"),
        }
    }

    /// Returns an argument that is not an error.
    pub(crate) fn value(&self, at: usize) -> EvalResult<Scalar> {
        match self.raw(at)? {
            Scalar::Error(error) => Err(error),
            scalar => Ok(scalar.clone()),
        }
    }

    /// Returns an argument as a number.
    pub(crate) fn number(&self, at: usize) -> EvalResult<f64> {
        to_number(self.raw(at)?)
    }

    /// Returns an optional argument as a number.
    pub(crate) fn number_or(&self, at: usize, default: f64) -> EvalResult<f64> {
        if at < self.len() { self.number(at) } else { Ok(default) }
    }

    /// Returns an argument as a text.
    pub(crate) fn text(&self, at: usize) -> EvalResult<String> {
        Ok(to_text(&self.value(at)?))
    }

    /// Returns a number of characters; 1 if the argument is missing.
    pub(crate) fn read_char_count(&self, at: usize) -> EvalResult<usize> {
        let count = self.number_or(at, 1.0)?;
        if count < 0.0 { Err("#VALUE!") } else { Ok(to_count(count)) }
    }

    /// Returns an argument as a boolean.
    pub(crate) fn read_bool(&self, at: usize) -> EvalResult<bool> {
        read_boolean(self.raw(at)?)
    }

    /// Returns an argument as a matrix.
    pub(crate) fn matrix(&self, at: usize) -> EvalResult<Matrix> {
        match self.0.get(at).ok_or("#N/A")? {
            Operand::Single(Scalar::Error(error)) => Err(error),
            value => Ok(value.clone().into_matrix()),
        }
    }

    /// Returns every value, each with whether it is from a range. Blanks at the end of a range are
    /// skipped.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'a Scalar, bool)> + use<'a> {
        self.0.iter().flat_map(|value| {
            let (cells, in_range) = match value {
                Operand::Single(scalar) => (std::slice::from_ref(scalar), false),
                Operand::Matrix(matrix) => (matrix.cells(), true),
            };
            cells.iter().map(move |cell| (cell, in_range))
        })
    }

    /// Returns the numbers. Texts and booleans in ranges are skipped; literal arguments must be
    /// numbers.
    pub(crate) fn numbers(&self) -> EvalResult<Vec<f64>> {
        let mut found = Vec::new();
        for (scalar, in_range) in self.all() {
            match scalar {
                Scalar::Error(error) => return Err(error),
                Scalar::Number(value) => found.push(*value),
                _ if in_range => {}
                Scalar::Blank => {}
                other => found.push(to_number(other)?),
            }
        }
        Ok(found)
    }
}

/// Converts a count into a number of a formula.
pub(crate) fn count_to_number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Returns the integer part of a number that is not negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is too large becomes the largest")]
pub(crate) fn to_count(value: f64) -> usize {
    value as usize
}

/// Converts a scalar into a condition.
pub(crate) fn read_boolean(scalar: &Scalar) -> EvalResult<bool> {
    match scalar {
        Scalar::Bool(truth) => Ok(*truth),
        Scalar::Number(value) => Ok(value.abs() > 0.0),
        Scalar::Blank => Ok(false),
        Scalar::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Scalar::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Scalar::Text(_) => Err("#VALUE!"),
        Scalar::Error(error) => Err(error),
    }
}
