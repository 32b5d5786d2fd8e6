//! The functions of formulas: those of plain arithmetic, logic, text and look-up that people put beside a job's rows.
//!
//! In scope: which there are, which take ranges whole, those of logic and of numbers. Out of scope: reading arguments (`formula`), the
//! other kinds (`functions_text`, `functions_lookup`, `functions_array`). What fetches or tells the time is `#NAME?`, as any name
//! that is not known.

use crate::formula::args::{Args, size, truth};
use crate::formula::budget::EvalBudget;
use crate::formula::elementwise::broadcast;
use crate::formula::functions::array::call_array_function;
use crate::formula::functions::lookup::call_lookup_function;
use crate::formula::functions::text::{call_text_function, call_text_or_date_function};
use crate::formula::matrix::Operand;
use crate::grid::value::{EvalResult, Scalar, finite};

/// Of arguments that stand for one value each: given a range inside `ARRAYFORMULA`, they are worked out for each of its cells.
const OF_VALUES: &str = " ABS CEILING CONCAT DATE DAY EXACT FALSE FIND FLOOR HYPERLINK IF IFERROR IFNA INT ISBLANK ISERROR \
    ISNUMBER ISTEXT LEFT LEN LOWER MID MOD MONTH NA NOT PI POWER REGEXEXTRACT REGEXMATCH REGEXREPLACE RIGHT ROUND ROUNDDOWN \
    ROUNDUP SEARCH SQRT SUBSTITUTE TEXT TRIM TRUE UPPER VALUE YEAR ";

/// Of ranges that they take whole, all their arguments.
const OF_RANGES: &str =
    " AND ARRAYFORMULA AVERAGE CONCATENATE COUNT COUNTA COUNTBLANK FILTER MAX MIN OR PRODUCT SORT SUM UNIQUE ";

/// Of ranges that they take whole, and of values.
const OF_BOTH: &str = " COUNTIF COUNTIFS INDEX MATCH SUMIF SUMIFS VLOOKUP ";

/// Those inside which every range stands for all its cells.
const RANGE_OPENING: &str = " ARRAYFORMULA FILTER INDEX SORT UNIQUE ";

fn is_in(names: &str, name: &str) -> bool {
    names.split_ascii_whitespace().any(|known| known == name)
}

/// Whether there is such a function.
pub(crate) fn is_known(name: &str) -> bool {
    [OF_VALUES, OF_RANGES, OF_BOTH].into_iter().any(|names| is_in(names, name))
}

/// Whether ranges inside its brackets stand for all their cells, as inside `ARRAYFORMULA`.
pub(crate) fn opens_ranges(name: &str) -> bool {
    is_in(RANGE_OPENING, name)
}

/// Whether a function takes this argument whole when it is a range.
fn takes_whole(name: &str, at: usize) -> bool {
    match name {
        "COUNTIF" | "INDEX" => at == 0,
        "SUMIF" => at != 1,
        "COUNTIFS" => at.is_multiple_of(2),
        "SUMIFS" => at == 0 || !at.is_multiple_of(2),
        "MATCH" | "VLOOKUP" => at == 1,
        _ => is_in(OF_RANGES, name),
    }
}

/// What a known function makes of its arguments; `#N/A` for a wrong number of them, as the service has it. With `arrays` it is
/// worked out for each cell of ranges that it does not take whole.
pub(crate) fn call(name: &str, mut arguments: Vec<Operand>, arrays: bool, budget: &EvalBudget) -> Operand {
    if name == "ARRAYFORMULA" {
        return if arguments.len() == 1 { arguments.remove(0) } else { Operand::Single(Scalar::Error("#N/A")) };
    }
    let lifted: Vec<usize> = (0..arguments.len())
        .filter(|at| arrays && !takes_whole(name, *at) && matches!(arguments.get(*at), Some(Operand::Matrix(_))))
        .collect();
    // What is taken whole is looked at anew for each element of what is not.
    let whole = (0..arguments.len()).filter(|at| !lifted.contains(at)).filter_map(|at| match arguments.get(at) {
        Some(Operand::Matrix(matrix)) => Some(matrix.cells().len() as u64),
        _ => None,
    });
    let price = whole.sum::<u64>() + cost_of(name);
    if lifted.is_empty() {
        let worked_out = budget.look_at(price).and_then(|()| work_out(name, &Args(&arguments)));
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
        Ok(work_out(name, &Args(&arguments))?.first().clone())
    })
}

/// What it costs by itself: reading a pattern takes as long as looking at so many values.
fn cost_of(name: &str) -> u64 {
    if name.starts_with("REGEX") { 1_000 } else { 1 }
}

fn work_out(name: &str, given: &Args<'_>) -> EvalResult<Operand> {
    let scalar = match name {
        "FILTER" | "SORT" | "UNIQUE" | "INDEX" => return call_array_function(name, given),
        "TRUE" => Scalar::Bool(true),
        "FALSE" => Scalar::Bool(false),
        "PI" => Scalar::Number(std::f64::consts::PI),
        "NA" => Scalar::Error("#N/A"),
        "IF" | "IFERROR" | "IFNA" | "AND" | "OR" | "NOT" => logic(name, given)?,
        "ISBLANK" => Scalar::Bool(*given.raw(0)? == Scalar::Blank),
        "ISERROR" => Scalar::Bool(matches!(given.raw(0)?, Scalar::Error(_))),
        "ISNUMBER" => Scalar::Bool(matches!(given.raw(0)?, Scalar::Number(_))),
        "ISTEXT" => Scalar::Bool(matches!(given.raw(0)?, Scalar::Text(_))),
        "SUM" | "PRODUCT" | "AVERAGE" | "MIN" | "MAX" | "COUNT" | "COUNTA" | "COUNTBLANK" => {
            call_variadic(name, given)?
        }
        "LEN" | "UPPER" | "LOWER" | "TRIM" | "LEFT" | "RIGHT" | "MID" | "CONCAT" | "CONCATENATE" | "EXACT"
        | "HYPERLINK" => call_text_function(name, given)?,
        "DATE" | "YEAR" | "MONTH" | "DAY" | "TEXT" | "SUBSTITUTE" | "FIND" | "SEARCH" | "REGEXMATCH"
        | "REGEXEXTRACT" | "REGEXREPLACE" => call_text_or_date_function(name, given)?,
        _ if is_in(OF_BOTH, name) => call_lookup_function(name, given)?,
        _ => call_numeric(name, given)?,
    };
    Ok(Operand::Single(scalar))
}

fn logic(name: &str, given: &Args<'_>) -> EvalResult<Scalar> {
    let or_blank = |at: usize| if at < given.len() { given.value(at) } else { Ok(Scalar::Blank) };
    match name {
        "IF" => match (given.truth(0)?, given.len()) {
            (true, _) => given.value(1),
            (false, ..=2) => Ok(Scalar::Bool(false)),
            (false, _) => given.value(2),
        },
        "IFERROR" => match given.raw(0)? {
            Scalar::Error(_) => or_blank(1),
            scalar => Ok(scalar.clone()),
        },
        "IFNA" => match given.raw(0)? {
            Scalar::Error("#N/A") => or_blank(1),
            _ => given.value(0),
        },
        "NOT" => Ok(Scalar::Bool(!given.truth(0)?)),
        _ => {
            let texts_and_blanks =
                |(scalar, in_range): &(&Scalar, bool)| !in_range || !matches!(scalar, Scalar::Text(_) | Scalar::Blank);
            let truths: Vec<bool> =
                given.all().filter(texts_and_blanks).map(|(one, _)| truth(one)).collect::<EvalResult<_>>()?;
            if truths.is_empty() {
                return Err(if given.is_empty() { "#N/A" } else { "#VALUE!" });
            }
            Ok(Scalar::Bool(if name == "AND" { truths.iter().all(|one| *one) } else { truths.contains(&true) }))
        }
    }
}

fn call_variadic(name: &str, given: &Args<'_>) -> EvalResult<Scalar> {
    if given.is_empty() {
        return Err("#N/A");
    }
    let count =
        |counts: &dyn Fn(&Scalar) -> bool| Ok(Scalar::Number(size(given.all().filter(|(one, _)| counts(one)).count())));
    match name {
        "COUNT" => count(&|one| matches!(one, Scalar::Number(_))),
        "COUNTA" => count(&|one| *one != Scalar::Blank),
        "COUNTBLANK" => {
            let cells: u64 =
                given.0.iter().map(|value| u64::from(value.extent().0) * u64::from(value.extent().1)).sum();
            let empty = |one: &Scalar| *one == Scalar::Blank || *one == Scalar::Text(String::new());
            let filled = given.all().filter(|(one, _)| !empty(one)).count();
            Ok(Scalar::Number(size(usize::try_from(cells).unwrap_or(usize::MAX).saturating_sub(filled))))
        }
        _ => {
            let numbers = given.numbers()?;
            let none = numbers.is_empty();
            match name {
                "SUM" => finite(numbers.iter().sum()),
                "PRODUCT" => finite(if none { 0.0 } else { numbers.iter().product() }),
                "AVERAGE" if none => Err("#DIV/0!"),
                "AVERAGE" => finite(numbers.iter().sum::<f64>() / size(numbers.len())),
                _ if none => Ok(Scalar::Number(0.0)),
                "MIN" => finite(numbers.into_iter().fold(f64::INFINITY, f64::min)),
                _ => finite(numbers.into_iter().fold(f64::NEG_INFINITY, f64::max)),
            }
        }
    }
}

fn call_numeric(name: &str, given: &Args<'_>) -> EvalResult<Scalar> {
    let value = given.number(0)?;
    let places = |round: fn(f64) -> f64| {
        let places = given.number_or(1, 0.0)?.trunc();
        // Only a value that spreads as text does: 1.005 to two places is 1.01 there and here.
        let scale = 10_f64.powf(places);
        let scaled = value.abs() * scale;
        let settled = format!("{scaled:.9}").parse().unwrap_or(scaled);
        finite(round(settled) / scale * value.signum())
    };
    let steps = |round: fn(f64) -> f64| {
        let step = given.number_or(1, 1.0)?;
        if step.abs() > 0.0 { finite(round(value / step) * step) } else { Ok(Scalar::Number(0.0)) }
    };
    match name {
        "ABS" => finite(value.abs()),
        "INT" => finite(value.floor()),
        "VALUE" => finite(value),
        "SQRT" if value < 0.0 => Err("#NUM!"),
        "SQRT" => finite(value.sqrt()),
        "POWER" => finite(value.powf(given.number(1)?)),
        "MOD" => {
            let by = given.number(1)?;
            if by.abs() > 0.0 { finite(value - by * (value / by).floor()) } else { Err("#DIV/0!") }
        }
        "ROUND" => places(f64::round),
        "ROUNDUP" => places(f64::ceil),
        "ROUNDDOWN" => places(f64::floor),
        "CEILING" => steps(f64::ceil),
        _ => steps(f64::floor),
    }
}
