//! Table detection, as `values.append` does it.
//!
//! In scope: the block of touching cells that a range means.
//! Out of scope: what is then written below it (`values_append`).
//!
//! Source: the API guide's examples of `values.append`, and recorded appends: a row with a hole is two tables.

use std::ops::Range;

use crate::grid::area::Area;
use crate::grid::cell::Cell;
use crate::storage::store::StorageError;
use crate::workbook::ranges::{SheetRange, Workbook};

/// How many rows are looked at in one go.
const STEP: u32 = 1024;

/// The last table in the range: the block of touching cells around its last cell with a value. A single cell means the
/// table that it lies in.
pub(crate) fn find_table(workbook: &Workbook<'_, '_>, place: &SheetRange) -> Result<Option<Area>, StorageError> {
    let area = place.area();
    let sheet = place.sheet.id;
    let Some((row, column)) = last_cell(workbook, sheet, &area)? else {
        return if place.span.is_cell() { table_around(workbook, place, &area) } else { Ok(None) };
    };
    let seed = Area::new(row..row + 1, column..column + 1);
    Ok(Some(TableRegion { workbook, sheet, row_count: place.sheet.row_count, area: seed, torn: Vec::new() }.grow()?))
}

/// The table whose block holds a cell that is itself blank.
fn table_around(workbook: &Workbook<'_, '_>, place: &SheetRange, cell: &Area) -> Result<Option<Area>, StorageError> {
    let near = Area::new(
        cell.rows.start.saturating_sub(1)..cell.rows.end.saturating_add(1).min(place.sheet.row_count),
        cell.cols.start.saturating_sub(1)..cell.cols.end.saturating_add(1),
    );
    let Some((row, column)) = last_cell(workbook, place.sheet.id, &near)? else { return Ok(None) };
    let seed = Area::new(row..row + 1, column..column + 1);
    let region =
        TableRegion { workbook, sheet: place.sheet.id, row_count: place.sheet.row_count, area: seed, torn: Vec::new() };
    let found = region.grow()?;
    Ok(found.contains(cell.rows.start, cell.cols.start).then_some(found))
}

/// The last cell with a value, by rows and then by columns.
fn last_cell(workbook: &Workbook<'_, '_>, sheet: i32, area: &Area) -> Result<Option<(u32, u32)>, StorageError> {
    let used = workbook.last_row_with_data(sheet)?.map_or(0, |last| last + 1);
    let mut end = area.rows.end.min(used);
    while end > area.rows.start {
        let start = end.saturating_sub(STEP).max(area.rows.start);
        for (row, cells) in workbook.rows(sheet, &every_column(start..end))?.into_iter().rev() {
            let inside = |column: &u32| area.cols.contains(column);
            let last = runs(&cells).into_iter().rev().find_map(|run| run.rev().find(inside));
            if let Some(column) = last {
                return Ok(Some((row, column)));
            }
        }
        end = start;
    }
    Ok(None)
}

fn every_column(rows: Range<u32>) -> Area {
    Area::new(rows, 0..u32::MAX)
}

/// The columns with values, as unbroken runs.
fn runs(cells: &[Cell]) -> Vec<Range<u32>> {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for (column, _) in (0..).zip(cells).filter(|(_, cell)| cell.has_data()) {
        match runs.last_mut() {
            Some(run) if run.end == column => run.end += 1,
            _ => runs.push(column..column + 1),
        }
    }
    runs
}

struct TableRegion<'t, 's> {
    workbook: &'t Workbook<'t, 's>,
    sheet: i32,
    row_count: u32,
    area: Area,
    /// Rows of the area with more than one run: a part of them may belong to it only after it has become wider.
    torn: Vec<Vec<Range<u32>>>,
}

impl TableRegion<'_, '_> {
    fn grow(mut self) -> Result<Area, StorageError> {
        let row = self.area.rows.start;
        let seed = self
            .workbook
            .rows(self.sheet, &every_column(row..row + 1))?
            .pop()
            .map(|(_, cells)| cells)
            .unwrap_or_default();
        self.join(row, &seed);
        loop {
            let before = self.area.clone();
            self.climb(true)?;
            self.climb(false)?;
            let torn = std::mem::take(&mut self.torn);
            for runs in &torn {
                self.widen(runs);
            }
            self.torn = torn;
            if self.area == before {
                return Ok(self.area);
            }
        }
    }

    /// Takes in the rows above or below for as long as they touch.
    fn climb(&mut self, up: bool) -> Result<(), StorageError> {
        loop {
            let (start, end) = (self.area.rows.start, self.area.rows.end);
            let window =
                if up { start.saturating_sub(STEP)..start } else { end..end.saturating_add(STEP).min(self.row_count) };
            let mut rows = self.workbook.rows(self.sheet, &every_column(window.clone()))?;
            if up {
                rows.reverse();
            }
            for (row, cells) in rows {
                let next = if up { self.area.rows.start.wrapping_sub(1) } else { self.area.rows.end };
                if row != next || !self.join(row, &cells) {
                    return Ok(());
                }
            }
            let taken = if up { self.area.rows.start == window.start } else { self.area.rows.end == window.end };
            if window.is_empty() || !taken {
                return Ok(());
            }
        }
    }

    fn join(&mut self, row: u32, cells: &[Cell]) -> bool {
        let runs = runs(cells);
        if !self.widen(&runs) {
            return false;
        }
        self.area.rows = self.area.rows.start.min(row)..self.area.rows.end.max(row + 1);
        if runs.len() > 1 {
            self.torn.push(runs);
        }
        true
    }

    /// Takes in the runs that touch the area's columns; tells whether any does.
    fn widen(&mut self, runs: &[Range<u32>]) -> bool {
        let mut touched = false;
        for run in runs.iter().chain(runs.iter().rev()) {
            let columns = &mut self.area.cols;
            if run.start <= columns.end && run.end >= columns.start {
                *columns = columns.start.min(run.start)..columns.end.max(run.end);
                touched = true;
            }
        }
        touched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::store::SpreadsheetStore;
    use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};

    fn found(cells: &[&str], text: &str) -> Option<String> {
        let store = SpreadsheetStore::in_memory().unwrap();
        store.create("s", &SpreadsheetProperties::default(), &[SheetProperties::new(0, "Sheet1", 0)]).unwrap();
        let tx = store.write("s").unwrap();
        for (row, line) in (0..).zip(cells) {
            let line = line.chars().map(|c| if c == '.' { Cell::default() } else { Cell::text(c) }).collect();
            tx.put_row(0, row, line).unwrap();
        }
        let workbook = Workbook::open(&tx).unwrap();
        let place = workbook.find(text).unwrap();
        let table = find_table(&workbook, &place).unwrap()?;
        Some(crate::workbook::ranges::name_area(&place.sheet, &table))
    }

    #[test]
    fn the_examples_of_the_guide_come_out() {
        let sheet = ["xxx", "xxx", "", ".xxx", ".xxx", ".xxx"];
        for text in ["Sheet1", "B4", "C5:D5", "B2:D4", "A3:G10"] {
            assert_eq!(found(&sheet, text).as_deref(), Some("Sheet1!B4:D6"), "{text}");
        }
        assert_eq!(found(&sheet, "A1").as_deref(), Some("Sheet1!A1:C2"));
        assert_eq!(found(&sheet, "E4"), None);
        assert_eq!(found(&sheet, "A4"), None);
    }

    #[test]
    fn a_row_with_a_hole_is_two_tables_as_recorded() {
        assert_eq!(found(&["x.z"], "Sheet1").as_deref(), Some("Sheet1!C1"));
        assert_eq!(found(&["x.z"], "A1").as_deref(), Some("Sheet1!A1"));
        assert_eq!(found(&["x.z", "xyz"], "A1").as_deref(), Some("Sheet1!A1:C2"));
        assert_eq!(found(&["xyz", "x.z"], "Sheet1").as_deref(), Some("Sheet1!A1:C2"));
        assert_eq!(found(&["xyz", "x.z", "xyz"], "B2").as_deref(), Some("Sheet1!A1:C3"));
        assert_eq!(found(&[], "Sheet1"), None);
    }
}
