//! Where spreadsheets are kept: one `SQLite` file, or memory.
//!
//! In scope: opening, the schema, connections, what can go wrong. Each transaction sees one spreadsheet; nothing is
//! remembered between transactions, so two processes on one file see each other's work at once.
//! Out of scope: what is read and written inside a transaction (`transaction`).

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::emulator::row_blob::BlobError;
use crate::fault::Fault;
use crate::private;

/// How long a transaction waits for another process to finish its own.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections to one file: readers do not wait for the writer (WAL).
const FILE_CONNECTIONS: usize = 4;

/// The version of the schema, kept in `SQLite`'s `user_version`.
const SCHEMA_VERSION: i64 = 2;

/// Tables. A sheet's key is the spreadsheet's number × 2^32 + the sheet's id, so no look-up stands between a row and
/// its sheet. Rows with data (`bare` 0) and rows that hold formats or notes only (`bare` 1) lie apart, which makes
/// "the last row with data" one step in the primary key whatever has been formatted below it. `formulas` says whether a row
/// holds any (1), or one that may fill more cells than its own (2); the index knows those rows alone.
const SCHEMA: &str = "
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

/// From version 1, which did not say which rows hold formulas: every row that may hold one is marked, as one that may fill other cells.
const FROM_VERSION_1: &str = "
ALTER TABLE rows ADD COLUMN formulas INTEGER NOT NULL DEFAULT 0;
UPDATE rows SET formulas = 2 WHERE bare = 0 AND instr(cells, x'06') > 0 AND instr(cells, x'3D') > 0;
CREATE INDEX formulas ON rows (sheet, formulas, row) WHERE formulas > 0;
";

/// What can go wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The file can't be opened or made.
    #[error("failed to open {}: {cause}; check the path and its permissions", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What `SQLite` said.
        cause: rusqlite::Error,
    },
    /// The file can't be made.
    #[error("failed to make {}: {cause}; check the path and its permissions", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file is no `SQLite` file, or one of a later version.
    #[error("{} is not a spreadsheet file of this version; move it away or use the version that wrote it", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A folder stands where the file should be, or the file's folder is not there.
    #[error("{} can't hold spreadsheets: {why}", path.display())]
    Place {
        /// The file.
        path: PathBuf,
        /// What is there, or is not.
        why: &'static str,
    },
    /// Another process held the file for longer than the wait of 30 s.
    #[error("another process keeps the spreadsheet file locked; stop it or try again")]
    Busy,
    /// There is no spreadsheet of that id.
    #[error("there is no spreadsheet with id {id}")]
    NoSpreadsheet {
        /// The id asked for.
        id: String,
    },
    /// There already is a spreadsheet of that id.
    #[error("there already is a spreadsheet with id {id}")]
    Taken {
        /// The id asked for.
        id: String,
    },
    /// A cell that the writer may not edit.
    #[error("a cell is protected against this account")]
    Protected,
    /// A stored row can't be read.
    #[error("row {row} of sheet {sheet}: {cause}")]
    Row {
        /// The sheet's id.
        sheet: i32,
        /// The row, zero-based.
        row: u32,
        /// Where its bytes went wrong.
        cause: BlobError,
    },
    /// A stored JSON text or number is not what this version writes.
    #[error("the spreadsheet file holds something unreadable in {place}; restore it from a copy")]
    Damaged {
        /// The table.
        place: &'static str,
    },
    /// `SQLite` refused: disk full, file gone, damage.
    #[error("the spreadsheet file failed: {0}; check the disk")]
    Sqlite(rusqlite::Error),
}

impl StorageError {
    /// What to do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Busy | Self::Sqlite(_) => Fault::Transient,
            Self::Open { .. } | Self::Make { .. } | Self::Place { .. } => Fault::Denied,
            Self::NoSpreadsheet { .. } | Self::Taken { .. } | Self::Protected => Fault::Rejected,
            Self::Foreign { .. } | Self::Row { .. } | Self::Damaged { .. } => Fault::Corrupt,
        }
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Sqlite(error),
        }
    }
}

/// The spreadsheets of one file, to be looked at and changed through `Store::read` and `Store::write`.
///
/// A thread holds one transaction at a time: there are few connections, and one that is held is waited for.
#[derive(Debug)]
pub struct Store {
    path: Option<PathBuf>,
    idle: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Debug)]
struct Pool {
    idle: Vec<Connection>,
    open: usize,
    limit: usize,
}

impl Store {
    /// Opens a file, or makes it. Fails when it can't be opened or is something else.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        if let Some(why) = misplaced(path) {
            return Err(StorageError::Place { path: path.to_owned(), why });
        }
        // SQLite would make it readable by others; its log and index files get the mode that the file has.
        private::make_file(path).map_err(|error| StorageError::Make { path: path.to_owned(), cause: error })?;
        let first = connect(path)?;
        prepare(&first, path)?;
        Ok(Self::over(first, Some(path.to_owned()), FILE_CONNECTIONS))
    }

    /// Spreadsheets that live as long as this value.
    pub fn in_memory() -> Result<Self, StorageError> {
        let only = Connection::open_in_memory()?;
        only.execute_batch(SCHEMA)?;
        Ok(Self::over(only, None, 1))
    }

    fn over(first: Connection, path: Option<PathBuf>, limit: usize) -> Self {
        first.set_prepared_statement_cache_capacity(64);
        Self { path, idle: Mutex::new(Pool { idle: vec![first], open: 1, limit }), returned: Condvar::new() }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection, a new one, or the next that comes back.
    pub(crate) fn take(&self) -> Result<Connection, StorageError> {
        let mut pool = self.pool();
        loop {
            if let Some(connection) = pool.idle.pop() {
                return Ok(connection);
            }
            if let Some(path) = self.path.as_ref().filter(|_| pool.open < pool.limit) {
                let connection = connect(path)?;
                connection.set_prepared_statement_cache_capacity(64);
                pool.open += 1;
                return Ok(connection);
            }
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes back what `take` gave.
    pub(crate) fn give_back(&self, connection: Connection) {
        self.pool().idle.push(connection);
        self.returned.notify_one();
    }
}

/// What `SQLite` would call "unable to open database file", without saying why.
fn misplaced(path: &Path) -> Option<&'static str> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.is_dir() {
        Some("it is a folder; name a file")
    } else if folder.is_some_and(|folder| !folder.is_dir()) {
        Some("its folder is not there; make it, or name another")
    } else {
        None
    }
}

fn connect(path: &Path) -> Result<Connection, StorageError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let set_up = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection
            .execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;")?;
        Ok(connection)
    };
    set_up().map_err(|cause: rusqlite::Error| match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StorageError::Foreign { path: path.to_owned() },
        _ => StorageError::Open { path: path.to_owned(), cause },
    })
}

/// Makes the schema in a new file, checks the version of an old one.
fn prepare(connection: &Connection, path: &Path) -> Result<(), StorageError> {
    let foreign = || StorageError::Foreign { path: path.to_owned() };
    let refused = |cause: rusqlite::Error| match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => foreign(),
        _ => StorageError::from(cause),
    };
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(refused)?;
    if mode != "wal" {
        use_wal(connection)?;
    }
    if version(connection)? == SCHEMA_VERSION {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let result = match version(connection)? {
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

/// Switches to the write-ahead log. `SQLite` does not wait for a lock here, so a busy file is waited for by a write
/// transaction, which does, and the switch is tried again.
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

fn version(connection: &Connection) -> Result<i64, StorageError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

fn is_empty(connection: &Connection) -> Result<bool, StorageError> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    Ok(tables == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        let text = "these are my notes, and quite long ones ".repeat(40);
        std::fs::write(&path, &text).unwrap();
        assert!(matches!(Store::open(&path), Err(StorageError::Foreign { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_folder_in_place_of_the_file_and_a_missing_folder_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let told = |path: &Path| Store::open(path).unwrap_err().to_string();
        assert!(told(folder.path()).contains("it is a folder"), "{}", told(folder.path()));
        let missing = folder.path().join("nowhere").join("my.sheet");
        assert!(told(&missing).contains("its folder is not there"), "{}", told(&missing));
    }

    #[test]
    fn a_file_of_a_later_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("later.sheet");
        drop(Store::open(&path).unwrap());
        Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
        assert!(matches!(Store::open(&path), Err(StorageError::Foreign { .. })));
    }

    #[test]
    fn a_file_of_the_first_version_is_taken_and_its_formulas_are_found() {
        use crate::emulator::cell::{Cell, CellValue};
        use crate::emulator::transaction::{SheetRow, SpreadsheetRow};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("first.sheet");
        let store = Store::open(&path).unwrap();
        store.create("s", &SpreadsheetRow::default(), &[SheetRow::new(0, "Sheet1", 0)]).unwrap();
        let tx = store.write("s").unwrap();
        tx.put_row(0, 0, vec![Cell::text("plain")]).unwrap();
        let formula = CellValue::Formula { source: "=ARRAYFORMULA(A1:A)".to_owned(), result: None };
        tx.put_row(0, 1, vec![Cell::of(formula)]).unwrap();
        tx.commit().unwrap();
        drop(store);
        let before = "DROP INDEX formulas; ALTER TABLE rows DROP COLUMN formulas; PRAGMA user_version = 1";
        Connection::open(&path).unwrap().execute_batch(before).unwrap();
        let found = Store::open(&path).unwrap().read("s").unwrap().formula_rows(0, true, 0, 9).unwrap();
        assert_eq!(found.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn many_at_once_may_make_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.sheet");
        std::thread::scope(|scope| {
            let opened: Vec<_> = (0..4).map(|_| scope.spawn(|| Store::open(&path).map(drop))).collect();
            for one in opened {
                one.join().unwrap().unwrap();
            }
        });
    }
}
