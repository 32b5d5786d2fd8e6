//! Rectangles on a sheet.
//!
//! In scope: closed rectangles, the API's ranges with open ends, and how both move with inserted,
//! deleted and moved rows or columns.
//! Out of scope: A1 notation (`a1`), cell contents (`cell`).

use std::ops::Range;

use serde_json::{Map, Value};

/// A rectangle of cells: zero-based, half-open, closed on all sides.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Area {
    /// The rows, from 0, with an exclusive end.
    pub rows: Range<u32>,
    /// The columns, from 0, with an exclusive end.
    pub cols: Range<u32>,
}

impl Area {
    /// Creates the rectangle of these rows and columns.
    pub fn new(rows: Range<u32>, cols: Range<u32>) -> Self {
        Self { rows, cols }
    }

    /// Returns the number of rows.
    pub fn height(&self) -> u32 {
        self.rows.end.saturating_sub(self.rows.start)
    }

    /// Returns the number of columns.
    pub fn width(&self) -> u32 {
        self.cols.end.saturating_sub(self.cols.start)
    }

    /// Returns whether the rectangle has no cells.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() || self.cols.is_empty()
    }

    /// Returns whether the rectangle contains the cell.
    pub fn contains(&self, row: u32, col: u32) -> bool {
        self.rows.contains(&row) && self.cols.contains(&col)
    }

    /// Returns the common cells, which may be none.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self { rows: intersect_ranges(&self.rows, &other.rows), cols: intersect_ranges(&self.cols, &other.cols) }
    }
}

fn intersect_ranges(a: &Range<u32>, b: &Range<u32>) -> Range<u32> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

/// Rows or columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Dimension {
    Rows,
    Columns,
}

/// The API's `GridRange`: a sheet and up to four bounds. A missing bound is open.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct GridRange {
    pub sheet_id: i32,
    pub start_row: Option<u32>,
    pub end_row: Option<u32>,
    pub start_col: Option<u32>,
    pub end_col: Option<u32>,
}

impl GridRange {
    /// The range of a named range whose cells were deleted: on no sheet, because sheet ids are not
    /// negative.
    pub(crate) const DELETED_RANGE: Self =
        Self { sheet_id: -1, start_row: None, end_row: None, start_col: None, end_col: None };

    /// Creates a range with all four bounds.
    pub(crate) fn from_area(sheet_id: i32, area: &Area) -> Self {
        Self {
            sheet_id,
            start_row: Some(area.rows.start),
            end_row: Some(area.rows.end),
            start_col: Some(area.cols.start),
            end_col: Some(area.cols.end),
        }
    }

    /// Returns the cells on a grid of this size. Open ends are closed, and what lies outside is
    /// cut.
    pub(crate) fn resolve(&self, row_count: u32, column_count: u32) -> Area {
        let close = |start: Option<u32>, end: Option<u32>, size: u32| {
            let end = end.unwrap_or(size).min(size);
            start.unwrap_or(0).min(end)..end
        };
        Area::new(close(self.start_row, self.end_row, row_count), close(self.start_col, self.end_col, column_count))
    }

    /// Parses the API's JSON. A bound that is not a number counts as missing.
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

    /// Returns the API's JSON: `sheetId` 0 is omitted, a start of 0 is written (recorded).
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

    /// Returns the range after `count` rows or columns were inserted before `at`: it moves, or
    /// grows if `at` is inside.
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

    /// Returns the range after rows or columns were deleted; `None` if nothing is left.
    #[must_use]
    pub(crate) fn after_delete(mut self, dimension: Dimension, deleted: &Range<u32>) -> Option<Self> {
        let (start, end) = self.bounds_mut(dimension);
        let before = (start.unwrap_or(0), *end);
        let shift = |bound: u32| bound - deleted.len_below(bound);
        *start = start.map(shift);
        *end = end.map(shift);
        let left = match (before.1, *end) {
            (Some(was), Some(now)) => was <= before.0 || now > start.unwrap_or(0),
            _ => true,
        };
        left.then_some(self)
    }

    /// Returns the range after rows or columns were moved in front of `to`. A range among them
    /// moves with them. Any other range shrinks where they leave it and grows where they enter it.
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

/// Counts the positions of a range below a bound.
trait CountBelow {
    fn len_below(&self, bound: u32) -> u32;
}

impl CountBelow for Range<u32> {
    fn len_below(&self, bound: u32) -> u32 {
        bound.min(self.end).saturating_sub(self.start)
    }
}

/// A named range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedRange {
    /// The `namedRangeId`, chosen by the caller or by the emulator.
    pub id: String,
    /// The name in A1 notation, unique in a spreadsheet regardless of case.
    pub name: String,
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
        let range = GridRange::from_area(0, &Area::new(0..1, 0..1));
        let expected =
            serde_json::json!({"startRowIndex": 0, "endRowIndex": 1, "startColumnIndex": 0, "endColumnIndex": 1});
        assert_eq!(range.to_json(), expected);
    }

    #[test]
    fn a_range_moves_grows_and_shrinks_with_its_rows() {
        let range = GridRange::from_area(0, &Area::new(4..8, 0..1));
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
