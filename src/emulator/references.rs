//! The references in a formula's text, and what becomes of them when the formula moves.
//!
//! In scope: finding cells, ranges, whole rows and columns outside of texts, with `$` and a sheet's title. Out of scope: what a formula
//! comes to (`formula`), names, which do not move.

/// The formula as it reads so many rows further down and columns further right: what has a `$` stays, and what would leave the
/// sheet is `#REF!`.
pub fn shifted(source: &str, down: i64, right: i64) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => quoted(rest, first),
            c if c.is_alphanumeric() || c == '$' || c == '_' => word(rest),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let is_reference = first.is_ascii_alphanumeric() || first == '$';
        // A word before a bracket is a function, and one before an exclamation mark a sheet.
        let moves = is_reference && !after.starts_with(['(', '!']) && !out.ends_with('.');
        match moved(token, down, right).filter(|_| moves) {
            Some(reference) => out.push_str(&reference),
            None => out.push_str(token),
        }
        rest = after;
    }
    out
}

/// The length of a text or a quoted title; a quote within is doubled.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return at + c.len_utf8();
            }
        }
    }
    text.len()
}

fn word(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '$' | '_' | '.' | ':'))).unwrap_or(text.len())
}

/// A word as it reads after the move; `None` where it is no reference.
fn moved(word: &str, down: i64, right: i64) -> Option<String> {
    let mut ends = word.split(':');
    let (first, second) = (ends.next()?, ends.next());
    if ends.next().is_some() {
        return None;
    }
    let whole = second.is_some();
    let first = End::read(first, whole)?;
    let moved_first = first.moved(down, right);
    let Some(second) = second else { return Some(moved_first.unwrap_or_else(|| "#REF!".to_owned())) };
    let second = End::read(second, true)?;
    let both = moved_first.zip(second.moved(down, right));
    Some(both.map_or_else(|| "#REF!".to_owned(), |(first, second)| format!("{first}:{second}")))
}

/// One end of a reference: a column, a row, or both.
struct End {
    column: Option<(bool, i64)>,
    row: Option<(bool, i64)>,
}

/// The most columns and rows that a reference can name.
const MOST_COLUMNS: i64 = 18_278;
const MOST_ROWS: i64 = 10_000_000;

impl End {
    /// Reads `$A$1`; where it is an end of a range also `A` or `1`.
    fn read(text: &str, of_range: bool) -> Option<Self> {
        let (fixed_column, rest) = text.strip_prefix('$').map_or((false, text), |rest| (true, rest));
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (letters, rest) = rest.split_at(letters);
        if letters.len() > 3 {
            return None;
        }
        let column = letters.bytes().fold(0_i64, |n, b| n * 26 + i64::from(b.to_ascii_uppercase() - b'A') + 1);
        let (fixed_row, digits) = match (letters.is_empty(), rest.strip_prefix('$')) {
            (true, None) => (fixed_column, rest),
            (true, Some(_)) => return None,
            (false, Some(digits)) => (true, digits),
            (false, None) => (false, rest),
        };
        if !digits.bytes().all(|b| b.is_ascii_digit()) || digits.len() > 8 {
            return None;
        }
        let row = digits.parse::<i64>().ok().filter(|row| *row > 0);
        if digits.is_empty() != row.is_none() {
            return None;
        }
        let end = Self {
            column: (!letters.is_empty()).then_some((fixed_column, column)),
            row: row.map(|row| (fixed_row, row)),
        };
        match (end.column, end.row) {
            (Some(_), Some(_)) => Some(end),
            (None, None) => None,
            _ => of_range.then_some(end),
        }
    }

    /// As it reads after the move; `None` where it would leave the sheet.
    fn moved(&self, down: i64, right: i64) -> Option<String> {
        let place = |at: Option<(bool, i64)>, by: i64, most: i64| match at {
            None => Some(None),
            Some((fixed, at)) => {
                let to = if fixed { at } else { at + by };
                (1..=most).contains(&to).then_some(Some((fixed, to)))
            }
        };
        let column = place(self.column, right, MOST_COLUMNS)?;
        let row = place(self.row, down, MOST_ROWS)?;
        let dollar = |fixed: bool| if fixed { "$" } else { "" };
        let column = column.map(|(fixed, at)| format!("{}{}", dollar(fixed), letters(at))).unwrap_or_default();
        let row = row.map(|(fixed, at)| format!("{}{at}", dollar(fixed))).unwrap_or_default();
        Some(column + &row)
    }
}

fn letters(mut column: i64) -> String {
    let mut letters = Vec::new();
    while column > 0 {
        column -= 1;
        letters.push(b'A' + u8::try_from(column % 26).unwrap_or(0));
        column /= 26;
    }
    letters.iter().rev().map(|&b| char::from(b)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn relative_references_move_and_fixed_ones_and_words_stay() {
        for (before, after) in [
            ("=B2*2", "=C4*2"),
            ("=$B2+B$2+$B$2", "=$B4+C$2+$B$2"),
            ("=SUM(A1:B2)", "=SUM(B3:C4)"),
            ("=SUM(A:A)+SUM(1:1)", "=SUM(B:B)+SUM(3:3)"),
            ("=SUM(A2:A)", "=SUM(B4:B)"),
            ("='My sheet'!A1&\"A1 \"\"B2\"\"\"", "='My sheet'!B3&\"A1 \"\"B2\"\"\""),
            ("=Sheet1!Z9", "=Sheet1!AA11"),
            ("=LOG10(A1)+rate+A1B", "=LOG10(B3)+rate+A1B"),
            ("=1.5+A1%", "=1.5+B3%"),
        ] {
            assert_eq!(shifted(before, 2, 1), after, "{before}");
        }
    }

    #[test]
    fn what_would_leave_the_sheet_is_no_reference_any_more() {
        assert_eq!(shifted("=A1+B5+SUM(A1:A3)", -1, 0), "=#REF!+B4+SUM(#REF!)");
        assert_eq!(shifted("=A1", 0, -1), "=#REF!");
    }

    proptest! {
        #[test]
        fn a_formula_that_goes_there_and_back_is_the_same(source in "=[A-Z$:0-9+*(),'\" !a-z]{0,40}", down in 0_i64..500, right in 0_i64..50) {
            // A reference is written anew ("a01" becomes "A1"), so the second journey starts from the first's spelling.
            let spelt = shifted(&source, 0, 0);
            let back = shifted(&shifted(&spelt, down, right), -down, -right);
            prop_assert_eq!(back, spelt);
        }
    }
}
