//! Sums and counts of the cells that meet criteria.
//!
//! In scope: criteria such as `">5"` and `"a*"`, and the functions that take them.
//! Out of scope: reading arguments (`args`), look-ups (`lookup`).

use crate::formula::args::Args;
use crate::formula::matrix::Matrix;
use crate::grid::value::{EvalResult, Scalar, compare, finite};

/// Calls `SUMIF`, `COUNTIF`, `SUMIFS` or `COUNTIFS`.
pub(crate) fn call_criteria_function(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    match name {
        "COUNTIF" => matching_rows(&[(args.matrix(0)?, args.value(1)?)], None),
        "SUMIF" => {
            let range = args.matrix(0)?;
            let summed = if args.len() > 2 { args.matrix(2)? } else { range.clone() };
            matching_rows(&[(range, args.value(1)?)], Some(&summed))
        }
        "COUNTIFS" => matching_rows(&pairs(args, 0)?, None),
        _ => matching_rows(&pairs(args, 1)?, Some(&args.matrix(0)?)),
    }
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
pub(crate) struct Wildcard {
    folded: String,
    /// `None` if the text has no wildcards.
    pattern: Option<regex::Regex>,
}

impl Wildcard {
    pub(crate) fn read(text: &str) -> Self {
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

    pub(crate) fn matches(&self, text: &str) -> bool {
        match &self.pattern {
            Some(pattern) => pattern.is_match(text),
            None => text.to_lowercase() == self.folded,
        }
    }
}
