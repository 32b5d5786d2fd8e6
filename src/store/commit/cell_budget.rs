//! Counts the cells of a spreadsheet, now and while the service executes a batch. Pure.
//!
//! In scope: the grids of all tabs, the effect of each request on them.
//! Out of scope: the limit (`ledger::runs::capacity`), finding blank rows at the end of a tab
//! (`store::scan::trailing_blanks`).
//!
//! Empty cells count. Appended rows use blank rows at the end of the tab first. If their number is
//! unknown, none are assumed, so that the count is never too low.

use std::collections::HashMap;

use crate::sheets_client::types::request_objects::Dimension;
use crate::sheets_client::types::requests::Request;
use crate::sheets_client::types::response_types::SpreadsheetInfo;

/// Default rows and columns of a new tab if the request has no size.
const DEFAULT_GRID: (u32, u32) = (1_000, 26);

/// The grid sizes of a spreadsheet's tabs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CellBudget {
    grids: HashMap<i32, GridSize>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct GridSize {
    rows: u64,
    columns: u64,
    /// Blank rows at its end, as far as known.
    blank: u64,
}

impl CellBudget {
    /// Creates the budget from the metadata, without blank rows.
    pub fn from_metadata(metadata: &SpreadsheetInfo) -> Self {
        let grid = |rows: u32, columns: u32| GridSize { rows: rows.into(), columns: columns.into(), blank: 0 };
        Self { grids: metadata.tabs.iter().map(|tab| (tab.sheet_id, grid(tab.rows, tab.columns))).collect() }
    }

    /// Records the number of blank rows at the end of a tab.
    pub fn set_trailing_blanks(&mut self, tab: i32, rows: u32) {
        if let Some(grid) = self.grids.get_mut(&tab) {
            grid.blank = u64::from(rows).min(grid.rows);
        }
    }

    /// The number of cells of all tabs.
    pub fn count_cells(&self) -> u64 {
        self.grids.values().map(|grid| grid.rows.saturating_mul(grid.columns)).sum()
    }

    /// Applies requests. Returns the highest number of cells after any request that adds some,
    /// because the limit holds at every step; `None` if no request adds cells.
    pub fn apply(&mut self, requests: &[Request]) -> Option<u64> {
        let mut most = None;
        let mut cells = self.count_cells();
        for request in requests {
            self.apply_one(request);
            let now = self.count_cells_after(request, cells);
            if now > cells {
                most = most.max(Some(now));
            }
            cells = now;
        }
        most
    }

    /// Counts again only after requests that change grids.
    fn count_cells_after(&self, request: &Request, before: u64) -> u64 {
        match request {
            Request::AddSheet { .. }
            | Request::DeleteSheet { .. }
            | Request::AppendCells { .. }
            | Request::InsertDimension { .. }
            | Request::DeleteDimension { .. }
            | Request::AppendDimension { .. }
            | Request::UpdateSheetProperties { .. } => self.count_cells(),
            _ => before,
        }
    }

    fn apply_one(&mut self, request: &Request) {
        match request {
            Request::AddSheet { properties } => {
                let size = properties.grid_properties.as_ref();
                let rows: u64 = size.and_then(|size| size.row_count).unwrap_or(DEFAULT_GRID.0).into();
                let columns: u64 = size.and_then(|size| size.column_count).unwrap_or(DEFAULT_GRID.1).into();
                if let Some(id) = properties.sheet_id {
                    // The same batch writes its header row.
                    self.grids.insert(id, GridSize { rows, columns, blank: rows.saturating_sub(1) });
                }
            }
            Request::DeleteSheet { sheet_id } => {
                self.grids.remove(sheet_id);
            }
            Request::AppendCells { sheet_id, rows, .. } => {
                self.change_grid(*sheet_id, |grid| grid.append(rows.len() as u64));
            }
            Request::InsertDimension { range, .. } => {
                let count = u64::from(range.end_index.saturating_sub(range.start_index));
                self.change_grid(range.sheet_id, |grid| grid.widen_grid(range.dimension, count));
            }
            Request::DeleteDimension { range } => {
                let count = u64::from(range.end_index.saturating_sub(range.start_index));
                self.change_grid(range.sheet_id, |grid| grid.narrow_grid(range.dimension, count));
            }
            Request::AppendDimension { sheet_id, dimension, length } => {
                self.change_grid(*sheet_id, |grid| grid.widen_grid(*dimension, u64::from(*length)));
            }
            Request::UpdateSheetProperties { properties, .. } => {
                let (Some(id), Some(size)) = (properties.sheet_id, &properties.grid_properties) else { return };
                self.change_grid(id, |grid| {
                    grid.rows = size.row_count.map_or(grid.rows, u64::from);
                    grid.columns = size.column_count.map_or(grid.columns, u64::from);
                    grid.blank = grid.blank.min(grid.rows);
                });
            }
            _ => {}
        }
    }

    fn change_grid(&mut self, tab: i32, how: impl FnOnce(&mut GridSize)) {
        if let Some(grid) = self.grids.get_mut(&tab) {
            how(grid);
        }
    }
}

impl GridSize {
    /// Deleted rows may include blank rows at the end. The count assumes they do.
    fn narrow_grid(&mut self, dimension: Dimension, count: u64) {
        match dimension {
            Dimension::Rows => {
                self.rows = self.rows.saturating_sub(count);
                self.blank = self.blank.saturating_sub(count);
            }
            Dimension::Columns => self.columns = self.columns.saturating_sub(count),
        }
    }

    fn append(&mut self, rows: u64) {
        self.rows = self.rows.saturating_add(rows.saturating_sub(self.blank));
        self.blank = self.blank.saturating_sub(rows);
    }

    fn widen_grid(&mut self, dimension: Dimension, count: u64) {
        let side = match dimension {
            Dimension::Rows => &mut self.rows,
            Dimension::Columns => &mut self.columns,
        };
        *side = side.saturating_add(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheets_client::types::cell::CellRow;
    use crate::sheets_client::types::request_objects::{GridProperties, SheetProperties};
    use crate::sheets_client::types::response_types::TabInfo;

    fn budget() -> CellBudget {
        let tab = TabInfo { sheet_id: 1, title: "T".into(), index: 0, is_hidden: false, rows: 100, columns: 4 };
        CellBudget::from_metadata(&SpreadsheetInfo {
            title: String::new(),
            locale: String::new(),
            time_zone: String::new(),
            auto_recalc: String::new(),
            tabs: vec![tab],
            named_ranges: Vec::new(),
        })
    }

    fn append_rows(rows: usize) -> Request {
        let rows = (0..rows).map(|_| CellRow::from(Vec::new())).collect();
        Request::AppendCells { sheet_id: 1, rows, fields: "userEnteredValue".into() }
    }

    fn add_sheet(id: i32) -> Request {
        let grid = GridProperties { row_count: Some(64), column_count: Some(26), frozen_row_count: None };
        let properties =
            SheetProperties { sheet_id: Some(id), grid_properties: Some(grid), ..SheetProperties::default() };
        Request::AddSheet { properties }
    }

    #[test]
    fn appended_rows_use_blank_ones_first() {
        assert_eq!(budget().apply(&[append_rows(3)]), Some(412));
        let mut known = budget();
        known.set_trailing_blanks(1, 2);
        assert_eq!((known.clone().apply(&[append_rows(2)]), known.apply(&[append_rows(3)])), (None, Some(404)));
        assert_eq!(known.apply(&[append_rows(1)]), Some(408));
    }

    #[test]
    fn a_tab_that_moves_needs_room_for_both_while_it_does() {
        let mut budget = budget();
        assert_eq!(budget.apply(&[add_sheet(2), Request::DeleteSheet { sheet_id: 1 }]), Some(400 + 64 * 26));
        assert_eq!(budget.count_cells(), 64 * 26);
        assert_eq!(budget.apply(&[Request::DeleteSheet { sheet_id: 2 }]), None);
    }
}
