//! Functions of many numbers: medians, ranks, percentiles, sums of products, distinct values.
//!
//! In scope: functions that order or pair the values of whole ranges.
//! Out of scope: sums, counts and bounds (`dispatch`), criteria (`criteria`).

use std::collections::HashSet;

use crate::formula::args::{Args, size, whole};
use crate::formula::functions::lookup::key;
use crate::formula::matrix::Matrix;
use crate::grid::value::{EvalResult, Scalar, finite};

/// Calls `MEDIAN`, `SMALL`, `LARGE`, `PERCENTILE`, `SUMPRODUCT` or `COUNTUNIQUE`.
pub(crate) fn call_statistics_function(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    match name {
        "COUNTUNIQUE" => {
            let values = args.all().map(|(value, _)| value).filter(|value| **value != Scalar::Blank);
            let distinct: HashSet<String> = values.map(|value| key(std::slice::from_ref(value))).collect();
            Ok(Scalar::Number(size(distinct.len())))
        }
        "SUMPRODUCT" => sum_of_products(args),
        "MEDIAN" => {
            let sorted = sorted(args)?;
            let at = |index: usize| sorted.get(index).copied();
            let middle = sorted.len() / 2;
            match (at(middle), sorted.len() % 2) {
                (Some(upper), 0) => finite(f64::midpoint(at(middle.saturating_sub(1)).unwrap_or(upper), upper)),
                (Some(median), _) => finite(median),
                (None, _) => Err("#NUM!"),
            }
        }
        "PERCENTILE" => percentile(&sorted(&Args(args.0.get(..1).unwrap_or_default()))?, args.number(1)?),
        _ => {
            let sorted = sorted(&Args(args.0.get(..1).unwrap_or_default()))?;
            let rank = whole(args.number(1)?);
            let index = if name == "SMALL" { rank.checked_sub(1) } else { sorted.len().checked_sub(rank) };
            let found = index.filter(|_| rank > 0).and_then(|index| sorted.get(index));
            found.map_or(Err("#NUM!"), |number| finite(*number))
        }
    }
}

fn sorted(args: &Args<'_>) -> EvalResult<Vec<f64>> {
    if args.is_empty() {
        return Err("#N/A");
    }
    let mut numbers = args.numbers()?;
    numbers.sort_by(f64::total_cmp);
    Ok(numbers)
}

/// Returns the value below which this part of the values lies, between two neighbours in
/// proportion.
fn percentile(sorted: &[f64], part: f64) -> EvalResult<Scalar> {
    let last = sorted.len().checked_sub(1).ok_or("#NUM!")?;
    if !(0.0..=1.0).contains(&part) {
        return Err("#NUM!");
    }
    let at = part * size(last);
    let lower = sorted.get(whole(at)).ok_or("#NUM!")?;
    let upper = sorted.get(whole(at) + 1).unwrap_or(lower);
    finite(lower + (upper - lower) * at.fract())
}

/// Sums the products of the values at each position of ranges of one size. Anything but a number
/// counts as 0.
fn sum_of_products(args: &Args<'_>) -> EvalResult<Scalar> {
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
    finite(sum)
}
