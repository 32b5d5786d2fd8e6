//! Rewrites the references of a formula that was kept on the state tab, for its return to the data
//! tab. Pure.
//!
//! In scope: references within one formula.
//! Out of scope: the formula's value.
//!
//! The service shifts the relative references of a copied formula, and shifts them again on the way
//! back. That is right as long as each column is in place. If columns moved in between, a reference
//! must follow its column, as it does in a formula that stays.

use crate::grid::{format_column_letters, parse_column_letters};
use crate::store::tabs::column_map::ColumnMap;

/// The text for a reference whose cell is gone.
const BROKEN_REFERENCE: &str = "#REF!";

/// From where a formula was kept to where it returns.
#[derive(Debug, Clone, Copy)]
pub struct FormulaMove<'a> {
    /// The title of the formula's tab.
    pub title: &'a str,
    /// The row in which it was kept, 0-based.
    pub kept_row: u32,
    /// Columns before the kept cells.
    pub margin: usize,
    /// The row to which it returns, 0-based.
    pub row: u32,
    /// The current positions of the tab's columns.
    pub columns: &'a ColumnMap,
}

/// Returns the formula with its references adjusted to the target cell.
pub fn rewrite_references(formula: &str, formula_move: FormulaMove<'_>) -> String {
    replace_references(formula, formula_move.title, |from, to, is_elsewhere| match to {
        Some(to) => formula_move.move_range(from, to, is_elsewhere),
        None => formula_move.move_reference(from, is_elsewhere),
    })
}

/// Whether two formulas differ at most in their references.
pub fn have_same_shape(one: &str, other: &str) -> bool {
    let shape = |formula: &str| replace_references(formula, "", |_, _, _| None);
    shape(one) == shape(other)
}

/// Returns the formula with each reference replaced: a cell, or the two ends of a range. The flag
/// says that it belongs to another tab. Without a replacement it becomes `#REF!`.
fn replace_references(
    formula: &str,
    title: &str,
    replace: impl Fn(Reference, Option<Reference>, bool) -> Option<String>,
) -> String {
    let mut out = String::with_capacity(formula.len());
    let mut rest = formula;
    // Whether the next reference belongs to another tab.
    let mut is_elsewhere = false;
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' {
            let (quoted, after) = rest.split_at(measure_quoted_text(rest, first));
            out.push_str(quoted);
            is_elsewhere = first == '\'' && after.starts_with('!') && unquote_title(quoted) != title;
            rest = after;
            continue;
        }
        let length = measure_word(rest);
        if length == 0 {
            out.push(first);
            is_elsewhere &= first == '!';
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        }
        let (word, after) = rest.split_at(length);
        if after.starts_with('(') {
            out.push_str(word);
            rest = after;
        } else if after.starts_with('!') && !word.starts_with(['$', '#']) {
            out.push_str(word);
            is_elsewhere = word != title;
            rest = after;
        } else {
            let second = after.strip_prefix(':').map_or(0, measure_word);
            let range = after.get(1..=second).filter(|_| second > 0);
            let (text, used) = match (Reference::read(word), range.map(Reference::read)) {
                (Some(from), Some(Some(to))) => (replace(from, Some(to), is_elsewhere), length + 1 + second),
                (Some(one), _) if one.is_cell() => (replace(one, None, is_elsewhere), length),
                _ => (Some(word.to_owned()), length),
            };
            out.push_str(text.as_deref().unwrap_or(BROKEN_REFERENCE));
            is_elsewhere = false;
            rest = rest.get(used..).unwrap_or_default();
        }
    }
    out
}

impl FormulaMove<'_> {
    fn move_range(&self, from: Reference, to: Reference, is_elsewhere: bool) -> Option<String> {
        Some(format!("{}:{}", self.move_reference(from, is_elsewhere)?, self.move_reference(to, is_elsewhere)?))
    }

    fn move_reference(&self, reference: Reference, is_elsewhere: bool) -> Option<String> {
        let mut out = String::new();
        if let Some(column) = reference.column {
            let at = if column.is_fixed { column.at } else { column.at.checked_sub(self.margin)? };
            let now = if is_elsewhere { at } else { self.columns.get(at)? };
            out.push_str(if column.is_fixed { "$" } else { "" });
            out.push_str(&format_column_letters(now));
        }
        if let Some(row) = reference.row {
            let now =
                if row.is_fixed { row.at } else { (row.at + self.row as usize).checked_sub(self.kept_row as usize)? };
            out.push_str(if row.is_fixed { "$" } else { "" });
            out.push_str(&(now + 1).to_string());
        }
        Some(out)
    }
}

/// One half of a reference: a column or a row, 0-based.
#[derive(Debug, Clone, Copy)]
struct ReferencePart {
    at: usize,
    is_fixed: bool,
}

/// A cell, or a whole column or row as the end of a range.
#[derive(Debug, Clone, Copy)]
struct Reference {
    column: Option<ReferencePart>,
    row: Option<ReferencePart>,
}

impl Reference {
    fn read(word: &str) -> Option<Self> {
        let (is_fixed, rest) = word.strip_prefix('$').map_or((false, word), |rest| (true, rest));
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        if letters == 0 {
            return Some(Self { column: None, row: Some(ReferencePart { at: parse_number(rest)?, is_fixed }) });
        }
        let (letters, rest) = rest.split_at(letters);
        let column = Some(ReferencePart { at: parse_column_letters(letters)?, is_fixed });
        if rest.is_empty() {
            return Some(Self { column, row: None });
        }
        let (is_fixed, digits) = rest.strip_prefix('$').map_or((false, rest), |rest| (true, rest));
        Some(Self { column, row: Some(ReferencePart { at: parse_number(digits)?, is_fixed }) })
    }

    fn is_cell(self) -> bool {
        self.column.is_some() && self.row.is_some()
    }
}

fn parse_number(digits: &str) -> Option<usize> {
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<usize>().ok().filter(|_| is_plain)?.checked_sub(1)
}

/// The length of the quoted text at the start, including its quotes. A doubled quote does not end
/// it.
fn measure_quoted_text(text: &str, quote: char) -> usize {
    let mut inside = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = inside.next() {
        if letter == quote && inside.next_if(|(_, next)| *next == quote).is_none() {
            return at + quote.len_utf8();
        }
    }
    text.len()
}

fn unquote_title(quoted: &str) -> String {
    quoted.trim_matches('\'').replace("''", "'")
}

fn measure_word(text: &str) -> usize {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '$' | '_' | '.' | '#');
    text.char_indices().find(|(_, letter)| !is_part(*letter)).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn move_formula(formula: &str, from: &str, to: &str) -> String {
        let header = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let columns = ColumnMap::new_between(&header(from), &header(to), &[]);
        rewrite_references(formula, FormulaMove { title: "T", kept_row: 100, margin: 4, row: 6, columns: &columns })
    }

    #[test]
    fn references_follow_their_columns_and_their_row() {
        // Kept in row 101 with four columns before it: E is the tab's A.
        let moved = |formula: &str| move_formula(formula, "a b c", "c a b");
        assert_eq!(moved("=E101&\"E101\"&$B$2"), "=B7&\"E101\"&$C$2");
        assert_eq!(moved("=SUM(E101:F101)+LOG10(G100)"), "=SUM(B7:C7)+LOG10(A6)");
        assert_eq!(moved("=SUM(E:E)+sum($C:$C)+Rate"), "=SUM(B:B)+sum($A:$A)+Rate");
        assert_eq!(moved("=Other!E101+'It''s'!$A$1+T!E101"), "=Other!A7+'It''s'!$A$1+T!B7");
        assert_eq!(moved("={\"x\";IF(TRUE;1,5;E101)}"), "={\"x\";IF(TRUE;1,5;B7)}");
        assert_eq!(moved("=SUM(100:101)"), "=SUM(6:7)");
    }

    #[test]
    fn formulas_of_one_shape_differ_in_references_only() {
        assert!(have_same_shape("={\"x\";A2:A9&$B$1}", "={\"x\";#REF!&C1}"));
        assert!(!have_same_shape("={\"x\";A2}", "={\"y\";A2}"));
        assert!(!have_same_shape("=SUM(A2)", "=MAX(A2)"));
    }

    #[test]
    fn a_reference_to_a_deleted_column_is_lost_as_on_the_sheet() {
        assert_eq!(move_formula("=\"f-\"&F101&E101", "a b c d", "a c e d"), "=\"f-\"&#REF!&A7");
        assert_eq!(move_formula("=A1", "a b", "b a"), "=#REF!");
    }
}
