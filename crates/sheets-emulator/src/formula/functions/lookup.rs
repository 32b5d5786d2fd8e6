//! Functions that search tables.
//!
//! In scope: exact and sorted look-ups.
//! Out of scope: reading arguments (`args`), sums and counts by criteria (`criteria`), functions
//! that return several cells (`array`).

use crate::formula::args::{Args, size, whole};
use crate::formula::functions::criteria::Wildcard;
use crate::formula::matrix::count;
use crate::grid::value::{EvalResult, Scalar, compare, shown};

/// Calls `MATCH` or `VLOOKUP`.
pub(crate) fn call_lookup_function(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    match name {
        "MATCH" => {
            let range = args.matrix(1)?;
            if range.width > 1 && range.height > 1 {
                return Err("#N/A");
            }
            let lines: Vec<&Scalar> = range.cells().iter().collect();
            let at = position(&args.value(0)?, &lines, args.number_or(2, 1.0)?).ok_or("#N/A")?;
            Ok(Scalar::Number(size(at + 1)))
        }
        _ => {
            let table = args.matrix(1)?;
            let column = whole(args.number(2)?).checked_sub(1).ok_or("#VALUE!")?;
            let column = count(column);
            if column >= table.width {
                return Err("#REF!");
            }
            let sorted = if args.len() > 3 { args.truth(3)? } else { true };
            let keys: Vec<&Scalar> = (0..table.used_rows()).map(|row| table.at(row, 0)).collect();
            let at = position(&args.value(0)?, &keys, if sorted { 1.0 } else { 0.0 }).ok_or("#N/A")?;
            Ok(table.at(count(at), column).clone())
        }
    }
}

/// Returns the position of a value. With 0, the first equal one; in sorted values, with 1 the last
/// that is not greater, with -1 the last that is not less.
fn position(wanted: &Scalar, is_in: &[&Scalar], how: f64) -> Option<usize> {
    let same_kind = |one: &Scalar| std::mem::discriminant(one) == std::mem::discriminant(wanted);
    let order = |one: &Scalar| compare(one, wanted).ok().filter(|_| same_kind(one));
    if how.abs() > 0.0 {
        let matches = |order: usize| if how > 0.0 { order <= 1 } else { order >= 1 };
        return is_in.iter().rposition(|one| order(one).is_some_and(matches));
    }
    if let Scalar::Text(text) = wanted {
        let wildcard = Wildcard::read(text);
        return is_in.iter().position(|one| matches!(one, Scalar::Text(own) if wildcard.matches(own)));
    }
    is_in.iter().position(|one| order(one) == Some(1))
}

/// Returns the comparison key of a row.
pub(crate) fn key(scalars: &[Scalar]) -> String {
    scalars.iter().map(|one| format!("{}\u{1}{}", kind(one), shown(one))).collect::<Vec<_>>().join("\u{2}")
}

fn kind(scalar: &Scalar) -> u8 {
    match scalar {
        Scalar::Blank => 0,
        Scalar::Number(_) => 1,
        Scalar::Text(_) => 2,
        Scalar::Bool(_) => 3,
        Scalar::Error(_) => 4,
    }
}
