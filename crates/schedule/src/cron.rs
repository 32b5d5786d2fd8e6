//! A cron expression of five fields, as POSIX and Debian's cron read it.
//!
//! In scope: syntax, names, the words `@hourly` to `@yearly`, dates that never come. Out of scope:
//! other dialects (`dialect` names them), time zones and clock changes (`instants`). croner parses
//! the fields. Days are matched here, because croner and Debian's cron differ in when the day of
//! the month and the weekday must both match.

use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::Date;

use crate::dialect::{self, ExpressionError};

/// The words that stand for an expression, each with its five fields.
const NAMED_EXPRESSIONS: &[(&str, &str)] = &[
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// The fields in order: the name, and the names that it accepts beside numbers.
const FIELDS: &[(&str, &[&str])] = &[
    ("minute", &[]),
    ("hour", &[]),
    ("day of the month", &[]),
    ("month", &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]),
    ("weekday", &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]),
];

/// The least and the largest value of each field.
const FIELD_BOUNDS: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];

/// The days of each month, with 29 February.
const DAYS_IN_MONTH: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// A cron expression of five fields. Each field is a set of bits; bit 0 is the value 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronExpression {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    must_match_both_days: bool,
    is_interval: bool,
}

impl CronExpression {
    /// Parses an expression or a word such as `@daily`. The error names the field, or the dialect
    /// of the text with its form in five fields. A date that never comes is an error.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let text = text.trim();
        let fields = match text.strip_prefix('@') {
            Some(_) => expand_word(text)?,
            None => text,
        };
        let upper = fields.to_ascii_uppercase();
        let parts: Vec<&str> = upper.split_whitespace().collect();
        dialect::refuse_other_dialects(text, &parts, |rewrite| Self::parse(rewrite).is_ok())?;
        for (part, (name, names)) in parts.iter().zip(FIELDS) {
            check_field(part, name, names)?;
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let parsed = parser.parse(&upper).map_err(|error| ExpressionError::new(format!("{text:?}: {error}")))?;
        let pattern = &parsed.pattern;
        let starts_with_star = |at: usize| parts.get(at).is_some_and(|part| part.starts_with('*'));
        let expression = Self {
            text: text.to_owned(),
            minutes: pack_values(&pattern.minutes.values(), 0..60),
            hours: pack_values(&pattern.hours.values(), 0..24),
            days: pack_values(&pattern.days.values(), 1..32),
            months: pack_values(&pattern.months.values(), 1..13),
            weekdays: pack_values(&pattern.days_of_week.values(), 0..7),
            must_match_both_days: starts_with_star(2) || starts_with_star(4),
            is_interval: starts_with_star(0) || starts_with_star(1),
        };
        if expression.never_comes() {
            return Err(ExpressionError::new(format!("{text:?} never comes: no month that it names has such a day"))
                .with_help("name a day that the month has; `28` is in every month"));
        }
        Ok(expression)
    }

    /// Returns the expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether the job follows absolute time when clocks change: the minute or the hour
    /// starts with `*`. Any other job has fixed times and runs once for each of them and date.
    pub fn is_interval(&self) -> bool {
        self.is_interval
    }

    /// Returns whether the expression names the date. Day of the month and weekday must both match
    /// if one of them starts with `*`; otherwise one of them is enough.
    pub fn has_date(&self, date: Date) -> bool {
        let is_set = |bits: u64, value: i8| u32::try_from(value).is_ok_and(|value| bits >> value & 1 == 1);
        let day = is_set(self.days, date.day());
        let weekday = is_set(self.weekdays, date.weekday().to_sunday_zero_offset());
        let is_day = if self.must_match_both_days { day && weekday } else { day || weekday };
        is_day && is_set(self.months, date.month())
    }

    /// Returns the times of a day, hour and minute, in order.
    pub fn times(&self) -> Vec<(i8, i8)> {
        let minutes: Vec<i8> = unpack_values(self.minutes).collect();
        unpack_values(self.hours).flat_map(|hour| minutes.iter().map(move |minute| (hour, *minute))).collect()
    }

    /// Returns the weekdays, 0 is Sunday.
    pub fn weekdays(&self) -> Vec<i8> {
        unpack_values(self.weekdays).collect()
    }

    /// Returns the days of the month.
    pub fn days(&self) -> Vec<i8> {
        unpack_values(self.days).collect()
    }

    /// Returns the months, 1 is January.
    pub fn months(&self) -> Vec<i8> {
        unpack_values(self.months).collect()
    }

    /// Returns whether a date must match both the day of the month and the weekday.
    pub fn must_match_both_days(&self) -> bool {
        self.must_match_both_days
    }

    /// Returns whether no date of any year matches.
    fn never_comes(&self) -> bool {
        if !self.must_match_both_days {
            return false;
        }
        let first = self.days.trailing_zeros();
        let is_long_enough = |month: i8| {
            let at = usize::try_from(month).unwrap_or(0).wrapping_sub(1);
            DAYS_IN_MONTH.get(at).is_some_and(|days| *days >= first)
        };
        !unpack_values(self.months).any(is_long_enough)
    }
}

fn expand_word(text: &str) -> Result<&'static str, ExpressionError> {
    let found = NAMED_EXPRESSIONS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, fields)| *fields).ok_or_else(|| dialect::refuse_word(text))
}

/// Checks one field by itself, so that the error names it.
fn check_field(part: &str, name: &str, names: &[&str]) -> Result<(), ExpressionError> {
    let refuse = |why: String| Err(ExpressionError::new(format!("{part:?} is not a valid {name}: {why}")));
    if let Some(other) = part.chars().find(|c| !c.is_ascii_alphanumeric() && !"*,-/".contains(*c)) {
        return refuse(format!("{other:?} has no meaning there"));
    }
    let words = part.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    for word in words {
        if !word.bytes().all(|b| b.is_ascii_digit()) && !names.contains(&word) {
            let known = if names.is_empty() { "numbers only".to_owned() } else { names.join(", ") };
            return refuse(format!("{word:?} is not a name there ({known})"));
        }
    }
    let place = FIELDS.iter().position(|(field, _)| *field == name).unwrap_or(0);
    if let Some((least, most)) = FIELD_BOUNDS.get(place).filter(|(least, most)| has_value_outside(part, *least, *most))
    {
        let values = if *most == 7 { " (0 and 7 are Sunday)" } else { "" };
        return refuse(format!("{} are {least} to {most}{values}", pluralise_field(name)));
    }
    let alone: Vec<&str> = (0..FIELDS.len()).map(|at| if at == place { part } else { "*" }).collect();
    match CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build().parse(&alone.join(" ")) {
        Ok(_) => Ok(()),
        Err(error) => refuse(error.to_string().trim_end_matches('.').to_owned()),
    }
}

/// Returns whether a number of a field, apart from a step, is outside of its bounds.
fn has_value_outside(part: &str, least: u32, most: u32) -> bool {
    let values = part.split(',').filter_map(|range| range.split('/').next()).flat_map(|range| range.split('-'));
    values.filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()) && !word.is_empty()).any(|word| {
        // A number that is too long to read is too large as well.
        word.parse().map_or(true, |number: u32| !(least..=most).contains(&number))
    })
}

fn pluralise_field(field: &str) -> String {
    match field {
        "day of the month" => "days of the month".to_owned(),
        field => format!("{field}s"),
    }
}

fn pack_values(values: &[u16], range: std::ops::Range<u16>) -> u64 {
    values.iter().filter(|value| range.contains(value)).fold(0, |bits, value| bits | 1 << value)
}

fn unpack_values(bits: u64) -> impl Iterator<Item = i8> {
    (0..64).filter(move |value| bits >> value & 1 == 1)
}
