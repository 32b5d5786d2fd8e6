//! How a source writes the numbers and days of a column, if not in the usual way: a decimal comma,
//! days as `31.12.2026`.
//!
//! In scope: reading such texts strictly, and suggesting the setting for a text that needs one.
//! Out of scope: which values a type takes (`ledger::values::coerce`).

use jiff::civil::{Date, DateTime, Weekday};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;

use crate::values::odd_values::advise_on_odd_number;

/// The character between the whole part and the fraction of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecimalMark {
    /// A comma before the fraction: `1.234,56`.
    Comma,
    /// A point before the fraction: `1,234.56`.
    Point,
}

impl DecimalMark {
    /// The words in job files.
    pub const WORDS: [(&'static str, Self); 2] = [(",", Self::Comma), (".", Self::Point)];

    fn character(self) -> char {
        match self {
            Self::Comma => ',',
            Self::Point => '.',
        }
    }

    fn other_mark(self) -> char {
        match self {
            Self::Comma => '.',
            Self::Point => ',',
        }
    }
}

/// How a source writes the values of one column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputForm {
    /// The decimal mark of its numbers; a point without thousands if none is set.
    pub decimal: Option<DecimalMark>,
    /// The pattern of its dates or times, as in strftime; ISO 8601 if none is set.
    pub pattern: Option<String>,
}

impl InputForm {
    /// Returns a number with a decimal point and without the marks of thousands; `None` if the text
    /// is not written in this form. The digits are those of the text.
    pub(crate) fn plain_number(&self, text: &str) -> Option<String> {
        let Some(mark) = self.decimal else { return Some(text.to_owned()) };
        let (sign, unsigned) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (text.get(..1).unwrap_or_default(), rest),
            None => ("", text),
        };
        let (whole, fraction) = match unsigned.split_once(mark.character()) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (unsigned, None),
        };
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !fraction.is_none_or(is_digits) {
            return None;
        }
        let whole = remove_thousands_marks(whole, mark.other_mark())?;
        Some(match fraction {
            Some(fraction) => format!("{sign}{whole}.{fraction}"),
            None => format!("{sign}{whole}"),
        })
    }

    /// Returns the advice for a text that is not a number in this form; empty if there is none.
    pub(crate) fn advise_on_number(&self, text: &str) -> String {
        let fits = |mark| Self { decimal: Some(mark), pattern: None }.plain_number(text).is_some();
        match self.decimal {
            None if fits(DecimalMark::Comma) && text.contains(',') => {
                if fits(DecimalMark::Point) {
                    // 1,234 is both.
                    return ": set decimal = \",\" for a decimal comma, or decimal = \".\" if the comma marks thousands".into();
                }
                ": a decimal comma? set decimal = \",\" for this column".into()
            }
            None if fits(DecimalMark::Point) => ": marks of thousands? set decimal = \".\" for this column".into(),
            Some(DecimalMark::Comma) if fits(DecimalMark::Point) => {
                ": a decimal point? decimal = \",\" is set for this column, and a number is then written 1.234,56"
                    .into()
            }
            Some(DecimalMark::Point) if fits(DecimalMark::Comma) => {
                ": a decimal comma? decimal = \".\" is set for this column, and a number is then written 1,234.56"
                    .into()
            }
            _ if !advise_on_odd_number(text).is_empty() => advise_on_odd_number(text),
            Some(mark) => {
                let example = if mark == DecimalMark::Comma { "1.234,56 or 1234,56" } else { "1,234.56 or 1234.56" };
                format!("; with this decimal mark a number is written {example}")
            }
            None => "; a number is written 1234.56".to_owned(),
        }
    }
}

/// Removes the marks of thousands: one and the same mark, each before exactly three digits. It is
/// never after a leading zero, since 0.125 is less than one. `None` if the digits are not grouped
/// so.
fn remove_thousands_marks(whole: &str, mark: char) -> Option<String> {
    let is_mark = |c: char| c == mark || matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '\u{2019}');
    let used = whole.chars().find(|c| is_mark(*c));
    let mut groups = whole.split(|c: char| Some(c) == used);
    let first = groups.next().unwrap_or_default();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let rest: Vec<&str> = groups.collect();
    let is_grouped =
        rest.is_empty() || (first.len() <= 3 && !first.starts_with('0') && rest.iter().all(|group| group.len() == 3));
    (is_digits(first) && is_grouped && rest.iter().all(|group| is_digits(group)))
        .then(|| first.to_owned() + &rest.concat())
}

/// Reads a date in `pattern`. The error completes "{text} is …".
pub(crate) fn parse_day(text: &str, pattern: &str) -> Result<Date, String> {
    let parts = strtime::parse(pattern, text).map_err(|_| describe_form_error("date", pattern))?;
    let day = parts.to_date().map_err(|_| explain_missing_day(&parts))?;
    check_year(day, pattern)?;
    Ok(day)
}

/// Returns why parts that a pattern has read are not a day. A pattern that gives no day was refused
/// before, so either the day does not exist, or it has another weekday.
fn explain_missing_day(parts: &BrokenDownTime) -> String {
    explain_other_weekday(parts)
        .unwrap_or_else(|| "not a day of the calendar: correct it where the record comes from".to_owned())
}

/// Returns the sentence about a day that exists and has another weekday; `None` for other parts.
fn explain_other_weekday(parts: &BrokenDownTime) -> Option<String> {
    let weekday = parts.weekday()?;
    let day = Date::new(parts.year()?, parts.month()?, parts.day()?).ok()?;
    if day.weekday() == weekday {
        return None;
    }
    Some(format!(
        "a {} by its date and a {} by its text: correct it where the record comes from",
        name_weekday(day.weekday()),
        name_weekday(weekday)
    ))
}

fn name_weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

/// Reads a date and time in `pattern` as a local time in `zone`. A pattern without an offset gives
/// that local time itself, one without a time midnight. The error completes "{text} is …".
pub(crate) fn parse_moment(text: &str, pattern: &str, zone: &TimeZone) -> Result<DateTime, String> {
    let parts = strtime::parse(pattern, text).map_err(|_| describe_form_error("date and time", pattern))?;
    let local = read_local_time(&parts, zone).ok_or_else(|| {
        explain_other_weekday(&parts).unwrap_or_else(|| describe_form_error("date and time", pattern))
    })?;
    check_year(local.date(), pattern)?;
    Ok(local)
}

fn read_local_time(parts: &BrokenDownTime, zone: &TimeZone) -> Option<DateTime> {
    if parts.offset().is_some() || parts.timestamp().is_some() {
        return Some(parts.to_timestamp().ok()?.to_zoned(zone.clone()).datetime());
    }
    parts.to_datetime().ok()
}

/// A pattern with `%Y` would take 26 as the year 26.
fn check_year(day: Date, pattern: &str) -> Result<(), String> {
    if day.year() < 1_000 && pattern.contains("%Y") {
        return Err(format!("in a year of fewer than four digits, and input = {pattern:?} needs four; %y takes two"));
    }
    Ok(())
}

fn describe_form_error(what: &str, pattern: &str) -> String {
    let sample = Date::constant(2026, 12, 31).at(23, 59, 0, 0);
    let example = strtime::format(pattern, sample).map(|text| format!(", such as {text}")).unwrap_or_default();
    format!("not a {what} of the form input = {pattern:?}{example}")
}

/// Checks the pattern of dates or, with `is_moment`, of dates with times, by reading what it writes
/// itself.
pub fn check_pattern(pattern: &str, is_moment: bool) -> Result<(), String> {
    if pattern.contains("%Q") || pattern.contains("%:Q") {
        return Err("names of time zones are not read; %z reads an offset such as +0200".to_owned());
    }
    let sample =
        Date::constant(2026, 12, 31).at(23, 59, 0, 0).to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
    let text = strtime::format(pattern, &sample).map_err(|error| error.to_string())?;
    let parts = strtime::parse(pattern, &text).map_err(|error| error.to_string())?;
    let moment = if is_moment { read_local_time(&parts, &TimeZone::UTC) } else { None };
    if moment.is_some_and(|moment| ![0, 23].contains(&moment.hour())) {
        return Err("it does not give the hour of the day; %I needs %p beside it".to_owned());
    }
    let read = if is_moment { moment.map(DateTime::date) } else { parts.to_date().ok() };
    match read {
        Some(day) if day == sample.date() => Ok(()),
        _ => Err("it does not give the day, the month and the year".to_owned()),
    }
}

/// Returns the advice for a text that is not an ISO date or time, but is written in another usual
/// way. Empty if it is not.
pub(crate) fn suggest_pattern(text: &str) -> String {
    let patterns = find_usual_patterns(text);
    let all: Vec<String> = patterns.iter().map(|pattern| format!("input = {pattern:?}")).collect();
    match all.as_slice() {
        [] => String::new(),
        [one] => format!("; set {one} for this column"),
        all => format!("; set {} for this column, whichever is right", all.join(" or ")),
    }
}

/// Returns the patterns in which `text` is a day, with a time or without.
fn find_usual_patterns(text: &str) -> Vec<String> {
    const DAYS: [&str; 8] =
        ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y"];
    const TIMES: [&str; 5] = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"];
    let fits = |pattern: &String| {
        let has_year = |(_, day): (_, Date)| day.year() >= 1_000;
        parse_parts(text, pattern).map(|day| (pattern, day)).is_some_and(has_year)
    };
    DAYS.iter().flat_map(|day| TIMES.iter().map(move |time| format!("{day}{time}"))).filter(fits).collect()
}

fn parse_parts(text: &str, pattern: &str) -> Option<Date> {
    strtime::parse(pattern, text).ok()?.to_date().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str, mark: DecimalMark) -> Option<String> {
        InputForm { decimal: Some(mark), pattern: None }.plain_number(text)
    }

    #[test]
    fn thousands_are_groups_of_three_with_one_mark() {
        for (text, plain) in [
            ("1.234,56", "1234.56"),
            ("-1.234.567,8", "-1234567.8"),
            ("12,50", "12.50"),
            ("1234,5", "1234.5"),
            ("1 234,5", "1234.5"),
            ("1\u{a0}234\u{a0}567", "1234567"),
            ("1’234,5", "1234.5"),
            ("0,1", "0.1"),
            ("1.234", "1234"),
            ("42", "42"),
        ] {
            assert_eq!(number(text, DecimalMark::Comma).as_deref(), Some(plain), "{text}");
        }
        for text in [
            "1,234.56",
            "1.5",
            "12.34,5",
            "1.2345",
            "1.234 567,8",
            "1,2,3",
            ",5",
            "5,",
            "1..234",
            "",
            "-",
            "1e3",
            "0x1",
            "0.125",
            "-0.500",
            "000.125",
        ] {
            assert_eq!(number(text, DecimalMark::Comma), None, "{text}");
        }
        assert_eq!(number("1,234.56", DecimalMark::Point).as_deref(), Some("1234.56"));
        assert_eq!(number("1.234,56", DecimalMark::Point), None);
    }

    #[test]
    fn the_advice_names_the_setting_that_reads_the_number() {
        let advice = |text: &str, decimal| InputForm { decimal, pattern: None }.advise_on_number(text);
        assert_eq!(advice("12,50", None), ": a decimal comma? set decimal = \",\" for this column");
        assert_eq!(advice("1.234,56", None), ": a decimal comma? set decimal = \",\" for this column");
        assert!(advice("1,234", None).contains("or decimal = \".\" if the comma marks thousands"));
        assert!(advice("1,234.56", None).contains("set decimal = \".\""));
        assert!(advice("1,234.56", Some(DecimalMark::Comma)).starts_with(": a decimal point?"));
        assert_eq!(advice("twelve", None), "; leave the field empty, or let the column be text");
        assert_eq!(advice("1.2.3", None), "; a number is written 1234.56");
    }

    #[test]
    fn a_day_is_read_in_its_pattern_and_no_other_way() {
        let day = |text, pattern| parse_day(text, pattern).map(|day| day.to_string());
        assert_eq!(day("31.12.2026", "%d.%m.%Y"), Ok("2026-12-31".into()));
        assert_eq!(day("1.2.2026", "%d.%m.%Y"), Ok("2026-02-01".into()));
        assert_eq!(day("31.12.26", "%d.%m.%y"), Ok("2026-12-31".into()));
        for text in ["2026-12-31", "31.02.2026", "31.12.2026 x", "12/31/2026", ""] {
            assert!(day(text, "%d.%m.%Y").is_err(), "{text}");
        }
        let why = day("31.12.26", "%d.%m.%Y").expect_err("the year 26");
        assert!(why.contains("%y takes two"), "{why}");
        let why = day("2026-12-31", "%d.%m.%Y").expect_err("another form");
        assert_eq!(why, "not a date of the form input = \"%d.%m.%Y\", such as 31.12.2026");
    }

    #[test]
    fn a_moment_is_local_unless_its_pattern_has_an_offset() {
        let berlin = TimeZone::get("Europe/Berlin").expect("a known zone");
        let moment = |text, pattern| parse_moment(text, pattern, &berlin).map(|local| local.to_string());
        assert_eq!(moment("31.12.2026 08:05", "%d.%m.%Y %H:%M"), Ok("2026-12-31T08:05:00".into()));
        assert_eq!(moment("31.12.2026", "%d.%m.%Y"), Ok("2026-12-31T00:00:00".into()));
        assert_eq!(moment("2026-07-01 10:00 +0000", "%Y-%m-%d %H:%M %z"), Ok("2026-07-01T12:00:00".into()));
        assert_eq!(moment("1783000000", "%s"), Ok("2026-07-02T15:46:40".into()));
    }

    #[test]
    fn a_day_with_another_weekday_says_so() {
        let wrong = |text, pattern| parse_day(text, pattern).expect_err("it has another weekday");
        assert!(wrong("Mon 29.11.2026", "%a %d.%m.%Y").starts_with("a Sunday by its date and a Monday by its text"));
        assert!(wrong("Sun 31.02.2026", "%a %d.%m.%Y").starts_with("not a day of the calendar"));
        let moment = parse_moment("Mon 29.11.2026 09:00", "%a %d.%m.%Y %H:%M", &TimeZone::UTC);
        assert!(moment.expect_err("it has another weekday").starts_with("a Sunday by its date"));
    }

    #[test]
    fn a_pattern_has_to_give_a_whole_day() {
        for (pattern, is_moment, is_good) in [
            ("%d.%m.%Y", false, true),
            ("%d.%m.%y", false, true),
            ("%Y%m%d", true, true),
            ("%s", true, true),
            ("%d.%m.%Y %H:%M", true, true),
            ("dd.mm.yyyy", false, false),
            ("%d.%m.", false, false),
            ("%H:%M", true, false),
            ("%d.%m.%Y %I:%M %p", true, true),
            ("%d.%m.%Y %I:%M", true, false),
            ("%d.%m.%Y %H:%M %Q", true, false),
            ("%", false, false),
        ] {
            assert_eq!(check_pattern(pattern, is_moment).is_ok(), is_good, "{pattern}");
        }
    }

    #[test]
    fn the_advice_for_a_day_is_the_pattern_it_is_written_in() {
        for (text, advice) in [
            ("31.12.2026", "; set input = \"%d.%m.%Y\" for this column"),
            ("31.12.2026 08:05", "; set input = \"%d.%m.%Y %H:%M\" for this column"),
            ("31/12/2026", "; set input = \"%d/%m/%Y\" for this column"),
            ("12/31/2026", "; set input = \"%m/%d/%Y\" for this column"),
            ("31.12.26", "; set input = \"%d.%m.%y\" for this column"),
            ("soon", ""),
            ("2026-12-31", ""),
        ] {
            assert_eq!(suggest_pattern(text), advice, "{text}");
        }
        assert!(suggest_pattern("01/02/2026").contains("\"%d/%m/%Y\" or input = \"%m/%d/%Y\""));
    }

    proptest! {
        #[test]
        fn a_number_keeps_its_digits(whole in 0_u64..10_000_000, fraction in "[0-9]{0,6}") {
            let mut grouped = String::new();
            let digits = whole.to_string();
            for (at, digit) in digits.chars().enumerate() {
                if at > 0 && (digits.len() - at) % 3 == 0 {
                    grouped.push('.');
                }
                grouped.push(digit);
            }
            let (text, plain) = match fraction.as_str() {
                "" => (grouped, digits),
                fraction => (format!("{grouped},{fraction}"), format!("{digits}.{fraction}")),
            };
            prop_assert_eq!(number(&text, DecimalMark::Comma), Some(plain));
        }
    }
}
