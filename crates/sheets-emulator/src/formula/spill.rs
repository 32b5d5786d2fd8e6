//! Where the results of formulas lie that fill several cells.
//!
//! In scope: the cells with such formulas, the cells that a result fills, laying it over stored rows. Out of scope: working formulas
//! out, and whether there is room (`seen`).

use std::rc::Rc;

use crate::format::render::computed;
use crate::formula::matrix::Matrix;
use crate::grid::area::Area;
use crate::grid::cell::{Cell, CellValue, may_spill, put};
use crate::grid::value::Scalar;

/// How many rows of one sheet may hold formulas that fill more cells than their own; those of any further one are errors.
pub(crate) const ROW_LIMIT: u32 = 2000;

/// A result and the cells that it fills.
#[derive(Debug)]
pub(crate) struct Spill {
    /// The cells, that of the formula first.
    pub area: Area,
    /// What they come to.
    pub cells: Matrix,
}

/// How far a formula is worked out.
#[derive(Debug, Clone)]
pub(crate) enum SpillState {
    /// Not yet.
    Waiting,
    /// It is being worked out: whoever asks now is part of a circle.
    Running,
    /// This came of it.
    Done(Rc<Spill>),
}

/// A cell with a formula that may fill more cells.
#[derive(Debug)]
pub(crate) struct SpillAnchor {
    /// Its row.
    pub row: u32,
    /// Its column.
    pub column: u32,
    /// Its formula.
    pub source: String,
    /// How far it is.
    pub state: SpillState,
}

impl Spill {
    /// One outcome in the cell of the formula.
    pub(crate) fn single(row: u32, column: u32, scalar: Scalar) -> Self {
        let area = Area::new(row..row.saturating_add(1), column..column.saturating_add(1));
        Self { area, cells: Matrix::new(1, 1, vec![scalar]) }
    }

    /// What a cell comes to; blank outside.
    pub(crate) fn at(&self, row: u32, column: u32) -> &Scalar {
        match (row.checked_sub(self.area.rows.start), column.checked_sub(self.area.cols.start)) {
            (Some(row), Some(column)) => self.cells.at(row, column),
            _ => &Scalar::Blank,
        }
    }

    /// The row after the last one with anything in it.
    pub(crate) fn end(&self) -> u32 {
        self.area.rows.start.saturating_add(self.cells.used_rows())
    }
}

/// The cells of rows that hold such formulas, in order.
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

/// Lays results over the cells of a stored row; where something was entered it stays.
pub(crate) fn overlay(spills: &[Rc<Spill>], row: u32, cells: &mut Vec<Cell>) {
    for spill in spills.iter().filter(|spill| spill.area.rows.contains(&row)) {
        for column in spill.area.cols.clone() {
            let at = usize::try_from(column).unwrap_or(usize::MAX);
            let Some(result) = computed(spill.at(row, column).clone()) else { continue };
            match cells.get_mut(at) {
                Some(cell) if cell.value.is_some() => {}
                Some(cell) => cell.value = Some(CellValue::Spilled(result)),
                None => put(cells, at, Cell::of(CellValue::Spilled(result))),
            }
        }
    }
}
