//! Copies each commit from the write-ahead log into the file, before the commit is acknowledged.
//! The one file is therefore complete at any time.
//!
//! In scope: the way of a commit from the log into the file, and whom it waits for. Also the
//! recovery of a file that was copied without its log. Out of scope: the format of the log's copy
//! in the file (`wal_copy`).
//!
//! A commit first goes to the log. Then a copy of the log goes after the last page of the file, and
//! the log becomes durable. Then the pages are written and synced, and the log is emptied. Several
//! commits may do this together (`group_commit`). A process that is killed at any point leaves a
//! complete file. The copy of the log exists from before the first page is overwritten until after
//! the last one. All steps but the first hold `SQLite`'s write lock.

use std::fs::File;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::storage::error::StorageError;
use crate::storage::file::connection::{BUSY_TIMEOUT, connect};
use crate::storage::file::database_file::DatabaseFile;
use crate::storage::file::wal_copy::WalCopy;

/// How long to wait for readers of this process. While one reads the file, its pages are not
/// overwritten.
const READER_WAIT: Duration = Duration::from_millis(500);

/// Copies commits into the file.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    database_file: DatabaseFile,
    /// Holds the write lock during a checkpoint.
    lock_holder: Mutex<Connection>,
    readers: ReaderGate,
}

impl Checkpointer {
    /// Creates a checkpointer of an existing file.
    pub(crate) fn new(database_file: DatabaseFile) -> Result<Self, StorageError> {
        let lock_holder = Mutex::new(connect(database_file.path())?);
        Ok(Self { database_file, lock_holder, readers: ReaderGate::default() })
    }

    /// Returns the file.
    pub(crate) fn database_file(&self) -> &DatabaseFile {
        &self.database_file
    }

    /// Admits a reader, once no page is being overwritten.
    pub(crate) fn enter_reader(&self) -> ReadGuard<'_> {
        self.readers.enter()
    }

    /// Copies the log into the file. `connection` has no open transaction. Another writing process
    /// is waited for this long; it copies its own commits.
    pub(crate) fn checkpoint(&self, connection: &Connection, wait: Duration) -> Result<(), StorageError> {
        let failed = |cause| StorageError::File { path: self.database_file.path().to_owned(), cause };
        if self.database_file.log_length().map_err(failed)? == 0 {
            return Ok(());
        }
        let lock_holder = self.lock_holder.lock().unwrap_or_else(PoisonError::into_inner);
        lock_holder.busy_timeout(wait)?;
        lock_holder.execute_batch("BEGIN IMMEDIATE")?;
        // The gate closes only now, so that readers never wait for another process.
        let _closed = self.readers.close();
        let folded = self.copy_into_file(connection);
        lock_holder.execute_batch("ROLLBACK")?;
        if folded? {
            // The rest of the log is in the file already, so it may stay while another process
            // reads.
            lock_holder.busy_timeout(Duration::ZERO)?;
            lock_holder.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        lock_holder.busy_timeout(BUSY_TIMEOUT)?;
        Ok(())
    }

    /// Returns whether the whole log is in the file now. If a reader uses an older state, it is
    /// not, and the copy of the log stays.
    fn copy_into_file(&self, connection: &Connection) -> Result<bool, StorageError> {
        let failed = |cause| StorageError::File { path: self.database_file.path().to_owned(), cause };
        let number = |name: &str| {
            let found: i64 = connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?;
            Ok::<_, StorageError>(u64::try_from(found).unwrap_or(0))
        };
        let end = number("page_count")? * number("page_size")?;
        let file = self.database_file.file().map_err(failed)?;
        WalCopy::append_to(file, self.database_file.log(), end).map_err(failed)?;
        let (logged, done): (i64, i64) =
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)))?;
        let is_complete = logged == done;
        if is_complete {
            file.set_len(end).map_err(failed)?;
        } else {
            // SQLite may not have synced the part of the log that it did not copy.
            File::open(self.database_file.log()).and_then(|log| log.sync_data()).map_err(failed)?;
        }
        Ok(is_complete)
    }
}

/// Completes a file that was copied alone in the middle of a checkpoint, before it is read.
pub(crate) fn recover_copy(database_file: &DatabaseFile) -> Result<(), StorageError> {
    let failed = |cause| StorageError::File { path: database_file.path().to_owned(), cause };
    let file = database_file.file().map_err(failed)?;
    let needed = || {
        let Some(found) = WalCopy::find(file).map_err(failed)? else { return Ok(None) };
        // If the log exists, SQLite itself continues from it.
        if database_file.log_length().map_err(failed)? < found.length {
            return Ok(Some(found));
        }
        let own = found.matches_log(file, database_file.log()).map_err(failed)?;
        if own { Ok(None) } else { Err(StorageError::OtherLog { log: database_file.log().to_owned() }) }
    };
    if needed()?.is_none() {
        return Ok(());
    }
    // This connection has cached old pages, and is closed at the end.
    let lock = connect(database_file.path())?;
    lock.execute_batch("BEGIN IMMEDIATE")?;
    let done = needed().and_then(|tail| tail.map_or(Ok(false), |tail| tail.restore(file).map_err(failed)));
    lock.execute_batch("ROLLBACK")?;
    if done? {
        tracing::info!(event = "emulator.file_completed", file = %database_file.path().display(), "this copy was taken in the midst of a commit; it is whole now");
    }
    Ok(())
}

/// Keeps readers of this process out while pages are overwritten.
#[derive(Debug, Default)]
struct ReaderGate {
    state: Mutex<ReaderGateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ReaderGateState {
    readers: usize,
    is_closed: bool,
}

/// An admitted reader. Dropping it lets the checkpoint continue.
#[derive(Debug)]
pub(crate) struct ReadGuard<'g>(&'g ReaderGate);

/// A closed gate. Dropping it opens the gate.
#[derive(Debug)]
struct ReaderGateGuard<'g>(&'g ReaderGate);

impl ReaderGate {
    fn state(&self) -> MutexGuard<'_, ReaderGateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> ReadGuard<'_> {
        let waiting = self.changed.wait_while(self.state(), |state| state.is_closed);
        waiting.unwrap_or_else(PoisonError::into_inner).readers += 1;
        ReadGuard(self)
    }

    /// Admits no further reader, and waits a limited time for the admitted ones.
    fn close(&self) -> ReaderGateGuard<'_> {
        let mut state = self.state();
        state.is_closed = true;
        drop(self.changed.wait_timeout_while(state, READER_WAIT, |state| state.readers > 0));
        ReaderGateGuard(self)
    }
}

impl Drop for ReadGuard<'_> {
    fn drop(&mut self) {
        self.0.state().readers -= 1;
        self.0.changed.notify_all();
    }
}

impl Drop for ReaderGateGuard<'_> {
    fn drop(&mut self) {
        self.0.state().is_closed = false;
        self.0.changed.notify_all();
    }
}
