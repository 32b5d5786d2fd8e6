//! Parses typed dates, times and durations.
//!
//! In scope: dates in digits, in the order of a locale, and with English names of months; the format
//! that keeps the spelling. Out of scope: numbers (`input::user_entered`), what a locale's order is
//! (`input::entry_settings`).
//!
//! Source: "Mar 1 2016" is an example of the values guide; the other spellings are as reported.

use jiff::civil::{Date, date};

use crate::format::number_format::NumberFormat;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// How dates are written in a spreadsheet. The default is `en_US` without a present year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DateSpelling {
    /// The year of a date that names none; without one, such a text stays a text.
    pub year: Option<i16>,
    /// Whether the day comes before the month.
    pub is_day_first: bool,
    /// Whether dots separate day, month and year too.
    pub has_dots: bool,
}

/// Parses `2020-01-01`, `1/31/2020`, `Jan 31, 2020`, `12:30`, `12:30:15 pm`, or a date and a time.
/// Returns the format that keeps the spelling.
pub(crate) fn parse_moment(text: &str, spelling: DateSpelling) -> Option<(f64, NumberFormat)> {
    if let Some((days, pattern)) = parse_day(text, spelling) {
        return Some((days, NumberFormat::new("DATE", &pattern)));
    }
    if let Some((part, pattern)) = parse_time(text) {
        return Some((part, NumberFormat::new("TIME", pattern)));
    }
    // The time is the last word, or the last two: "6:00 PM".
    text.rmatch_indices(' ').take(2).find_map(|(at, _)| {
        let (days, pattern) = parse_day(text[..at].trim_end(), spelling)?;
        let (part, time_pattern) = parse_time(text[at..].trim_start()).filter(|(part, _)| *part < 1.0)?;
        Some((days + part, NumberFormat::new("DATE_TIME", &format!("{pattern} {time_pattern}"))))
    })
}

/// Returns the serial number of a date, and the pattern that displays it as typed.
fn parse_day(text: &str, spelling: DateSpelling) -> Option<(f64, String)> {
    parse_day_in_digits(text, spelling).or_else(|| parse_day_with_name(text, spelling.year))
}

fn parse_day_in_digits(text: &str, spelling: DateSpelling) -> Option<(f64, String)> {
    let separators = if spelling.has_dots { &['/', '-', '.'][..] } else { &['/', '-'] };
    let sign = text.chars().find(|letter| separators.contains(letter))?;
    let parts: Vec<&str> = text.split(sign).collect();
    if !parts.iter().all(|part| is_digits(part) && part.len() <= 4) {
        return None;
    }
    let (day, month) = if spelling.is_day_first { (0, 1) } else { (1, 0) };
    let pattern = if spelling.is_day_first { format!("d{sign}m") } else { format!("m{sign}d") };
    let number = |at: usize| parts.get(at).and_then(|part| part.parse::<i8>().ok());
    match parts.as_slice() {
        [year, _, _] if year.len() == 4 => {
            Some((compute_day_serial(read_year(year)?, number(1)?, number(2)?)?, format!("yyyy{sign}mm{sign}dd")))
        }
        [first, _, year] if first.len() <= 2 => {
            let days = compute_day_serial(read_year(year)?, number(month)?, number(day)?)?;
            Some((days, format!("{pattern}{sign}yyyy")))
        }
        [first, second] if first.len() <= 2 && second.len() <= 2 => {
            Some((compute_day_serial(spelling.year?, number(month)?, number(day)?)?, pattern))
        }
        _ => None,
    }
}

/// Parses `Mar 1 2016`, `March 1, 2016`, `1 Mar 2016`, `1-Mar-2016`, `Mar 2016`, and without a year
/// `Mar 1`, `1 March`, `1-Mar`.
fn parse_day_with_name(text: &str, present_year: Option<i16>) -> Option<(f64, String)> {
    let dashed = text.contains('-');
    let words: Vec<&str> = text.split(if dashed { '-' } else { ' ' }).filter(|word| !word.is_empty()).collect();
    let bare = |word: &str| word.strip_suffix(',').unwrap_or(word).to_owned();
    let comma = |word: &str| if word.ends_with(',') { "," } else { "" };
    match words.as_slice() {
        [name, day, year] if !dashed && find_month(&bare(name)).is_some() => {
            let (number, pattern) = find_month(name)?;
            let days = compute_day_serial(read_year(year)?, number, bare(day).parse().ok()?)?;
            Some((days, format!("{pattern} d{} yyyy", comma(day))))
        }
        [day, name, year] => {
            let (number, pattern) = find_month(&bare(name))?;
            let days = compute_day_serial(read_year(year)?, number, day.parse().ok()?)?;
            Some((days, if dashed { format!("d-{pattern}-yyyy") } else { format!("d {pattern}{} yyyy", comma(name)) }))
        }
        [name, year] if year.len() == 4 => {
            let (number, pattern) = find_month(&bare(name))?;
            Some((compute_day_serial(read_year(year)?, number, 1)?, format!("{pattern}{} yyyy", comma(name))))
        }
        [name, day] if !dashed && is_digits(day) => {
            let (number, pattern) = find_month(name)?;
            Some((compute_day_serial(present_year?, number, day.parse().ok()?)?, format!("{pattern} d")))
        }
        [day, name] if is_digits(day) => {
            let (number, pattern) = find_month(name)?;
            let days = compute_day_serial(present_year?, number, day.parse().ok()?)?;
            Some((days, if dashed { format!("d-{pattern}") } else { format!("d {pattern}") }))
        }
        _ => None,
    }
}

/// Returns the number of a month by its name or its first three letters, and its pattern.
fn find_month(name: &str) -> Option<(i8, &'static str)> {
    let lower = name.to_ascii_lowercase();
    let fits = |month: &str| lower == *month || lower.len() == 3 && month.starts_with(&lower);
    let at = MONTHS.iter().position(|month| fits(month))?;
    Some((i8::try_from(at).ok()? + 1, if lower.len() > 3 { "mmmm" } else { "mmm" }))
}

/// Reads a year of four digits, or of two.
fn read_year(year: &str) -> Option<i16> {
    match (year.len(), year.parse::<i16>().ok().filter(|_| is_digits(year))?) {
        (4, year) => Some(year),
        (2, short) if short < 50 => Some(2000 + short),
        (2, short) => Some(1900 + short),
        _ => None,
    }
}

fn compute_day_serial(year: i16, month: i8, day: i8) -> Option<f64> {
    let days = Date::new(year, month, day).ok()?.since(date(1899, 12, 30)).ok()?.get_days();
    (days >= 0).then_some(f64::from(days))
}

/// Parses a time of day or a duration. Returns days, and the pattern.
fn parse_time(text: &str) -> Option<(f64, &'static str)> {
    let lower = text.to_ascii_lowercase();
    let (clock, half) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(clock), _) => (clock.trim_end(), Some(0)),
        (_, Some(clock)) => (clock.trim_end(), Some(12)),
        _ => (lower.as_str(), None),
    };
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, digits)| (clock, Some(digits)));
    let parts: Vec<&str> = clock.split(':').collect();
    let least = if half.is_some() { 1 } else { 2 };
    if !(least..=3).contains(&parts.len()) || fraction.is_some_and(|f| parts.len() < 3 || !is_digits(f) || f.len() > 3)
    {
        return None;
    }
    if !parts.iter().enumerate().all(|(at, part)| is_digits(part) && part.len() <= if at == 0 { 4 } else { 2 }) {
        return None;
    }
    let numbers: Vec<u32> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    let at = |place: usize| numbers.get(place).copied().unwrap_or(0);
    let (hour, minute, second) = (at(0), at(1), at(2));
    let hour = match half {
        Some(offset) if (1..=12).contains(&hour) => hour % 12 + offset,
        None => hour,
        _ => return None,
    };
    if minute > 59 || second > 59 {
        return None;
    }
    let pattern = match (parts.len(), half.is_some(), fraction.is_some()) {
        // 24 hours or more are a duration.
        _ if hour > 23 => "[h]:mm:ss",
        (1 | 2, true, _) => "h:mm am/pm",
        (1 | 2, false, _) => "h:mm",
        (_, false, true) => "h:mm:ss.000",
        (_, true, true) => "h:mm:ss.000 am/pm",
        (_, false, false) => "h:mm:ss",
        (_, true, false) => "h:mm:ss am/pm",
    };
    let fraction = fraction.map_or(Ok(0.0), |digits| format!("0.{digits}").parse::<f64>()).ok()?;
    Some(((f64::from(hour * 3600 + minute * 60 + second) + fraction) / 86_400.0, pattern))
}

/// Returns whether a text consists of digits only, at least one.
pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_date(text: &str) -> Option<(f64, String, String)> {
        parse_moment(text, DateSpelling::default())
            .map(|(value, format)| (value, format.pattern.clone(), format.show(value)))
    }

    #[test]
    fn moments_are_numbers_that_look_as_they_were_typed() {
        for (text, value, pattern) in [
            ("2020-01-01", 43_831.0, "yyyy-mm-dd"),
            ("1/31/2020", 43_861.0, "m/d/yyyy"),
            ("Mar 1 2016", 42_430.0, "mmm d yyyy"),
            ("March 1, 2016", 42_430.0, "mmmm d, yyyy"),
            ("1 Mar 2016", 42_430.0, "d mmm yyyy"),
            ("1-Mar-2016", 42_430.0, "d-mmm-yyyy"),
            ("Mar 2016", 42_430.0, "mmm yyyy"),
            ("12:00", 0.5, "h:mm"),
            ("6:00:00 PM", 0.75, "h:mm:ss am/pm"),
            ("6:00:00.500", 21_600.5 / 86_400.0, "h:mm:ss.000"),
            ("30:00:00", 1.25, "[h]:mm:ss"),
            ("2020-01-01 6:00 PM", 43_831.75, "yyyy-mm-dd h:mm am/pm"),
            ("Mar 1, 2016 18:00", 42_430.75, "mmm d, yyyy h:mm"),
        ] {
            assert_eq!(parse_date(text), Some((value, pattern.to_owned(), text.to_owned())), "{text}");
        }
    }

    #[test]
    fn short_spellings_are_completed() {
        assert_eq!(parse_date("6pm").map(|(value, _, shown)| (value, shown)), Some((0.75, "6:00 PM".to_owned())));
        assert_eq!(
            parse_date("1/31/20").map(|(value, _, shown)| (value, shown)),
            Some((43_861.0, "1/31/2020".to_owned()))
        );
    }

    #[test]
    fn a_date_without_a_year_is_of_the_present_year() {
        let spelling = DateSpelling { year: Some(2026), ..DateSpelling::default() };
        for (text, value, pattern) in [
            ("1-2", 46_024.0, "m-d"),
            ("1/2", 46_024.0, "m/d"),
            ("12/31", 46_387.0, "m/d"),
            ("5-Jan", 46_027.0, "d-mmm"),
            ("January 5", 46_027.0, "mmmm d"),
            ("5 Jan", 46_027.0, "d mmm"),
            ("Jan 5 18:00", 46_027.75, "mmm d h:mm"),
        ] {
            let (got, format) = parse_moment(text, spelling).unwrap();
            assert_eq!((got, format.pattern.as_str(), format.show(got)), (value, pattern, text.to_owned()), "{text}");
            assert_eq!(parse_moment(text, DateSpelling::default()), None, "{text}");
        }
        for text in ["13/1", "2/29", "1/100", "1-", "-1", "1.2", "Jan-5", "5 Jany", "100 Jan"] {
            assert_eq!(parse_moment(text, spelling), None, "{text}");
        }
    }

    #[test]
    fn the_day_may_come_first_and_dots_may_separate() {
        let british = DateSpelling { year: Some(2026), is_day_first: true, has_dots: false };
        let german = DateSpelling { has_dots: true, ..british };
        for (text, spelling, value, pattern) in [
            ("1/2/2020", british, 43_862.0, "d/m/yyyy"),
            ("1/2", british, 46_054.0, "d/m"),
            ("2020-02-01", british, 43_862.0, "yyyy-mm-dd"),
            ("1.2.2020", german, 43_862.0, "d.m.yyyy"),
            ("1.2", german, 46_054.0, "d.m"),
        ] {
            let (got, format) = parse_moment(text, spelling).unwrap();
            assert_eq!((got, format.pattern.as_str()), (value, pattern), "{text}");
        }
        assert_eq!(parse_moment("1.2", british), None);
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "2020-13-01",
            "Feb 30 2020",
            "May",
            "Marchy 1 2016",
            "12:60",
            "13:00 pm",
            "1:2:3:4",
            "1.5:00",
            "10:",
            "mar-1-2016",
        ] {
            assert_eq!(parse_moment(text, DateSpelling::default()), None, "{text}");
        }
    }
}
