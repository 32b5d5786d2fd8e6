//! References in a formula's text.
//!
//! In scope: finding cells, ranges, whole rows and columns outside of texts, with `$` and a sheet's
//! title, and writing them again.
//! Out of scope: evaluation (`evaluate`), edits of a sheet (`shift`), names, which do not move.

use crate::grid::area::GridRange;

/// Returns the formula as copied this many rows down and columns right. References with `$` stay. A
/// reference that leaves the sheet is `#REF!`.
pub(crate) fn shift_formula(source: &str, down: i64, right: i64) -> String {
    rewrite_references(source, |found| {
        let cells = found.print_shifted(down, right);
        Some(cells.map_or_else(|| REF_ERROR.to_owned(), |cells| format!("{}{cells}", found.prefix)))
    })
}

/// Returns the titles of the sheets that a formula names.
pub(crate) fn find_titles(source: &str) -> Vec<String> {
    let mut titles = Vec::new();
    rewrite_references(source, |found| {
        titles.extend(found.title.clone());
        None
    });
    titles
}

/// The text of a reference whose cells were deleted.
pub(crate) const REF_ERROR: &str = "#REF!";

/// A reference in a formula.
#[derive(Debug)]
pub(crate) struct ReferenceMatch<'a> {
    /// The title in front as written, with its `!`; empty if there is none.
    pub prefix: &'a str,
    /// The unquoted title.
    pub title: Option<String>,
    first: RangeEnd,
    second: Option<RangeEnd>,
}

/// Replaces each reference outside of texts by the result of `change`; `None` keeps it as written.
pub(crate) fn rewrite_references(
    source: &str,
    mut change: impl FnMut(&ReferenceMatch<'_>) -> Option<String>,
) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let titled = parse_title(rest).and_then(|(prefix, title)| {
            let after = rest.get(prefix..)?;
            Some((prefix + measure_word(after), ReferenceMatch::read(after, rest.get(..prefix)?, Some(title))?))
        });
        let plain = || {
            let can_begin = first.is_ascii_alphanumeric() || first == '$';
            let inside = out.ends_with(['.', '!']);
            Some((measure_word(rest), ReferenceMatch::read(rest, "", None).filter(|_| can_begin && !inside)?))
        };
        if let Some((length, found)) = titled.or_else(plain) {
            let (token, after) = rest.split_at(length);
            match change(&found) {
                Some(new) => out.push_str(&new),
                None => out.push_str(token),
            }
            rest = after;
            continue;
        }
        let length = match first {
            '"' | '\'' => measure_quoted(rest, first),
            c if c.is_alphanumeric() || c == '$' || c == '_' => measure_word(rest),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        out.push_str(token);
        rest = after;
    }
    out
}

/// Parses the title at the start of a text. Returns its length including the `!`, and the title.
fn parse_title(text: &str) -> Option<(usize, String)> {
    let (length, title) = if text.starts_with('\'') {
        let length = measure_quoted(text, '\'');
        let inner = text.get(1..length)?.strip_suffix('\'')?;
        (length, inner.replace("''", "'"))
    } else {
        let length = measure_word(text);
        (length, text.get(..length)?.to_owned())
    };
    let named = !title.is_empty() && text.get(length..)?.starts_with('!');
    named.then_some((length + 1, title))
}

impl<'a> ReferenceMatch<'a> {
    /// Parses the reference at the start of a text. A word before a parenthesis is a function, one
    /// before `!` is a sheet.
    fn read(text: &str, prefix: &'a str, title: Option<String>) -> Option<Self> {
        let (token, after) = text.split_at(measure_word(text));
        if after.starts_with(['(', '!']) {
            return None;
        }
        let (first, second) = token.split_once(':').map_or((token, None), |(first, second)| (first, Some(second)));
        let first = RangeEnd::read(first, second.is_some())?;
        let second = match second {
            Some(second) => Some(RangeEnd::read(second, true)?),
            None => None,
        };
        Some(Self { prefix, title, first, second })
    }

    fn print_shifted(&self, down: i64, right: i64) -> Option<String> {
        let first = self.first.print_moved(down, right)?;
        match &self.second {
            Some(second) => Some(format!("{first}:{}", second.print_moved(down, right)?)),
            None => Some(first),
        }
    }

    /// Returns the range of the reference. A missing end is open.
    pub(crate) fn range(&self) -> GridRange {
        let second = self.second.as_ref().unwrap_or(&self.first);
        let (start_row, end_row) = order_bounds(self.first.row, second.row);
        let (start_col, end_col) = order_bounds(self.first.column, second.column);
        GridRange { sheet_id: 0, start_row, end_row, start_col, end_col }
    }

    /// Writes the reference with another range. Open ends and `$` are kept. The title is omitted.
    pub(crate) fn print(&self, range: &GridRange) -> String {
        let rows =
            move_bounds(self.first.row, self.second.as_ref().and_then(|end| end.row), range.start_row, range.end_row);
        let columns = move_bounds(
            self.first.column,
            self.second.as_ref().and_then(|end| end.column),
            range.start_col,
            range.end_col,
        );
        let first = RangeEnd { column: columns.0, row: rows.0 }.print();
        match self.second {
            Some(_) => format!("{first}:{}", RangeEnd { column: columns.1, row: rows.1 }.print()),
            None => first,
        }
    }
}

/// A row or column of a reference, from 1, and whether it has a `$`.
type LineBound = Option<(bool, i64)>;

/// Returns the bounds from 0, with an exclusive end. A missing end is open.
fn order_bounds(first: LineBound, second: LineBound) -> (Option<u32>, Option<u32>) {
    let line = |at: i64| u32::try_from(at).unwrap_or(u32::MAX);
    match (first, second) {
        (Some((_, a)), Some((_, b))) => (Some(line(a.min(b) - 1)), Some(line(a.max(b)))),
        (Some((_, a)), None) | (None, Some((_, a))) => (Some(line(a - 1)), None),
        (None, None) => (None, None),
    }
}

fn move_bounds(first: LineBound, second: LineBound, start: Option<u32>, end: Option<u32>) -> (LineBound, LineBound) {
    let start = start.map_or(1, |at| i64::from(at) + 1);
    let put = |line: LineBound, at: i64| line.map(|(fixed, _)| (fixed, at));
    let last = if first.is_some() { end.map_or(start, i64::from) } else { start };
    (put(first, start), put(second, last))
}

/// Returns the length of a text or a quoted title. Quotes inside are doubled.
fn measure_quoted(text: &str, quote: char) -> usize {
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

fn measure_word(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '$' | '_' | '.' | ':'))).unwrap_or(text.len())
}

/// One end of a reference: a column, a row, or both.
#[derive(Debug, Clone, Copy)]
struct RangeEnd {
    column: LineBound,
    row: LineBound,
}

/// The most columns and rows in a reference.
const MAX_COLUMNS: i64 = 18_278;
const MAX_ROWS: i64 = 10_000_000;

impl RangeEnd {
    /// Parses `$A$1`; as the end of a range also `A` or `1`.
    fn read(text: &str, is_range: bool) -> Option<Self> {
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
            _ => is_range.then_some(end),
        }
    }

    /// Writes the reference after a move; `None` if it leaves the sheet.
    fn print_moved(self, down: i64, right: i64) -> Option<String> {
        let place = |at: LineBound, by: i64, most: i64| match at {
            None => Some(None),
            Some((fixed, at)) => {
                let to = if fixed { at } else { at + by };
                (1..=most).contains(&to).then_some(Some((fixed, to)))
            }
        };
        let column = place(self.column, right, MAX_COLUMNS)?;
        let row = place(self.row, down, MAX_ROWS)?;
        Some(Self { column, row }.print())
    }

    fn print(self) -> String {
        let dollar = |is_fixed: bool| if is_fixed { "$" } else { "" };
        let column =
            self.column.map(|(fixed, at)| format!("{}{}", dollar(fixed), print_column(at))).unwrap_or_default();
        let row = self.row.map(|(fixed, at)| format!("{}{at}", dollar(fixed))).unwrap_or_default();
        column + &row
    }
}

fn print_column(mut column: i64) -> String {
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
            assert_eq!(shift_formula(before, 2, 1), after, "{before}");
        }
    }

    #[test]
    fn what_would_leave_the_sheet_is_no_reference_any_more() {
        assert_eq!(shift_formula("=A1+B5+SUM(A1:A3)", -1, 0), "=#REF!+B4+SUM(#REF!)");
        assert_eq!(shift_formula("=A1", 0, -1), "=#REF!");
    }

    proptest! {
        #[test]
        fn a_formula_that_goes_there_and_back_is_the_same(source in "=[A-Z$:0-9+*(),'\" !a-z]{0,40}", down in 0_i64..500, right in 0_i64..50) {
            // References are normalised ("a01" becomes "A1"), so the second round starts from the
            // first result.
            let print = shift_formula(&source, 0, 0);
            let there = shift_formula(&print, down, right);
            // What leaves the sheet at its edge, as ZZZ1 does, can't come back.
            prop_assume!(!there.contains(REF_ERROR));
            prop_assert_eq!(shift_formula(&there, -down, -right), print);
        }
    }
}
