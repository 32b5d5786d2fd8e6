//! The budget of formula evaluation in one call: bytes of texts, steps, and depth.
//!
//! In scope: counting, and the errors of an exceeded budget.
//! Out of scope: what is counted (`evaluate`, `functions`, `workbook`).
//!
//! A text of more than 50,000 characters is `#VALUE!`, as in the service. The service does not
//! document the other limits. Beyond them a result is `#ERROR!`, and the call continues.

use std::cell::Cell;

use crate::formula::matrix::{Matrix, Operand};
use crate::grid::value::{EvalResult, Scalar};

/// The most characters of a formula's result.
pub(crate) const TEXT_LIMIT: usize = 50_000;

/// Bytes of long texts that formulas may read and return in one call.
const TEXT_BYTES: u64 = 256 << 20;

/// Texts up to this many bytes are free, because other limits bound their number.
const FREE_BYTES: u64 = 256;

/// The most values that functions may read in one call.
const STEPS: u64 = 200_000_000;

/// The deepest nesting of parentheses, signs, functions and referenced formulas.
const DEPTH: u32 = 200;

/// The remaining budget.
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
    /// Charges for reading this many values.
    pub fn charge_reads(&self, values: u64) -> EvalResult<()> {
        take(&self.steps, values)
    }

    /// Charges for a scalar. Returns it, or an error if the budget is exceeded.
    pub fn charge(&self, scalar: Scalar) -> Scalar {
        let Scalar::Text(text) = &scalar else { return scalar };
        if is_too_long(text) {
            return Scalar::Error("#VALUE!");
        }
        let price = (text.len() as u64).saturating_sub(FREE_BYTES);
        take(&self.bytes, price).map_or_else(Scalar::Error, |()| scalar)
    }

    /// Charges for each scalar of an operand.
    pub fn charge_all(&self, value: Operand) -> Operand {
        match value {
            Operand::Single(scalar) => Operand::Single(self.charge(scalar)),
            Operand::Matrix(matrix) => Operand::Matrix(self.charge_matrix(matrix)),
        }
    }

    /// Charges for each scalar of a matrix.
    pub fn charge_matrix(&self, matrix: Matrix) -> Matrix {
        let (height, width) = (matrix.height, matrix.width);
        let cells = matrix.into_cells().into_iter().map(|cell| self.charge(cell)).collect();
        Matrix::new(height, width, cells)
    }

    /// Enters a deeper level.
    pub fn enter(&self) -> EvalResult<()> {
        if self.depth.get() >= DEPTH {
            return Err("#ERROR!");
        }
        self.depth.set(self.depth.get() + 1);
        Ok(())
    }

    /// Leaves a level.
    pub fn leave(&self) {
        self.depth.set(self.depth.get().saturating_sub(1));
    }
}

/// Returns whether a text is too long for a cell.
pub(crate) fn is_too_long(text: &str) -> bool {
    text.len() > TEXT_LIMIT && text.chars().count() > TEXT_LIMIT
}

/// Appends to a text, as long as a cell can hold it.
pub(crate) fn extend_text(text: &mut String, more: &str) -> EvalResult<()> {
    text.push_str(more);
    if is_too_long(text) { Err("#VALUE!") } else { Ok(()) }
}
