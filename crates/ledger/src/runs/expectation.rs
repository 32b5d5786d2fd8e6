//! What a run is expected to yield, and how it falls short: "succeeded, 0 rows" is a failure that
//! no error reports.
//!
//! In scope: ranges of counts, columns that may not be empty throughout. Out of scope: reading them
//! from the job file (`config`), the exit of a degraded run (`cli`).

use std::fmt;

use crate::runs::run::Counts;

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// A number of records, such as `3`.
    Count(u64),
    /// Percent of the records that were read, 0 to 100.
    Percent(f64),
}

/// A range of counts, with both ends included. An open end does not bound.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CountRange {
    /// The least count.
    pub least: Option<Bound>,
    /// The greatest count.
    pub most: Option<Bound>,
}

/// What the runs of a job are expected to yield; nothing by default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expectations {
    /// Records that are read.
    pub read: Option<CountRange>,
    /// Keys that become done.
    pub new: Option<CountRange>,
    /// Records that fail.
    pub failed: Option<CountRange>,
    /// Columns that may not be empty in all rows of a run that makes rows.
    pub filled: Vec<String>,
}

/// Which of the columns that may not be empty were filled, over the rows of one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilledColumns {
    has_rows: bool,
    filled: Vec<bool>,
}

impl FilledColumns {
    /// Counts a row. `is_filled` returns whether its cell in a column has contents.
    pub fn add_row(&mut self, columns: &[String], is_filled: impl Fn(&str) -> bool) {
        self.has_rows = true;
        self.filled.resize(columns.len(), false);
        for (filled, column) in self.filled.iter_mut().zip(columns) {
            *filled = *filled || is_filled(column);
        }
    }
}

impl Expectations {
    /// True if nothing is expected.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True if the results of steps decide whether a run falls short.
    pub fn depends_on_steps(&self) -> bool {
        self.new.is_some() || self.failed.is_some() || !self.filled.is_empty()
    }

    /// Returns what can be judged when the records are read and no step has run: failures can only
    /// become more.
    #[must_use]
    pub fn limit_to_known_without_steps(&self) -> Self {
        let failed = self.failed.map(|range| CountRange { least: None, ..range });
        Self { read: self.read, failed, ..Self::default() }
    }

    /// Returns how a run that read its whole source falls short, a phrase each: `read 0, expected
    /// at least 1`.
    pub fn find_violations(&self, counts: &Counts, filled: &FilledColumns) -> Vec<String> {
        let ranges =
            [("read", self.read, counts.read), ("new", self.new, counts.new), ("failed", self.failed, counts.failed)];
        let outside = ranges.into_iter().filter_map(|(name, range, count)| {
            let range = range.filter(|range| !range.contains(count, counts.read))?;
            Some(format!("{name} {count}, expected {range}"))
        });
        let empty = self.filled.iter().enumerate().filter(|(at, _)| filled.filled.get(*at) == Some(&false));
        let empty = empty.map(|(_, column)| format!("no row has a value in column {column}"));
        outside.chain(empty.filter(|_| filled.has_rows)).collect()
    }
}

impl CountRange {
    /// Parses `1..`, `..100`, `10..20`, `..5%` or `7`. Returns `None` for any other text, and for a
    /// range that contains nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let range = match text.split_once("..") {
            Some((least, most)) => {
                Self { least: parse_optional_bound(least).ok()?, most: parse_optional_bound(most).ok()? }
            }
            None => Self { least: Some(parse_bound(text)?), most: Some(parse_bound(text)?) },
        };
        let is_empty = match (range.least, range.most) {
            (None, None) => true,
            (Some(Bound::Count(least)), Some(Bound::Count(most))) => least > most,
            (Some(Bound::Percent(least)), Some(Bound::Percent(most))) => least > most,
            _ => false,
        };
        (!is_empty).then_some(range)
    }

    fn contains(&self, count: u64, read: u64) -> bool {
        self.least.is_none_or(|bound| !bound.is_above(count, read))
            && self.most.is_none_or(|bound| !bound.is_below(count, read))
    }
}

/// A text that is not a bound.
struct CountBoundError;

/// Parses one end; an empty text is an open one.
fn parse_optional_bound(text: &str) -> Result<Option<Bound>, CountBoundError> {
    if text.trim().is_empty() { Ok(None) } else { parse_bound(text).map(Some).ok_or(CountBoundError) }
}

/// Parses `5` or `5%`.
fn parse_bound(text: &str) -> Option<Bound> {
    let text = text.trim();
    match text.strip_suffix('%') {
        Some(percent) => {
            let percent: f64 = percent.trim().parse().ok()?;
            (0.0..=100.0).contains(&percent).then_some(Bound::Percent(percent))
        }
        None => text.replace('_', "").parse().ok().map(Bound::Count),
    }
}

impl Bound {
    /// True if the bound is greater than the count, of `read` records.
    fn is_above(self, count: u64, read: u64) -> bool {
        match self {
            Self::Count(bound) => bound > count,
            Self::Percent(percent) => multiply_percent(read, percent) > convert_count(count),
        }
    }

    /// True if the bound is less than the count, of `read` records.
    fn is_below(self, count: u64, read: u64) -> bool {
        match self {
            Self::Count(bound) => bound < count,
            Self::Percent(percent) => multiply_percent(read, percent) < convert_count(count),
        }
    }
}

fn multiply_percent(read: u64, percent: f64) -> f64 {
    convert_count(read) * percent / 100.0
}

#[expect(clippy::cast_precision_loss, reason = "counts of records are far below 2^53")]
fn convert_count(count: u64) -> f64 {
    count as f64
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent} % of those read"),
        }
    }
}

impl fmt::Display for CountRange {
    /// Writes `at least 1`, `at most 5 % of those read`, `10 to 20`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (Some(least), Some(most)) if least == most => write!(f, "{least}"),
            (Some(least), Some(most)) => write!(f, "{least} to {most}"),
            (Some(least), None) => write!(f, "at least {least}"),
            (None, Some(most)) => write!(f, "at most {most}"),
            (None, None) => f.write_str("any number"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> CountRange {
        CountRange::parse(text).expect("a range")
    }

    #[test]
    fn a_range_reads_as_it_is_written() {
        for (text, shown) in [
            ("1..", "at least 1"),
            ("..100", "at most 100"),
            ("10 .. 20", "10 to 20"),
            ("..5%", "at most 5 % of those read"),
            ("1_000", "1000"),
        ] {
            assert_eq!(range(text).to_string(), shown);
        }
        for text in ["", "..", "x", "5..1", "-1..", "..101%", "1...2", "60%..40%"] {
            assert_eq!(CountRange::parse(text), None, "{text}");
        }
    }

    #[test]
    fn both_ends_of_a_range_are_inside() {
        let inside = |text: &str, count, read| range(text).contains(count, read);
        assert!(inside("1..", 1, 9) && !inside("1..", 0, 9));
        assert!(inside("..5%", 5, 100) && !inside("..5%", 6, 100) && inside("..5%", 0, 0));
        assert!(inside("7", 7, 7) && !inside("7", 8, 8) && !inside("50%..", 4, 10));
    }

    #[test]
    fn a_run_that_falls_short_says_by_how_much() {
        let columns = vec!["price".to_owned(), "name".to_owned()];
        let expected = Expectations { read: Some(range("1..")), filled: columns.clone(), ..Expectations::default() };
        let mut filled = FilledColumns::default();
        let violations = |counts: Counts, filled: &FilledColumns| expected.find_violations(&counts, filled);
        assert_eq!(violations(Counts::default(), &filled), ["read 0, expected at least 1"]);
        filled.add_row(&columns, |column| column == "name");
        filled.add_row(&columns, |_| false);
        let counts = Counts { read: 2, ..Counts::default() };
        assert_eq!(violations(counts, &filled), ["no row has a value in column price"]);
        filled.add_row(&columns, |_| true);
        assert!(violations(counts, &filled).is_empty());
    }
}
