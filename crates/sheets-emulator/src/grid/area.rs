//! Rectangles on a sheet.
//!
//! In scope: closed rectangles, ranges with open ends as the API writes them, and how they move when rows or
//! columns are inserted or deleted. Out of scope: A1 notation (`a1`), what the cells hold (`cell`).

use std::ops::Range;

use serde_json::{Map, Value};

/// A rectangle of cells: zero-based, half-open, both axes closed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Area {
    /// The rows.
    pub rows: Range<u32>,
    /// The columns.
    pub cols: Range<u32>,
}

impl Area {
    /// The rectangle over these rows and columns.
    pub fn new(rows: Range<u32>, cols: Range<u32>) -> Self {
        Self { rows, cols }
    }

    /// The number of rows.
    pub fn height(&self) -> u32 {
        self.rows.end.saturating_sub(self.rows.start)
    }

    /// The number of columns.
    pub fn width(&self) -> u32 {
        self.cols.end.saturating_sub(self.cols.start)
    }

    /// Whether no cell is inside.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() || self.cols.is_empty()
    }

    /// Whether the cell lies inside.
    pub fn contains(&self, row: u32, col: u32) -> bool {
        self.rows.contains(&row) && self.cols.contains(&col)
    }

    /// The cells that both hold; may be empty.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self { rows: overlap(&self.rows, &other.rows), cols: overlap(&self.cols, &other.cols) }
    }
}

fn overlap(a: &Range<u32>, b: &Range<u32>) -> Range<u32> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

/// Rows or columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Dimension {
    /// `ROWS`.
    Rows,
    /// `COLUMNS`.
    Columns,
}

/// The API's `GridRange`: a sheet and up to four bounds, each absent bound open to the edge of the grid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct GridRange {
    /// The sheet's id.
    pub sheet_id: i32,
    /// First row, zero-based.
    pub start_row: Option<u32>,
    /// The row after the last.
    pub end_row: Option<u32>,
    /// First column, zero-based.
    pub start_col: Option<u32>,
    /// The column after the last.
    pub end_col: Option<u32>,
}

impl GridRange {
    /// Where the cells of a named range are when they were deleted: on no sheet, for sheet ids are not negative.
    pub(crate) const NOWHERE: Self =
        Self { sheet_id: -1, start_row: None, end_row: None, start_col: None, end_col: None };

    /// The range with all four bounds set.
    pub(crate) fn closed(sheet_id: i32, area: &Area) -> Self {
        Self {
            sheet_id,
            start_row: Some(area.rows.start),
            end_row: Some(area.rows.end),
            start_col: Some(area.cols.start),
            end_col: Some(area.cols.end),
        }
    }

    /// The cells it means on a grid of that size: open ends closed at the edge, what lies beyond cut off.
    pub(crate) fn resolve(&self, row_count: u32, column_count: u32) -> Area {
        let close = |start: Option<u32>, end: Option<u32>, size: u32| {
            let end = end.unwrap_or(size).min(size);
            start.unwrap_or(0).min(end)..end
        };
        Area::new(close(self.start_row, self.end_row, row_count), close(self.start_col, self.end_col, column_count))
    }

    /// As the API sends it; what is no number is as if it were absent.
    pub(crate) fn from_json(value: &Value) -> Self {
        let bound = |name: &str| value.get(name).and_then(Value::as_u64).and_then(|bound| u32::try_from(bound).ok());
        let id = value.get("sheetId").and_then(Value::as_i64).unwrap_or(0);
        Self {
            sheet_id: i32::try_from(id).unwrap_or(-1),
            start_row: bound("startRowIndex"),
            end_row: bound("endRowIndex"),
            start_col: bound("startColumnIndex"),
            end_col: bound("endColumnIndex"),
        }
    }

    /// As the API writes it: `sheetId` 0 is left out, a start of 0 is written out (recorded).
    pub(crate) fn to_json(&self) -> Value {
        let mut members = Map::new();
        if self.sheet_id > 0 {
            members.insert("sheetId".to_owned(), self.sheet_id.into());
        }
        for (name, bound) in [
            ("startRowIndex", self.start_row),
            ("endRowIndex", self.end_row),
            ("startColumnIndex", self.start_col),
            ("endColumnIndex", self.end_col),
        ] {
            if let Some(bound) = bound {
                members.insert(name.to_owned(), bound.into());
            }
        }
        Value::Object(members)
    }

    /// The range after `count` rows or columns were inserted before `at`: it moves, or grows when `at` is inside.
    #[must_use]
    pub(crate) fn after_insert(mut self, dimension: Dimension, at: u32, count: u32) -> Self {
        let (start, end) = self.bounds_mut(dimension);
        if let Some(bound) = start
            && *bound >= at
        {
            *bound = bound.saturating_add(count);
        }
        if let Some(bound) = end
            && *bound > at
        {
            *bound = bound.saturating_add(count);
        }
        self
    }

    /// The range after rows or columns were deleted; `None` when nothing of it is left.
    #[must_use]
    pub(crate) fn after_delete(mut self, dimension: Dimension, gone: &Range<u32>) -> Option<Self> {
        let (start, end) = self.bounds_mut(dimension);
        let before = (start.unwrap_or(0), *end);
        let shift = |bound: u32| bound - gone.len_below(bound);
        *start = start.map(shift);
        *end = end.map(shift);
        let left = match (before.1, *end) {
            (Some(was), Some(now)) => was <= before.0 || now > start.unwrap_or(0),
            _ => true,
        };
        left.then_some(self)
    }

    /// The range after rows or columns were moved in front of the one at `to`. One that lies among them goes with them; any other
    /// shrinks where they leave it and grows where they come into it.
    #[must_use]
    pub(crate) fn after_move(mut self, dimension: Dimension, span: &Range<u32>, to: u32) -> Self {
        let count = span.end.saturating_sub(span.start);
        let landing = if to > span.start { to.saturating_sub(count) } else { to };
        let (start, end) = self.bounds_mut(dimension);
        match (start, end) {
            (Some(first), Some(last)) if *first >= span.start && *last <= span.end && *first < *last => {
                let height = *last - *first;
                *first = landing + (*first - span.start);
                *last = *first + height;
                self
            }
            _ => {
                let left = self.clone().after_delete(dimension, span).unwrap_or(self);
                left.after_insert(dimension, landing, count)
            }
        }
    }

    fn bounds_mut(&mut self, dimension: Dimension) -> (&mut Option<u32>, &mut Option<u32>) {
        match dimension {
            Dimension::Rows => (&mut self.start_row, &mut self.end_row),
            Dimension::Columns => (&mut self.start_col, &mut self.end_col),
        }
    }
}

/// How many positions of a range lie below a bound.
trait LenBelow {
    fn len_below(&self, bound: u32) -> u32;
}

impl LenBelow for Range<u32> {
    fn len_below(&self, bound: u32) -> u32 {
        bound.min(self.end).saturating_sub(self.start)
    }
}

/// A name for a range; the API knows it by `id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedRange {
    /// The `namedRangeId`.
    pub id: String,
    /// The name that people and A1 notation use; unique in a spreadsheet whatever the case.
    pub name: String,
    /// What it names.
    pub range: GridRange,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_ends_close_at_the_grid() {
        let range = GridRange { start_row: Some(2), end_col: Some(99), ..GridRange::default() };
        assert_eq!(range.resolve(10, 26), Area::new(2..10, 0..26));
    }

    #[test]
    fn a_range_of_sheet_zero_has_no_sheet_id_but_its_zero_starts() {
        let range = GridRange::closed(0, &Area::new(0..1, 0..1));
        let expected =
            serde_json::json!({"startRowIndex": 0, "endRowIndex": 1, "startColumnIndex": 0, "endColumnIndex": 1});
        assert_eq!(range.to_json(), expected);
    }

    #[test]
    fn a_range_moves_grows_and_shrinks_with_its_rows() {
        let range = GridRange::closed(0, &Area::new(4..8, 0..1));
        let rows = |r: &GridRange| (r.start_row.unwrap(), r.end_row.unwrap());
        assert_eq!(rows(&range.clone().after_insert(Dimension::Rows, 4, 2)), (6, 10));
        assert_eq!(rows(&range.clone().after_insert(Dimension::Rows, 5, 2)), (4, 10));
        assert_eq!(rows(&range.clone().after_insert(Dimension::Rows, 8, 2)), (4, 8));
        assert_eq!(rows(&range.clone().after_delete(Dimension::Rows, &(0..2)).unwrap()), (2, 6));
        assert_eq!(rows(&range.clone().after_delete(Dimension::Rows, &(6..20)).unwrap()), (4, 6));
        assert_eq!(range.clone().after_delete(Dimension::Rows, &(4..8)), None);
        assert_eq!(rows(&range.clone().after_move(Dimension::Rows, &(4..8), 2)), (2, 6));
        assert_eq!(rows(&range.clone().after_move(Dimension::Rows, &(3..9), 20)), (15, 19));
        assert_eq!(rows(&range.clone().after_move(Dimension::Rows, &(5..6), 20)), (4, 7));
        assert_eq!(rows(&range.after_move(Dimension::Rows, &(10..12), 5)), (4, 10));
    }
}
