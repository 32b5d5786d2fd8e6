//! Connections, the schema and its versions.
//!
//! In scope: opening and creating a file, migrating one of an earlier version.
//! Out of scope: the connection pool (`store`), checkpoints (`checkpoint`).

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::storage::error::StorageError;

/// How long a transaction waits for another process.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// The version of the schema, stored in `SQLite`'s `user_version`.
const SCHEMA_VERSION: i64 = 2;

/// The tables.
///
/// A sheet's key is the spreadsheet's number × 2^32 plus the sheet's id, so that rows need no join
/// with their sheet. The column `bare` is 0 for rows with data, and 1 for rows with formats or
/// notes only. It is part of the primary key, so that the last row with data is one index step. The
/// column `formulas` is 1 for a row with formulas, and 2 if a formula may fill several cells. Its
/// index has those rows only.
pub(crate) const SCHEMA: &str = "
CREATE TABLE spreadsheets (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    locale TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    auto_recalc TEXT NOT NULL,
    extra TEXT NOT NULL
);
CREATE TABLE sheets (
    key INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,
    title TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    column_count INTEGER NOT NULL,
    hidden INTEGER NOT NULL,
    frozen_rows INTEGER NOT NULL,
    frozen_columns INTEGER NOT NULL,
    extra TEXT NOT NULL
);
CREATE TABLE rows (
    sheet INTEGER NOT NULL,
    bare INTEGER NOT NULL,
    row INTEGER NOT NULL,
    cells BLOB NOT NULL,
    formulas INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (sheet, bare, row)
) WITHOUT ROWID;
CREATE INDEX formulas ON rows (sheet, formulas, row) WHERE formulas > 0;
CREATE TABLE named_ranges (
    spreadsheet INTEGER NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    sheet INTEGER NOT NULL,
    start_row INTEGER, end_row INTEGER, start_col INTEGER, end_col INTEGER,
    PRIMARY KEY (spreadsheet, id),
    UNIQUE (spreadsheet, folded)
) WITHOUT ROWID;
CREATE TABLE kept (
    scope INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (scope, kind, id)
) WITHOUT ROWID;
";

/// Migration from version 1, which did not record rows with formulas. It marks every row that may
/// have one as a row that may fill several cells.
const FROM_VERSION_1: &str = "
ALTER TABLE rows ADD COLUMN formulas INTEGER NOT NULL DEFAULT 0;
UPDATE rows SET formulas = 2 WHERE bare = 0 AND instr(cells, x'06') > 0 AND instr(cells, x'3D') > 0;
CREATE INDEX formulas ON rows (sheet, formulas, row) WHERE formulas > 0;
";

/// Explains what `SQLite` reports as "unable to open database file".
pub(crate) fn explain_path_problem(path: &Path) -> Option<&'static str> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.is_dir() {
        Some("it is a folder; name a file")
    } else if folder.is_some_and(|folder| !folder.is_dir()) {
        Some("its folder is not there; make it, or name another")
    } else {
        None
    }
}

/// Opens a connection to the file, which is created if it is missing. There is no automatic
/// checkpoint, and a commit does not sync: `checkpoint` does both, for several commits at the same
/// time.
pub(crate) fn connect(path: &Path) -> Result<Connection, StorageError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let set_up = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.execute_batch(
            "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;",
        )?;
        Ok(connection)
    };
    set_up().map_err(|cause: rusqlite::Error| match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StorageError::OtherFormat { path: path.to_owned() },
        Some(ErrorCode::DatabaseCorrupt) => StorageError::DamagedFile(cause),
        _ => StorageError::open(path, &cause),
    })
}

/// Creates the schema in a new file, or checks the version of an old one.
pub(crate) fn prepare(connection: &Connection, path: &Path) -> Result<(), StorageError> {
    let foreign = || StorageError::OtherSchema { path: path.to_owned() };
    let refused = |cause: rusqlite::Error| match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StorageError::OtherFormat { path: path.to_owned() },
        _ => StorageError::from(cause),
    };
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(refused)?;
    if mode != "wal" {
        use_wal(connection)?;
    }
    if read_version(connection)? == SCHEMA_VERSION {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let result = match read_version(connection)? {
        0 if is_empty(connection)? => connection
            .execute_batch(&format!("{SCHEMA}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"))
            .map_err(StorageError::from),
        1 => connection
            .execute_batch(&format!("{FROM_VERSION_1}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"))
            .map_err(StorageError::from),
        SCHEMA_VERSION => connection.execute_batch("COMMIT").map_err(StorageError::from),
        _ => Err(foreign()),
    };
    if result.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    result
}

/// Switches to the write-ahead log. `SQLite` does not wait for a lock here. If the file is busy, a
/// write transaction waits for it, and the switch is tried again.
fn use_wal(connection: &Connection) -> Result<(), StorageError> {
    for _ in 0..50 {
        let switched = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match switched.map_err(StorageError::from) {
            Ok(_) => return Ok(()),
            Err(StorageError::Busy) => connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")?,
            Err(other) => return Err(other),
        }
    }
    Err(StorageError::Busy)
}

fn read_version(connection: &Connection) -> Result<i64, StorageError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

fn is_empty(connection: &Connection) -> Result<bool, StorageError> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    Ok(tables == 0)
}
