//! Functions that return several cells.
//!
//! In scope: `FILTER`, `SORT`, `UNIQUE`, `INDEX`.
//! Out of scope: reading arguments (`args`), where the cells go (`spill`).

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::formula::args::{Args, boolean_argument, whole};
use crate::formula::functions::lookup::key;
use crate::formula::matrix::{Matrix, Operand, count};
use crate::grid::value::{EvalResult, Scalar, compare};

/// Calls one of these functions.
pub(crate) fn call_array_function(name: &str, args: &Args<'_>) -> EvalResult<Operand> {
    let table = args.matrix(0)?;
    match name {
        "INDEX" => index(&table, args),
        "FILTER" => filter(&table, args),
        "UNIQUE" => {
            let mut seen = HashSet::new();
            Ok(from_rows(
                (0..displayed_rows(&table)).map(|row| table.row(row)).filter(|row| seen.insert(key(row))).collect(),
            ))
        }
        _ => {
            let mut orders = Vec::new();
            for at in (1..args.len()).step_by(2) {
                let column = whole(args.number(at)?).checked_sub(1).ok_or("#VALUE!")?;
                orders.push((column, if at + 1 < args.len() { args.truth(at + 1)? } else { true }));
            }
            if orders.is_empty() {
                orders.push((0, true));
            }
            let mut rows: Vec<Vec<Scalar>> = (0..table.used_rows()).map(|row| table.row(row)).collect();
            rows.sort_by(|a, b| {
                let by = |(column, up): &(usize, bool)| order(a.get(*column), b.get(*column), *up);
                orders.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            });
            Ok(from_rows(rows))
        }
    }
}

/// Returns the number of rows with values, plus one blank row if there are more rows.
fn displayed_rows(table: &Matrix) -> u32 {
    table.used_rows().saturating_add(1).min(table.height)
}

fn from_rows(rows: Vec<Vec<Scalar>>) -> Operand {
    Operand::Matrix(Matrix::from_rows(rows))
}

/// Orders blanks last, in both directions.
fn order(a: Option<&Scalar>, b: Option<&Scalar>, is_upward: bool) -> Ordering {
    let (a, b) = (a.unwrap_or(&Scalar::Blank), b.unwrap_or(&Scalar::Blank));
    match (a == &Scalar::Blank, b == &Scalar::Blank) {
        (false, false) => {
            let order = compare(a, b).map_or(Ordering::Equal, |order| order.cmp(&1));
            if is_upward { order } else { order.reverse() }
        }
        (blank, other) => blank.cmp(&other),
    }
}

fn index(table: &Matrix, args: &Args<'_>) -> EvalResult<Operand> {
    let line = |at: usize| Ok::<_, &'static str>(count(whole(args.number_or(at, 0.0)?)));
    let (row, column) = (line(1)?, line(2)?);
    if row > table.height || column > table.width {
        return Err("#NUM!");
    }
    Ok(match (row, column) {
        (0, 0) => Operand::Matrix(table.clone()),
        (0, column) => from_rows((0..table.height).map(|row| vec![table.at(row, column - 1).clone()]).collect()),
        (row, 0) if table.width > 1 => from_rows(vec![table.row(row - 1)]),
        (row, column) => Operand::Single(table.at(row - 1, column.saturating_sub(1)).clone()),
    })
}

fn filter(table: &Matrix, args: &Args<'_>) -> EvalResult<Operand> {
    let conditions: Vec<Matrix> = (1..args.len()).map(|at| args.matrix(at)).collect::<EvalResult<_>>()?;
    if conditions.is_empty() {
        return Err("#N/A");
    }
    if conditions.iter().any(|condition| condition.height != table.height || condition.width != 1) {
        return Err("#N/A");
    }
    let rows = conditions.iter().map(Matrix::used_rows).min().unwrap_or(0);
    let fits = |row: &u32| conditions.iter().all(|condition| boolean_argument(condition.at(*row, 0)).unwrap_or(false));
    let found: Vec<Vec<Scalar>> = (0..rows).filter(fits).map(|row| table.row(row)).collect();
    if found.is_empty() { Err("#N/A") } else { Ok(from_rows(found)) }
}
