//! Transactions over one spreadsheet.
//!
//! In scope: properties of spreadsheets and sheets, commit and rollback. A transaction that is
//! dropped rolls back.
//! Out of scope: rows, named ranges and objects (`content`), rules about what may be written
//! (`batch`).

use std::cell::RefCell;
use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value};

use crate::grid::area::Area;
use crate::storage::commit_hook::CommitStage;
use crate::storage::file::checkpoint::ReadGuard;
use crate::storage::store::{SpreadsheetStore, StorageError};
use crate::storage::work_limit::WorkLimit;
use crate::storage::write_queue::WriteTurn;

/// The properties of a spreadsheet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpreadsheetProperties {
    /// `properties.title`, the name of the spreadsheet; not unique.
    pub title: String,
    /// `properties.locale`, such as `en_US`.
    pub locale: String,
    /// `properties.timeZone`, such as `Etc/GMT`.
    pub time_zone: String,
    /// `properties.autoRecalc`, such as `ON_CHANGE`.
    pub auto_recalc: String,
    /// Other members of `SpreadsheetProperties`, as sent.
    pub extra: Map<String, Value>,
}

impl Default for SpreadsheetProperties {
    /// Returns the properties that `spreadsheets.create` gives an empty body.
    fn default() -> Self {
        Self {
            title: "Untitled spreadsheet".to_owned(),
            locale: "en_US".to_owned(),
            time_zone: "Etc/GMT".to_owned(),
            auto_recalc: "ON_CHANGE".to_owned(),
            extra: Map::new(),
        }
    }
}

/// The properties of a sheet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SheetProperties {
    /// `sheetId`, not negative.
    pub id: i32,
    pub title: String,
    /// `index`: its position among the sheets, from 0.
    pub index: u32,
    /// `gridProperties.rowCount`: rows of the grid, empty ones included.
    pub row_count: u32,
    /// `gridProperties.columnCount`: columns of the grid, empty ones included.
    pub column_count: u32,
    pub is_hidden: bool,
    /// `gridProperties.frozenRowCount`, 0 for none.
    pub frozen_rows: u32,
    /// `gridProperties.frozenColumnCount`, 0 for none.
    pub frozen_columns: u32,
    /// Other members of `SheetProperties`, as sent. Those of the grid are under `gridProperties`.
    pub extra: Map<String, Value>,
}

impl SheetProperties {
    /// Returns a sheet with the defaults of `addSheet`: 1000 rows, 26 columns.
    pub(crate) fn new(id: i32, title: impl Into<String>, index: u32) -> Self {
        Self {
            id,
            title: title.into(),
            index,
            row_count: 1000,
            column_count: 26,
            is_hidden: false,
            frozen_rows: 0,
            frozen_columns: 0,
            extra: Map::new(),
        }
    }
}

/// A protected area, and its unprotected parts.
pub(crate) type ProtectedArea = (Area, Vec<Area>);

/// Blocks other threads of this process.
#[derive(Debug)]
enum TransactionGuard<'s> {
    /// A reader blocks overwriting of pages.
    #[expect(dead_code, reason = "it is kept, and does its work when it is dropped")]
    Reading(Option<ReadGuard<'s>>),
    /// A writer blocks other writers.
    #[expect(dead_code, reason = "it is kept, and does its work when it is dropped")]
    Writing(WriteTurn<'s>),
}

/// A transaction over one spreadsheet. Without `commit` it rolls back when it is dropped.
#[derive(Debug)]
pub(crate) struct Transaction<'s> {
    store: &'s SpreadsheetStore,
    connection: Option<Connection>,
    /// The time limit of a write.
    limit: Option<WorkLimit>,
    /// When it began, in milliseconds since 1970-01-01T00:00:00Z; 0 without a clock.
    began_ms: i64,
    /// Dropped after the transaction itself.
    guard: Option<TransactionGuard<'s>>,
    pub(crate) number: i64,
    /// The writing account, if protections are checked.
    pub(crate) account: Option<String>,
    /// The protected areas of that account by sheet, once they were read.
    pub(crate) closed: RefCell<HashMap<i32, Vec<ProtectedArea>>>,
}

impl SpreadsheetStore {
    /// Opens a consistent view of a spreadsheet. It waits for a writer only during a checkpoint.
    pub(crate) fn read(&self, spreadsheet: &str) -> Result<Transaction<'_>, StorageError> {
        self.begin(spreadsheet, "BEGIN", TransactionGuard::Reading(self.read_guard()))
    }

    /// Opens the only write transaction of the file, and waits for the previous one.
    pub(crate) fn write(&self, spreadsheet: &str) -> Result<Transaction<'_>, StorageError> {
        self.begin(spreadsheet, "BEGIN IMMEDIATE", TransactionGuard::Writing(self.write_turn()?))
    }

    /// Acquires a connection, before a transaction begins.
    fn acquire<'s>(&'s self, guard: TransactionGuard<'s>) -> Result<Transaction<'s>, StorageError> {
        let limit = if matches!(guard, TransactionGuard::Writing(_)) { self.work_limit() } else { None };
        let (connection, guard) = (Some(self.take()?), Some(guard));
        let (began_ms, number, account) = (self.unix_ms(), 0, None);
        Ok(Transaction { store: self, connection, limit, began_ms, guard, number, account, closed: RefCell::default() })
    }

    fn begin<'s>(
        &'s self,
        spreadsheet: &str,
        how: &str,
        guard: TransactionGuard<'s>,
    ) -> Result<Transaction<'s>, StorageError> {
        let mut transaction = self.acquire(guard)?;
        transaction.db().execute_batch(how)?;
        let found = transaction
            .db()
            .prepare_cached("SELECT number FROM spreadsheets WHERE id = ?1")?
            .query_row([spreadsheet], |row| row.get(0))
            .optional()?;
        transaction.number = found.ok_or_else(|| StorageError::NoSpreadsheet { id: spreadsheet.to_owned() })?;
        Ok(transaction)
    }

    /// Creates a spreadsheet with these sheets. Fails if the id is taken.
    pub(crate) fn create(
        &self,
        id: &str,
        properties: &SpreadsheetProperties,
        sheets: &[SheetProperties],
    ) -> Result<(), StorageError> {
        let transaction = self.start(id, properties)?;
        for sheet in sheets {
            transaction.put_sheet(sheet)?;
        }
        transaction.commit()
    }

    /// Creates a spreadsheet without sheets, in a transaction that the caller completes. Fails if
    /// the id is taken.
    pub(crate) fn start(&self, id: &str, properties: &SpreadsheetProperties) -> Result<Transaction<'_>, StorageError> {
        let mut transaction = self.acquire(TransactionGuard::Writing(self.write_turn()?))?;
        transaction.db().execute_batch("BEGIN IMMEDIATE")?;
        let made = transaction
            .db()
            .prepare_cached(
                "INSERT INTO spreadsheets (id, title, locale, time_zone, auto_recalc, extra)
                 VALUES (?1, '', '', '', '', '{}') ON CONFLICT DO NOTHING",
            )?
            .execute([id])?;
        if made == 0 {
            return Err(StorageError::Taken { id: id.to_owned() });
        }
        transaction.number = transaction.db().last_insert_rowid();
        transaction.set_properties(properties)?;
        Ok(transaction)
    }

    /// Returns whether a spreadsheet has this id.
    pub(crate) fn exists(&self, id: &str) -> Result<bool, StorageError> {
        match self.read(id) {
            Ok(_) => Ok(true),
            Err(StorageError::NoSpreadsheet { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Returns the ids and titles of all spreadsheets, oldest first.
    pub(crate) fn list(&self) -> Result<Vec<(String, String)>, StorageError> {
        let view = self.acquire(TransactionGuard::Reading(self.read_guard()))?;
        let mut statement = view.db().prepare_cached("SELECT id, title FROM spreadsheets ORDER BY number")?;
        let listed = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(listed.collect::<Result<_, _>>()?)
    }

    /// Deletes a spreadsheet and all its contents.
    pub(crate) fn delete(&self, id: &str) -> Result<(), StorageError> {
        let transaction = self.write(id)?;
        for sheet in transaction.sheets()? {
            transaction.remove_sheet(sheet.id)?;
        }
        let number = transaction.number;
        transaction.db().execute("DELETE FROM named_ranges WHERE spreadsheet = ?1", [number])?;
        transaction.db().execute("DELETE FROM kept WHERE scope = ?1", [transaction.scope(None)])?;
        transaction.db().execute("DELETE FROM spreadsheets WHERE number = ?1", [number])?;
        transaction.commit()
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            if !connection.is_autocommit()
                && let Err(error) = connection.execute_batch("ROLLBACK")
            {
                tracing::error!(event = "emulator.failed", %error, "a transaction could not be rolled back");
            }
            self.store.return_connection(connection);
        }
        self.guard = None;
    }
}

const SHEET_COLUMNS: &str = "key, position, title, row_count, column_count, hidden, frozen_rows, frozen_columns, extra";

impl Transaction<'_> {
    pub(crate) fn db(&self) -> &Connection {
        self.connection.as_ref().expect("the connection is given back only when the transaction is dropped")
    }

    /// Returns when the transaction began, in milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) fn began_ms(&self) -> i64 {
        self.began_ms
    }

    /// Returns whether the transaction may write.
    pub(crate) fn is_write(&self) -> bool {
        matches!(self.guard, Some(TransactionGuard::Writing(_)))
    }

    /// Fails if the write took too long. Long operations call it at every step.
    pub(crate) fn check_time_limit(&self) -> Result<(), StorageError> {
        self.limit.as_ref().map_or(Ok(()), WorkLimit::check)
    }

    /// Commits, and makes the commit durable in the file itself. A failure changes nothing. If the
    /// disk fails after the commit, the state is unknown.
    pub(crate) fn commit(mut self) -> Result<(), StorageError> {
        self.store.run_commit_hook(CommitStage::BeforeSync);
        self.store.check_in_place()?;
        self.record_recalculation()?;
        self.db().execute_batch("COMMIT")?;
        let commit = self.store.next_commit_number();
        // The next writer does not wait for the disk.
        self.guard = None;
        if let Some(connection) = self.connection.take() {
            self.store.checkpoint(commit, connection)?;
        }
        self.store.run_commit_hook(CommitStage::AfterSync);
        self.store.check_in_place()
    }

    /// Returns the key of a sheet in every table.
    pub(crate) fn key(&self, sheet: i32) -> i64 {
        (self.number << 32) | i64::from(sheet)
    }

    /// Returns the key of objects of a sheet, or of the spreadsheet.
    pub(crate) fn scope(&self, sheet: Option<i32>) -> i64 {
        sheet.map_or((self.number << 32) | 0xFFFF_FFFF, |id| self.key(id))
    }

    /// Returns the spreadsheet's properties.
    pub(crate) fn properties(&self) -> Result<SpreadsheetProperties, StorageError> {
        let sql = "SELECT title, locale, time_zone, auto_recalc, extra FROM spreadsheets WHERE number = ?1";
        let (mut found, extra) = self.db().prepare_cached(sql)?.query_row([self.number], |row| {
            let found = SpreadsheetProperties {
                title: row.get(0)?,
                locale: row.get(1)?,
                time_zone: row.get(2)?,
                auto_recalc: row.get(3)?,
                extra: Map::new(),
            };
            Ok((found, row.get::<_, String>(4)?))
        })?;
        found.extra = parse(&extra, "spreadsheets")?;
        Ok(found)
    }

    /// Replaces the spreadsheet's properties.
    pub(crate) fn set_properties(&self, new: &SpreadsheetProperties) -> Result<(), StorageError> {
        let sql = "UPDATE spreadsheets SET title = ?2, locale = ?3, time_zone = ?4, auto_recalc = ?5, extra = ?6
                   WHERE number = ?1";
        let extra = Value::Object(new.extra.clone()).to_string();
        self.db().prepare_cached(sql)?.execute(params![
            self.number,
            new.title,
            new.locale,
            new.time_zone,
            new.auto_recalc,
            extra
        ])?;
        Ok(())
    }

    /// Returns all sheets in their order.
    pub(crate) fn sheets(&self) -> Result<Vec<SheetProperties>, StorageError> {
        let sql = format!("SELECT {SHEET_COLUMNS} FROM sheets WHERE key BETWEEN ?1 AND ?2 ORDER BY position");
        let mut statement = self.db().prepare_cached(&sql)?;
        let mut rows = statement.query([self.key(0), self.scope(None)])?;
        let mut sheets = Vec::new();
        while let Some(row) = rows.next()? {
            sheets.push(read_sheet(row)?);
        }
        Ok(sheets)
    }

    /// Returns the sheet with this id.
    pub(crate) fn sheet(&self, id: i32) -> Result<Option<SheetProperties>, StorageError> {
        let sql = format!("SELECT {SHEET_COLUMNS} FROM sheets WHERE key = ?1");
        let mut statement = self.db().prepare_cached(&sql)?;
        let mut rows = statement.query([self.key(id)])?;
        rows.next()?.map(read_sheet).transpose()
    }

    /// Adds a sheet, or replaces the properties of the sheet with its id. The caller checks titles
    /// and indices.
    pub(crate) fn put_sheet(&self, sheet: &SheetProperties) -> Result<(), StorageError> {
        let sql =
            format!("INSERT OR REPLACE INTO sheets ({SHEET_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
        let extra = Value::Object(sheet.extra.clone()).to_string();
        self.db().prepare_cached(&sql)?.execute(params![
            self.key(sheet.id),
            sheet.index,
            sheet.title,
            sheet.row_count,
            sheet.column_count,
            sheet.is_hidden,
            sheet.frozen_rows,
            sheet.frozen_columns,
            extra
        ])?;
        Ok(())
    }

    /// Removes a sheet with its rows and objects. Its named ranges and the indices of other sheets
    /// stay.
    pub(crate) fn remove_sheet(&self, id: i32) -> Result<(), StorageError> {
        let key = self.key(id);
        self.db().prepare_cached("DELETE FROM rows WHERE sheet = ?1")?.execute([key])?;
        self.db().prepare_cached("DELETE FROM kept WHERE scope = ?1")?.execute([key])?;
        self.db().prepare_cached("DELETE FROM sheets WHERE key = ?1")?.execute([key])?;
        Ok(())
    }
}

fn read_sheet(row: &Row<'_>) -> Result<SheetProperties, StorageError> {
    let key: i64 = row.get(0)?;
    let extra: String = row.get(8)?;
    Ok(SheetProperties {
        id: i32::try_from(key & 0xFFFF_FFFF).map_err(|_| StorageError::Damaged { place: "sheets" })?,
        index: row.get(1)?,
        title: row.get(2)?,
        row_count: row.get(3)?,
        column_count: row.get(4)?,
        is_hidden: row.get(5)?,
        frozen_rows: row.get(6)?,
        frozen_columns: row.get(7)?,
        extra: parse(&extra, "sheets")?,
    })
}

/// Parses a stored JSON text.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(json: &str, place: &'static str) -> Result<T, StorageError> {
    serde_json::from_str(json).map_err(|_| StorageError::Damaged { place })
}

#[cfg(test)]
mod tests;
