//! Functions that search tables.
//!
//! In scope: exact, approximate and sorted look-ups, the size of a range.
//! Out of scope: reading arguments (`args`), sums and counts by criteria (`criteria`), functions
//! that return several cells (`array`).

use crate::formula::args::{Args, count_to_number, to_count};
use crate::formula::functions::criteria::Wildcard;
use crate::formula::matrix::{Matrix, Operand, count};
use crate::grid::value::{EvalResult, Scalar, compare, to_text};

/// Calls `MATCH`, `XMATCH`, `VLOOKUP`, `HLOOKUP`, `ROWS` or `COLUMNS`.
pub(crate) fn call_lookup_function(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    match name {
        "ROWS" => Ok(Scalar::Number(f64::from(args.matrix(0)?.height))),
        "COLUMNS" => Ok(Scalar::Number(f64::from(args.matrix(0)?.width))),
        "MATCH" => {
            let range = args.matrix(1)?;
            let lines = read_line(&range).ok_or("#N/A")?;
            let at = find_position(&args.value(0)?, &lines, args.number_or(2, 1.0)?).ok_or("#N/A")?;
            Ok(Scalar::Number(count_to_number(at + 1)))
        }
        "XMATCH" => {
            let range = args.matrix(1)?;
            let lines = read_line(&range).ok_or("#VALUE!")?;
            let search = LineSearch::read(args, 2)?;
            let at = search.find_position(&args.value(0)?, &lines).ok_or("#N/A")?;
            Ok(Scalar::Number(count_to_number(at + 1)))
        }
        _ => {
            let across = name == "HLOOKUP";
            let table = args.matrix(1)?;
            let at = |line: u32, entry: u32| if across { table.at(entry, line) } else { table.at(line, entry) };
            let entry = count(to_count(args.number(2)?).checked_sub(1).ok_or("#VALUE!")?);
            let (lines, entries) = if across { (table.width, table.height) } else { (table.used_rows(), table.width) };
            if entry >= entries {
                return Err("#REF!");
            }
            let sorted = if args.len() > 3 { args.read_bool(3)? } else { true };
            let keys: Vec<&Scalar> = (0..lines).map(|line| at(line, 0)).collect();
            let found = find_position(&args.value(0)?, &keys, if sorted { 1.0 } else { 0.0 }).ok_or("#N/A")?;
            Ok(at(count(found), entry).clone())
        }
    }
}

/// Calls `XLOOKUP` or `LOOKUP`, which return the part of the result range that belongs to the key.
pub(crate) fn call_range_lookup(name: &str, args: &Args<'_>) -> EvalResult<Operand> {
    let wanted = args.value(0)?;
    let range = args.matrix(1)?;
    if name == "LOOKUP" {
        return look_up_sorted(&wanted, &range, args);
    }
    let lines = read_line(&range).ok_or("#VALUE!")?;
    let results = args.matrix(2)?;
    let search = LineSearch::read(args, 4)?;
    let across = range.height == 1 && range.width > 1;
    if (across && results.width != range.width) || (!across && results.height != range.height) {
        return Err("#VALUE!");
    }
    let Some(at) = search.find_position(&wanted, &lines) else {
        // An argument that was left out is a single blank; a blank cell is a matrix.
        return match args.0.get(3) {
            None | Some(Operand::Single(Scalar::Blank)) => Err("#N/A"),
            Some(missing) => Ok(missing.clone()),
        };
    };
    Ok(pick_line(&results, count(at), across))
}

/// Looks a key up in a sorted row or column, or in the first column of a table. In a table that is
/// wider than high it is the first row. Without a result range, the result is at the table's other
/// end.
fn look_up_sorted(wanted: &Scalar, range: &Matrix, args: &Args<'_>) -> EvalResult<Operand> {
    let across = range.width > range.height;
    let keys: Vec<&Scalar> = if across {
        (0..range.width).map(|column| range.at(0, column)).collect()
    } else {
        (0..range.used_rows()).map(|row| range.at(row, 0)).collect()
    };
    let at = count(find_position(wanted, &keys, 1.0).ok_or("#N/A")?);
    if args.len() > 2 {
        let results = args.matrix(2)?;
        return match read_line(&results) {
            Some(_) => Ok(pick_line(&results, at, results.height == 1 && results.width > 1)),
            None => Err("#N/A"),
        };
    }
    let (row, column) = if across { (range.height - 1, at) } else { (at, range.width - 1) };
    Ok(Operand::Single(range.at(row, column).clone()))
}

/// Returns the cells of one row, or of one column; `None` for a table.
fn read_line(range: &Matrix) -> Option<Vec<&Scalar>> {
    (range.width == 1 || range.height == 1).then(|| range.cells().iter().collect())
}

/// Returns a row of a range, or a column.
fn pick_line(results: &Matrix, at: u32, is_across: bool) -> Operand {
    let entry: Vec<Scalar> = if is_across {
        (0..results.height).map(|row| results.at(row, at).clone()).collect()
    } else {
        results.copy_row(at)
    };
    let (height, width) = if is_across { (results.height, 1) } else { (1, results.width) };
    match <[Scalar; 1]>::try_from(entry) {
        Ok([only]) => Operand::Single(only),
        Err(entry) => Operand::Matrix(Matrix::new(height, width, entry)),
    }
}

/// How `XLOOKUP` and `XMATCH` search a row or a column.
#[derive(Debug, Clone, Copy)]
struct LineSearch {
    mode: MatchMode,
    is_backward: bool,
}

/// Which value counts as found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MatchMode {
    Exact,
    /// The next greater value if there is no equal one.
    Greater,
    /// The next smaller value if there is no equal one.
    Less,
    Wildcard,
}

impl LineSearch {
    /// Reads the match mode and, after it, the search mode. The modes for sorted ranges find what
    /// the others find.
    #[expect(clippy::cast_possible_truncation, reason = "modes are small, and others are refused")]
    fn read(args: &Args<'_>, at: usize) -> EvalResult<Self> {
        let mode = match args.number_or(at, 0.0)? as i64 {
            0 => MatchMode::Exact,
            1 => MatchMode::Greater,
            -1 => MatchMode::Less,
            2 => MatchMode::Wildcard,
            _ => return Err("#VALUE!"),
        };
        let left_out = matches!(args.0.get(at + 1), Some(Operand::Single(Scalar::Blank)));
        let backwards = match if left_out { 1 } else { args.number_or(at + 1, 1.0)? as i64 } {
            1 | 2 => false,
            -1 | -2 => true,
            _ => return Err("#VALUE!"),
        };
        Ok(Self { mode, is_backward: backwards })
    }

    fn find_position(self, wanted: &Scalar, lines: &[&Scalar]) -> Option<usize> {
        let find = |fits: &dyn Fn(&Scalar) -> bool| {
            let fits = |one: &&Scalar| fits(one);
            if self.is_backward { lines.iter().rposition(fits) } else { lines.iter().position(fits) }
        };
        let order = |one: &Scalar| if is_same_kind(one, wanted) { compare(one, wanted).ok() } else { None };
        if let (MatchMode::Wildcard, Scalar::Text(text)) = (self.mode, wanted) {
            let wildcard = Wildcard::read(text);
            return find(&|one| matches!(one, Scalar::Text(own) if wildcard.matches(own)));
        }
        let exact = find(&|one| order(one) == Some(1));
        let beyond = match self.mode {
            MatchMode::Greater => 2,
            MatchMode::Less => 0,
            MatchMode::Exact | MatchMode::Wildcard => return exact,
        };
        if exact.is_some() {
            return exact;
        }
        // The nearest value on the other side; `compare` orders two of them.
        let nearer = |one: &&Scalar, best: &&Scalar| compare(one, best).is_ok_and(|order| order == 2 - beyond);
        let mut best: Option<&Scalar> = None;
        for one in lines.iter().filter(|one| order(one) == Some(beyond)) {
            best = Some(best.filter(|best| !nearer(one, best)).unwrap_or(one));
        }
        let best = best?;
        find(&|one| is_same_kind(one, best) && compare(one, best) == Ok(1))
    }
}

fn is_same_kind(one: &Scalar, other: &Scalar) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// Returns the position of a value. With 0, the first equal one; in sorted values, with 1 the last
/// that is not greater, with -1 the last that is not less.
fn find_position(wanted: &Scalar, is_in: &[&Scalar], how: f64) -> Option<usize> {
    let order = |one: &Scalar| if is_same_kind(one, wanted) { compare(one, wanted).ok() } else { None };
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
pub(crate) fn build_row_key(scalars: &[Scalar]) -> String {
    scalars.iter().map(|one| format!("{}\u{1}{}", encode_kind(one), to_text(one))).collect::<Vec<_>>().join("\u{2}")
}

fn encode_kind(scalar: &Scalar) -> u8 {
    match scalar {
        Scalar::Blank => 0,
        Scalar::Number(_) => 1,
        Scalar::Text(_) => 2,
        Scalar::Bool(_) => 3,
        Scalar::Error(_) => 4,
    }
}
