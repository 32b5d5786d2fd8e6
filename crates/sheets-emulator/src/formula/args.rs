//! What a function is given, and what it takes its arguments for.
//!
//! In scope: numbers, texts and truth values of arguments. Out of scope: what functions make of them (`functions` and its kinds).

use crate::formula::matrix::{Matrix, Operand};
use crate::grid::value::{EvalResult, Scalar, number, shown};

/// The arguments of a function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Args<'a>(pub &'a [Operand]);

impl<'a> Args<'a> {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An argument as it is, errors too; a range of one cell is that cell.
    pub(crate) fn raw(&self, at: usize) -> EvalResult<&'a Scalar> {
        match self.0.get(at).ok_or("#N/A")? {
            Operand::Single(scalar) => Ok(scalar),
            Operand::Matrix(matrix) if matrix.size() == 1 => Ok(matrix.at(0, 0)),
            Operand::Matrix(_) => Err("#VALUE!"),
        }
    }

    /// An argument that is no error.
    pub(crate) fn value(&self, at: usize) -> EvalResult<Scalar> {
        match self.raw(at)? {
            Scalar::Error(error) => Err(error),
            scalar => Ok(scalar.clone()),
        }
    }

    /// An argument as a number.
    pub(crate) fn number(&self, at: usize) -> EvalResult<f64> {
        number(self.raw(at)?)
    }

    /// The same, where it may be left out.
    pub(crate) fn number_or(&self, at: usize, default: f64) -> EvalResult<f64> {
        if at < self.len() { self.number(at) } else { Ok(default) }
    }

    /// An argument as a text.
    pub(crate) fn text(&self, at: usize) -> EvalResult<String> {
        Ok(shown(&self.value(at)?))
    }

    /// How many letters an argument asks for; one unless it is given.
    pub(crate) fn letters(&self, at: usize) -> EvalResult<usize> {
        let count = self.number_or(at, 1.0)?;
        if count < 0.0 { Err("#VALUE!") } else { Ok(whole(count)) }
    }

    /// An argument as a truth value.
    pub(crate) fn truth(&self, at: usize) -> EvalResult<bool> {
        truth(self.raw(at)?)
    }

    /// An argument as a rectangle.
    pub(crate) fn matrix(&self, at: usize) -> EvalResult<Matrix> {
        match self.0.get(at).ok_or("#N/A")? {
            Operand::Single(Scalar::Error(error)) => Err(error),
            value => Ok(value.clone().into_matrix()),
        }
    }

    /// Every value, each with whether it stood in a range. Blanks at the end of a range are left out.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'a Scalar, bool)> + use<'a> {
        self.0.iter().flat_map(|value| {
            let (cells, in_range) = match value {
                Operand::Single(scalar) => (std::slice::from_ref(scalar), false),
                Operand::Matrix(matrix) => (matrix.cells(), true),
            };
            cells.iter().map(move |cell| (cell, in_range))
        })
    }

    /// The numbers among them: texts and truth values in ranges do not count, those that are written out have to be numbers.
    pub(crate) fn numbers(&self) -> EvalResult<Vec<f64>> {
        let mut found = Vec::new();
        for (scalar, in_range) in self.all() {
            match scalar {
                Scalar::Error(error) => return Err(error),
                Scalar::Number(value) => found.push(*value),
                _ if in_range => {}
                Scalar::Blank => {}
                other => found.push(number(other)?),
            }
        }
        Ok(found)
    }
}

/// A count, as formulas have it.
pub(crate) fn size(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The whole part of a number that is not negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is too large becomes the largest")]
pub(crate) fn whole(value: f64) -> usize {
    value as usize
}

/// What an outcome is as a condition.
pub(crate) fn truth(scalar: &Scalar) -> EvalResult<bool> {
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
