//! Array results of formulas that fill several cells.
//!
//! In scope: cells with such formulas, the cells of a result, overlaying them on stored rows.
//! Out of scope: evaluation, and whether there is room (`workbook::evaluated_view`).

use std::rc::Rc;

use crate::format::render::to_formula_result;
use crate::formula::matrix::Matrix;
use crate::grid::area::Area;
use crate::grid::cell::{Cell, CellValue, may_spill, put};
use crate::grid::value::Scalar;

/// Rows of one sheet that may have formulas which fill several cells. Formulas in further rows
/// yield errors.
pub(crate) const ROW_LIMIT: u32 = 2000;

/// A result and its cells.
#[derive(Debug)]
pub(crate) struct Spill {
    /// The cells, starting with that of the formula.
    pub area: Area,
    /// The values of the cells.
    pub cells: Matrix,
}

/// The progress of a formula's evaluation.
#[derive(Debug, Clone)]
pub(crate) enum SpillState {
    /// Nothing has needed it yet.
    Waiting,
    /// In progress. A formula that needs it now is part of a cycle.
    Running,
    /// It is evaluated: the cells that it fills, with their values.
    Done(Rc<Spill>),
}

/// A cell with a formula that may fill several cells.
#[derive(Debug)]
pub(crate) struct SpillAnchor {
    pub row: u32,
    pub column: u32,
    pub source: String,
    pub state: SpillState,
}

impl SpillAnchor {
    /// Returns whether its evaluation is in progress.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, SpillState::Running)
    }
}

impl Spill {
    /// Creates the result of one cell.
    pub(crate) fn single(row: u32, column: u32, scalar: Scalar) -> Self {
        let area = Area::new(row..row.saturating_add(1), column..column.saturating_add(1));
        Self { area, cells: Matrix::new(1, 1, vec![scalar]) }
    }

    /// Returns the value of a cell; blank outside.
    pub(crate) fn at(&self, row: u32, column: u32) -> &Scalar {
        match (row.checked_sub(self.area.rows.start), column.checked_sub(self.area.cols.start)) {
            (Some(row), Some(column)) => self.cells.at(row, column),
            _ => &Scalar::Blank,
        }
    }

    /// Returns the row after the last one with a value.
    pub(crate) fn end(&self) -> u32 {
        self.area.rows.start.saturating_add(self.cells.used_rows())
    }
}

/// Returns the cells of rows with such formulas, in order.
pub(crate) fn find_anchors(rows: Vec<(u32, Vec<Cell>)>) -> Vec<SpillAnchor> {
    let mut found = Vec::new();
    for (row, cells) in rows {
        for (column, cell) in (0..).zip(cells) {
            if let Some(CellValue::Formula { source, .. }) = cell.value
                && may_spill(&source)
            {
                found.push(SpillAnchor { row, column, source, state: SpillState::Waiting });
            }
        }
    }
    found
}

/// Overlays results on the cells of a stored row. Entered cells stay.
pub(crate) fn overlay(spills: &[Rc<Spill>], row: u32, cells: &mut Vec<Cell>) {
    for spill in spills.iter().filter(|spill| spill.area.rows.contains(&row)) {
        for column in spill.area.cols.clone() {
            let at = usize::try_from(column).unwrap_or(usize::MAX);
            let Some(result) = to_formula_result(spill.at(row, column).clone()) else { continue };
            match cells.get_mut(at) {
                Some(cell) if cell.value.is_some() => {}
                Some(cell) => cell.value = Some(CellValue::Spilled(result)),
                None => put(cells, at, Cell::from_value(CellValue::Spilled(result))),
            }
        }
    }
}
