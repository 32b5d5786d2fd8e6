//! Table detection of `values.append`.
//!
//! In scope: the block of adjacent cells in a range.
//! Out of scope: what is written below it (`methods::values_append`).
//!
//! Source: the API guide's examples of `values.append`, and recorded appends. A row with a gap is
//! two tables.

use std::ops::Range;

use crate::grid::area::Area;
use crate::grid::cell::Cell;
use crate::storage::content::table_hint::TableHint;
use crate::storage::store::StorageError;
use crate::workbook::ranges::{SheetRange, Workbook};

/// Rows in memory at the same time.
const STEP: u32 = 1024;

/// Rows in memory at first. Where a hint is at hand, few rows are read.
const FIRST_STEP: u32 = 8;

/// Returns the last table in the range: the block of adjacent cells around its last cell with a
/// value. A single cell means the table around it. Also returns what makes the next search short,
/// if anything does. A hint of an earlier search is used if there is one.
pub(crate) fn find_table(
    workbook: &Workbook<'_, '_>,
    place: &SheetRange,
) -> Result<Option<(Area, Option<TableHint>)>, StorageError> {
    let area = place.area();
    let sheet = place.sheet.id;
    let Some((row, column)) = find_last_cell(workbook, sheet, &area)? else {
        let around = if place.span.is_cell() { find_table_around(workbook, place, &area)? } else { None };
        return Ok(around.map(|table| (table, None)));
    };
    // Results that fill cells change the table without a change of its rows.
    let spills = !workbook.transaction.formula_rows(sheet, true, 0, 1)?.is_empty();
    let known = if spills { None } else { workbook.transaction.table_hint(sheet)? };
    if let Some(known) = known {
        let region = TableRegion { known: Some(known), ..TableRegion::region_around(workbook, place, (row, column)) };
        if let Some((table, hint)) = region.grow()? {
            return Ok(Some((table, Some(hint))));
        }
    }
    let found = TableRegion::region_around(workbook, place, (row, column)).grow()?;
    Ok(found.map(|(table, hint)| (table, Some(hint).filter(|_| !spills))))
}

/// Returns the table around a blank cell.
fn find_table_around(
    workbook: &Workbook<'_, '_>,
    place: &SheetRange,
    cell: &Area,
) -> Result<Option<Area>, StorageError> {
    let near = Area::new(
        cell.rows.start.saturating_sub(1)..cell.rows.end.saturating_add(1).min(place.sheet.row_count),
        cell.cols.start.saturating_sub(1)..cell.cols.end.saturating_add(1),
    );
    let Some((row, column)) = find_last_cell(workbook, place.sheet.id, &near)? else { return Ok(None) };
    let found = TableRegion::region_around(workbook, place, (row, column)).grow()?.map(|(table, _)| table);
    Ok(found.filter(|table| table.contains(cell.rows.start, cell.cols.start)))
}

/// Returns the last cell with a value, by rows and then by columns.
fn find_last_cell(workbook: &Workbook<'_, '_>, sheet: i32, area: &Area) -> Result<Option<(u32, u32)>, StorageError> {
    let used = workbook.last_row_with_data(sheet)?.map_or(0, |last| last + 1);
    let mut end = area.rows.end.min(used);
    let mut step = FIRST_STEP;
    while end > area.rows.start {
        let start = end.saturating_sub(step).max(area.rows.start);
        step = (step * 4).min(STEP);
        for (row, cells) in workbook.rows(sheet, &cover_all_columns(start..end))?.into_iter().rev() {
            let inside = |column: &u32| area.cols.contains(column);
            let last = find_runs(&cells).into_iter().rev().find_map(|run| run.rev().find(inside));
            if let Some(column) = last {
                return Ok(Some((row, column)));
            }
        }
        end = start;
    }
    Ok(None)
}

fn cover_all_columns(rows: Range<u32>) -> Area {
    Area::new(rows, 0..u32::MAX)
}

/// Returns the columns with values, as contiguous runs.
fn find_runs(cells: &[Cell]) -> Vec<Range<u32>> {
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
    /// The cell from which the table grows.
    seed: (u32, u32),
    area: Area,
    /// Rows of the area with several runs. Some runs may belong to it only after it has become
    /// wider.
    rows_with_gaps: Vec<Vec<Range<u32>>>,
    /// A table that was found before, until it is reached.
    known: Option<TableHint>,
    /// The known table, once it is a part of this one.
    joined: Option<TableHint>,
}

impl<'t, 's> TableRegion<'t, 's> {
    fn region_around(workbook: &'t Workbook<'t, 's>, place: &SheetRange, seed: (u32, u32)) -> Self {
        Self {
            workbook,
            sheet: place.sheet.id,
            row_count: place.sheet.row_count,
            seed,
            area: Area::new(seed.0..seed.0 + 1, seed.1..seed.1 + 1),
            rows_with_gaps: Vec::new(),
            known: None,
            joined: None,
        }
    }

    /// Returns the table and a hint for the next search. `None` if the known table does not show
    /// enough: then it has to be read.
    fn grow(mut self) -> Result<Option<(Area, TableHint)>, StorageError> {
        let row = self.area.rows.start;
        let seed = self
            .workbook
            .rows(self.sheet, &cover_all_columns(row..row + 1))?
            .pop()
            .map(|(_, cells)| cells)
            .unwrap_or_default();
        self.join(row, &seed);
        loop {
            let before = self.area.clone();
            self.add_adjacent_rows(true)?;
            self.add_adjacent_rows(false)?;
            let rows_with_gaps = std::mem::take(&mut self.rows_with_gaps);
            for runs in &rows_with_gaps {
                self.widen(runs);
            }
            self.rows_with_gaps = rows_with_gaps;
            if self.touches_unknown() {
                return Ok(None);
            }
            if self.area == before {
                let hint = self.make_hint();
                return Ok(Some((self.area, hint)));
            }
        }
    }

    /// Returns whether the table became so wide that cells beside the known one may belong to it.
    fn touches_unknown(&self) -> bool {
        let Some(joined) = &self.joined else { return false };
        joined.left_end.is_some_and(|end| self.area.cols.start <= end)
            || joined.right_start.is_some_and(|start| self.area.cols.end >= start)
    }

    /// Returns what the next search needs to know of this table.
    fn make_hint(&self) -> TableHint {
        let outside = || self.rows_with_gaps.iter().flatten();
        let joined = self.joined.as_ref();
        let left = outside().map(|run| run.end).filter(|end| *end < self.area.cols.start);
        let right = outside().map(|run| run.start).filter(|start| *start > self.area.cols.end);
        TableHint {
            seed: self.seed,
            area: self.area.clone(),
            left_end: left.chain(joined.and_then(|joined| joined.left_end)).max(),
            right_start: right.chain(joined.and_then(|joined| joined.right_start)).min(),
        }
    }

    /// Takes the known table in, once its seed is a part of this one. A table grows to the same
    /// size from any part of it, so all of the known one belongs here.
    fn take_known(&mut self) {
        let is_reached = |known: &TableHint| self.area.contains(known.seed.0, known.seed.1);
        let Some(known) = self.known.take_if(|known| is_reached(known)) else { return };
        let (own, other) = (&self.area, &known.area);
        self.area = Area::new(
            own.rows.start.min(other.rows.start)..own.rows.end.max(other.rows.end),
            own.cols.start.min(other.cols.start)..own.cols.end.max(other.cols.end),
        );
        self.joined = Some(known);
    }

    /// Adds adjacent rows above or below.
    fn add_adjacent_rows(&mut self, is_upward: bool) -> Result<(), StorageError> {
        let mut step = if self.known.is_some() || self.joined.is_some() { FIRST_STEP } else { STEP };
        loop {
            self.take_known();
            let (start, end) = (self.area.rows.start, self.area.rows.end);
            let window = if is_upward {
                start.saturating_sub(step)..start
            } else {
                end..end.saturating_add(step).min(self.row_count)
            };
            step = (step * 4).min(STEP);
            let mut rows = self.workbook.rows(self.sheet, &cover_all_columns(window.clone()))?;
            if is_upward {
                rows.reverse();
            }
            for (row, cells) in rows {
                let next = if is_upward { self.area.rows.start.wrapping_sub(1) } else { self.area.rows.end };
                if row != next || !self.join(row, &cells) {
                    return Ok(());
                }
                self.take_known();
            }
            let taken = if is_upward { self.area.rows.start <= window.start } else { self.area.rows.end >= window.end };
            if window.is_empty() || !taken {
                return Ok(());
            }
        }
    }

    fn join(&mut self, row: u32, cells: &[Cell]) -> bool {
        let runs = find_runs(cells);
        if !self.widen(&runs) {
            return false;
        }
        self.area.rows = self.area.rows.start.min(row)..self.area.rows.end.max(row + 1);
        if runs.len() > 1 {
            self.rows_with_gaps.push(runs);
        }
        true
    }

    /// Adds the runs that touch the area's columns. Returns whether any does.
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
    use crate::random::{RandomSource, SeededRandom};
    use crate::storage::store::SpreadsheetStore;
    use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};

    fn detect_table(cells: &[&str], text: &str) -> Option<String> {
        let store = SpreadsheetStore::in_memory().unwrap();
        store.create("s", &SpreadsheetProperties::default(), &[SheetProperties::new(0, "Sheet1", 0)]).unwrap();
        let tx = store.write("s").unwrap();
        for (row, line) in (0..).zip(cells) {
            let line = line.chars().map(|c| if c == '.' { Cell::default() } else { Cell::text(c) }).collect();
            tx.put_row(0, row, line).unwrap();
        }
        let workbook = Workbook::open(&tx).unwrap();
        let place = workbook.find(text).unwrap();
        let (table, _) = find_table(&workbook, &place).unwrap()?;
        Some(crate::workbook::ranges::print_area(&place.sheet, &table))
    }

    #[test]
    fn the_examples_of_the_guide_come_out() {
        let sheet = ["xxx", "xxx", "", ".xxx", ".xxx", ".xxx"];
        for text in ["Sheet1", "B4", "C5:D5", "B2:D4", "A3:G10"] {
            assert_eq!(detect_table(&sheet, text).as_deref(), Some("Sheet1!B4:D6"), "{text}");
        }
        assert_eq!(detect_table(&sheet, "A1").as_deref(), Some("Sheet1!A1:C2"));
        assert_eq!(detect_table(&sheet, "E4"), None);
        assert_eq!(detect_table(&sheet, "A4"), None);
    }

    #[test]
    fn a_row_with_a_hole_is_two_tables_as_recorded() {
        assert_eq!(detect_table(&["x.z"], "Sheet1").as_deref(), Some("Sheet1!C1"));
        assert_eq!(detect_table(&["x.z"], "A1").as_deref(), Some("Sheet1!A1"));
        assert_eq!(detect_table(&["x.z", "xyz"], "A1").as_deref(), Some("Sheet1!A1:C2"));
        assert_eq!(detect_table(&["xyz", "x.z"], "Sheet1").as_deref(), Some("Sheet1!A1:C2"));
        assert_eq!(detect_table(&["xyz", "x.z", "xyz"], "B2").as_deref(), Some("Sheet1!A1:C3"));
        assert_eq!(detect_table(&[], "Sheet1"), None);
    }

    /// What a search finds that reads every row.
    fn read_wholly(workbook: &Workbook<'_, '_>, place: &SheetRange) -> Option<Area> {
        let area = place.area();
        let seed = find_last_cell(workbook, 0, &area).unwrap();
        let Some(seed) = seed else {
            return place.span.is_cell().then(|| find_table_around(workbook, place, &area).unwrap())?;
        };
        TableRegion::region_around(workbook, place, seed).grow().unwrap().map(|(table, _)| table)
    }

    /// Appends of any shape to any range, with other writes between them: a hint never changes what
    /// is found.
    #[test]
    fn a_hint_finds_what_reading_every_row_finds() {
        let mut hinted = 0;
        for seed in 0..150 {
            let random = SeededRandom::new(seed);
            let draw = |below: u64| u32::try_from(random.next_u64() % below).unwrap();
            let store = SpreadsheetStore::in_memory().unwrap();
            let sheet = SheetProperties { row_count: 40, column_count: 8, ..SheetProperties::new(0, "S", 0) };
            store.create("s", &SpreadsheetProperties::default(), &[sheet]).unwrap();
            let line = |cells: u32| (0..cells).map(|_| if draw(4) == 0 { Cell::default() } else { Cell::text("x") });
            for _ in 0..25 {
                let tx = store.write("s").unwrap();
                if draw(6) == 0 {
                    tx.put_row(0, draw(12), line(draw(7)).collect()).unwrap();
                }
                let workbook = Workbook::open(&tx).unwrap();
                let place = workbook.find(["S", "A1", "A:B", "C1", "B2:D9", "D:F", "E3"][draw(7) as usize]).unwrap();
                hinted += u32::from(tx.table_hint(0).unwrap().is_some());
                let (table, hint) = find_table(&workbook, &place).unwrap().unzip();
                assert_eq!(table, read_wholly(&workbook, &place), "seed {seed}");
                let (row, column) = table.map_or((place.area().rows.start, place.area().cols.start), |table| {
                    (table.rows.end, table.cols.start)
                });
                for row in row..row + 1 + draw(3) {
                    let mut cells = tx.row(0, row).unwrap();
                    cells.resize(8.max(cells.len()), Cell::default());
                    for (at, cell) in (column as usize..8).zip(line(1 + draw(4))).filter(|(_, cell)| cell.has_data()) {
                        cells[at] = cell;
                    }
                    tx.put_row(0, row, cells).unwrap();
                }
                if let Some(hint) = hint.flatten() {
                    tx.keep_table_hint(0, &hint).unwrap();
                }
                tx.commit().unwrap();
            }
        }
        assert!(hinted > 1_000, "{hinted}");
    }

    #[test]
    fn an_append_reads_no_more_rows_of_a_long_table() {
        let folder = tempfile::tempdir().unwrap();
        append_to_damaged_table(&SpreadsheetStore::in_memory().unwrap());
        append_to_damaged_table(&SpreadsheetStore::open(&folder.path().join("x.sheet")).unwrap());
    }

    /// Appends to a table whose middle cannot be read, so that a read of it would fail.
    fn append_to_damaged_table(store: &SpreadsheetStore) {
        use crate::methods::values_append::append;
        use serde_json::json;
        let sheet = SheetProperties { row_count: 60_000, ..SheetProperties::new(0, "S", 0) };
        store.create("s", &SpreadsheetProperties::default(), &[sheet]).unwrap();
        let tx = store.write("s").unwrap();
        (0..50_000).for_each(|row| tx.put_new_row(0, row, vec![Cell::number(f64::from(row)); 3]).unwrap());
        tx.commit().unwrap();
        let add = || {
            let words = json!({"valueInputOption": "RAW"});
            let body = json!({"values": [[1, 2, 3]]});
            append(store, "s", "S", words.as_object().unwrap(), body.as_object().unwrap()).unwrap()
        };
        add();
        // Damage in the middle is reported by the next read.
        let tx = store.write("s").unwrap();
        let hint = tx.table_hint(0).unwrap().unwrap();
        tx.db().execute("UPDATE rows SET cells = x'ff' WHERE row BETWEEN 100 AND 49000", []).unwrap();
        tx.keep_table_hint(0, &hint).unwrap();
        tx.commit().unwrap();
        assert_eq!(add()["updates"]["updatedRange"], "S!A50002:C50002");
        assert_eq!(add()["tableRange"], "S!A1:C50002");
    }
}
