//! Functions that return several cells.
//!
//! In scope: `FILTER`, `SORT`, `UNIQUE`, `INDEX`.
//! Out of scope: reading arguments (`args`), where the cells go (`spill`).

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::formula::args::{Args, read_boolean, to_count};
use crate::formula::functions::lookup::build_row_key;
use crate::formula::matrix::{Matrix, Operand, count};
use crate::grid::value::{EvalResult, Scalar, compare};

/// Calls one of these functions.
pub(crate) fn call_array_function(name: &str, args: &Args<'_>) -> EvalResult<Operand> {
    let table = args.matrix(0)?;
    match name {
        "INDEX" => pick_by_index(&table, args),
        "FILTER" => filter_lines(&table, args),
        "UNIQUE" => {
            let mut seen = HashSet::new();
            Ok(make_matrix(
                (0..count_displayed_rows(&table))
                    .map(|row| table.copy_row(row))
                    .filter(|row| seen.insert(build_row_key(row)))
                    .collect(),
            ))
        }
        _ => {
            let mut orders = Vec::new();
            for at in (1..args.len()).step_by(2) {
                let column = to_count(args.number(at)?).checked_sub(1).ok_or("#VALUE!")?;
                orders.push((column, if at + 1 < args.len() { args.read_bool(at + 1)? } else { true }));
            }
            if orders.is_empty() {
                orders.push((0, true));
            }
            let mut rows: Vec<Vec<Scalar>> = (0..table.used_rows()).map(|row| table.copy_row(row)).collect();
            rows.sort_by(|a, b| {
                let by = |(column, up): &(usize, bool)| compare_blanks_last(a.get(*column), b.get(*column), *up);
                orders.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            });
            Ok(make_matrix(rows))
        }
    }
}

/// Returns the number of rows with values, plus one blank row if there are more rows.
fn count_displayed_rows(table: &Matrix) -> u32 {
    table.used_rows().saturating_add(1).min(table.height)
}

fn make_matrix(rows: Vec<Vec<Scalar>>) -> Operand {
    Operand::Matrix(Matrix::from_rows(rows))
}

/// Orders blanks last, in both directions.
fn compare_blanks_last(a: Option<&Scalar>, b: Option<&Scalar>, is_upward: bool) -> Ordering {
    let (a, b) = (a.unwrap_or(&Scalar::Blank), b.unwrap_or(&Scalar::Blank));
    match (a == &Scalar::Blank, b == &Scalar::Blank) {
        (false, false) => {
            let order = compare(a, b).map_or(Ordering::Equal, |order| order.cmp(&1));
            if is_upward { order } else { order.reverse() }
        }
        (blank, other) => blank.cmp(&other),
    }
}

fn pick_by_index(table: &Matrix, args: &Args<'_>) -> EvalResult<Operand> {
    let line = |at: usize| Ok::<_, &'static str>(count(to_count(args.number_or(at, 0.0)?)));
    let (row, column) = (line(1)?, line(2)?);
    if row > table.height || column > table.width {
        return Err("#NUM!");
    }
    Ok(match (row, column) {
        (0, 0) => Operand::Matrix(table.clone()),
        (0, column) => make_matrix((0..table.height).map(|row| vec![table.at(row, column - 1).clone()]).collect()),
        (row, 0) if table.width > 1 => make_matrix(vec![table.copy_row(row - 1)]),
        (row, column) => Operand::Single(table.at(row - 1, column.saturating_sub(1)).clone()),
    })
}

fn filter_lines(table: &Matrix, args: &Args<'_>) -> EvalResult<Operand> {
    let conditions: Vec<Matrix> = (1..args.len()).map(|at| args.matrix(at)).collect::<EvalResult<_>>()?;
    if conditions.is_empty() {
        return Err("#N/A");
    }
    if conditions.iter().any(|condition| condition.height != table.height || condition.width != 1) {
        return Err("#N/A");
    }
    let rows = conditions.iter().map(Matrix::used_rows).min().unwrap_or(0);
    let fits = |row: &u32| conditions.iter().all(|condition| read_boolean(condition.at(*row, 0)).unwrap_or(false));
    let found: Vec<Vec<Scalar>> = (0..rows).filter(fits).map(|row| table.copy_row(row)).collect();
    if found.is_empty() { Err("#N/A") } else { Ok(make_matrix(found)) }
}
