//! Where the block of cells to which rows are appended began, when an append last searched for it.
//! The next append need not read the sheet again from its first row.
//!
//! In scope: keeping it, and forgetting it when a row of the sheet changes.
//! Out of scope: which block it is, a *table* of the API (`workbook::table_detection`).
//!
//! The hint is in an SQL table of its own, with triggers on the rows. So it is rolled back with the
//! transaction, and it is gone after any change of a row by whatever connection or process. It
//! serves files and memory alike. The first append that has a hint to keep makes that
//! SQL table: a file without such appends has none.

use rusqlite::{OptionalExtension, params};

use crate::grid::area::Area;
use crate::storage::error::StorageError;
use crate::storage::transaction::Transaction;

/// A table that was found, and where it was looked for from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableHint {
    /// The cell with a value from which the table was found: row and column.
    pub seed: (u32, u32),
    /// The cells of the table, with its header.
    pub area: Area,
    /// The exclusive end of the nearest cells with values left of it, in its own rows.
    pub left_end: Option<u32>,
    /// The first column of the nearest cells with values right of it, in its own rows.
    pub right_start: Option<u32>,
}

/// The table and its triggers.
const TABLE_DEFINITION: &str = "
CREATE TABLE IF NOT EXISTS table_hint (
    sheet INTEGER PRIMARY KEY, seed_row INTEGER NOT NULL, seed_column INTEGER NOT NULL,
    start_row INTEGER NOT NULL, end_row INTEGER NOT NULL, start_column INTEGER NOT NULL, end_column INTEGER NOT NULL,
    left_end INTEGER, right_start INTEGER
);
CREATE TRIGGER IF NOT EXISTS hint_insert AFTER INSERT ON rows
BEGIN DELETE FROM table_hint WHERE sheet = NEW.sheet; END;
CREATE TRIGGER IF NOT EXISTS hint_update AFTER UPDATE ON rows
BEGIN DELETE FROM table_hint WHERE sheet IN (OLD.sheet, NEW.sheet); END;
CREATE TRIGGER IF NOT EXISTS hint_delete AFTER DELETE ON rows
BEGIN DELETE FROM table_hint WHERE sheet = OLD.sheet; END;
";

impl Transaction<'_> {
    fn is_hint_set_up(&self) -> Result<bool, StorageError> {
        let sql = "SELECT 1 FROM sqlite_master WHERE name = 'hint_delete'";
        Ok(self.db().prepare_cached(sql)?.exists([])?)
    }

    /// Returns the hint of a sheet, if no row of the sheet changed since.
    pub(crate) fn table_hint(&self, sheet: i32) -> Result<Option<TableHint>, StorageError> {
        if !self.is_hint_set_up()? {
            return Ok(None);
        }
        let sql = "SELECT seed_row, seed_column, start_row, end_row, start_column, end_column, left_end, right_start
                   FROM table_hint WHERE sheet = ?1";
        let found = self.db().prepare_cached(sql)?.query_row([self.key(sheet)], |row| {
            Ok(TableHint {
                seed: (row.get(0)?, row.get(1)?),
                area: Area::new(row.get(2)?..row.get(3)?, row.get(4)?..row.get(5)?),
                left_end: row.get(6)?,
                right_start: row.get(7)?,
            })
        });
        Ok(found.optional()?)
    }

    /// Keeps the hint of a sheet until a row of the sheet changes. What was written in this
    /// transaction before has to be below the table.
    pub(crate) fn keep_table_hint(&self, sheet: i32, hint: &TableHint) -> Result<(), StorageError> {
        if !self.is_hint_set_up()? {
            self.db().execute_batch(TABLE_DEFINITION)?;
        }
        let sql = "INSERT OR REPLACE INTO table_hint VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let TableHint { seed, area, left_end, right_start } = hint;
        self.db().prepare_cached(sql)?.execute(params![
            self.key(sheet),
            seed.0,
            seed.1,
            area.rows.start,
            area.rows.end,
            area.cols.start,
            area.cols.end,
            left_end,
            right_start
        ])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::cell::Cell;
    use crate::storage::store::SpreadsheetStore;
    use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};

    type Change = fn(&Transaction<'_>) -> Result<(), StorageError>;

    fn hint() -> TableHint {
        TableHint { seed: (4, 1), area: Area::new(0..5, 0..2), left_end: None, right_start: Some(7) }
    }

    fn fill_rows(store: &SpreadsheetStore) {
        let sheets = [SheetProperties::new(0, "A", 0), SheetProperties::new(1, "B", 1)];
        store.create("s", &SpreadsheetProperties::default(), &sheets).unwrap();
        keep(store);
    }

    fn keep(store: &SpreadsheetStore) {
        let tx = store.write("s").unwrap();
        tx.put_row(0, 0, vec![Cell::text("x")]).unwrap();
        tx.keep_table_hint(0, &hint()).unwrap();
        tx.commit().unwrap();
    }

    fn read_hint(store: &SpreadsheetStore) -> Option<TableHint> {
        store.write("s").unwrap().table_hint(0).unwrap()
    }

    #[test]
    fn a_hint_is_gone_after_any_change_of_a_row() {
        let store = SpreadsheetStore::in_memory().unwrap();
        fill_rows(&store);
        let changes: [Change; 5] = [
            |tx| tx.put_row(0, 9, vec![Cell::text("y")]),
            |tx| tx.put_new_row(0, 12, vec![Cell::text("y")]),
            |tx| tx.delete_rows(0, 0..1),
            |tx| tx.shift_rows(0, 0..u32::MAX, 1),
            |tx| tx.copy_sheet(0, 0).or(Ok(())).and_then(|()| tx.delete_rows(0, 0..99)),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            assert_eq!(read_hint(&store), Some(hint()), "{n}");
            let tx = store.write("s").unwrap();
            change(&tx).unwrap();
            assert_eq!(tx.table_hint(0).unwrap(), None, "{n}");
            drop(tx);
            assert_eq!(read_hint(&store), Some(hint()), "{n}: it was rolled back");
            let tx = store.write("s").unwrap();
            tx.put_row(1, 0, vec![Cell::text("another sheet")]).unwrap();
            change(&tx).unwrap();
            tx.commit().unwrap();
            assert_eq!(read_hint(&store), None, "{n}");
            keep(&store);
        }
    }

    #[test]
    fn a_hint_in_a_file_lasts_until_anyone_changes_a_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sheet");
        let (one, other) = (SpreadsheetStore::open(&path).unwrap(), SpreadsheetStore::open(&path).unwrap());
        fill_rows(&one);
        assert_eq!((read_hint(&one), read_hint(&other)), (Some(hint()), Some(hint())));
        let tx = other.write("s").unwrap();
        tx.put_row(1, 1, vec![Cell::text("another sheet")]).unwrap();
        tx.commit().unwrap();
        drop(one);
        let one = SpreadsheetStore::open(&path).unwrap();
        assert_eq!(read_hint(&one), Some(hint()));
        let tx = other.write("s").unwrap();
        tx.put_row(0, 1, vec![Cell::text("theirs")]).unwrap();
        tx.commit().unwrap();
        assert_eq!((read_hint(&one), read_hint(&other)), (None, None));
    }

    #[test]
    fn a_sheet_that_takes_the_key_of_a_removed_one_has_no_hint() {
        let store = SpreadsheetStore::in_memory().unwrap();
        fill_rows(&store);
        let tx = store.write("s").unwrap();
        tx.remove_sheet(0).unwrap();
        tx.put_sheet(&SheetProperties::new(0, "A", 0)).unwrap();
        assert_eq!(tx.table_hint(0).unwrap(), None);
    }
}
