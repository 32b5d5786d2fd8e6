//! Calls functions by name.
//!
//! In scope: the list of functions, which of them take whole ranges, logic and numbers.
//! Out of scope: reading arguments (`args`), other functions (their own files). Functions that
//! fetch data yield `#NAME?`, like unknown names; `evaluate` calls those that read the time.

use crate::formula::args::{Args, count_to_number, read_boolean};
use crate::formula::budget::EvalBudget;
use crate::formula::elementwise::broadcast;
use crate::formula::functions::array::call_array_function;
use crate::formula::functions::choice::choose;
use crate::formula::functions::criteria::call_criteria_function;
use crate::formula::functions::date::{call_date_function, read_serial};
use crate::formula::functions::lookup::{call_lookup_function, call_range_lookup};
use crate::formula::functions::statistics::call_statistics_function;
use crate::formula::functions::text::{call_search_function, call_text_function};
use crate::formula::matrix::Operand;
use crate::grid::value::{EvalResult, Scalar, check_finite, to_number};

/// Functions of single values. Inside `ARRAYFORMULA` they are called for each cell of a range.
const VALUE_FUNCTIONS: &str = " ABS CEILING CHAR CHOOSE CONCAT DATE DATEVALUE DAY DAYS EDATE EOMONTH EXACT FALSE FIND FLOOR HOUR \
    HYPERLINK IF IFERROR IFNA IFS INT ISBLANK ISERR ISERROR ISLOGICAL ISNA ISNONTEXT ISNUMBER ISOWEEKNUM ISTEXT LEFT LEN \
    LOWER MID MINUTE MOD MONTH N NA NOT PI POWER PROPER REGEXEXTRACT REGEXMATCH REGEXREPLACE REPT RIGHT ROUND ROUNDDOWN \
    ROUNDUP SEARCH SECOND SIGN SQRT SUBSTITUTE SWITCH T TEXT TIME TIMEVALUE TRIM TRUE TRUNC UPPER VALUE WEEKDAY WEEKNUM \
    YEAR ";

/// Functions whose arguments are all whole ranges.
const RANGE_FUNCTIONS: &str = " AND ARRAYFORMULA AVERAGE COLUMNS CONCATENATE COUNT COUNTA COUNTBLANK COUNTUNIQUE FILTER JOIN MAX \
    MEDIAN MIN OR PRODUCT ROWS SORT SUM SUMPRODUCT TEXTJOIN UNIQUE XOR ";

/// Functions of whole ranges and of single values.
const MIXED_FUNCTIONS: &str = " AVERAGEIF AVERAGEIFS COUNTIF COUNTIFS HLOOKUP INDEX LARGE LOOKUP MATCH MAXIFS MINIFS PERCENTILE \
    SMALL SUMIF SUMIFS VLOOKUP XLOOKUP XMATCH ";

/// Functions inside which every range means all its cells.
const RANGE_OPENING: &str = " ARRAYFORMULA FILTER INDEX SORT SUMPRODUCT UNIQUE ";

fn is_in(names: &str, name: &str) -> bool {
    names.split_ascii_whitespace().any(|known| known == name)
}

/// Returns whether there is such a function.
pub(crate) fn is_known(name: &str) -> bool {
    [VALUE_FUNCTIONS, RANGE_FUNCTIONS, MIXED_FUNCTIONS].into_iter().any(|names| is_in(names, name))
}

/// Returns the names of all functions.
#[cfg(test)]
pub(crate) fn list_names() -> impl Iterator<Item = &'static str> {
    [VALUE_FUNCTIONS, RANGE_FUNCTIONS, MIXED_FUNCTIONS].into_iter().flat_map(str::split_ascii_whitespace)
}

/// Returns whether ranges inside its parentheses mean all their cells, as inside
/// `ARRAYFORMULA`.
pub(crate) fn opens_ranges(name: &str) -> bool {
    is_in(RANGE_OPENING, name)
}

/// Returns whether a function takes this argument whole if it is a range.
fn takes_whole(name: &str, at: usize) -> bool {
    match name {
        "COUNTIF" | "INDEX" | "LARGE" | "PERCENTILE" | "SMALL" => at == 0,
        "AVERAGEIF" | "SUMIF" => at != 1,
        "COUNTIFS" => at.is_multiple_of(2),
        "AVERAGEIFS" | "MAXIFS" | "MINIFS" | "SUMIFS" => at == 0 || !at.is_multiple_of(2),
        "HLOOKUP" | "MATCH" | "VLOOKUP" | "XMATCH" => at == 1,
        "LOOKUP" | "XLOOKUP" => at == 1 || at == 2,
        _ => is_in(RANGE_FUNCTIONS, name),
    }
}

/// Calls a known function. A wrong number of arguments yields `#N/A`, as in the service. With
/// `arrays`, the function is called for each cell of ranges that it does not take whole.
pub(crate) fn call(name: &str, mut arguments: Vec<Operand>, reads_arrays: bool, budget: &EvalBudget) -> Operand {
    if name == "ARRAYFORMULA" {
        return if arguments.len() == 1 { arguments.remove(0) } else { Operand::Single(Scalar::Error("#N/A")) };
    }
    let lifted: Vec<usize> = (0..arguments.len())
        .filter(|at| reads_arrays && !takes_whole(name, *at) && matches!(arguments.get(*at), Some(Operand::Matrix(_))))
        .collect();
    // Whole ranges are read again for each element of the other arguments.
    let whole = (0..arguments.len()).filter(|at| !lifted.contains(at)).filter_map(|at| match arguments.get(at) {
        Some(Operand::Matrix(matrix)) => Some(matrix.cells().len() as u64),
        _ => None,
    });
    let price = whole.sum::<u64>() + compute_cost(name);
    if lifted.is_empty() {
        let worked_out = budget.look_at(price).and_then(|()| call_function(name, &Args(&arguments)));
        return budget.charge_all(worked_out.unwrap_or_else(|error| Operand::Single(Scalar::Error(error))));
    }
    let ranges: Vec<Operand> = lifted.iter().filter_map(|at| arguments.get(*at).cloned()).collect();
    broadcast(&ranges.iter().collect::<Vec<_>>(), budget, |scalars| {
        budget.look_at(price)?;
        for (at, scalar) in lifted.iter().zip(scalars) {
            if let Some(place) = arguments.get_mut(*at) {
                *place = Operand::Single((*scalar).clone());
            }
        }
        Ok(call_function(name, &Args(&arguments))?.first().clone())
    })
}

/// Returns the cost of the function itself. Compiling a pattern costs as much as reading this many
/// values.
fn compute_cost(name: &str) -> u64 {
    if name.starts_with("REGEX") { 1_000 } else { 1 }
}

fn call_function(name: &str, args: &Args<'_>) -> EvalResult<Operand> {
    let scalar = match name {
        "FILTER" | "SORT" | "UNIQUE" | "INDEX" => return call_array_function(name, args),
        "LOOKUP" | "XLOOKUP" => return call_range_lookup(name, args),
        "TRUE" => Scalar::Bool(true),
        "FALSE" => Scalar::Bool(false),
        "PI" => Scalar::Number(std::f64::consts::PI),
        "NA" => Scalar::Error("#N/A"),
        "IF" | "IFERROR" | "IFNA" | "IFS" | "SWITCH" | "CHOOSE" => return choose(name, args),
        "AND" | "OR" | "XOR" | "NOT" => call_logic_function(name, args)?,
        "ISBLANK" | "ISERR" | "ISERROR" | "ISLOGICAL" | "ISNA" | "ISNONTEXT" | "ISNUMBER" | "ISTEXT" => {
            Scalar::Bool(is_of_kind(name, args.0.first().ok_or("#N/A")?.first()))
        }
        "N" => Scalar::Number(to_number(args.0.first().ok_or("#N/A")?.first()).or_else(|error| match error {
            "#VALUE!" => Ok(0.0),
            error => Err(error),
        })?),
        "T" => match args.value(0)? {
            Scalar::Text(text) => Scalar::Text(text),
            _ => Scalar::Text(String::new()),
        },
        "MEDIAN" | "SMALL" | "LARGE" | "PERCENTILE" | "SUMPRODUCT" | "COUNTUNIQUE" => {
            call_statistics_function(name, args)?
        }
        "SUM" | "PRODUCT" | "AVERAGE" | "MIN" | "MAX" | "COUNT" | "COUNTA" | "COUNTBLANK" => call_variadic(name, args)?,
        "LEN" | "UPPER" | "LOWER" | "TRIM" | "LEFT" | "RIGHT" | "MID" | "CONCAT" | "CONCATENATE" | "EXACT"
        | "HYPERLINK" | "TEXTJOIN" | "JOIN" | "REPT" | "CHAR" | "PROPER" => call_text_function(name, args)?,
        "TEXT" | "SUBSTITUTE" | "FIND" | "SEARCH" | "REGEXMATCH" | "REGEXEXTRACT" | "REGEXREPLACE" => {
            call_search_function(name, args)?
        }
        "DATE" | "DATEVALUE" | "DAY" | "DAYS" | "EDATE" | "EOMONTH" | "HOUR" | "ISOWEEKNUM" | "MINUTE" | "MONTH"
        | "SECOND" | "TIME" | "TIMEVALUE" | "WEEKDAY" | "WEEKNUM" | "YEAR" => call_date_function(name, args)?,
        "AVERAGEIF" | "AVERAGEIFS" | "COUNTIF" | "COUNTIFS" | "MAXIFS" | "MINIFS" | "SUMIF" | "SUMIFS" => {
            call_criteria_function(name, args)?
        }
        "COLUMNS" | "HLOOKUP" | "MATCH" | "ROWS" | "VLOOKUP" | "XMATCH" => call_lookup_function(name, args)?,
        _ => call_numeric(name, args)?,
    };
    Ok(Operand::Single(scalar))
}

fn is_of_kind(name: &str, scalar: &Scalar) -> bool {
    match name {
        "ISBLANK" => *scalar == Scalar::Blank,
        "ISERROR" => matches!(scalar, Scalar::Error(_)),
        "ISERR" => matches!(scalar, Scalar::Error(error) if *error != "#N/A"),
        "ISNA" => *scalar == Scalar::Error("#N/A"),
        "ISLOGICAL" => matches!(scalar, Scalar::Bool(_)),
        "ISNUMBER" => matches!(scalar, Scalar::Number(_)),
        "ISTEXT" => matches!(scalar, Scalar::Text(_)),
        _ => !matches!(scalar, Scalar::Text(_)),
    }
}

fn call_logic_function(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    if name == "NOT" {
        return Ok(Scalar::Bool(!args.truth(0)?));
    }
    let texts_and_blanks =
        |(scalar, in_range): &(&Scalar, bool)| !in_range || !matches!(scalar, Scalar::Text(_) | Scalar::Blank);
    let truths: Vec<bool> =
        args.all().filter(texts_and_blanks).map(|(one, _)| read_boolean(one)).collect::<EvalResult<_>>()?;
    if truths.is_empty() {
        return Err(if args.is_empty() { "#N/A" } else { "#VALUE!" });
    }
    let holding = truths.iter().filter(|one| **one).count();
    Ok(Scalar::Bool(match name {
        "AND" => holding == truths.len(),
        "OR" => holding > 0,
        _ => holding % 2 == 1,
    }))
}

fn call_variadic(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    if args.is_empty() {
        return Err("#N/A");
    }
    let count = |counts: &dyn Fn(&Scalar) -> bool| {
        Ok(Scalar::Number(count_to_number(args.all().filter(|(one, _)| counts(one)).count())))
    };
    match name {
        "COUNT" => count(&|one| matches!(one, Scalar::Number(_))),
        "COUNTA" => count(&|one| *one != Scalar::Blank),
        "COUNTBLANK" => {
            let cells: u64 = args.0.iter().map(|value| u64::from(value.extent().0) * u64::from(value.extent().1)).sum();
            let empty = |one: &Scalar| *one == Scalar::Blank || *one == Scalar::Text(String::new());
            let filled = args.all().filter(|(one, _)| !empty(one)).count();
            Ok(Scalar::Number(count_to_number(usize::try_from(cells).unwrap_or(usize::MAX).saturating_sub(filled))))
        }
        _ => {
            let numbers = args.numbers()?;
            let none = numbers.is_empty();
            match name {
                "SUM" => check_finite(numbers.iter().sum()),
                "PRODUCT" => check_finite(if none { 0.0 } else { numbers.iter().product() }),
                "AVERAGE" if none => Err("#DIV/0!"),
                "AVERAGE" => check_finite(numbers.iter().sum::<f64>() / count_to_number(numbers.len())),
                _ if none => Ok(Scalar::Number(0.0)),
                "MIN" => check_finite(numbers.into_iter().fold(f64::INFINITY, f64::min)),
                _ => check_finite(numbers.into_iter().fold(f64::NEG_INFINITY, f64::max)),
            }
        }
    }
}

fn call_numeric(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    let value = if name == "VALUE" { read_serial(args, 0)? } else { args.number(0)? };
    let places = |round: fn(f64) -> f64| {
        let places = args.number_or(1, 0.0)?.trunc();
        // Multiplying as text rounds as Sheets does: 1.005 to two places is 1.01.
        let scale = 10_f64.powf(places);
        let scaled = value.abs() * scale;
        let settled = format!("{scaled:.9}").parse().unwrap_or(scaled);
        check_finite(round(settled) / scale * value.signum())
    };
    let steps = |round: fn(f64) -> f64| {
        let step = args.number_or(1, 1.0)?;
        if step.abs() > 0.0 { check_finite(round(value / step) * step) } else { Ok(Scalar::Number(0.0)) }
    };
    match name {
        "ABS" => check_finite(value.abs()),
        "INT" => check_finite(value.floor()),
        "SIGN" => check_finite(if value.abs() > 0.0 { value.signum() } else { 0.0 }),
        "VALUE" => check_finite(value),
        "SQRT" if value < 0.0 => Err("#NUM!"),
        "SQRT" => check_finite(value.sqrt()),
        "POWER" => check_finite(value.powf(args.number(1)?)),
        "MOD" => {
            let by = args.number(1)?;
            if by.abs() > 0.0 { check_finite(value - by * (value / by).floor()) } else { Err("#DIV/0!") }
        }
        "ROUND" => places(f64::round),
        "ROUNDUP" => places(f64::ceil),
        "ROUNDDOWN" | "TRUNC" => places(f64::floor),
        "CEILING" => steps(f64::ceil),
        _ => steps(f64::floor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const DOCUMENT: &str = include_str!("../../../../../docs/emulator.md");

    #[test]
    fn the_documents_list_every_function() {
        let (_, rest) = DOCUMENT.split_once("<!-- functions -->").unwrap();
        let (list, _) = rest.split_once("<!-- end -->").unwrap();
        let listed: BTreeSet<&str> =
            list.split(|c: char| c.is_whitespace() || c == '`').filter(|name| !name.is_empty()).collect();
        let all = [VALUE_FUNCTIONS, RANGE_FUNCTIONS, MIXED_FUNCTIONS].into_iter().flat_map(str::split_ascii_whitespace);
        let all: BTreeSet<&str> =
            all.filter(|name| *name != "ARRAYFORMULA").chain(["COLUMN", "NOW", "ROW", "TODAY"]).collect();
        assert_eq!(listed, all);
    }
}
