//! The pattern in which a spreadsheet shows the numbers, days or durations of a column.
//!
//! In scope: rejecting a pattern that the service would refuse, or show as text. The notation:
//! <https://developers.google.com/workspace/sheets/api/guides/formats>. Out of scope: showing values.

use crate::values::columns::ColumnType;

/// Sections of a pattern at most: for numbers above zero, below zero, zero, and texts.
const MAX_SECTIONS: usize = 4;

/// Checks the pattern of a column of this type. The error completes "the format … ".
pub fn check_format(pattern: &str, kind: ColumnType) -> Result<(), String> {
    let is_number = kind == ColumnType::Number;
    let mut scan = PatternScanner { sections: 1, points: 0, placeholders: 0, is_number };
    let mut chars = pattern.chars();
    while !chars.as_str().is_empty() {
        if let Some(rest) = strip_general(chars.as_str()) {
            (chars, scan.placeholders) = (rest.chars(), scan.placeholders + 1);
            continue;
        }
        let Some(c) = chars.next() else { break };
        match c {
            '"' => {
                skip_to(&mut chars, '"').ok_or("has a quote that is never closed")?;
            }
            '[' => {
                let inside = skip_to(&mut chars, ']').ok_or("has a [ that is never closed")?;
                let is_elapsed = !inside.is_empty() && inside.chars().all(|c| "hmsHMS".contains(c));
                scan.placeholders += usize::from(is_elapsed && !is_number);
            }
            '\\' | '_' | '*' => {
                chars.next().ok_or_else(|| format!("ends with {c:?}, which needs a character after it"))?;
            }
            other => scan.add(other)?,
        }
    }
    if scan.placeholders == 0 {
        let needed = if is_number { "a place for digits: 0, # or ?" } else { "a place such as yyyy, mm, dd, hh or ss" };
        return Err(format!("has no {}", needed.strip_prefix("a ").unwrap_or(needed)));
    }
    Ok(())
}

/// Returns what follows the word `General`, which shows any value, if the text begins with it.
fn strip_general(text: &str) -> Option<&str> {
    const GENERAL: &str = "general";
    let (word, rest) = text.split_at_checked(GENERAL.len())?;
    word.eq_ignore_ascii_case(GENERAL).then_some(rest)
}

struct PatternScanner {
    sections: usize,
    /// Decimal points of the present section.
    points: usize,
    placeholders: usize,
    is_number: bool,
}

impl PatternScanner {
    fn add(&mut self, c: char) -> Result<(), String> {
        match c {
            ';' => {
                (self.sections, self.points) = (self.sections + 1, 0);
                if self.sections > MAX_SECTIONS {
                    return Err(format!("has more than {MAX_SECTIONS} sections"));
                }
            }
            '.' if self.is_number => {
                self.points += 1;
                if self.points > 1 {
                    return Err("has two decimal points; thousands are written with a comma, as in #,##0.00".to_owned());
                }
            }
            '0' | '#' | '?' if self.is_number => self.placeholders += 1,
            'y' | 'm' | 'd' | 'h' | 's' | 'Y' | 'M' | 'D' | 'H' | 'S' if !self.is_number => self.placeholders += 1,
            'E' | 'e' if self.is_number => {}
            'a' | 'p' | 'A' | 'P' if !self.is_number => {}
            letter if letter.is_ascii_alphabetic() => {
                return Err(format!("holds the letter {letter:?}, which has to be in quotes: \"{letter}\""));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Consumes up to `end` and returns what comes before it; `None` if it does not come.
fn skip_to(chars: &mut std::str::Chars<'_>, end: char) -> Option<String> {
    let mut inside = String::new();
    for c in chars {
        if c == end {
            return Some(inside);
        }
        inside.push(c);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_the_documentation_are_taken() {
        for pattern in [
            "#,##0.00",
            "0",
            "0.0%",
            "# ?/?",
            "0.##E+0",
            "[Red]-0.0;[>=5]0;\"none\"",
            "$#,##0.00_)",
            "#,##0.00 €",
            "0 \"pcs\"",
            "\\$0",
            "00000",
            "General",
            "general;-General",
            "[$€-407]#,##0.00",
        ] {
            assert_eq!(check_format(pattern, ColumnType::Number), Ok(()), "{pattern}");
        }
        for pattern in ["yyyy-mm-dd", "dd.mm.yyyy", "ddd, d mmm yy", "hh:mm:ss.000", "h:mm am/pm", "mmmm\" of \"yyyy"] {
            assert_eq!(check_format(pattern, ColumnType::DateTime), Ok(()), "{pattern}");
        }
        assert_eq!(check_format("[h]:mm:ss", ColumnType::Duration), Ok(()));
    }

    #[test]
    fn a_pattern_that_shows_no_value_is_refused_with_what_is_wrong() {
        for (pattern, kind, why) in [
            ("#,##0,00.00.00", ColumnType::Number, "two decimal points"),
            ("0.00 [", ColumnType::Number, "a [ that is never closed"),
            ("0 \"pcs", ColumnType::Number, "a quote that is never closed"),
            ("%.2f", ColumnType::Number, "the letter 'f'"),
            ("currency", ColumnType::Number, "the letter 'c'"),
            ("\"none\"", ColumnType::Number, "place for digits"),
            ("%d.%m.%B", ColumnType::Date, "the letter 'B'"),
            ("0.00", ColumnType::Date, "place such as yyyy"),
            ("0;0;0;0;0", ColumnType::Number, "more than 4 sections"),
            ("0\\", ColumnType::Number, "needs a character after it"),
        ] {
            let found = check_format(pattern, kind).expect_err(pattern);
            assert!(found.contains(why), "{pattern}: {found}");
        }
    }
}
