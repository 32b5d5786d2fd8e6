//! Named ranges, and objects stored as JSON.
//!
//! In scope: look-up by id and by name, adding, removing.
//! Out of scope: valid names and ids (`batch`).

use rusqlite::{OptionalExtension, Row, params};
use serde_json::Value;

use crate::grid::area::{GridRange, NamedRange};
use crate::storage::store::StorageError;
use crate::storage::transaction::{Transaction, parse};

impl Transaction<'_> {
    /// Returns all named ranges, by id.
    pub(crate) fn named_ranges(&self) -> Result<Vec<NamedRange>, StorageError> {
        let sql = "SELECT id, name, sheet, start_row, end_row, start_col, end_col FROM named_ranges
                   WHERE spreadsheet = ?1 ORDER BY id";
        let mut statement = self.db().prepare_cached(sql)?;
        let found = statement.query_map([self.number], read_named)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Returns the named range with this id.
    pub(crate) fn named_range(&self, id: &str) -> Result<Option<NamedRange>, StorageError> {
        let sql = "SELECT id, name, sheet, start_row, end_row, start_col, end_col FROM named_ranges
                   WHERE spreadsheet = ?1 AND id = ?2";
        Ok(self.db().prepare_cached(sql)?.query_row(params![self.number, id], read_named).optional()?)
    }

    /// Returns the named range with this name, regardless of case.
    pub(crate) fn named_range_by_name(&self, name: &str) -> Result<Option<NamedRange>, StorageError> {
        let sql = "SELECT id, name, sheet, start_row, end_row, start_col, end_col FROM named_ranges
                   WHERE spreadsheet = ?1 AND folded = ?2";
        Ok(self.db().prepare_cached(sql)?.query_row(params![self.number, fold(name)], read_named).optional()?)
    }

    /// Adds a named range, whose id and name must be free.
    pub(crate) fn add_named_range(&self, new: &NamedRange) -> Result<(), StorageError> {
        let sql =
            "INSERT INTO named_ranges (spreadsheet, id, name, folded, sheet, start_row, end_row, start_col, end_col)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let GridRange { sheet_id, start_row, end_row, start_col, end_col } = new.range;
        self.db().prepare_cached(sql)?.execute(params![
            self.number,
            new.id,
            new.name,
            fold(&new.name),
            sheet_id,
            start_row,
            end_row,
            start_col,
            end_col
        ])?;
        Ok(())
    }

    /// Removes the named range with this id. Returns whether it existed.
    pub(crate) fn remove_named_range(&self, id: &str) -> Result<bool, StorageError> {
        let sql = "DELETE FROM named_ranges WHERE spreadsheet = ?1 AND id = ?2";
        Ok(self.db().prepare_cached(sql)?.execute(params![self.number, id])? > 0)
    }

    /// Returns the stored objects of one kind of a sheet, or of the spreadsheet for `None`, by
    /// number.
    pub(crate) fn objects(&self, sheet: Option<i32>, kind: &str) -> Result<Vec<(i64, Value)>, StorageError> {
        let mut statement =
            self.db().prepare_cached("SELECT id, body FROM kept WHERE scope = ?1 AND kind = ?2 ORDER BY id")?;
        let mut rows = statement.query(params![self.scope(sheet), kind])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let body: String = row.get(1)?;
            found.push((row.get(0)?, parse(&body, "kept")?));
        }
        Ok(found)
    }

    /// Stores an object under a number, and replaces the previous one.
    pub(crate) fn put_object(&self, sheet: Option<i32>, kind: &str, id: i64, body: &Value) -> Result<(), StorageError> {
        let sql = "INSERT OR REPLACE INTO kept (scope, kind, id, body) VALUES (?1, ?2, ?3, ?4)";
        self.db().prepare_cached(sql)?.execute(params![self.scope(sheet), kind, id, body.to_string()])?;
        Ok(())
    }

    /// Deletes a stored object. Returns whether it existed.
    pub(crate) fn remove_object(&self, sheet: Option<i32>, kind: &str, id: i64) -> Result<bool, StorageError> {
        let sql = "DELETE FROM kept WHERE scope = ?1 AND kind = ?2 AND id = ?3";
        Ok(self.db().prepare_cached(sql)?.execute(params![self.scope(sheet), kind, id])? > 0)
    }
}

/// Folds the case of a name, because names that differ only in case are equal.
pub(crate) fn fold(name: &str) -> String {
    name.to_lowercase()
}

fn read_named(row: &Row<'_>) -> rusqlite::Result<NamedRange> {
    let range = GridRange {
        sheet_id: row.get(2)?,
        start_row: row.get(3)?,
        end_row: row.get(4)?,
        start_col: row.get(5)?,
        end_col: row.get(6)?,
    };
    Ok(NamedRange { id: row.get(0)?, name: row.get(1)?, range })
}
