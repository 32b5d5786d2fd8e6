//! The cells of a spreadsheet with formulas evaluated and array results spilled.
//!
//! In scope: visiting rows, one cell, the cells of a reference, room for array results.
//! Out of scope: parsing formulas (`formula`), display (`format`), A1 text (`ranges`).
//!
//! A formula that fills several cells is evaluated once per `Workbook`, and only if cells are read
//! that it may fill.

use std::rc::Rc;

use crate::format::render::{read_effective_value, to_formula_result};
use crate::formula::evaluate::{evaluate, link};
use crate::formula::matrix::Operand;
use crate::formula::spill::{ROW_LIMIT, Spill, SpillState, find_anchors, overlay};
use crate::grid::area::Area;
use crate::grid::cell::{Cell, CellValue, may_spill};
use crate::grid::value::Scalar;
use crate::storage::store::StorageError;
use crate::workbook::eval_context::EvalContext;
use crate::workbook::ranges::Workbook;

/// The longest chain of formulas that refer to each other. A longer one, or a cycle, is `#REF!`.
const CHAIN_LIMIT: u32 = 32;

/// Formulas and single cells that one formula may look up, including those of referenced formulas.
const LOOK_LIMIT: u32 = 200_000;

/// Cells that all array results of a spreadsheet may fill.
const FILLED_LIMIT: u64 = 2_000_000;

/// Results that are cached while a spreadsheet is read.
const MEMORY: usize = 200_000;

impl Workbook<'_, '_> {
    /// Passes the rows of an area to `visit`, in order. Rows are complete, but formulas are
    /// evaluated in the area's columns only.
    pub(crate) fn visit<E: From<StorageError>>(
        &self,
        sheet: i32,
        area: &Area,
        mut visit: impl FnMut(u32, Vec<Cell>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.visit_filled(sheet, area, |row, mut cells| {
            for (column, cell) in (0..).zip(&mut cells).filter(|(column, _)| area.cols.contains(column)) {
                if matches!(cell.value, Some(CellValue::Formula { .. })) {
                    let result = to_formula_result(self.value_at(sheet, row, column, cell));
                    if let Some(CellValue::Formula { source, .. }) = cell.value.take() {
                        cell.value = Some(CellValue::Formula { source, result });
                    }
                }
            }
            visit(row, cells)
        })
    }

    /// Returns the rows of an area with entered or spilled values. Formulas are not evaluated.
    pub(crate) fn rows(&self, sheet: i32, area: &Area) -> Result<Vec<(u32, Vec<Cell>)>, StorageError> {
        let mut found = Vec::new();
        self.visit_filled(sheet, area, |row, cells| {
            found.push((row, cells));
            Ok::<(), StorageError>(())
        })?;
        Ok(found)
    }

    /// Returns the last row with an entered or spilled value.
    pub(crate) fn last_row_with_data(&self, sheet: i32) -> Result<Option<u32>, StorageError> {
        let stored = self.transaction.last_row_with_data(sheet)?;
        let spills = self.find_spills(sheet, &Area::new(0..u32::MAX, 0..u32::MAX))?;
        Ok(spills.iter().map(|spill| spill.end().saturating_sub(1)).max().max(stored))
    }

    fn visit_filled<E: From<StorageError>>(
        &self,
        sheet: i32,
        area: &Area,
        mut visit: impl FnMut(u32, Vec<Cell>) -> Result<(), E>,
    ) -> Result<(), E> {
        let spills = self.find_spills(sheet, area)?;
        if spills.is_empty() {
            return self.transaction.visit_rows(sheet, area.rows.clone(), visit);
        }
        let filled = |row: u32| {
            let mut cells = Vec::new();
            overlay(&spills, row, &mut cells);
            cells
        };
        let mut next = area.rows.start;
        let up_to = |end: u32, next: u32, visit: &mut dyn FnMut(u32, Vec<Cell>) -> Result<(), E>| {
            let bare = (next..end).map(|row| (row, filled(row))).filter(|(_, cells)| !cells.is_empty());
            bare.into_iter().try_for_each(|(row, cells)| visit(row, cells))
        };
        let last = spills.iter().map(|spill| spill.end()).max().unwrap_or(0).min(area.rows.end);
        self.transaction.visit_rows(sheet, area.rows.clone(), |row, mut cells| {
            up_to(row.min(last), next, &mut visit)?;
            next = row.saturating_add(1);
            overlay(&spills, row, &mut cells);
            visit(row, cells)
        })?;
        up_to(last, next, &mut visit)
    }

    /// Returns the value of a cell.
    pub(crate) fn value_at(&self, sheet: i32, row: u32, column: u32, cell: &Cell) -> Scalar {
        match &cell.value {
            Some(CellValue::Formula { source, .. }) if may_spill(source) => self.value_at_anchor(sheet, row, column),
            Some(CellValue::Formula { source, .. }) => {
                let place = (sheet, row, column);
                if let Some(known) = self.results.borrow().get(&place) {
                    return known.clone();
                }
                let outermost = self.chain.get() == 0;
                let value_at = self.evaluate_formula(sheet, row, column, source).first().clone();
                // Inside a chain the error may be due to the chain's length, so it is not cached.
                if outermost && self.results.borrow().len() < MEMORY {
                    self.results.borrow_mut().insert(place, value_at.clone());
                }
                value_at
            }
            None => self.find_filled_value(sheet, row, column),
            Some(_) => read_effective_value(cell),
        }
    }

    /// Returns the target of a cell's formula, if it is a single link.
    pub(crate) fn find_link_target(&self, sheet: i32, row: u32, column: u32, source: &str) -> Option<String> {
        link(source, &EvalContext::new(self, sheet, row, column))
    }

    /// Evaluates a formula; `#REF!` if the chain is too long.
    pub(super) fn evaluate_formula(&self, sheet: i32, row: u32, column: u32, source: &str) -> Operand {
        if self.chain.get() == 0 {
            self.looks.set(0);
        }
        self.looks.set(self.looks.get().saturating_add(1));
        if self.chain.get() >= CHAIN_LIMIT || self.looks.get() > LOOK_LIMIT {
            return Operand::Single(Scalar::Error("#REF!"));
        }
        self.chain.set(self.chain.get() + 1);
        let value = evaluate(source, &EvalContext::new(self, sheet, row, column));
        self.chain.set(self.chain.get() - 1);
        value
    }

    /// Returns the value in the cell of a formula that may fill several cells.
    fn value_at_anchor(&self, sheet: i32, row: u32, column: u32) -> Scalar {
        let detail = |error| {
            tracing::error!(event = "emulator.failed", %error, "the formulas of a sheet can't be read");
            Scalar::Error("#ERROR!")
        };
        let index =
            match self.find_anchors(sheet) {
                Ok(()) => self.spilling.borrow().get(&sheet).map_or(Err(0), |list| {
                    list.binary_search_by_key(&(row, column), |anchor| (anchor.row, anchor.column))
                }),
                Err(error) => return detail(error),
            };
        // A formula beyond the limit is not found.
        let Ok(index) = index else { return Scalar::Error("#ERROR!") };
        match self.find_result(sheet, index) {
            Ok(Some(spill)) => spill.at(row, column).clone(),
            Ok(None) => {
                self.met_running.set(true);
                Scalar::Error("#REF!")
            }
            Err(error) => detail(error),
        }
    }

    fn find_filled_value(&self, sheet: i32, row: u32, column: u32) -> Scalar {
        let area = Area::new(row..row.saturating_add(1), column..column.saturating_add(1));
        let spills = self.find_spills(sheet, &area).unwrap_or_default();
        let found = spills.iter().map(|spill| spill.at(row, column)).find(|value_at| **value_at != Scalar::Blank);
        found.cloned().unwrap_or(Scalar::Blank)
    }

    /// Finds the formulas of a sheet that may fill several cells, once.
    fn find_anchors(&self, sheet: i32) -> Result<(), StorageError> {
        if !self.spilling.borrow().contains_key(&sheet) {
            let found = find_anchors(self.transaction.formula_rows(sheet, true, 0, ROW_LIMIT)?);
            self.spilling.borrow_mut().insert(sheet, found);
        }
        Ok(())
    }

    /// Returns the results that fill cells of an area. Formulas in progress fill none yet.
    pub(super) fn find_spills(&self, sheet: i32, area: &Area) -> Result<Vec<Rc<Spill>>, StorageError> {
        self.find_anchors(sheet)?;
        let count = self.spilling.borrow().get(&sheet).map_or(0, Vec::len);
        let mut found = Vec::new();
        for index in 0..count {
            let may_reach = |row: u32, column: u32| row < area.rows.end && column < area.cols.end;
            let reaches = self
                .spilling
                .borrow()
                .get(&sheet)
                .and_then(|list| list.get(index))
                .is_some_and(|anchor| may_reach(anchor.row, anchor.column));
            if !reaches {
                continue;
            }
            if let Some(spill) = self.find_result(sheet, index)?
                && !spill.area.intersect(area).is_empty()
            {
                found.push(spill);
            }
        }
        Ok(found)
    }

    /// Returns the result of one of these formulas; `None` while it is in progress.
    ///
    /// A blank cell asks every formula that may fill it. One of them may need the formula that
    /// asks, which does not make a circle. Its result now is not kept, and it is evaluated again
    /// when it is read.
    fn find_result(&self, sheet: i32, index: usize) -> Result<Option<Rc<Spill>>, StorageError> {
        let (row, column, source) = {
            let mut sheets = self.spilling.borrow_mut();
            let Some(anchor) = sheets.get_mut(&sheet).and_then(|list| list.get_mut(index)) else { return Ok(None) };
            match &anchor.state {
                SpillState::Done(spill) => return Ok(Some(Rc::clone(spill))),
                SpillState::Running => return Ok(None),
                SpillState::Waiting => {}
            }
            anchor.state = SpillState::Running;
            (anchor.row, anchor.column, anchor.source.clone())
        };
        let others_met = self.met_running.replace(false);
        let value = self.evaluate_formula(sheet, row, column, &source);
        let is_inner = self.spilling.borrow().values().flatten().filter(|other| other.is_running()).count() > 1;
        if self.met_running.get() && is_inner {
            if let Some(anchor) = self.spilling.borrow_mut().get_mut(&sheet).and_then(|list| list.get_mut(index)) {
                anchor.state = SpillState::Waiting;
            }
            return Ok(Some(Rc::new(Spill::single(row, column, value.first().clone()))));
        }
        self.met_running.set(others_met);
        let spill = Rc::new(self.place_result(sheet, row, column, value)?);
        if let Some(anchor) = self.spilling.borrow_mut().get_mut(&sheet).and_then(|list| list.get_mut(index)) {
            anchor.state = SpillState::Done(Rc::clone(&spill));
        }
        Ok(Some(spill))
    }

    /// Places a result in its cells. If it would leave the grid or cover entered cells, it is
    /// `#REF!` in the formula's own cell.
    fn place_result(&self, sheet: i32, row: u32, column: u32, value: Operand) -> Result<Spill, StorageError> {
        let cells = value.into_matrix();
        let area = Area::new(row..row.saturating_add(cells.height), column..column.saturating_add(cells.width));
        let stored = cells.cells().len() as u64;
        let all = self.filled.get().saturating_add(stored);
        if all > FILLED_LIMIT {
            return Ok(Spill::single(row, column, Scalar::Error("#ERROR!")));
        }
        let refused = Spill::single(row, column, Scalar::Error("#REF!"));
        let Some(grid) = self.sheets.iter().find(|known| known.id == sheet) else { return Ok(refused) };
        if area.is_empty() || area.rows.end > grid.row_count || area.cols.end > grid.column_count {
            return Ok(refused);
        }
        let mut free = true;
        if cells.size() > 1 {
            self.transaction.visit_rows(sheet, area.rows.clone(), |at, stored| {
                let mut inside = (0..).zip(&stored).filter(|(column, _)| area.cols.contains(column));
                free &= !inside.any(|(other, cell)| cell.has_data() && (at, other) != (row, column));
                Ok::<(), StorageError>(())
            })?;
            free &= !self.spilling.borrow().get(&sheet).into_iter().flatten().any(
                |other| matches!(&other.state, SpillState::Done(other) if !other.area.intersect(&area).is_empty()),
            );
        }
        if !free {
            return Ok(refused);
        }
        self.filled.set(all);
        Ok(Spill { area, cells })
    }
}

#[cfg(test)]
mod tests;
