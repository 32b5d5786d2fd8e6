//! The store of spreadsheets: one `SQLite` file, or memory.
//!
//! In scope: opening, the connection pool, who writes next. Each transaction covers one
//! spreadsheet. Nothing is cached between transactions, so two processes on one file see each
//! other's writes at the same time.
//! Out of scope: reads and writes inside a transaction (`transaction`).

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

pub(crate) use crate::storage::error::StorageError;

use crate::storage::commit_hook::{CommitHook, CommitStage};
use crate::storage::file::checkpoint::{Checkpointer, ReadGuard, recover_copy};
use crate::storage::file::connection::{BUSY_TIMEOUT, SCHEMA, connect, explain_path_problem, prepare};
use crate::storage::file::database_file::DatabaseFile;
use crate::storage::file::file_length::check_length;
use crate::storage::file::group_commit::{CommitRole, GroupCommit};
use crate::storage::work_limit::WorkLimit;
use crate::storage::write_queue::{WriteQueue, WriteTurn};
use crate::time::TimeSource;

/// Connections to one file. Readers wait for the writer only while its pages are copied into the
/// file.
const FILE_CONNECTIONS: usize = 4;
/// How long a commit waits for further commits before the checkpoint.
const GROUP_COMMIT_WAIT: Duration = Duration::from_millis(50);

/// The spreadsheets of one file. `SpreadsheetStore::read` and `SpreadsheetStore::write` open
/// transactions.
///
/// A thread holds one transaction at a time, because the number of connections is limited.
pub(crate) struct SpreadsheetStore {
    idle: Mutex<ConnectionPool>,
    returned: Condvar,
    writers: WriteQueue,
    group: GroupCommit,
    /// Dates transactions, and measures the duration of writes.
    clock: Option<Arc<dyn TimeSource>>,
    hook: Option<CommitHook>,
    /// `None` in memory. It is dropped last.
    checkpointer: Option<Checkpointer>,
}

impl fmt::Debug for SpreadsheetStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("settler", &self.checkpointer).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct ConnectionPool {
    idle: Vec<Connection>,
    open: usize,
    limit: usize,
}

impl SpreadsheetStore {
    /// Opens or creates a file. A file that was copied without its log is completed first, and a
    /// log that a killed process left is copied into its file.
    pub(crate) fn open(path: &Path) -> Result<Self, StorageError> {
        if let Some(why) = explain_path_problem(path) {
            return Err(StorageError::UnusablePath { path: path.to_owned(), why });
        }
        let database_file = DatabaseFile::open(path).map_err(|cause| StorageError::open(path, &cause))?;
        recover_copy(&database_file)?;
        check_length(&database_file)?;
        let first = connect(database_file.path())?;
        prepare(&first, database_file.path())?;
        let checkpointer = Checkpointer::new(database_file)?;
        match checkpointer.checkpoint(&first, Duration::ZERO) {
            Ok(()) => {}
            // Another process writes, or the file is read-only. The log is read anyway.
            Err(error) => {
                tracing::debug!(event = "emulator.log_kept", %error, "what is in the log stays there for now");
            }
        }
        Ok(Self::with_database(first, Some(checkpointer), FILE_CONNECTIONS))
    }

    /// Creates a store in memory.
    pub(crate) fn in_memory() -> Result<Self, StorageError> {
        let only = Connection::open_in_memory()?;
        only.execute_batch(SCHEMA)?;
        Ok(Self::with_database(only, None, 1))
    }

    fn with_database(first: Connection, checkpointer: Option<Checkpointer>, limit: usize) -> Self {
        first.set_prepared_statement_cache_capacity(64);
        Self {
            idle: Mutex::new(ConnectionPool { idle: vec![first], open: 1, limit }),
            returned: Condvar::new(),
            writers: WriteQueue::default(),
            group: GroupCommit::default(),
            clock: None,
            hook: None,
            checkpointer,
        }
    }

    fn pool(&self) -> MutexGuard<'_, ConnectionPool> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns an idle connection, a new one, or the next that becomes idle.
    pub(crate) fn take(&self) -> Result<Connection, StorageError> {
        let mut pool = self.pool();
        loop {
            if let Some(connection) = pool.idle.pop() {
                return Ok(connection);
            }
            if let Some(checkpointer) = self.checkpointer.as_ref().filter(|_| pool.open < pool.limit) {
                let connection = connect(checkpointer.database_file().path())?;
                connection.set_prepared_statement_cache_capacity(64);
                pool.open += 1;
                return Ok(connection);
            }
            let (back, timeout) =
                self.returned.wait_timeout(pool, BUSY_TIMEOUT).unwrap_or_else(PoisonError::into_inner);
            pool = back;
            if timeout.timed_out() && pool.idle.is_empty() {
                return Err(StorageError::Busy);
            }
        }
    }

    /// Waits for the write turn. Writers get it in their order of arrival.
    pub(crate) fn write_turn(&self) -> Result<WriteTurn<'_>, StorageError> {
        self.writers.take(BUSY_TIMEOUT).ok_or(StorageError::Busy)
    }

    /// Measures writes with this clock, and rolls back those that take too long.
    #[must_use]
    pub(crate) fn with_time_source(self, clock: Arc<dyn TimeSource>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Runs this hook around each commit.
    #[must_use]
    pub(crate) fn with_commit_hook(self, hook: Option<CommitHook>) -> Self {
        Self { hook, ..self }
    }

    pub(crate) fn run_commit_hook(&self, stage: CommitStage) {
        if let Some(hook) = &self.hook {
            hook.run(stage);
        }
    }

    /// Returns the time limit of a write that begins now.
    pub(crate) fn work_limit(&self) -> Option<WorkLimit> {
        self.clock.as_ref().map(WorkLimit::from_now)
    }

    /// Returns the wall time, in milliseconds since 1970-01-01T00:00:00Z; 0 without a clock.
    pub(crate) fn unix_ms(&self) -> i64 {
        self.clock.as_ref().map_or(0, |clock| clock.unix_ms())
    }

    /// Registers a reader until the guard is dropped.
    pub(crate) fn read_guard(&self) -> Option<ReadGuard<'_>> {
        self.checkpointer.as_ref().map(Checkpointer::enter_reader)
    }

    /// Fails if the file is no longer at its path, because writes to it would be lost.
    pub(crate) fn check_in_place(&self) -> Result<(), StorageError> {
        self.checkpointer.as_ref().map_or(Ok(()), |checkpointer| checkpointer.database_file().check_in_place())
    }

    /// Counts a commit in the write turn. Returns its number.
    pub(crate) fn next_commit_number(&self) -> u64 {
        self.group.count_commit()
    }

    /// Waits until the commit is in the file. The first waiting writer copies all commits.
    /// `connection` has no open transaction, and the caller no longer has the write turn.
    pub(crate) fn checkpoint(&self, commit: u64, connection: Connection) -> Result<(), StorageError> {
        let Some(checkpointer) = &self.checkpointer else {
            self.return_connection(connection);
            return Ok(());
        };
        let (lead, connection) = match self.group.join(commit) {
            CommitRole::Leads(lead) => (lead, connection),
            part => {
                // Connections are few, and a waiting writer needs none.
                self.return_connection(connection);
                let waits = matches!(part, CommitRole::Waits);
                let Some(lead) = waits.then(|| self.group.wait(commit)).flatten() else { return Ok(()) };
                (lead, self.take()?)
            }
        };
        let settled = self.checkpoint_all(checkpointer, &connection);
        self.return_connection(connection);
        lead.record_checkpoint(settled?);
        Ok(())
    }

    /// Copies all commits into the file. Returns the number of the last one.
    fn checkpoint_all(&self, checkpointer: &Checkpointer, connection: &Connection) -> Result<u64, StorageError> {
        let _turn = self.writers.take_after_others(GROUP_COMMIT_WAIT, BUSY_TIMEOUT).ok_or(StorageError::Busy)?;
        let through = self.group.last();
        checkpointer.checkpoint(connection, BUSY_TIMEOUT)?;
        Ok(through)
    }

    /// Returns a connection to the pool.
    pub(crate) fn return_connection(&self, connection: Connection) {
        self.pool().idle.push(connection);
        self.returned.notify_one();
    }
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
        assert!(matches!(SpreadsheetStore::open(&path), Err(StorageError::OtherFormat { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_folder_as_file_and_a_missing_folder_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let got = |path: &Path| SpreadsheetStore::open(path).unwrap_err().to_string();
        assert!(got(folder.path()).contains("it is a folder"), "{}", got(folder.path()));
        let missing = folder.path().join("nowhere").join("my.sheet");
        assert!(got(&missing).contains("its folder is not there"), "{}", got(&missing));
    }

    #[test]
    fn a_file_of_a_later_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("later.sheet");
        drop(SpreadsheetStore::open(&path).unwrap());
        Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
        assert!(matches!(SpreadsheetStore::open(&path), Err(StorageError::OtherSchema { .. })));
    }

    #[test]
    fn a_file_of_the_first_version_is_read_with_its_formulas() {
        use crate::grid::cell::{Cell, CellValue};
        use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("first.sheet");
        let store = SpreadsheetStore::open(&path).unwrap();
        store.create("s", &SpreadsheetProperties::default(), &[SheetProperties::new(0, "Sheet1", 0)]).unwrap();
        let tx = store.write("s").unwrap();
        tx.put_row(0, 0, vec![Cell::text("plain")]).unwrap();
        let formula = CellValue::Formula { source: "=ARRAYFORMULA(A1:A)".to_owned(), result: None };
        tx.put_row(0, 1, vec![Cell::from_value(formula)]).unwrap();
        tx.commit().unwrap();
        drop(store);
        let before = "DROP INDEX formulas; ALTER TABLE rows DROP COLUMN formulas; PRAGMA user_version = 1";
        Connection::open(&path).unwrap().execute_batch(before).unwrap();
        let found = SpreadsheetStore::open(&path).unwrap().read("s").unwrap().formula_rows(0, true, 0, 9).unwrap();
        assert_eq!(found.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn many_at_once_may_make_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.sheet");
        std::thread::scope(|scope| {
            let opened: Vec<_> = (0..4).map(|_| scope.spawn(|| SpreadsheetStore::open(&path).map(drop))).collect();
            for one in opened {
                one.join().unwrap().unwrap();
            }
        });
    }
}
