//! Damaged quotes of a CSV row: the messages, and the shape of a single line.
//!
//! In scope: the messages, and the heuristics that decide whether a line is a row or the middle of
//! one. Out of scope: reading (`source::csv::csv_row_reader`).

use memchr::{memchr, memchr_iter};

/// What is wrong with the quotes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuoteError {
    /// The closing quote is followed by something other than a delimiter or line end. `is_escaped`:
    /// a backslash precedes the quote.
    TextAfterQuote { is_escaped: bool },
    /// The opening quote is not the field's first character.
    BlanksBeforeQuote,
    /// The quote is still open at the end of the input.
    NeverClosed,
    /// The quote closes on a later line, after lines that are rows of their own.
    ClosedBelow,
}

/// The damaged quotes of a row, with their position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) error: QuoteError,
    /// Index of the field, from 0.
    pub(crate) field: usize,
    /// The line on which the field begins, from 1.
    pub(crate) line: u64,
}

impl Damage {
    /// Returns a message for a row that begins on line `row`. The words before the colon are the
    /// same for every kind of damage.
    pub(crate) fn describe_damage(self, row: u64, columns: &[String]) -> String {
        let name = columns.get(self.field).map(|name| format!(" ({name:?})")).unwrap_or_default();
        let line = if self.line == row { String::new() } else { format!(" on line {}", self.line) };
        let field = format!("field {}{name}{line}", self.field + 1);
        let what = match self.error {
            QuoteError::TextAfterQuote { is_escaped: true } => {
                format!(
                    "text follows the closing quote of {field}; CSV writes a quote inside a field as \"\", not as \\\""
                )
            }
            QuoteError::TextAfterQuote { is_escaped: false } => {
                format!(
                    "text follows the closing quote of {field}; a quote inside a quoted field is written twice, \"\""
                )
            }
            QuoteError::BlanksBeforeQuote => {
                format!(
                    "blanks come before the opening quote of {field}; write no blanks between a delimiter and a quote"
                )
            }
            QuoteError::NeverClosed => {
                format!("the quote that opens {field} is never closed: close it; the lines after it are read")
            }
            QuoteError::ClosedBelow => {
                format!(
                    "the quote that opens {field} closes only after lines that are rows of their own: close it; these are read"
                )
            }
        };
        format!("the quotes of this row are damaged: {what}")
    }
}

/// Returns whether the number of quotes is odd: then one is open at the end.
pub(crate) fn is_odd(bytes: &[u8]) -> bool {
    memchr_iter(b'"', bytes).count() % 2 == 1
}

/// The shape of a single line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineShape {
    fields: usize,
    /// Whether the number of its quotes is odd.
    pub(crate) is_odd: bool,
    /// Whether a quoted field begins on it and does not end on it.
    opens_quote: bool,
    /// Whether a field ends with a quote that it did not begin with.
    closes_quote: bool,
}

impl LineShape {
    /// Determines the shape of `line`, given without its line end.
    pub(crate) fn from_line(line: &[u8], delimiter: u8) -> Self {
        let mut shape = Self { fields: 0, is_odd: is_odd(line), opens_quote: false, closes_quote: false };
        let mut rest = Some(line);
        while let Some(field) = rest {
            shape.fields += 1;
            let (inside, after) = if field.first() == Some(&b'"') {
                let Some(after) = skip_quoted_part(field, delimiter) else {
                    shape.opens_quote = true;
                    break;
                };
                (false, after)
            } else {
                (true, field)
            };
            let end = memchr(delimiter, after).unwrap_or(after.len());
            shape.closes_quote |= inside && after.get(..end).is_some_and(|field| field.last() == Some(&b'"'));
            rest = after.get(end + 1..).filter(|_| end < after.len());
        }
        shape
    }

    /// Returns whether it may be a row of `fields` fields.
    pub(crate) fn looks_like_a_row(self, fields: usize) -> bool {
        match self {
            Self { is_odd: true, opens_quote: true, .. } => self.fields <= fields,
            Self { is_odd: true, closes_quote: true, .. } => false,
            _ => self.fields == fields,
        }
    }
}

/// Returns what follows the quotes around a field; `None` if they do not close.
fn skip_quoted_part(field: &[u8], delimiter: u8) -> Option<&[u8]> {
    let mut from = 1;
    loop {
        let quote = from + memchr(b'"', field.get(from..)?)?;
        match field.get(quote + 1) {
            Some(b'"') => from = quote + 2,
            None => return Some(&[]),
            Some(byte) if *byte == delimiter => return field.get(quote + 1..),
            // Text after a closing quote: the field continues to its delimiter.
            Some(_) => return field.get(quote + 1..),
        }
    }
}

/// Returns whether lines are rows, given how many of them look like rows. With few fields a line of
/// prose may have the right number by chance.
pub(crate) fn are_rows(looks_right: usize, lines: usize, fields: usize) -> bool {
    let least = if fields >= 3 { lines } else { lines + 1 };
    lines == 0 || looks_right * 2 >= least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_for_a_row_by_its_fields_and_quotes() {
        for (line, fields, is_row) in [
            ("3,foo,y", 3, true),
            ("3,\"a,b\",y", 3, true),
            ("3,5\" pipe,y", 3, true),
            ("3,\"a", 3, true),
            ("3,\"a\"b\",y", 3, true),
            ("and left\",x", 2, false),
            ("pipe 12\"", 1, false),
            ("the house, angry", 3, false),
            ("", 1, true),
        ] {
            assert_eq!(LineShape::from_line(line.as_bytes(), b',').looks_like_a_row(fields), is_row, "{line}");
        }
    }

    #[test]
    fn half_of_the_lines_decide_and_more_where_fields_are_few() {
        assert!(are_rows(0, 0, 1) && are_rows(1, 2, 3) && are_rows(2, 3, 2));
        assert!(!are_rows(1, 2, 2) && !are_rows(0, 1, 3));
    }
}
