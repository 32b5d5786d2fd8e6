//! Functions of many numbers: medians, ranks, percentiles, sums of products, distinct values.
//!
//! In scope: functions that order or pair the values of whole ranges.
//! Out of scope: sums, counts and bounds (`dispatch`), criteria (`criteria`).

use std::collections::HashSet;

use crate::formula::args::{Args, count_to_number, to_count};
use crate::formula::functions::lookup::build_row_key;
use crate::formula::matrix::Matrix;
use crate::grid::value::{EvalResult, Scalar, check_finite};

/// Calls `MEDIAN`, `SMALL`, `LARGE`, `PERCENTILE`, `SUMPRODUCT` or `COUNTUNIQUE`.
pub(crate) fn call_statistics_function(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    match name {
        "COUNTUNIQUE" => {
            let values = args.all().map(|(value, _)| value).filter(|value| **value != Scalar::Blank);
            let distinct: HashSet<String> = values.map(|value| build_row_key(std::slice::from_ref(value))).collect();
            Ok(Scalar::Number(count_to_number(distinct.len())))
        }
        "SUMPRODUCT" => sum_products(args),
        "MEDIAN" => {
            let sorted = sort_numbers(args)?;
            let at = |index: usize| sorted.get(index).copied();
            let middle = sorted.len() / 2;
            match (at(middle), sorted.len() % 2) {
                (Some(upper), 0) => check_finite(f64::midpoint(at(middle.saturating_sub(1)).unwrap_or(upper), upper)),
                (Some(median), _) => check_finite(median),
                (None, _) => Err("#NUM!"),
            }
        }
        "PERCENTILE" => compute_percentile(&sort_numbers(&Args(args.0.get(..1).unwrap_or_default()))?, args.number(1)?),
        _ => {
            let sorted = sort_numbers(&Args(args.0.get(..1).unwrap_or_default()))?;
            let rank = to_count(args.number(1)?);
            let index = if name == "SMALL" { rank.checked_sub(1) } else { sorted.len().checked_sub(rank) };
            let found = index.filter(|_| rank > 0).and_then(|index| sorted.get(index));
            found.map_or(Err("#NUM!"), |number| check_finite(*number))
        }
    }
}

fn sort_numbers(args: &Args<'_>) -> EvalResult<Vec<f64>> {
    if args.is_empty() {
        return Err("#N/A");
    }
    let mut numbers = args.numbers()?;
    numbers.sort_by(f64::total_cmp);
    Ok(numbers)
}

/// Returns the value below which this part of the values lies, between two neighbours in
/// proportion.
fn compute_percentile(sorted: &[f64], part: f64) -> EvalResult<Scalar> {
    let last = sorted.len().checked_sub(1).ok_or("#NUM!")?;
    if !(0.0..=1.0).contains(&part) {
        return Err("#NUM!");
    }
    let at = part * count_to_number(last);
    let lower = sorted.get(to_count(at)).ok_or("#NUM!")?;
    let upper = sorted.get(to_count(at) + 1).unwrap_or(lower);
    check_finite(lower + (upper - lower) * at.fract())
}

/// Sums the products of the values at each position of ranges of one size. Anything but a number
/// counts as 0.
fn sum_products(args: &Args<'_>) -> EvalResult<Scalar> {
    let ranges: Vec<Matrix> = (0..args.len()).map(|at| args.matrix(at)).collect::<EvalResult<_>>()?;
    let first = ranges.first().ok_or("#N/A")?;
    if ranges.iter().any(|range| (range.height, range.width) != (first.height, first.width)) {
        return Err("#VALUE!");
    }
    let used = ranges.iter().map(Matrix::used_rows).min().unwrap_or(0);
    let mut sum = 0.0;
    for (row, column) in (0..used).flat_map(|row| (0..first.width).map(move |column| (row, column))) {
        let mut product = 1.0;
        for range in &ranges {
            product *= match range.at(row, column) {
                Scalar::Number(number) => *number,
                Scalar::Error(error) => return Err(error),
                Scalar::Bool(true) if ranges.len() == 1 => 1.0,
                _ => 0.0,
            };
        }
        sum += product;
    }
    check_finite(sum)
}
