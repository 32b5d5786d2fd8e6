//! Number and date patterns: what a number looks like in its cell.
//!
//! In scope: the automatic format, and the pattern tokens that people's sheets mostly use, as the locale `en_US` shows them.
//! Out of scope: colours, conditions, fractions and repeat marks in patterns; other locales.
//!
//! Source: "Date and number formats" of the Sheets API guide.

use jiff::civil::{Date, date};
use jiff::{Span, ToSpan};

/// How a number is to be shown: the API's `NumberFormat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberFormat {
    /// `NUMBER`, `PERCENT`, `CURRENCY`, `DATE`, `TIME`, `DATE_TIME`, `SCIENTIFIC` or `TEXT`.
    pub kind: String,
    /// The pattern; empty for the default of the kind.
    pub pattern: String,
}

impl NumberFormat {
    /// A format of this kind and pattern.
    pub fn new(kind: &str, pattern: &str) -> Self {
        Self { kind: kind.to_owned(), pattern: pattern.to_owned() }
    }

    /// Whether numbers of this format are moments or lengths of time.
    pub fn is_time(&self) -> bool {
        matches!(self.kind.as_str(), "DATE" | "TIME" | "DATE_TIME")
    }

    /// The number as the cell shows it.
    pub fn show(&self, value: f64) -> String {
        let pattern = if self.pattern.is_empty() { self.default_pattern() } else { &self.pattern };
        match self.kind.as_str() {
            "TEXT" => automatic(value),
            _ if self.is_time() => moment(value, pattern).unwrap_or_else(|| automatic(value)),
            _ if pattern.is_empty() => automatic(value),
            _ => number(value, pattern),
        }
    }

    fn default_pattern(&self) -> &'static str {
        match self.kind.as_str() {
            "NUMBER" => "#,##0.00",
            "PERCENT" => "0.00%",
            "CURRENCY" => "\"$\"#,##0.00",
            "DATE" => "m/d/yyyy",
            "TIME" => "h:mm:ss am/pm",
            "DATE_TIME" => "m/d/yyyy h:mm:ss",
            "SCIENTIFIC" => "0.00E+00",
            _ => "",
        }
    }
}

/// A number without any format, as Sheets shows it: ten significant digits, whole numbers below 1E+15 in full.
pub fn automatic(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-10..1e15).contains(&size) {
        return scientific(value, 0, 5, 2);
    }
    if value.fract() == 0.0 {
        return format!("{value:.0}");
    }
    let rounded = format!("{value:.9e}").parse::<f64>().unwrap_or(value);
    rounded.to_string()
}

fn scientific(value: f64, least: usize, most: usize, exponent_digits: usize) -> String {
    let text = format!("{value:.most$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent = exponent.parse::<i32>().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}E{sign}{:0exponent_digits$}", cut_zeros(mantissa, least), exponent.unsigned_abs())
}

/// A decimal text without the zeros at its end, but with at least so many decimals.
fn cut_zeros(text: &str, least: usize) -> &str {
    let Some(point) = text.find('.') else { return text };
    let mut end = text.len();
    while end > point + 1 + least && text.as_bytes().get(end - 1) == Some(&b'0') {
        end -= 1;
    }
    if end == point + 1 { &text[..point] } else { &text[..end] }
}

/// Shows a number by a pattern such as `#,##0.00`, `0%`, `0.00E+00`, `"$"#,##0;("$"#,##0)`.
fn number(value: f64, pattern: &str) -> String {
    let sections: Vec<&str> = split_sections(pattern);
    let (section, value) = match sections.as_slice() {
        [_, negative, ..] if value < 0.0 => (*negative, -value),
        [_, _, zero, ..] if value == 0.0 => (*zero, value),
        [first, ..] => (*first, value),
        [] => return automatic(value),
    };
    let is_digit = |c: char| "0#?".contains(c);
    let (before, after, block) = cut_block(section, is_digit);
    if block.is_empty() {
        return before + &after;
    }
    let (block, exponent) = block.split_once(['E', 'e']).map_or((block.as_str(), None), |(b, e)| (b, Some(e)));
    let (whole, decimals) = block.split_once('.').unwrap_or((block, ""));
    let least = decimals.matches('0').count();
    let most = decimals.chars().filter(|c| is_digit(*c)).count();
    let percents = i32::try_from(section.matches('%').count()).unwrap_or(0);
    let scaled = value * 100_f64.powi(percents);
    let sign = if scaled < 0.0 { "-" } else { "" };
    let text = if let Some(exponent) = exponent {
        scientific(scaled.abs(), least, most, exponent.matches('0').count().max(1))
    } else {
        let text = round_half_away(scaled.abs(), most);
        let text = cut_zeros(&text, least);
        let (digits, fraction) = text.split_once('.').map_or((text, None), |(d, f)| (d, Some(f)));
        let wanted = whole.matches('0').count();
        let digits = if wanted == 0 && digits == "0" { String::new() } else { format!("{digits:0>wanted$}") };
        let digits = if whole.contains(',') { group(&digits) } else { digits };
        fraction.map_or_else(|| digits.clone(), |fraction| format!("{digits}.{fraction}"))
    };
    format!("{sign}{before}{text}{after}")
}

/// Rounds as people do (2.5 to 3), also where the binary number lies a hair below the half.
fn round_half_away(value: f64, decimals: usize) -> String {
    let shortest = value.to_string();
    let exact_half = shortest.split_once('.').is_some_and(|(_, f)| f.len() == decimals + 1 && f.ends_with('5'));
    if exact_half {
        let nudged = value * (1.0 + f64::EPSILON);
        return format!("{nudged:.decimals$}");
    }
    format!("{value:.decimals$}")
}

fn group(digits: &str) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn split_sections(pattern: &str) -> Vec<&str> {
    let mut sections = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in pattern.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                sections.push(&pattern[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    sections.push(&pattern[start..]);
    sections
}

/// The texts before and after the block of digits in a section, unquoted, and the block.
fn cut_block(section: &str, is_digit: impl Fn(char) -> bool) -> (String, String, String) {
    let (mut before, mut block, mut after) = (String::new(), String::new(), String::new());
    let mut letters = section.chars().peekable();
    let (mut quoted, mut bracket) = (false, false);
    while let Some(c) = letters.next() {
        let still_block = after.is_empty();
        let side = if block.is_empty() { &mut before } else { &mut after };
        match c {
            '"' => quoted = !quoted,
            _ if quoted => side.push(c),
            '[' => bracket = true,
            ']' => bracket = false,
            _ if bracket => {}
            '\\' => side.extend(letters.next()),
            '_' | '*' => {
                letters.next();
                if c == '_' {
                    side.push(' ');
                }
            }
            _ if still_block && (is_digit(c) || (c == '.' || c == ',') || (c == 'E' && !block.is_empty())) => {
                block.push(c);
            }
            '+' | '-' if block.ends_with('E') => block.push(c),
            _ => side.push(c),
        }
    }
    (before, after, block)
}

/// Shows a serial number as a moment by a pattern such as `yyyy-mm-dd hh:mm:ss`; none outside the calendar.
fn moment(serial: f64, pattern: &str) -> Option<String> {
    let (day, millis) = split_serial(serial)?;
    let twelve = pattern.to_ascii_lowercase().contains("am/pm") || pattern.to_ascii_lowercase().contains("a/p");
    let letters: Vec<char> = pattern.chars().collect();
    let mut text = String::new();
    let mut at = 0;
    let mut after_hour = false;
    while let Some(&c) = letters.get(at) {
        let lower = c.to_ascii_lowercase();
        let run = letters[at..].iter().take_while(|d| d.to_ascii_lowercase() == lower).count();
        let rest: String = letters[at..].iter().collect::<String>().to_ascii_lowercase();
        let used = match lower {
            '"' => {
                let inner: String = letters[at + 1..].iter().take_while(|d| **d != '"').collect();
                text.push_str(&inner);
                inner.chars().count() + 2
            }
            '\\' => {
                text.extend(letters.get(at + 1));
                2
            }
            'a' if rest.starts_with("am/pm") || rest.starts_with("a/p") => {
                let long = rest.starts_with("am/pm");
                let half = if millis < 43_200_000 { "AM" } else { "PM" };
                text.push_str(if long { half } else { &half[..1] });
                if long { 5 } else { 3 }
            }
            '[' => {
                let inner: String = letters[at + 1..].iter().take_while(|d| **d != ']').collect();
                text.push_str(&elapsed(serial, &inner));
                after_hour = inner.to_ascii_lowercase().starts_with('h');
                inner.chars().count() + 2
            }
            '0' if text.ends_with('.') => {
                let fraction = format!("{:03}", millis % 1000);
                text.push_str(&fraction[..run.min(3)]);
                run
            }
            'm' if after_hour || minutes_follow(&letters[at + run..]) => {
                text.push_str(&padded(millis / 60_000 % 60, run));
                run
            }
            'y' | 'm' | 'd' | 'h' | 's' => {
                text.push_str(&part(lower, run, day, millis, twelve));
                run
            }
            _ => {
                text.push(c);
                1
            }
        };
        if lower.is_ascii_alphabetic() {
            after_hour = lower == 'h';
        }
        at += used;
    }
    Some(text)
}

/// The calendar day of a serial number and the milliseconds into it; serial 0 is 1899-12-30.
fn split_serial(serial: f64) -> Option<(Date, u64)> {
    const DAY: i64 = 86_400_000;
    if !serial.is_finite() || serial.abs() > 3_000_000.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the line above")]
    let all = (serial * 86_400_000.0).round() as i64;
    let days: Span = all.div_euclid(DAY).days();
    Some((date(1899, 12, 30).checked_add(days).ok()?, u64::try_from(all.rem_euclid(DAY)).ok()?))
}

/// Whether an `m` means minutes since seconds come next.
fn minutes_follow(rest: &[char]) -> bool {
    rest.iter().find(|c| c.is_ascii_alphabetic() || **c == '[').is_some_and(|c| c.eq_ignore_ascii_case(&'s'))
}

fn padded(value: u64, digits: usize) -> String {
    let digits = digits.min(2);
    format!("{value:0digits$}")
}

fn part(letter: char, run: usize, day: Date, millis: u64, twelve: bool) -> String {
    match (letter, run) {
        ('y', 1 | 2) => format!("{:02}", day.year().rem_euclid(100)),
        ('y', _) => format!("{:04}", day.year()),
        ('m', 1 | 2) => padded(u64::from(day.month().unsigned_abs()), run),
        ('m', 3) => day.strftime("%b").to_string(),
        ('m', 5) => day.strftime("%B").to_string().chars().take(1).collect(),
        ('m', _) => day.strftime("%B").to_string(),
        ('d', 1 | 2) => padded(u64::from(day.day().unsigned_abs()), run),
        ('d', 3) => day.strftime("%a").to_string(),
        ('d', _) => day.strftime("%A").to_string(),
        ('h', _) => {
            let hour = millis / 3_600_000;
            padded(if twelve { (hour + 11) % 12 + 1 } else { hour }, run)
        }
        _ => padded(millis / 1000 % 60, run),
    }
}

/// A length of time for `[h]`, `[m]` or `[s]`.
fn elapsed(serial: f64, unit: &str) -> String {
    let per_day = match unit.chars().next().map(|c| c.to_ascii_lowercase()) {
        Some('h') => 24.0,
        Some('m') => 1_440.0,
        Some('s') => 86_400.0,
        _ => return String::new(),
    };
    let digits = unit.chars().count();
    format!("{:0digits$.0}", (serial * per_day + 1e-6).floor())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_without_a_format_look_as_sheets_shows_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (42.0, "42"),
            (0.1 + 0.2, "0.3"),
            (1.0 / 3.0, "0.3333333333"),
            (1.0 / 60.0, "0.01666666667"),
            (1.0 / 1024.0, "0.0009765625"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e15, "1E+15"),
            (12_345_678_901_234_567_890.0, "1.23457E+19"),
            (-1.5, "-1.5"),
            (1e-12, "1E-12"),
        ] {
            assert_eq!(automatic(value), text);
        }
    }

    #[test]
    fn patterns_show_numbers() {
        for (value, kind, pattern, text) in [
            (2_000_000.01, "NUMBER", "#,##0.00", "2,000,000.01"),
            (1234.0, "NUMBER", "#,##0", "1,234"),
            (0.1, "PERCENT", "0%", "10%"),
            (0.125, "PERCENT", "", "12.50%"),
            (5.0, "CURRENCY", "\"$\"#,##0", "$5"),
            (-5.5, "CURRENCY", "\"$\"#,##0.00", "-$5.50"),
            (-5.0, "NUMBER", "0;(0)", "(5)"),
            (100_000.0, "SCIENTIFIC", "0.00E+00", "1.00E+05"),
            (7.0, "NUMBER", "000", "007"),
            (2.5, "NUMBER", "0", "3"),
            (1.005, "NUMBER", "0.00", "1.01"),
            (0.5, "NUMBER", "#.##", ".5"),
            (3.0, "TEXT", "", "3"),
        ] {
            assert_eq!(NumberFormat::new(kind, pattern).show(value), text, "{pattern}");
        }
    }

    #[test]
    fn patterns_show_moments() {
        for (value, kind, pattern, text) in [
            (43_831.0, "DATE", "yyyy-mm-dd", "2020-01-01"),
            (43_831.0, "DATE", "", "1/1/2020"),
            (43_831.75, "DATE_TIME", "yyyy-mm-dd hh:mm:ss", "2020-01-01 18:00:00"),
            (0.5, "TIME", "h:mm am/pm", "12:00 PM"),
            (1.25, "TIME", "[h]:mm:ss", "30:00:00"),
            (43_831.5, "DATE", "ddd, mmm d, yy", "Wed, Jan 1, 20"),
            (0.000_011_574_074_074, "TIME", "ss.000", "01.000"),
        ] {
            assert_eq!(NumberFormat::new(kind, pattern).show(value), text, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_makes_it_fail(value in any::<f64>(), pattern in "[ymdhs0#?.,;%E+\\\\\"\\[\\]_*$a/p-]{0,20}", kind in 0..3_usize) {
            let _ = NumberFormat::new(["NUMBER", "DATE", "TIME"][kind], &pattern).show(value);
        }
    }
}
