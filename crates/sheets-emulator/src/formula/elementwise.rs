//! Applies an operator or a function to ranges, element by element (broadcasting).
//!
//! In scope: which elements are paired, the limit on their number.
//! Out of scope: the operators and functions themselves (`evaluate`, `functions`).

use crate::formula::budget::EvalBudget;
use crate::formula::matrix::{CELL_LIMIT, Matrix, Operand};
use crate::grid::value::{EvalResult, Scalar};

/// Applies a function to each element of several operands. Operands that are too short yield
/// `#N/A`. The budget is charged.
pub(crate) fn broadcast(
    values: &[&Operand],
    budget: &EvalBudget,
    mut make: impl FnMut(&[&Scalar]) -> EvalResult<Scalar>,
) -> Operand {
    let mut settled = |given: &[&Scalar]| budget.charge(make(given).unwrap_or_else(Scalar::Error));
    if values.iter().all(|value| matches!(value, Operand::Single(_))) {
        return Operand::Single(settled(&values.iter().map(|value| value.first()).collect::<Vec<_>>()));
    }
    let height = values.iter().map(|value| value.extent().0).max().unwrap_or(0);
    let width = values.iter().map(|value| value.extent().1).max().unwrap_or(0);
    let cells = u64::from(height) * u64::from(width);
    if cells > CELL_LIMIT || budget.charge_reads(cells).is_err() {
        return Operand::Single(Scalar::Error("#ERROR!"));
    }
    let mut cells = Vec::with_capacity(usize::try_from(height * width).unwrap_or(0));
    let mut given: Vec<&Scalar> = Vec::with_capacity(values.len());
    for row in 0..height {
        for column in 0..width {
            given.clear();
            given.extend(values.iter().map_while(|value| match value {
                Operand::Single(scalar) => Some(scalar),
                Operand::Matrix(matrix) => matrix.broadcast_at(row, column),
            }));
            cells.push(if given.len() == values.len() { settled(&given) } else { Scalar::Error("#N/A") });
        }
    }
    Operand::Matrix(Matrix::new(height, width, cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::value::{check_finite, to_number};

    #[test]
    fn a_row_and_a_column_make_a_table_with_gaps_missing() {
        let numbers = |height, width, cells: &[f64]| {
            Operand::Matrix(Matrix::new(height, width, cells.iter().map(|n| Scalar::Number(*n)).collect()))
        };
        let sum = |a: &Operand, b: &Operand| {
            broadcast(&[a, b], &EvalBudget::default(), |given| {
                check_finite(to_number(given[0])? + to_number(given[1])?)
            })
        };
        let (column, row) = (numbers(2, 1, &[1.0, 2.0]), numbers(1, 2, &[10.0, 20.0]));
        assert_eq!(sum(&column, &row), numbers(2, 2, &[11.0, 21.0, 12.0, 22.0]));
        let short = sum(&column, &numbers(3, 1, &[1.0, 1.0, 1.0])).into_matrix();
        assert_eq!((short.at(1, 0), short.at(2, 0)), (&Scalar::Number(3.0), &Scalar::Error("#N/A")));
        assert_eq!(sum(&Operand::Single(Scalar::Error("#REF!")), &row).first(), &Scalar::Error("#REF!"));
    }
}
