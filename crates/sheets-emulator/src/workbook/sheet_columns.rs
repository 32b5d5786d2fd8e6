//! The columns of a sheet in memory, so that formulas over whole columns read its rows once.
//!
//! In scope: which columns may be kept, ranges of them, bounds of memory.
//! Out of scope: cells with formulas and array results, which `evaluated_view` reads each time.
//!
//! A `Workbook` is opened again after a write, so nothing here outlives a change.

use std::collections::HashMap;
use std::rc::Rc;

use crate::format::render::effective;
use crate::formula::matrix::{CELL_LIMIT, Matrix};
use crate::grid::area::Area;
use crate::grid::cell::CellValue;
use crate::grid::value::Scalar;
use crate::storage::store::StorageError;
use crate::workbook::ranges::Workbook;

/// Ranges with fewer rows are read from their rows.
const LEAST_ROWS: u32 = 64;

/// The values of a sheet's columns.
#[derive(Debug)]
pub(crate) struct SheetColumns {
    /// The row after the last one with a value.
    used: u32,
    /// `None` for a column with a formula. Values at the end that are blank are left out.
    columns: Vec<Option<Vec<Scalar>>>,
}

/// What was read of all sheets.
#[derive(Debug, Default)]
pub(crate) struct ColumnCache {
    /// By sheet; `None` if its columns are not kept.
    sheets: HashMap<i32, Option<Rc<SheetColumns>>>,
    /// Ranges that formulas read, by sheet, rows and columns.
    blocks: HashMap<(i32, [u32; 4]), Matrix>,
    /// Values in `blocks`.
    held: u64,
}

impl SheetColumns {
    /// Returns the values of a range; `None` if a formula is in one of its columns.
    fn block(&self, area: &Area) -> Option<Matrix> {
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

impl Workbook<'_, '_> {
    /// Returns the values of a range of many rows from the columns in memory, which are read at
    /// first. `None` if they are not kept.
    pub(crate) fn column_block(&self, sheet: i32, area: &Area) -> Result<Option<Matrix>, StorageError> {
        if area.height() < LEAST_ROWS {
            return Ok(None);
        }
        let key = (sheet, [area.rows.start, area.rows.end, area.cols.start, area.cols.end]);
        if let Some(known) = self.columns.borrow().blocks.get(&key) {
            return Ok(Some(known.clone()));
        }
        let Some(block) = self.sheet_columns(sheet)?.and_then(|columns| columns.block(area)) else { return Ok(None) };
        let block = self.budget.charge_matrix(block);
        let mut cache = self.columns.borrow_mut();
        let size = block.cells().len() as u64;
        if cache.held.saturating_add(size) <= CELL_LIMIT {
            cache.held += size;
            cache.blocks.insert(key, block.clone());
        }
        Ok(Some(block))
    }

    fn sheet_columns(&self, sheet: i32) -> Result<Option<Rc<SheetColumns>>, StorageError> {
        if let Some(known) = self.columns.borrow().sheets.get(&sheet) {
            return Ok(known.clone());
        }
        let columns = self.read_columns(sheet)?.map(Rc::new);
        self.columns.borrow_mut().sheets.insert(sheet, columns.clone());
        Ok(columns)
    }

    /// Reads the columns of a sheet; `None` if array results may fill them, or if they are too many.
    fn read_columns(&self, sheet: i32) -> Result<Option<SheetColumns>, StorageError> {
        if !self.transaction.formula_rows(sheet, true, 0, 1)?.is_empty() {
            return Ok(None);
        }
        let mut found = SheetColumns { used: 0, columns: Vec::new() };
        let mut held = 0_u64;
        self.transaction.visit_rows(sheet, 0..u32::MAX, |row, cells| {
            for (at, cell) in cells.iter().enumerate().filter(|(_, cell)| cell.has_data()) {
                found.used = row.saturating_add(1);
                if found.columns.len() <= at {
                    found.columns.resize_with(at + 1, || Some(Vec::new()));
                }
                let is_formula = matches!(cell.value, Some(CellValue::Formula { .. }));
                let Some(column) = found.columns.get_mut(at) else { continue };
                if is_formula {
                    *column = None;
                } else if let Some(values) = column {
                    let index = row as usize;
                    held += (index - values.len()) as u64 + 1;
                    // A sheet with few values in far rows would take more memory than its values.
                    if held <= CELL_LIMIT {
                        values.resize(index, Scalar::Blank);
                        values.push(effective(cell));
                    }
                }
            }
            Ok::<(), StorageError>(())
        })?;
        Ok((held <= CELL_LIMIT).then_some(found))
    }
}
