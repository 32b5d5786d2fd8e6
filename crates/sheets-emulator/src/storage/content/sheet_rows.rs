//! The rows of a sheet inside a transaction.
//!
//! In scope: reading, replacing, deleting and moving rows, finding the last one with data. The cost
//! depends on the affected rows, not on the length of the sheet.
//! Out of scope: the meaning of a row (`grid::cell`), its encoding (`row_blob`).

use std::ops::Range;

use rusqlite::{OptionalExtension, Row, params};
use serde_json::Value;

use crate::grid::cell::{Cell, CellValue, may_spill, trim};
use crate::storage::row_blob;
use crate::storage::store::StorageError;
use crate::storage::transaction::{Transaction, parse};

/// The stored rows of a range, in order: two scans of the primary key, merged.
const ROWS: &str = "SELECT row, cells FROM rows WHERE sheet = ?1 AND bare = 0 AND row >= ?2 AND row < ?3
    UNION ALL
    SELECT row, cells FROM rows WHERE sheet = ?1 AND bare = 1 AND row >= ?2 AND row < ?3
    ORDER BY row";

/// The rows with formulas of one level, by their partial index.
const FORMULA_ROWS: &str = "SELECT row, cells FROM rows
    WHERE sheet = ?1 AND formulas > 0 AND formulas = ?2 AND row >= ?3 ORDER BY row LIMIT ?4";

/// `formulas` of a row whose formulas fill only their own cells.
const OWN_CELLS_ONLY: u8 = 1;

/// `formulas` of a row with a formula that may fill several cells.
const MAY_SPILL: u8 = 2;

/// Returns the column `formulas` of a row: 0 without formulas.
fn classify_formulas(cells: &[Cell]) -> u8 {
    let level = |cell: &Cell| match &cell.value {
        Some(CellValue::Formula { source, .. }) => {
            if may_spill(source) {
                MAY_SPILL
            } else {
                OWN_CELLS_ONLY
            }
        }
        _ => 0,
    };
    cells.iter().map(level).max().unwrap_or(0)
}

impl Transaction<'_> {
    /// Passes the stored rows of `range` to `visit`, in order, and stops at the first error. Blank
    /// rows are not stored.
    pub(crate) fn visit_rows<E: From<StorageError>>(
        &self,
        sheet: i32,
        range: Range<u32>,
        mut visit: impl FnMut(u32, Vec<Cell>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = self.db().prepare_cached(ROWS).map_err(StorageError::from)?;
        let mut rows = statement.query(params![self.key(sheet), range.start, range.end]).map_err(StorageError::from)?;
        while let Some(found) = rows.next().map_err(StorageError::from)? {
            self.check_time_limit()?;
            let (row, cells) = read_row(found, sheet)?;
            visit(row, cells)?;
        }
        Ok(())
    }

    /// Returns the stored rows of `range`, in order.
    pub(crate) fn rows(&self, sheet: i32, range: Range<u32>) -> Result<Vec<(u32, Vec<Cell>)>, StorageError> {
        let mut found = Vec::new();
        self.visit_rows(sheet, range, |row, cells| {
            found.push((row, cells));
            Ok::<(), StorageError>(())
        })?;
        Ok(found)
    }

    /// Returns the first stored rows of `range`, at most `limit`.
    pub(crate) fn some_rows(
        &self,
        sheet: i32,
        range: Range<u32>,
        limit: u32,
    ) -> Result<Vec<(u32, Vec<Cell>)>, StorageError> {
        let sql = format!("{ROWS} LIMIT ?4");
        let mut statement = self.db().prepare_cached(&sql)?;
        let mut rows = statement.query(params![self.key(sheet), range.start, range.end, limit])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read_row(row, sheet)?);
        }
        Ok(found)
    }

    /// Returns one row; empty if none is stored.
    pub(crate) fn row(&self, sheet: i32, row: u32) -> Result<Vec<Cell>, StorageError> {
        Ok(self.rows(sheet, row..row.saturating_add(1))?.pop().map(|(_, cells)| cells).unwrap_or_default())
    }

    /// Replaces a row. Blank cells at its end are removed, and a blank row is not stored.
    pub(crate) fn put_row(&self, sheet: i32, row: u32, mut cells: Vec<Cell>) -> Result<(), StorageError> {
        self.check_time_limit()?;
        trim(&mut cells);
        self.check_protection(sheet, row, &cells)?;
        let key = self.key(sheet);
        if cells.is_empty() {
            return self.delete_stored(sheet, row..row.saturating_add(1));
        }
        let bare = !cells.iter().any(Cell::has_data);
        self.db()
            .prepare_cached("DELETE FROM rows WHERE sheet = ?1 AND bare = ?2 AND row = ?3")?
            .execute(params![key, !bare, row])?;
        self.db()
            .prepare_cached(
                "INSERT OR REPLACE INTO rows (sheet, bare, row, cells, formulas) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![key, bare, row, row_blob::encode(&cells), classify_formulas(&cells)])?;
        Ok(())
    }

    /// Stores a row where none is stored, without a look-up.
    pub(crate) fn put_new_row(&self, sheet: i32, row: u32, mut cells: Vec<Cell>) -> Result<(), StorageError> {
        self.check_time_limit()?;
        trim(&mut cells);
        self.check_protection(sheet, row, &cells)?;
        if cells.is_empty() {
            return Ok(());
        }
        let bare = !cells.iter().any(Cell::has_data);
        self.db()
            .prepare_cached("INSERT INTO rows (sheet, bare, row, cells, formulas) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![self.key(sheet), bare, row, row_blob::encode(&cells), classify_formulas(&cells)])?;
        Ok(())
    }

    /// Returns the first rows from `from` on with formulas, at most `limit`: those with a formula
    /// that may fill several cells, or the others. Without such rows it is one index step.
    pub(crate) fn formula_rows(
        &self,
        sheet: i32,
        is_spilling: bool,
        from: u32,
        limit: u32,
    ) -> Result<Vec<(u32, Vec<Cell>)>, StorageError> {
        let level = if is_spilling { MAY_SPILL } else { OWN_CELLS_ONLY };
        let mut statement = self.db().prepare_cached(FORMULA_ROWS)?;
        let mut rows = statement.query(params![self.key(sheet), level, from, limit])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read_row(row, sheet)?);
        }
        Ok(found)
    }

    /// Replaces a row by the same cells with rewritten formulas. This is not an edit, so
    /// protections do not apply.
    pub(crate) fn rewrite_row(&self, sheet: i32, row: u32, cells: &[Cell]) -> Result<(), StorageError> {
        self.check_time_limit()?;
        let sql = "UPDATE rows SET cells = ?3, formulas = ?4 WHERE sheet = ?1 AND bare = 0 AND row = ?2";
        let new = params![self.key(sheet), row, row_blob::encode(cells), classify_formulas(cells)];
        self.db().prepare_cached(sql)?.execute(new)?;
        Ok(())
    }

    /// Replaces several rows.
    pub(crate) fn put_rows(
        &self,
        sheet: i32,
        rows: impl IntoIterator<Item = (u32, Vec<Cell>)>,
    ) -> Result<(), StorageError> {
        rows.into_iter().try_for_each(|(row, cells)| self.put_row(sheet, row, cells))
    }

    /// Deletes the rows of `range`. The rows below stay.
    pub(crate) fn delete_rows(&self, sheet: i32, range: Range<u32>) -> Result<(), StorageError> {
        if self.account().is_some() {
            let stored: Vec<u32> = self.rows(sheet, range.clone())?.into_iter().map(|(row, _)| row).collect();
            stored.into_iter().try_for_each(|row| self.check_protection(sheet, row, &[]))?;
        }
        self.delete_stored(sheet, range)
    }

    fn delete_stored(&self, sheet: i32, range: Range<u32>) -> Result<(), StorageError> {
        self.check_time_limit()?;
        let sql = "DELETE FROM rows WHERE sheet = ?1 AND bare IN (0, 1) AND row >= ?2 AND row < ?3";
        self.db().prepare_cached(sql)?.execute(params![self.key(sheet), range.start, range.end])?;
        Ok(())
    }

    /// Moves the stored rows of `range` by `by`. The target must be empty.
    pub(crate) fn shift_rows(&self, sheet: i32, range: Range<u32>, by: i64) -> Result<(), StorageError> {
        self.check_time_limit()?;
        let key = self.key(sheet);
        // A row must not land on one that has yet to move, so all rows move to negative numbers
        // first.
        let away =
            "UPDATE rows SET row = -1 - (row + ?4) WHERE sheet = ?1 AND bare IN (0, 1) AND row >= ?2 AND row < ?3";
        self.db().prepare_cached(away)?.execute(params![key, range.start, range.end, by])?;
        let back = "UPDATE rows SET row = -1 - row WHERE sheet = ?1 AND bare IN (0, 1) AND row < 0";
        self.db().prepare_cached(back)?.execute([key])?;
        Ok(())
    }

    /// Copies the rows and stored objects of a sheet to another sheet that has none.
    pub(crate) fn copy_sheet(&self, from: i32, to: i32) -> Result<(), StorageError> {
        self.copy_rows(self.key(from), to)
    }

    /// Copies the rows and stored objects of a sheet of any spreadsheet of the file, by its key.
    pub(crate) fn copy_rows(&self, from: i64, to: i32) -> Result<(), StorageError> {
        self.check_time_limit()?;
        let keys = [from, self.key(to)];
        let rows = "INSERT INTO rows (sheet, bare, row, cells, formulas)
                    SELECT ?2, bare, row, cells, formulas FROM rows WHERE sheet = ?1";
        self.db().prepare_cached(rows)?.execute(keys)?;
        let copy_properties = "INSERT INTO kept (scope, kind, id, body)
                    SELECT ?2, kind, id, body FROM kept WHERE scope = ?1 AND kind IN ('rows', 'columns')";
        self.db().prepare_cached(copy_properties)?.execute(keys)?;
        self.copy_ranged(from, to)
    }

    /// Copies the rows and all objects of a sheet of any spreadsheet, by its key, to a sheet with
    /// the same id.
    pub(crate) fn copy_whole(&self, from: i64, to: i32) -> Result<(), StorageError> {
        let keys = [from, self.key(to)];
        for sql in [
            "INSERT INTO rows (sheet, bare, row, cells, formulas)
             SELECT ?2, bare, row, cells, formulas FROM rows WHERE sheet = ?1",
            "INSERT INTO kept (scope, kind, id, body) SELECT ?2, kind, id, body FROM kept WHERE scope = ?1",
        ] {
            self.db().prepare_cached(sql)?.execute(keys)?;
        }
        Ok(())
    }

    /// Copies the objects of a sheet that have a range of their own: merges, the filter, groups,
    /// rules. Objects with ids are skipped, because their ids are taken.
    fn copy_ranged(&self, from: i64, to: i32) -> Result<(), StorageError> {
        let sql = "SELECT kind, id, body FROM kept WHERE scope = ?1 AND kind NOT IN ('rows', 'columns', 'protected', 'chart', 'slicer', 'banding', 'filter view')";
        let mut statement = self.db().prepare_cached(sql)?;
        let mut rows = statement.query([from])?;
        let mut found: Vec<(String, i64, Value)> = Vec::new();
        while let Some(row) = rows.next()? {
            let body: String = row.get(2)?;
            found.push((row.get(0)?, row.get(1)?, parse(&body, "kept")?));
        }
        for (kind, id, mut body) in found {
            if let Some(range) = body.get_mut("range") {
                range["sheetId"] = to.into();
            }
            for range in body.get_mut("ranges").and_then(Value::as_array_mut).into_iter().flatten() {
                range["sheetId"] = to.into();
            }
            self.put_object(Some(to), &kind, id, &body)?;
        }
        Ok(())
    }

    /// Returns the last stored row, with data or with formats only.
    pub(crate) fn last_row(&self, sheet: i32) -> Result<Option<u32>, StorageError> {
        let sql = "SELECT row FROM rows WHERE sheet = ?1 AND bare = 1 ORDER BY row DESC LIMIT 1";
        let bare = self.db().prepare_cached(sql)?.query_row([self.key(sheet)], |row| row.get(0)).optional()?;
        Ok(bare.max(self.last_row_with_data(sheet)?))
    }

    /// Returns the last row with a value in any cell: one index step.
    pub(crate) fn last_row_with_data(&self, sheet: i32) -> Result<Option<u32>, StorageError> {
        let sql = "SELECT row FROM rows WHERE sheet = ?1 AND bare = 0 ORDER BY row DESC LIMIT 1";
        Ok(self.db().prepare_cached(sql)?.query_row([self.key(sheet)], |row| row.get(0)).optional()?)
    }
}

fn read_row(found: &Row<'_>, sheet: i32) -> Result<(u32, Vec<Cell>), StorageError> {
    let row = found.get(0)?;
    let bytes = found.get_ref(1)?.as_blob().map_err(|_| StorageError::InvalidValue { place: "rows" })?;
    let cells = row_blob::decode(bytes).map_err(|cause| StorageError::DamagedRow { sheet, row, cause })?;
    Ok((row, cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::store::SpreadsheetStore;
    use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};

    fn store() -> SpreadsheetStore {
        let store = SpreadsheetStore::in_memory().unwrap();
        store
            .create(
                "s",
                &SpreadsheetProperties::default(),
                &[SheetProperties::new(0, "Sheet1", 0), SheetProperties::new(7, "B", 1)],
            )
            .unwrap();
        store
    }

    fn make_cell_with_note() -> Cell {
        let mut cell = Cell::default();
        cell.set_member("note", Some("n".into()));
        cell
    }

    #[test]
    fn the_last_row_with_data_ignores_formats_and_other_sheets() {
        let store = store();
        let tx = store.write("s").unwrap();
        assert_eq!(tx.last_row_with_data(0).unwrap(), None);
        tx.put_row(0, 4, vec![Cell::default(), Cell::number(1.0)]).unwrap();
        tx.put_row(0, 9, vec![make_cell_with_note()]).unwrap();
        tx.put_row(7, 20, vec![Cell::text("x")]).unwrap();
        assert_eq!(tx.last_row_with_data(0).unwrap(), Some(4));
        let all: Vec<u32> = tx.rows(0, 0..100).unwrap().into_iter().map(|(row, _)| row).collect();
        assert_eq!(all, [4, 9]);
        tx.put_row(0, 4, vec![make_cell_with_note()]).unwrap();
        assert_eq!(tx.last_row_with_data(0).unwrap(), None);
        assert_eq!(tx.row(0, 4).unwrap(), [make_cell_with_note()]);
        tx.put_row(0, 4, vec![Cell::default()]).unwrap();
        assert_eq!(tx.row(0, 4).unwrap(), []);
    }

    #[test]
    fn reading_a_range_walks_the_key_and_sorts_nothing() {
        let store = store();
        let tx = store.read("s").unwrap();
        for sql in [ROWS, FORMULA_ROWS, "SELECT row FROM rows WHERE sheet = ?1 AND bare = 0 ORDER BY row DESC LIMIT 1"]
        {
            let mut plan = tx.db().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            for n in 1..=plan.parameter_count() {
                plan.raw_bind_parameter(n, 0).unwrap();
            }
            let mut rows = plan.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let got: String = row.get(3).unwrap();
                assert!(!got.contains("SCAN") && !got.contains("TEMP B-TREE"), "{got}");
            }
        }
    }

    #[test]
    fn rows_shift_past_each_other_without_a_clash() {
        let store = store();
        let tx = store.write("s").unwrap();
        tx.put_rows(0, (0..6).map(|n| (n, vec![Cell::number(f64::from(n))]))).unwrap();
        tx.put_row(0, 6, vec![make_cell_with_note()]).unwrap();
        tx.shift_rows(0, 2..u32::MAX, 3).unwrap();
        let at: Vec<u32> = tx.rows(0, 0..100).unwrap().into_iter().map(|(row, _)| row).collect();
        assert_eq!(at, [0, 1, 5, 6, 7, 8, 9]);
        tx.delete_rows(0, 0..5).unwrap();
        tx.shift_rows(0, 5..u32::MAX, -5).unwrap();
        assert_eq!(tx.row(0, 0).unwrap(), [Cell::number(2.0)]);
        assert_eq!(tx.last_row_with_data(0).unwrap(), Some(3));
    }
}
