//! The functions of formulas that look into tables: sums and counts by criteria, look-ups.
//!
//! In scope: criteria such as `">5"` and `"a*"`, exact and sorted look-ups. Out of scope: reading arguments (`formula`), what gives
//! several cells (`functions_array`).

use crate::formula::args::{Args, size, whole};
use crate::formula::matrix::{Matrix, count};
use crate::grid::value::{EvalResult, Scalar, compare, finite, shown};

/// `SUMIF`, `COUNTIF`, `SUMIFS`, `COUNTIFS`, `MATCH` and `VLOOKUP`.
pub(crate) fn call_lookup_function(name: &str, given: &Args<'_>) -> EvalResult<Scalar> {
    match name {
        "COUNTIF" => matching_rows(&[(given.matrix(0)?, given.value(1)?)], None),
        "SUMIF" => {
            let range = given.matrix(0)?;
            let summed = if given.len() > 2 { given.matrix(2)? } else { range.clone() };
            matching_rows(&[(range, given.value(1)?)], Some(&summed))
        }
        "COUNTIFS" => matching_rows(&pairs(given, 0)?, None),
        "SUMIFS" => matching_rows(&pairs(given, 1)?, Some(&given.matrix(0)?)),
        "MATCH" => {
            let range = given.matrix(1)?;
            if range.width > 1 && range.height > 1 {
                return Err("#N/A");
            }
            let lines: Vec<&Scalar> = range.cells().iter().collect();
            let at = position(&given.value(0)?, &lines, given.number_or(2, 1.0)?).ok_or("#N/A")?;
            Ok(Scalar::Number(size(at + 1)))
        }
        _ => {
            let table = given.matrix(1)?;
            let column = whole(given.number(2)?).checked_sub(1).ok_or("#VALUE!")?;
            let column = count(column);
            if column >= table.width {
                return Err("#REF!");
            }
            let sorted = if given.len() > 3 { given.truth(3)? } else { true };
            let keys: Vec<&Scalar> = (0..table.used_rows()).map(|row| table.at(row, 0)).collect();
            let at = position(&given.value(0)?, &keys, if sorted { 1.0 } else { 0.0 }).ok_or("#N/A")?;
            Ok(table.at(count(at), column).clone())
        }
    }
}

/// Where a value is: the first that equals it with 0; the last that is not more with 1, not less with -1, in what is sorted.
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

fn pairs(given: &Args<'_>, from: usize) -> EvalResult<Vec<(Matrix, Scalar)>> {
    if given.len() <= from + 1 || (given.len() - from) % 2 == 1 {
        return Err("#N/A");
    }
    (from..given.len()).step_by(2).map(|at| Ok((given.matrix(at)?, given.value(at + 1)?))).collect()
}

/// How many places fit all criteria, or the sum of what stands there.
fn matching_rows(criteria: &[(Matrix, Scalar)], summed: Option<&Matrix>) -> EvalResult<Scalar> {
    let Some((first, _)) = criteria.first() else { return Err("#N/A") };
    let extent = (first.height, first.width);
    if criteria.iter().any(|(range, _)| (range.height, range.width) != extent) {
        return Err("#VALUE!");
    }
    let read: Vec<(&Matrix, Criterion)> = criteria.iter().map(|(range, text)| (range, Criterion::read(text))).collect();
    // What is blank below all that is stored fits only where blanks do.
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
    /// `5`, `"yes"`, `">5"`, `"<>a*"`.
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

/// A text that others are compared with, in which `*` stands for any letters, `?` for one, and `~` takes that from them.
struct Wildcard {
    folded: String,
    /// None where it has no such letters.
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
        // One that is too long to be a pattern is like itself.
        Self { folded, pattern: regex::Regex::new(&format!("{parts}$")).ok() }
    }

    fn matches(&self, text: &str) -> bool {
        match &self.pattern {
            Some(pattern) => pattern.is_match(text),
            None => text.to_lowercase() == self.folded,
        }
    }
}

/// What a key of a row is compared by.
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
