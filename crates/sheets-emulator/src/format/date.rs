//! Formats a serial number as a date, a time or a duration: `yyyy-mm-dd hh:mm:ss`, `[h]:mm`.
//!
//! In scope: the tokens of dates, times and durations, and literal characters.
//! Out of scope: which section applies (`number_format`), names of days and months in other
//! languages.
//!
//! Source: "Date and time format tokens" of the Sheets API guide.

use jiff::civil::{Date, date};
use jiff::{Span, ToSpan};

use crate::format::literals::remove_literals;

/// Serial numbers beyond this are not dates.
const LAST_DAY: f64 = 3_000_000.0;

/// A token of a section.
#[derive(Debug, Clone, PartialEq)]
enum DateToken {
    /// A run of `y`, `m`, `M`, `d`, `h` or `s`; `n` is an `m` that means minutes.
    Part(char, usize),
    /// `[h]`, `[mm]`, `[s]`: counted from the start of the duration, not from midnight.
    Elapsed(char, usize),
    /// `am/pm`, or `a/p`: whether it is long, and whether it is in capitals.
    Meridiem(bool, bool),
    /// Digits of a second.
    Fraction(usize),
    /// Any other character.
    Literal(char),
}

/// Returns whether a section formats dates: by its tokens, or because its format is of a date kind
/// with digits only.
pub(crate) fn has_moments(section: &str, is_time: bool) -> bool {
    let plain = remove_literals(section).to_ascii_lowercase();
    let tokens = split_into_tokens(section);
    let of_seconds = |token: &DateToken| if let DateToken::Fraction(digits) = token { *digits } else { 0 };
    let digits = plain.matches(['0', '#', '?']).count() > tokens.iter().map(of_seconds).sum();
    let elapsed = tokens.iter().any(|token| matches!(token, DateToken::Elapsed(..)));
    let parts = elapsed || plain.contains(['y', 'm', 'd', 'h', 's']);
    if is_time { parts || !(digits || plain.contains('@')) } else { parts && !digits }
}

/// Formats a serial number as a date or time. Returns `None` outside the calendar.
pub(crate) fn format_moment(serial: f64, section: &str) -> Option<String> {
    let tokens = split_into_tokens(section);
    let counted = tokens.iter().any(|token| matches!(token, DateToken::Elapsed(..)));
    let fine =
        tokens.iter().find_map(|token| if let DateToken::Fraction(digits) = token { Some(*digits) } else { None });
    // A negative duration is formatted with a sign. A negative date lies before 1899-12-30.
    let (sign, serial) = if counted && serial < 0.0 { ("-", -serial) } else { ("", serial) };
    let (day, millis, all) = split_serial(serial, fine.unwrap_or(3))?;
    let twelve = tokens.iter().any(|token| matches!(token, DateToken::Meridiem(..)));
    let mut text = String::from(sign);
    let mut larger = false;
    for token in &tokens {
        match *token {
            DateToken::Part(letter, run) => text.push_str(&format_part(letter, run, day, millis, twelve)),
            DateToken::Elapsed(letter, run) => {
                text.push_str(&format_elapsed(letter, run, all, larger));
                larger = true;
            }
            DateToken::Meridiem(long, capital) => {
                let meridiem = if millis < 43_200_000 { "AM" } else { "PM" };
                let meridiem = if long { meridiem } else { &meridiem[..1] };
                if capital { text.push_str(meridiem) } else { text.push_str(&meridiem.to_ascii_lowercase()) }
            }
            DateToken::Fraction(digits) => {
                let fraction = format!("{:03}", millis % 1000);
                text.push_str(&fraction[..digits.min(3)]);
            }
            DateToken::Literal(letter) => text.push(letter),
        }
    }
    Some(text)
}

fn split_into_tokens(section: &str) -> Vec<DateToken> {
    let mut found = Vec::new();
    let mut rest = section;
    while let Some(c) = rest.chars().next() {
        let lower = c.to_ascii_lowercase();
        let run = rest.chars().take_while(|d| d.eq_ignore_ascii_case(&c)).count();
        let mut length = c.len_utf8();
        match lower {
            '"' => {
                let inner = rest[1..].split('"').next().unwrap_or_default();
                found.extend(inner.chars().map(DateToken::Literal));
                length = (inner.len() + 2).min(rest.len());
            }
            '\\' => {
                let next = rest[1..].chars().next();
                found.extend(next.map(DateToken::Literal));
                length += next.map_or(0, char::len_utf8);
            }
            '[' => {
                let inner = rest[1..].split(']').next().unwrap_or_default();
                found.extend(parse_bracket(inner));
                length = (inner.len() + 2).min(rest.len());
            }
            'a' | 'p' if parse_meridiem(rest).is_some() => {
                if let Some((token, used)) = parse_meridiem(rest) {
                    found.push(token);
                    length = used;
                }
            }
            '0' if follows_seconds(&found) => {
                found.push(DateToken::Fraction(run));
                length = run;
            }
            'y' | 'm' | 'd' | 'h' | 's' => {
                // A capital M always means a month.
                let letter = if c == 'M' { 'M' } else { lower };
                found.push(DateToken::Part(letter, run));
                length = run;
            }
            _ => found.push(DateToken::Literal(c)),
        }
        rest = &rest[length..];
    }
    mark_minutes(&mut found);
    found
}

/// Parses `am/pm`, `a/p`, or `AM` and `PM`. The long forms are always shown in capitals.
fn parse_meridiem(rest: &str) -> Option<(DateToken, usize)> {
    let starts = |word: &str| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let long = ["am/pm", "am", "pm"].into_iter().find(|word| starts(word));
    match long {
        Some(word) => Some((DateToken::Meridiem(true, true), word.len())),
        None if starts("a/p") => Some((DateToken::Meridiem(false, rest.starts_with('A')), 3)),
        None => None,
    }
}

/// Parses the content of brackets: a count of time or a currency symbol. A language is skipped.
fn parse_bracket(inner: &str) -> Vec<DateToken> {
    if let Some(symbol) = inner.strip_prefix('$') {
        return symbol.chars().take_while(|c| *c != '-').map(DateToken::Literal).collect();
    }
    let lower = inner.to_ascii_lowercase();
    let letter = lower.chars().next().filter(|c| "hms".contains(*c));
    letter
        .filter(|letter| lower.chars().all(|c| c == *letter))
        .map(|letter| DateToken::Elapsed(letter, lower.len()))
        .into_iter()
        .collect()
}

/// Returns whether digits here are parts of a second: a point precedes them, and seconds precede
/// the point.
fn follows_seconds(found: &[DateToken]) -> bool {
    matches!(found, [.., DateToken::Part('s', _) | DateToken::Elapsed('s', _), DateToken::Literal('.')])
}

/// Turns an `m` into minutes if hours precede it or seconds follow it.
fn mark_minutes(tokens: &mut [DateToken]) {
    let units: Vec<(usize, char)> = tokens
        .iter()
        .enumerate()
        .filter_map(|(at, token)| match token {
            DateToken::Part(letter, _) | DateToken::Elapsed(letter, _) => Some((at, *letter)),
            _ => None,
        })
        .collect();
    for (n, (at, letter)) in units.iter().enumerate() {
        let before = n.checked_sub(1).and_then(|n| units.get(n)).is_some_and(|(_, letter)| *letter == 'h');
        let after = units.get(n + 1).is_some_and(|(_, letter)| *letter == 's');
        if let (true, 'm', Some(DateToken::Part(kind, 1 | 2))) = (before || after, *letter, tokens.get_mut(*at)) {
            *kind = 'n';
        }
    }
}

/// Returns the calendar day of a serial number, the milliseconds of that day, and all milliseconds.
/// Serial 0 is 1899-12-30. The time is rounded to the displayed digits of a second.
fn split_serial(serial: f64, digits: usize) -> Option<(Date, u64, u64)> {
    const DAY: i64 = 86_400_000;
    if !serial.is_finite() || serial.abs() > LAST_DAY {
        return None;
    }
    let unit = 10_i64.pow(3 - u32::try_from(digits.min(3)).unwrap_or(3));
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "bounded by the lines above")]
    let all = (serial * 86_400_000.0 / unit as f64).round() as i64 * unit;
    let days: Span = all.div_euclid(DAY).days();
    let day = date(1899, 12, 30).checked_add(days).ok()?;
    Some((day, u64::try_from(all.rem_euclid(DAY)).ok()?, u64::try_from(all).unwrap_or(0)))
}

fn pad_number(value: u64, digits: usize) -> String {
    let digits = digits.min(2);
    format!("{value:0digits$}")
}

fn format_part(letter: char, run: usize, day: Date, millis: u64, is_twelve_hour: bool) -> String {
    match (letter, run) {
        ('y', 1 | 2) => format!("{:02}", day.year().rem_euclid(100)),
        ('y', _) => format!("{:04}", day.year()),
        ('m' | 'M', 1 | 2) => pad_number(u64::from(day.month().unsigned_abs()), run),
        ('m' | 'M', 3) => day.strftime("%b").to_string(),
        ('m' | 'M', 5) => day.strftime("%B").to_string().chars().take(1).collect(),
        ('m' | 'M', _) => day.strftime("%B").to_string(),
        ('d', 1 | 2) => pad_number(u64::from(day.day().unsigned_abs()), run),
        ('d', 3) => day.strftime("%a").to_string(),
        ('d', _) => day.strftime("%A").to_string(),
        ('n', _) => pad_number(millis / 60_000 % 60, run),
        ('h', _) => {
            let hour = millis / 3_600_000;
            pad_number(if is_twelve_hour { (hour + 11) % 12 + 1 } else { hour }, run)
        }
        _ => pad_number(millis / 1000 % 60, run),
    }
}

/// Formats a count of hours, minutes or seconds: all of them, or what a larger count leaves.
fn format_elapsed(letter: char, run: usize, millis: u64, is_larger: bool) -> String {
    let count = match letter {
        'h' => millis / 3_600_000,
        'm' if is_larger => millis / 60_000 % 60,
        'm' => millis / 60_000,
        _ if is_larger => millis / 1000 % 60,
        _ => millis / 1000,
    };
    let digits = run.min(20);
    format!("{count:0digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2016-04-05 16:08:53.528, as in the guide's examples.
    const GUIDE: f64 = 42_465.0 + 58_133.528 / 86_400.0;

    #[test]
    fn patterns_show_moments() {
        for (value, pattern, text) in [
            (43_831.0, "yyyy-mm-dd", "2020-01-01"),
            (43_831.75, "yyyy-mm-dd hh:mm:ss", "2020-01-01 18:00:00"),
            (0.5, "h:mm am/pm", "12:00 PM"),
            (0.5, "m/d/yyyy h:mm:ss", "12/30/1899 12:00:00"),
            (43_831.5, "ddd, mmm d, yy", "Wed, Jan 1, 20"),
            (0.000_011_574_074_074, "ss.000", "01.000"),
            (43_862.0, "mmmmm", "F"),
            (43_862.5, "h M", "12 2"),
            (43_862.5, "hh\"h\" mm", "12h 00"),
            (-1.0, "yyyy-mm-dd", "1899-12-29"),
        ] {
            assert_eq!(format_moment(value, pattern).as_deref(), Some(text), "{pattern}");
        }
    }

    #[test]
    fn the_examples_of_the_guide_are_shown_as_it_shows_them() {
        for (pattern, text) in [
            ("h:mm:ss.00 a/p", "4:08:53.53 p"),
            ("hh:mm A/P\".M.\"", "04:08 P.M."),
            ("yyyy-mm-dd", "2016-04-05"),
            ("mmmm d \\[dddd\\]", "April 5 [Tuesday]"),
            ("h PM, ddd mmm dd", "4 PM, Tue Apr 05"),
            ("dddd, m/d/yy at h:mm", "Tuesday, 4/5/16 at 16:08"),
        ] {
            assert_eq!(format_moment(GUIDE, pattern).as_deref(), Some(text), "{pattern}");
        }
        let length = (3.0 * 3600.0 + 13.0 * 60.0 + 41.255) / 86_400.0;
        assert_eq!(format_moment(length, "[hh]:[mm]:[ss].000").as_deref(), Some("03:13:41.255"));
        assert_eq!(format_moment(length, "[mmmm]:[ss].000").as_deref(), Some("0193:41.255"));
    }

    #[test]
    fn lengths_of_time_are_counted_from_the_beginning() {
        assert_eq!(format_moment(1.25, "[h]:mm:ss").as_deref(), Some("30:00:00"));
        assert_eq!(format_moment(-1.25, "[h]:mm:ss").as_deref(), Some("-30:00:00"));
        assert_eq!(format_moment(1.25, "[s]").as_deref(), Some("108000"));
    }

    #[test]
    fn a_pattern_says_whether_it_shows_moments() {
        for (section, is_time, shows) in [
            ("yyyy", false, true),
            ("0.00", true, false),
            ("0\" days\"", false, false),
            ("[h]:mm", false, true),
            ("General", false, false),
            ("\"on\"", true, true),
        ] {
            assert_eq!(has_moments(section, is_time), shows, "{section}");
        }
    }
}
