//! Adjusts the references of one formula to an edit of a sheet.
//!
//! In scope: inserted, deleted and moved rows, columns and cells; renamed and deleted sheets.
//! Out of scope: which formulas there are (`rewrite`), copied formulas (`parse`).

use std::ops::Range;

use crate::formula::references::parse::{REF_ERROR, ReferenceMatch, rewrite_references};
use crate::grid::a1::quote_title;
use crate::grid::area::{Area, Dimension, GridRange};
use crate::storage::content::named_ranges::fold;

/// An edit of one sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SheetEdit {
    /// Rows or columns are inserted before `at`.
    Insert {
        dimension: Dimension,
        at: u32,
        count: u32,
        /// Limits the edit to these columns, or rows.
        within: Option<Range<u32>>,
    },
    /// Rows or columns are deleted.
    Delete {
        dimension: Dimension,
        deleted: Range<u32>,
        /// Limits the edit to these columns, or rows.
        within: Option<Range<u32>>,
    },
    /// Rows or columns are moved in front of `to`.
    Move { dimension: Dimension, span: Range<u32>, to: u32 },
    /// Cells are moved, possibly to another sheet.
    Cut {
        from: Area,
        /// The new row of their first cell.
        top: u32,
        /// The new column of their first cell.
        left: u32,
        /// The title of the new sheet.
        title: String,
    },
    /// The sheet is renamed.
    Rename { title: String },
    /// The sheet is deleted.
    DeleteSheet,
}

/// Returns the formula after the edit of the sheet `on`, for a formula on the sheet `home`; `None`
/// if it does not change.
pub(crate) fn adjust_formula(source: &str, home: &str, on: &str, edit: &SheetEdit) -> Option<String> {
    let new = rewrite_references(source, |found| {
        let meant = found.title.as_deref().unwrap_or(home);
        if fold(meant) != fold(on) {
            return None;
        }
        match edit {
            SheetEdit::Rename { title } => {
                let same = || found.title.is_some().then(|| format!("{}!", quote_title(title)));
                same().map(|prefix| format!("{prefix}{}", found.print(&found.range())))
            }
            SheetEdit::DeleteSheet => found.title.is_some().then(|| REF_ERROR.to_owned()),
            SheetEdit::Cut { from, top, left, title } => move_cut_reference(found, from, (*top, *left), title, home),
            _ => match adjust_range(&found.range(), edit) {
                None => Some(REF_ERROR.to_owned()),
                Some(range) if range == found.range() => None,
                Some(range) => Some(format!("{}{}", found.prefix, found.print(&range))),
            },
        }
    });
    (new != source).then_some(new)
}

/// Returns the formula for another sheet than `home`, with the same cells.
pub(crate) fn move_to_sheet(source: &str, home: &str) -> String {
    rewrite_references(source, |found| {
        found.title.is_none().then(|| format!("{}!{}", quote_title(home), found.print(&found.range())))
    })
}

/// Returns a range after an edit of its sheet; `None` if its cells are deleted.
pub(crate) fn adjust_range(range: &GridRange, edit: &SheetEdit) -> Option<GridRange> {
    let range = range.clone();
    match edit {
        SheetEdit::Insert { dimension, at, count, within } if touches(&range, *dimension, within.as_ref()) => {
            Some(range.after_insert(*dimension, *at, *count))
        }
        SheetEdit::Delete { dimension, deleted, within } if touches(&range, *dimension, within.as_ref()) => {
            range.after_delete(*dimension, deleted)
        }
        SheetEdit::Move { dimension, span, to } => Some(range.after_move(*dimension, span, *to)),
        _ => Some(range),
    }
}

/// Returns whether a range lies within the bounds of an edit, across its direction.
fn touches(range: &GridRange, dimension: Dimension, within: Option<&Range<u32>>) -> bool {
    let Some(within) = within else { return true };
    let (start, end) = match dimension {
        Dimension::Rows => (range.start_col, range.end_col),
        Dimension::Columns => (range.start_row, range.end_row),
    };
    start.is_some_and(|start| start >= within.start) && end.is_some_and(|end| end <= within.end)
}

fn move_cut_reference(
    found: &ReferenceMatch<'_>,
    from: &Area,
    (top, left): (u32, u32),
    title: &str,
    home: &str,
) -> Option<String> {
    let range = found.range();
    let inside =
        touches(&range, Dimension::Rows, Some(&from.cols)) && touches(&range, Dimension::Columns, Some(&from.rows));
    let by = |at: Option<u32>, old: u32, new: u32| at.map(|at| new.saturating_add(at.saturating_sub(old)));
    let moved = GridRange {
        start_row: by(range.start_row, from.rows.start, top),
        end_row: by(range.end_row, from.rows.start, top),
        start_col: by(range.start_col, from.cols.start, left),
        end_col: by(range.end_col, from.cols.start, left),
        ..range
    };
    let same_sheet = fold(found.title.as_deref().unwrap_or(home)) == fold(title);
    let prefix = match same_sheet {
        true => found.prefix.to_owned(),
        false if fold(title) == fold(home) => String::new(),
        false => format!("{}!", quote_title(title)),
    };
    inside.then(|| format!("{prefix}{}", found.print(&moved)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn insert(at: u32, count: u32) -> SheetEdit {
        SheetEdit::Insert { dimension: Dimension::Rows, at, count, within: None }
    }

    fn delete(deleted: Range<u32>) -> SheetEdit {
        SheetEdit::Delete { dimension: Dimension::Rows, deleted, within: None }
    }

    fn on_log(source: &str, edit: &SheetEdit) -> String {
        adjust_formula(source, "Log", "Log", edit).unwrap_or_else(|| source.to_owned())
    }

    #[test]
    fn references_shift_grow_and_stay_open_where_rows_come_in() {
        for (before, after) in [
            ("=B2*2", "=B2*2"),
            ("=B3+$B$4", "=B5+$B$6"),
            ("=SUM(A1:A3)", "=SUM(A1:A5)"),
            ("=SUM(A3:A9)", "=SUM(A5:A11)"),
            ("=SUM(A1:A2)", "=SUM(A1:A2)"),
            ("=SUM(B2:B)+SUM(B:B)+SUM(B3:B)", "=SUM(B2:B)+SUM(B:B)+SUM(B5:B)"),
            ("=SUM(2:2)+SUM(3:3)", "=SUM(2:2)+SUM(5:5)"),
            ("=Log!A9&\"A9\"&'log'!A9&'My tab'!A9", "=Log!A11&\"A9\"&'log'!A11&'My tab'!A9"),
            ("=LOG10(A9)+rate9x+1.5", "=LOG10(A11)+rate9x+1.5"),
        ] {
            assert_eq!(on_log(before, &insert(2, 2)), after, "{before}");
        }
        assert_eq!(adjust_formula("=A9+Log!A9", "Other", "Log", &insert(2, 2)).as_deref(), Some("=A9+Log!A11"));
        assert_eq!(adjust_formula("=A9", "Other", "Log", &insert(2, 2)), None);
    }

    #[test]
    fn what_is_deleted_is_lost_and_what_is_partly_deleted_shrinks() {
        for (before, after) in [
            ("=B2+B3+B5", "=B2+#REF!+B3"),
            ("=SUM(B2:B5)", "=SUM(B2:B3)"),
            ("=SUM(B3:B4)", "=SUM(#REF!)"),
            ("=SUM(B3:B)", "=SUM(B3:B)"),
            ("=Log!$B$4", "=#REF!"),
        ] {
            assert_eq!(on_log(before, &delete(2..4)), after, "{before}");
        }
        let columns = SheetEdit::Delete { dimension: Dimension::Columns, deleted: 1..2, within: None };
        assert_eq!(on_log("=A1+B1+C1+SUM(A:C)+SUM(B:B)", &columns), "=A1+#REF!+B1+SUM(A:B)+SUM(#REF!)");
    }

    #[test]
    fn references_follow_cells_that_move() {
        let rows = SheetEdit::Move { dimension: Dimension::Rows, span: 4..5, to: 1 };
        assert_eq!(on_log("=A5+A2+A9+SUM(A1:A3)", &rows), "=A2+A3+A9+SUM(A1:A4)");
        let part = SheetEdit::Insert { dimension: Dimension::Rows, at: 1, count: 1, within: Some(0..2) };
        assert_eq!(on_log("=A2+C2+SUM(A2:C2)+SUM(A2:B2)+SUM(A2:A)", &part), "=A3+C2+SUM(A2:C2)+SUM(A3:B3)+SUM(A3:A)");
        let from = Area::new(0..2, 0..2);
        let cut = SheetEdit::Cut { from: from.clone(), top: 5, left: 3, title: "Log".to_owned() };
        assert_eq!(on_log("=A1+B2+C1+SUM(A1:A2)+SUM(A1:A3)", &cut), "=D6+E7+C1+SUM(D6:D7)+SUM(A1:A3)");
        let away = SheetEdit::Cut { from, top: 0, left: 0, title: "My tab".to_owned() };
        assert_eq!(on_log("=A1+C1", &away), "='My tab'!A1+C1");
        assert_eq!(adjust_formula("=Log!A1", "My tab", "Log", &away).as_deref(), Some("=A1"));
        assert_eq!(move_to_sheet("=A1+'My tab'!B2", "Log"), "=Log!A1+'My tab'!B2");
    }

    #[test]
    fn a_sheet_that_is_renamed_or_goes_takes_its_references_along() {
        let rename = SheetEdit::Rename { title: "New log".to_owned() };
        assert_eq!(on_log("=Log!A1+A1+'LOG'!$B:$B+\"Log!A1\"", &rename), "='New log'!A1+A1+'New log'!$B:$B+\"Log!A1\"");
        assert_eq!(
            adjust_formula("=SUM(Log!A1:A2)+A1", "Other", "Log", &SheetEdit::DeleteSheet).as_deref(),
            Some("=SUM(#REF!)+A1")
        );
    }

    proptest! {
        #[test]
        fn what_comes_in_and_goes_again_leaves_a_formula_as_it_was(
            source in "=[A-C$:0-9+*(),'\"! a-c]{0,40}", at in 0_u32..60, count in 1_u32..50, columns: bool,
        ) {
            let dimension = if columns { Dimension::Columns } else { Dimension::Rows };
            let print = rewrite_references(&source, |found| Some(format!("{}{}", found.prefix, found.print(&found.range()))));
            let there = SheetEdit::Insert { dimension, at, count, within: None };
            let back = SheetEdit::Delete { dimension, deleted: at..at + count, within: None };
            prop_assert_eq!(on_log(&on_log(&print, &there), &back), print);
        }

        #[test]
        fn no_formula_and_no_edit_makes_it_fail(source in "\\PC{0,40}", at: u32, count: u32, to: u32) {
            let edits = [
                insert(at, count),
                delete(at..at.saturating_add(count)),
                SheetEdit::Move { dimension: Dimension::Columns, span: at..at.saturating_add(count), to },
                SheetEdit::Cut { from: Area::new(0..at, 0..count), top: to, left: to, title: "é".to_owned() },
                SheetEdit::Rename { title: source.clone() },
                SheetEdit::DeleteSheet,
            ];
            for edit in edits {
                let _ = on_log(&source, &edit);
            }
        }
    }
}
