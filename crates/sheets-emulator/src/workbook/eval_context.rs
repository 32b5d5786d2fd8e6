//! What a formula in one cell reads of its spreadsheet.
//!
//! Out of scope: the results of other formulas (`workbook::evaluated_view`).

use crate::formula::budget::EvalBudget;
use crate::formula::evaluate::FormulaCells;
use crate::formula::matrix::{CELL_LIMIT, Matrix};
use crate::formula::settings::FormulaSettings;
use crate::grid::a1::CellSpan;
use crate::grid::area::Area;
use crate::grid::cell::Cell;
use crate::grid::value::{EvalResult, Scalar};
use crate::storage::store::StorageError;
use crate::storage::transaction::SheetProperties;
use crate::workbook::ranges::Workbook;

/// The spreadsheet as the formula in one cell reads it.
#[derive(Debug)]
pub(crate) struct EvalContext<'b, 't, 's> {
    workbook: &'b Workbook<'t, 's>,
    sheet: i32,
    row: u32,
    column: u32,
}

impl<'b, 't, 's> EvalContext<'b, 't, 's> {
    /// Creates the view of a formula in this cell.
    pub(crate) fn new(workbook: &'b Workbook<'t, 's>, sheet: i32, row: u32, column: u32) -> Self {
        Self { workbook, sheet, row, column }
    }

    /// Evaluates a formula that is in no cell, as if it were in this one. Returns its first value.
    pub(crate) fn evaluate_source(&self, source: &str) -> Scalar {
        self.workbook.evaluate_formula(self.sheet, self.row, self.column, source).first().clone()
    }

    /// Returns the time of the last recalculation, as a serial number.
    pub(crate) fn now(&self) -> f64 {
        self.workbook.settings.now
    }
}

impl EvalContext<'_, '_, '_> {
    fn find_sheet(&self, title: Option<&str>) -> Option<&SheetProperties> {
        match title {
            Some(title) => self.workbook.find_titled(title),
            None => self.workbook.sheets.iter().find(|sheet| sheet.id == self.sheet),
        }
    }

    fn read(&self, sheet: &SheetProperties, area: &Area) -> Result<Option<Matrix>, StorageError> {
        if let Some(block) = self.workbook.column_block(sheet.id, area)? {
            return Ok(Some(block));
        }
        let spills = self.workbook.find_spills(sheet.id, area)?;
        let entered = self.workbook.transaction.last_row_with_data(sheet.id)?.map_or(0, |row| row.saturating_add(1));
        let used = spills.iter().map(|spill| spill.end()).max().unwrap_or(0).max(entered);
        let used = used.clamp(area.rows.start, area.rows.end.max(area.rows.start));
        let (height, width) = (used - area.rows.start, area.width());
        if u64::from(height) * u64::from(width) > CELL_LIMIT {
            return Ok(None);
        }
        let mut cells = vec![Scalar::Blank; (height as usize) * (width as usize)];
        let index = |row: u32, column: u32| ((row - area.rows.start) * width + (column - area.cols.start)) as usize;
        for spill in &spills {
            let common = spill.area.intersect(&Area::new(area.rows.start..used, area.cols.clone()));
            for (row, column) in common.rows.flat_map(|row| common.cols.clone().map(move |column| (row, column))) {
                if let Some(place) = cells.get_mut(index(row, column)) {
                    *place = self.workbook.budget.charge(spill.at(row, column).clone());
                }
            }
        }
        self.workbook.transaction.visit_rows(sheet.id, area.rows.start..used, |row, stored| {
            for (column, cell) in
                (0..).zip(&stored).filter(|(column, cell)| area.cols.contains(column) && cell.has_data())
            {
                if let Some(place) = cells.get_mut(index(row, column)) {
                    *place = self.workbook.budget.charge(self.workbook.value_at(sheet.id, row, column, cell));
                }
            }
            Ok::<(), StorageError>(())
        })?;
        Ok(Some(Matrix::new(area.height(), width, cells)))
    }
}

impl FormulaCells for EvalContext<'_, '_, '_> {
    fn cell(&self, title: Option<&str>, row: u32, column: u32) -> Scalar {
        let Some(sheet) = self.find_sheet(title) else { return Scalar::Error("#REF!") };
        self.workbook.looks.set(self.workbook.looks.get().saturating_add(1));
        match self.workbook.transaction.row(sheet.id, row) {
            Ok(mut cells) => {
                let at = usize::try_from(column).unwrap_or(usize::MAX);
                let cell = if at < cells.len() { cells.swap_remove(at) } else { Cell::default() };
                self.workbook.budget.charge(self.workbook.value_at(sheet.id, row, column, &cell))
            }
            Err(error) => {
                tracing::error!(event = "emulator.failed", %error, "a cell that a formula refers to can't be read");
                Scalar::Error("#ERROR!")
            }
        }
    }

    fn area(&self, title: Option<&str>, span: CellSpan) -> Option<Area> {
        let sheet = self.find_sheet(title)?;
        let closed = span.close(sheet.row_count, sheet.column_count);
        let bounds =
            |start: Option<u32>, end: Option<u32>| start.unwrap_or(0)..end.unwrap_or(0).max(start.unwrap_or(0));
        Some(Area::new(bounds(closed.start_row, closed.end_row), bounds(closed.start_column, closed.end_column)))
    }

    fn block(&self, title: Option<&str>, area: &Area) -> EvalResult<Matrix> {
        let sheet = self.find_sheet(title).ok_or("#REF!")?;
        if area.is_empty() {
            return Err("#REF!");
        }
        match self.read(sheet, area) {
            Ok(found) => found.ok_or("#ERROR!"),
            Err(error) => {
                tracing::error!(event = "emulator.failed", %error, "cells that a formula refers to can't be read");
                Err("#ERROR!")
            }
        }
    }

    fn position(&self) -> (u32, u32) {
        (self.row, self.column)
    }

    fn budget(&self) -> &EvalBudget {
        &self.workbook.budget
    }

    fn settings(&self) -> FormulaSettings {
        self.workbook.settings
    }
}
