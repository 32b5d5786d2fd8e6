//! Number formats: how a cell displays its value.
//!
//! In scope: the sections of a pattern, the section of a value, the default pattern of each kind,
//! all for the locale `en_US`.
//! Out of scope: digits (`number`), dates (`date`), colours, other locales.
//!
//! Source: "Date and number formats" of the Sheets API guide.

use crate::format::date::{format_moment, has_moments};
use crate::format::literals::{remove_literals, split_letters};
use crate::format::number::{format_automatically, format_number};

/// The format of a cell: the API's `NumberFormat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberFormat {
    /// The kind: `NUMBER`, `PERCENT`, `CURRENCY`, `DATE`, `TIME`, `DATE_TIME`, `SCIENTIFIC` or
    /// `TEXT`.
    pub kind: String,
    /// The pattern; empty for the kind's default.
    pub pattern: String,
}

impl NumberFormat {
    /// Creates a format of this kind and pattern.
    pub fn new(kind: &str, pattern: &str) -> Self {
        Self { kind: kind.to_owned(), pattern: pattern.to_owned() }
    }

    /// Returns whether the format is for dates, times or durations.
    pub fn is_time(&self) -> bool {
        matches!(self.kind.as_str(), "DATE" | "TIME" | "DATE_TIME")
    }

    /// Formats a number.
    pub fn show(&self, value: f64) -> String {
        let pattern = if self.pattern.is_empty() { self.default_pattern() } else { &self.pattern };
        if pattern.is_empty() {
            return format_automatically(value);
        }
        let sections = split_into_sections(pattern);
        let Some((section, value)) = choose_section(&sections, value) else { return format_automatically(value) };
        let shown = if has_moments(section.pattern, self.is_time()) {
            format_moment(value, section.pattern)
        } else {
            format_number(value, section.pattern)
        };
        shown.unwrap_or_else(|| format_automatically(value))
    }

    /// Formats a text. A pattern may have a section for texts, in which the text replaces `@`.
    pub fn show_text(&self, text: &str) -> String {
        let sections = split_into_sections(&self.pattern);
        let own = match sections.as_slice() {
            [_, _, _, text, ..] => Some(text),
            [.., last] if remove_literals(last.pattern).contains('@') => Some(last),
            _ => None,
        };
        let Some(section) = own else { return text.to_owned() };
        let mut shown = String::new();
        for (letter, literal) in split_letters(section.pattern) {
            if letter == '@' && !literal { shown.push_str(text) } else { shown.push(letter) }
        }
        shown
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

/// One section of a pattern: the part between semicolons, without its condition and colour.
#[derive(Debug, Clone, Copy, PartialEq)]
struct FormatSection<'a> {
    condition: Option<(&'a str, f64)>,
    pattern: &'a str,
}

/// Splits a pattern into sections. The first three are for numbers, the fourth is for texts.
fn split_into_sections(pattern: &str) -> Vec<FormatSection<'_>> {
    let mut found = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in pattern.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if !quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                found.push(parse_section(&pattern[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(parse_section(&pattern[start..]));
    found
}

/// Parses `[Red]`, `[Color5]` and `[<100]` in front of a section. A colour changes no text.
fn parse_section(mut pattern: &str) -> FormatSection<'_> {
    let mut condition = None;
    while let Some((inner, rest)) = pattern.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let operator = ["<=", ">=", "<>", "<", ">", "="].into_iter().find(|operator| inner.starts_with(operator));
        let limit = operator.and_then(|operator| Some((operator, inner[operator.len()..].trim().parse().ok()?)));
        if limit.is_some() {
            condition = limit;
        } else if !is_color(inner) {
            break;
        }
        pattern = rest;
    }
    FormatSection { condition, pattern }
}

fn is_color(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["black", "blue", "cyan", "green", "magenta", "red", "white", "yellow"].contains(&lower.as_str())
        || lower.strip_prefix("color").is_some_and(|n| n.parse::<u8>().is_ok_and(|n| (1..=56).contains(&n)))
}

/// Returns the section for a number, and the number for that section. The section for negative
/// numbers gets the absolute value, because it has its own sign.
fn choose_section<'s, 'a>(sections: &'s [FormatSection<'a>], value: f64) -> Option<(&'s FormatSection<'a>, f64)> {
    let numeric = &sections[..sections.len().min(3)];
    let own = numeric.iter().any(|section| section.condition.is_some());
    for (at, section) in numeric.iter().enumerate() {
        let fits = match (section.condition, at, numeric.len()) {
            (Some((operator, limit)), ..) => meets_condition(value, operator, limit),
            (None, 0, 2) => value >= 0.0 || own,
            (None, 0, 3) => value > 0.0 || own,
            (None, 1, 3) => value < 0.0 || own,
            _ => true,
        };
        if fits {
            return Some((section, if at == 1 && !own { value.abs() } else { value }));
        }
    }
    None
}

fn meets_condition(value: f64, operator: &str, limit: f64) -> bool {
    let order = value.partial_cmp(&limit);
    match operator {
        "<" => order.is_some_and(std::cmp::Ordering::is_lt),
        "<=" => order.is_some_and(std::cmp::Ordering::is_le),
        ">" => order.is_some_and(std::cmp::Ordering::is_gt),
        ">=" => order.is_some_and(std::cmp::Ordering::is_ge),
        "<>" => order.is_some_and(std::cmp::Ordering::is_ne),
        _ => order.is_some_and(std::cmp::Ordering::is_eq),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_takes_the_section_that_is_for_it() {
        for (value, kind, pattern, text) in [
            (-5.0, "NUMBER", "0;(0)", "(5)"),
            (5.0, "NUMBER", "0;(0)", "5"),
            (0.0, "NUMBER", "0;(0);\"none\"", "none"),
            (-5.0, "NUMBER", "[Red]0.0", "-5.0"),
            (50.0, "NUMBER", "[<100]\"low\";[>=100]\"high\"", "low"),
            (150.0, "NUMBER", "[<100]\"low\";[>=100]\"high\"", "high"),
            (12_345.0, "NUMBER", "[>=1000]0.0,\"k\";0", "12.3k"),
            (5.0, "NUMBER", "[>=1000]0.0,\"k\";0", "5"),
            (5.0, "NUMBER", "[$€]#,##0.00", "€5.00"),
            (5.0, "NUMBER", "#,##0.00\\ [$€-407]", "5.00 €"),
            (3.0, "TEXT", "", "3"),
            (3.0, "TEXT", "@", "3"),
            (0.125, "PERCENT", "", "12.50%"),
            (43_831.0, "NUMBER", "yyyy", "2020"),
            (43_831.0, "DATE", "0", "43831"),
        ] {
            assert_eq!(NumberFormat::new(kind, pattern).show(value), text, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_may_have_a_section_for_texts() {
        for (pattern, text) in [("0;0;0;\"<\"@\">\"", "<x>"), ("@\" pcs\"", "x pcs"), ("0.00", "x"), ("0;0;0;", "")] {
            assert_eq!(NumberFormat::new("NUMBER", pattern).show_text("x"), text, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_makes_it_fail(value in any::<f64>(), pattern in "[ymdhsapAPM0#?.,;%E+\\\\\"\\[\\]_*$/@<>= -]{0,20}", kind in 0..3_usize) {
            let format = NumberFormat::new(["NUMBER", "DATE", "TIME"][kind], &pattern);
            let _ = (format.show(value), format.show_text("x"));
        }
    }
}
