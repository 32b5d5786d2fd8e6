//! Ranges of many rows for formulas, from columns that are read once.
//!
//! In scope: which sheets' columns may be kept in memory, reading them.
//! Out of scope: holding them (`sheet_columns`); cells with formulas and array results, which
//! `evaluated_view` reads each time.
//!
//! A `Workbook` is opened again after a write, so nothing here outlives a change.

use std::rc::Rc;

use crate::format::render::read_effective_value;
use crate::formula::matrix::Matrix;
use crate::grid::area::Area;
use crate::grid::cell::CellValue;
use crate::storage::store::StorageError;
use crate::workbook::ranges::Workbook;
use crate::workbook::sheet_columns::SheetColumns;

/// Ranges with fewer rows are read from their rows.
const MIN_ROWS: u32 = 64;

impl Workbook<'_, '_> {
    /// Returns the values of a range of many rows from the columns in memory, which are read at
    /// first. `None` if they are not kept.
    pub(crate) fn column_block(&self, sheet: i32, area: &Area) -> Result<Option<Matrix>, StorageError> {
        if area.height() < MIN_ROWS {
            return Ok(None);
        }
        if let Some(known) = self.columns.borrow().block(sheet, area) {
            return Ok(Some(known));
        }
        let Some(block) = self.sheet_columns(sheet)?.and_then(|columns| columns.block(area)) else { return Ok(None) };
        let block = self.budget.charge_matrix(block);
        self.columns.borrow_mut().keep(sheet, area, &block);
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

    /// Reads the columns of a sheet; `None` if array results may fill them, or if they are too
    /// many.
    fn read_columns(&self, sheet: i32) -> Result<Option<SheetColumns>, StorageError> {
        if !self.transaction.formula_rows(sheet, true, 0, 1)?.is_empty() {
            return Ok(None);
        }
        let mut found = SheetColumns::default();
        self.transaction.visit_rows(sheet, 0..u32::MAX, |row, cells| {
            for (column, cell) in cells.iter().enumerate().filter(|(_, cell)| cell.has_data()) {
                let is_formula = matches!(cell.value, Some(CellValue::Formula { .. }));
                found.add(row, column, (!is_formula).then(|| read_effective_value(cell)));
            }
            Ok::<(), StorageError>(())
        })?;
        Ok(found.is_bounded().then_some(found))
    }
}
