//! Functions that search tables: sums and counts by criteria, look-ups.
//!
//! In scope: criteria such as `">5"` and `"a*"`, exact and sorted look-ups.
//! Out of scope: reading arguments (`args`), functions that return several cells (`array`).

use crate::formula::args::{Args, size, whole};
use crate::formula::matrix::{Matrix, count};
use crate::grid::value::{EvalResult, Scalar, compare, finite, shown};

/// Calls `SUMIF`, `COUNTIF`, `SUMIFS`, `COUNTIFS`, `MATCH` or `VLOOKUP`.
pub(crate) fn call_lookup_function(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    match name {
        "COUNTIF" => matching_rows(&[(args.matrix(0)?, args.value(1)?)], None),
        "SUMIF" => {
            let range = args.matrix(0)?;
            let summed = if args.len() > 2 { args.matrix(2)? } else { range.clone() };
            matching_rows(&[(range, args.value(1)?)], Some(&summed))
        }
        "COUNTIFS" => matching_rows(&pairs(args, 0)?, None),
        "SUMIFS" => matching_rows(&pairs(args, 1)?, Some(&args.matrix(0)?)),
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

fn pairs(args: &Args<'_>, from: usize) -> EvalResult<Vec<(Matrix, Scalar)>> {
    if args.len() <= from + 1 || (args.len() - from) % 2 == 1 {
        return Err("#N/A");
    }
    (from..args.len()).step_by(2).map(|at| Ok((args.matrix(at)?, args.value(at + 1)?))).collect()
}

/// Counts the positions that meet all criteria, or sums the values there.
fn matching_rows(criteria: &[(Matrix, Scalar)], summed: Option<&Matrix>) -> EvalResult<Scalar> {
    let Some((first, _)) = criteria.first() else { return Err("#N/A") };
    let extent = (first.height, first.width);
    if criteria.iter().any(|(range, _)| (range.height, range.width) != extent) {
        return Err("#VALUE!");
    }
    let read: Vec<(&Matrix, Criterion)> = criteria.iter().map(|(range, text)| (range, Criterion::read(text))).collect();
    // Blank rows below the stored ones match only if blanks do.
    let rows = criteria.iter().map(|(range, _)| range.used_rows()).max().unwrap_or(0);
    let (mut found, mut sum) = (0.0, 0.0);
    for row in 0..rows {
        for column in 0..first.width {
            if read.iter().all(|(range, criterion)| criterion.matches(range.at(row, column))) {
                found += 1.0;
                if let Some(Scalar::Number(number)) = summed.map(|summed| summed.at(row, column)) {
                    sum += number;
                }
            }
        }
    }
    if read.iter().all(|(_, criterion)| criterion.matches(&Scalar::Blank)) {
        found += f64::from(first.height - rows) * f64::from(first.width);
    }
    finite(if summed.is_some() { sum } else { found })
}

struct Criterion {
    holds: [bool; 3],
    bound: Scalar,
    wildcard: Option<Wildcard>,
    by_sign: bool,
}

impl Criterion {
    /// Parses `5`, `"yes"`, `">5"`, `"<>a*"`.
    fn read(scalar: &Scalar) -> Self {
        let Scalar::Text(text) = scalar else {
            return Self { holds: [false, true, false], bound: scalar.clone(), wildcard: None, by_sign: false };
        };
        let signs = [
            ("<>", [true, false, true]),
            ("<=", [true, true, false]),
            (">=", [false, true, true]),
            ("=", [false, true, false]),
            ("<", [true, false, false]),
            (">", [false, false, true]),
        ];
        let sign = signs.into_iter().find_map(|(sign, holds)| Some((text.strip_prefix(sign)?, holds)));
        let (rest, holds) = sign.unwrap_or((text, [false, true, false]));
        let bound = match rest.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Scalar::Number(number),
            _ if rest.eq_ignore_ascii_case("true") => Scalar::Bool(true),
            _ if rest.eq_ignore_ascii_case("false") => Scalar::Bool(false),
            _ => Scalar::Text(rest.to_owned()),
        };
        let wildcard = if let Scalar::Text(bound) = &bound { Some(Wildcard::read(bound)) } else { None };
        Self { holds, bound, wildcard, by_sign: sign.is_some() }
    }

    fn matches(&self, scalar: &Scalar) -> bool {
        let [less, equal, more] = self.holds;
        let differs = less && more;
        let same = match (&self.bound, scalar) {
            (Scalar::Text(bound), Scalar::Blank) => bound.is_empty(),
            (Scalar::Text(bound), Scalar::Text(text)) => {
                let resembles = self.wildcard.as_ref().is_some_and(|wildcard| wildcard.matches(text));
                resembles && (self.by_sign || !bound.is_empty())
            }
            (Scalar::Number(bound), Scalar::Text(text)) => text.trim().parse() == Ok(*bound),
            (bound, scalar) => bound == scalar,
        };
        if differs || (equal && same) {
            return same != differs;
        }
        let comparable = std::mem::discriminant(&self.bound) == std::mem::discriminant(scalar);
        let order = compare(scalar, &self.bound).ok().filter(|_| comparable);
        order.and_then(|order| self.holds.get(order)).copied().unwrap_or(false)
    }
}

/// A text with wildcards: `*` matches any characters, `?` for one, and `~` escapes them.
struct Wildcard {
    folded: String,
    /// `None` if the text has no wildcards.
    pattern: Option<regex::Regex>,
}

impl Wildcard {
    fn read(text: &str) -> Self {
        let folded = text.to_lowercase();
        if !text.contains(['*', '?', '~']) {
            return Self { folded, pattern: None };
        }
        let mut parts = String::from("(?is)^");
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '*' => parts.push_str(".*"),
                '?' => parts.push('.'),
                '~' => parts.push_str(&regex::escape(&letters.next().unwrap_or('~').to_string())),
                other => parts.push_str(&regex::escape(&other.to_string())),
            }
        }
        // A text that is too long for a pattern matches itself only.
        Self { folded, pattern: regex::Regex::new(&format!("{parts}$")).ok() }
    }

    fn matches(&self, text: &str) -> bool {
        match &self.pattern {
            Some(pattern) => pattern.is_match(text),
            None => text.to_lowercase() == self.folded,
        }
    }
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
