//! Sums and counts of the cells that meet criteria.
//!
//! In scope: criteria such as `">5"` and `"a*"`, and the functions that take them.
//! Out of scope: reading arguments (`args`), look-ups (`lookup`).

use std::borrow::Cow;

use crate::format::typed_date::{DateSpelling, parse_moment};
use crate::formula::args::{Args, read_boolean};
use crate::formula::matrix::Matrix;
use crate::grid::value::{EvalResult, Scalar, check_finite, compare};

/// Calls a function that takes pairs of a range and a criterion.
pub(crate) fn call_criteria_function(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    let mut seen = Aggregate::default();
    match name {
        "COUNTIF" => seen.read(&[(args.matrix(0)?, args.value(1)?)], None)?,
        "COUNTIFS" => seen.read(&read_pairs(args, 0)?, None)?,
        "SUMIF" | "AVERAGEIF" => {
            let range = args.matrix(0)?;
            let measured = if args.len() > 2 { args.matrix(2)? } else { range.clone() };
            seen.read(&[(range, args.value(1)?)], Some(&measured))?;
        }
        _ => {
            let measured = args.matrix(0)?;
            let criteria = read_pairs(args, 1)?;
            let extent = |matrix: &Matrix| (matrix.height, matrix.width);
            if criteria.first().is_some_and(|(range, _)| extent(range) != extent(&measured)) {
                return Err("#VALUE!");
            }
            seen.read(&criteria, Some(&measured))?;
        }
    }
    match name {
        "COUNTIF" | "COUNTIFS" => check_finite(seen.found),
        "SUMIF" | "SUMIFS" => check_finite(seen.sum),
        "AVERAGEIF" | "AVERAGEIFS" if seen.numbers > 0.0 => check_finite(seen.sum / seen.numbers),
        "AVERAGEIF" | "AVERAGEIFS" => Err("#DIV/0!"),
        // Without a number that meets the criteria, the result is 0.
        "MAXIFS" => check_finite(seen.largest.unwrap_or(0.0)),
        _ => check_finite(seen.least.unwrap_or(0.0)),
    }
}

fn read_pairs(args: &Args<'_>, from: usize) -> EvalResult<Vec<(Matrix, Scalar)>> {
    if args.len() <= from + 1 || (args.len() - from) % 2 == 1 {
        return Err("#N/A");
    }
    (from..args.len()).step_by(2).map(|at| Ok((args.matrix(at)?, args.value(at + 1)?))).collect()
}

/// What the cells that meet all criteria amount to.
#[derive(Debug, Default)]
struct Aggregate {
    /// The number of positions that meet the criteria.
    found: f64,
    /// The count, sum and bounds of the numbers there.
    numbers: f64,
    sum: f64,
    least: Option<f64>,
    largest: Option<f64>,
}

impl Aggregate {
    /// Reads the positions that meet all criteria, and the measured values there. An error among
    /// those values is the result.
    fn read(&mut self, criteria: &[(Matrix, Scalar)], measured: Option<&Matrix>) -> EvalResult<()> {
        let Some((first, _)) = criteria.first() else { return Err("#N/A") };
        let extent = (first.height, first.width);
        if criteria.iter().any(|(range, _)| (range.height, range.width) != extent) {
            return Err("#VALUE!");
        }
        let tests: Vec<(&Matrix, Criterion)> =
            criteria.iter().map(|(range, text)| (range, Criterion::read(text))).collect();
        // Blank rows below the stored ones match only if blanks do.
        let used = criteria.iter().map(|(range, _)| range.used_rows()).max().unwrap_or(0);
        let rows = measured.map_or(used, |measured| used.max(measured.used_rows())).min(first.height);
        for row in 0..rows {
            for column in 0..first.width {
                if tests.iter().all(|(range, criterion)| criterion.matches(range.at(row, column))) {
                    self.found += 1.0;
                    match measured.map(|measured| measured.at(row, column)) {
                        Some(Scalar::Number(number)) => self.add(*number),
                        Some(Scalar::Error(error)) => return Err(error),
                        _ => {}
                    }
                }
            }
        }
        if tests.iter().all(|(_, criterion)| criterion.matches(&Scalar::Blank)) {
            self.found += f64::from(first.height - rows) * f64::from(first.width);
        }
        Ok(())
    }

    fn add(&mut self, number: f64) {
        self.numbers += 1.0;
        self.sum += number;
        self.least = Some(self.least.map_or(number, |least| least.min(number)));
        self.largest = Some(self.largest.map_or(number, |largest| largest.max(number)));
    }
}

struct Criterion {
    /// Whether values that are less, equal or greater meet it.
    holds: [bool; 3],
    bound: Scalar,
    wildcard: Option<Wildcard>,
    matches_sign: bool,
}

impl Criterion {
    /// Parses `5`, `"yes"`, `">5"`, `"<>a*"`, `">=2026-01-01"`. A blank cell as a criterion is 0,
    /// as in other spreadsheets.
    fn read(scalar: &Scalar) -> Self {
        let plain = |bound: Scalar| Self { holds: [false, true, false], bound, wildcard: None, matches_sign: false };
        let text = match scalar {
            Scalar::Text(text) => text,
            Scalar::Blank => return plain(Scalar::Number(0.0)),
            other => return plain(other.clone()),
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
        let bound = parse_bound(rest);
        let wildcard = if let Scalar::Text(bound) = &bound { Some(Wildcard::read(bound)) } else { None };
        Self { holds, bound, wildcard, matches_sign: sign.is_some() }
    }

    fn matches(&self, scalar: &Scalar) -> bool {
        let [less, equal, more] = self.holds;
        let differs = less && more;
        let same = match (&self.bound, scalar) {
            (Scalar::Text(bound), Scalar::Blank) => bound.is_empty(),
            // "=" and "<>" alone ask for blank cells; an empty text is not blank.
            (Scalar::Text(bound), Scalar::Text(_)) if bound.is_empty() && self.matches_sign => false,
            (Scalar::Text(_), Scalar::Text(text)) => {
                self.wildcard.as_ref().is_some_and(|wildcard| wildcard.matches(text))
            }
            (Scalar::Number(bound), Scalar::Text(text)) => text.trim().parse() == Ok(*bound),
            (bound, scalar) => bound == scalar,
        };
        if differs || less == more || same && equal {
            return same != differs;
        }
        let comparable = std::mem::discriminant(&self.bound) == std::mem::discriminant(scalar);
        let order = if comparable { compare(scalar, &self.bound).ok() } else { None };
        order.and_then(|order| self.holds.get(order)).copied().unwrap_or(false)
    }
}

/// Returns the value that the text of a criterion names: a number, a date, a boolean, or a text.
pub(crate) fn parse_bound(text: &str) -> Scalar {
    let trimmed = text.trim();
    let number = trimmed.strip_suffix('%').map_or((trimmed, 1.0), |number| (number, 100.0));
    match number.0.parse::<f64>() {
        Ok(value) if value.is_finite() => return Scalar::Number(value / number.1),
        _ => {}
    }
    if let Some((serial, _)) = parse_moment(trimmed, DateSpelling::default()) {
        return Scalar::Number(serial);
    }
    let text = Scalar::Text(text.to_owned());
    read_boolean(&text).map_or(text, Scalar::Bool)
}

/// A text with wildcards: `*` matches any characters, `?` for one, and `~` escapes them.
pub(crate) struct Wildcard {
    folded: String,
    /// `None` if the text has no wildcards.
    pattern: Option<regex::Regex>,
}

impl Wildcard {
    pub(crate) fn read(text: &str) -> Self {
        let folded = fold_case(text).into_owned();
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
            None => fold_case(text) == self.folded,
        }
    }
}

/// Folds the case of a text.
fn fold_case(text: &str) -> Cow<'_, str> {
    let is_folded = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_folded { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}
