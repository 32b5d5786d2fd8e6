//! What working out formulas may use in one call: memory for texts, steps, and depth.
//!
//! In scope: counting, and the errors of what is too much. Out of scope: what is counted (`formula`, `functions`, `seen`).
//!
//! A text of more than 50,000 characters is `#VALUE!`, as the service has it. Of the other bounds the service tells nothing: beyond
//! them a result is `#ERROR!`, and the call goes on.

use std::cell::Cell;

use crate::formula::matrix::{Matrix, Operand};
use crate::grid::value::{EvalResult, Scalar};

/// The most characters of a text that a formula comes to.
pub(crate) const TEXT_LIMIT: usize = 50_000;

/// Bytes of long texts that formulas may be handed and come to in one call.
const TEXT_BYTES: u64 = 256 << 20;

/// A text up to this many bytes costs nothing: how many there can be is bounded otherwise.
const FREE_BYTES: u64 = 256;

/// How many values functions may look at in one call.
const STEPS: u64 = 50_000_000;

/// How deep brackets, signs and functions may nest in all, those of the formulas that are referred to included.
const DEPTH: u32 = 200;

/// What is left.
#[derive(Debug)]
pub struct EvalBudget {
    bytes: Cell<u64>,
    steps: Cell<u64>,
    depth: Cell<u32>,
}

impl Default for EvalBudget {
    fn default() -> Self {
        Self { bytes: Cell::new(TEXT_BYTES), steps: Cell::new(STEPS), depth: Cell::new(0) }
    }
}

fn take(from: &Cell<u64>, amount: u64) -> EvalResult<()> {
    let left = from.get().checked_sub(amount);
    from.set(left.unwrap_or(0));
    left.map(|_| ()).ok_or("#ERROR!")
}

impl EvalBudget {
    /// Pays for looking at so many values.
    pub fn look_at(&self, values: u64) -> EvalResult<()> {
        take(&self.steps, values)
    }

    /// An outcome that is handed on, or the error that it is instead.
    pub fn charge(&self, scalar: Scalar) -> Scalar {
        let Scalar::Text(text) = &scalar else { return scalar };
        if is_too_long(text) {
            return Scalar::Error("#VALUE!");
        }
        let price = (text.len() as u64).saturating_sub(FREE_BYTES);
        take(&self.bytes, price).map_or_else(Scalar::Error, |()| scalar)
    }

    /// The same for each outcome of a value.
    pub fn charge_all(&self, value: Operand) -> Operand {
        match value {
            Operand::Single(scalar) => Operand::Single(self.charge(scalar)),
            Operand::Matrix(matrix) => {
                let (height, width) = (matrix.height, matrix.width);
                let cells = matrix.into_cells().into_iter().map(|cell| self.charge(cell)).collect();
                Operand::Matrix(Matrix::new(height, width, cells))
            }
        }
    }

    /// Goes one level deeper.
    pub fn enter(&self) -> EvalResult<()> {
        if self.depth.get() >= DEPTH {
            return Err("#ERROR!");
        }
        self.depth.set(self.depth.get() + 1);
        Ok(())
    }

    /// Comes up again.
    pub fn leave(&self) {
        self.depth.set(self.depth.get().saturating_sub(1));
    }
}

/// Whether a cell can't hold this text.
pub(crate) fn is_too_long(text: &str) -> bool {
    text.len() > TEXT_LIMIT && text.chars().count() > TEXT_LIMIT
}

/// Adds to a text that is being put together, as long as a cell can hold it.
pub(crate) fn extend(text: &mut String, more: &str) -> EvalResult<()> {
    text.push_str(more);
    if is_too_long(text) { Err("#VALUE!") } else { Ok(()) }
}
