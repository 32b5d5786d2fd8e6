//! The columns of a sheet in memory.
//!
//! In scope: adding values, ranges of columns, bounds of memory.
//! Out of scope: reading the rows (`column_blocks`).

use std::collections::HashMap;
use std::rc::Rc;

use crate::formula::matrix::{CELL_LIMIT, Matrix};
use crate::grid::area::Area;
use crate::grid::value::Scalar;

/// The values of a sheet's columns.
#[derive(Debug, Default)]
pub(crate) struct SheetColumns {
    /// The row after the last one with a value.
    used: u32,
    /// `None` for a column with a formula. Values at the end that are blank are left out.
    columns: Vec<Option<Vec<Scalar>>>,
    /// Values in all columns, with the blanks between them.
    held: u64,
}

/// What was read of all sheets.
#[derive(Debug, Default)]
pub(crate) struct ColumnCache {
    /// By sheet; `None` if its columns are not kept.
    pub(crate) sheets: HashMap<i32, Option<Rc<SheetColumns>>>,
    /// Ranges that formulas read, by sheet, rows and columns.
    blocks: HashMap<(i32, [u32; 4]), Matrix>,
    /// Values in `blocks`.
    held: u64,
}

impl ColumnCache {
    /// Returns a range that was read before.
    pub(crate) fn block(&self, sheet: i32, area: &Area) -> Option<Matrix> {
        self.blocks.get(&(sheet, read_bounds(area))).cloned()
    }

    /// Keeps a range, as long as there is room.
    pub(crate) fn keep(&mut self, sheet: i32, area: &Area, block: &Matrix) {
        let size = block.cells().len() as u64;
        if self.held.saturating_add(size) <= CELL_LIMIT {
            self.held += size;
            self.blocks.insert((sheet, read_bounds(area)), block.clone());
        }
    }
}

fn read_bounds(area: &Area) -> [u32; 4] {
    [area.rows.start, area.rows.end, area.cols.start, area.cols.end]
}

impl SheetColumns {
    /// Adds a value below those of its column; `None` for a formula, whose column is not kept.
    pub(crate) fn add(&mut self, row: u32, column: usize, value: Option<Scalar>) {
        self.used = row.saturating_add(1);
        if self.columns.len() <= column {
            self.columns.resize_with(column + 1, || Some(Vec::new()));
        }
        let Some(values) = self.columns.get_mut(column) else { return };
        let (Some(kept), Some(value)) = (values.as_mut(), value) else {
            *values = None;
            return;
        };
        let index = row as usize;
        self.held += (index - kept.len()) as u64 + 1;
        if self.held <= CELL_LIMIT {
            kept.resize(index, Scalar::Blank);
            kept.push(value);
        }
    }

    /// Returns whether all values were kept. Few values in far rows would take much memory.
    pub(crate) fn is_bounded(&self) -> bool {
        self.held <= CELL_LIMIT
    }

    /// Returns the values of a range; `None` if a formula is in one of its columns.
    pub(crate) fn block(&self, area: &Area) -> Option<Matrix> {
        let used = self.used.clamp(area.rows.start, area.rows.end.max(area.rows.start));
        let height = used - area.rows.start;
        if u64::from(height) * u64::from(area.width()) > CELL_LIMIT {
            return None;
        }
        let empty = Vec::new();
        let columns: Vec<&Vec<Scalar>> = area
            .cols
            .clone()
            .map(|column| self.columns.get(column as usize).map_or(Some(&empty), Option::as_ref))
            .collect::<Option<_>>()?;
        let value = |row: u32, column: &Vec<Scalar>| column.get(row as usize).cloned().unwrap_or(Scalar::Blank);
        let cells = (area.rows.start..used).flat_map(|row| columns.iter().map(move |column| value(row, column)));
        Some(Matrix::new(area.height(), area.width(), cells.collect()))
    }
}
