//! Each commit goes from the log into the file itself before anybody hears of it, so that the one file is whole at every moment.
//!
//! In scope: one commit's way from the log into the file, whom that waits for, and what is done with a file that was copied alone.
//! Out of scope: what the copy of the log in the file looks like (`tail`).
//!
//! The order: commit to the log; the log once more behind the last page of the file; the log is made durable, and so are the pages
//! themselves; the log is emptied. Several commits may go this way together (`group`). A process that is killed anywhere in between leaves a file that is whole by itself, for the tail is there from before the
//! first page is written over until after the last one. All but the first step is done under `SQLite`'s lock of writers.

use std::fs::File;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::storage::connection::{BUSY_TIMEOUT, connect};
use crate::storage::database_file::DatabaseFile;
use crate::storage::error::StorageError;
use crate::storage::wal_copy::WalCopy;

/// How long readers of this process are waited for: while one looks at the file, its pages stay as they are.
const READER_WAIT: Duration = Duration::from_millis(500);

/// Brings commits into the file.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    database_file: DatabaseFile,
    /// Holds the lock of writers meanwhile.
    lock_holder: Mutex<Connection>,
    readers: ReaderGate,
}

impl Checkpointer {
    /// A settler of a file that is there, and which knows its own commits.
    pub(crate) fn new(database_file: DatabaseFile) -> Result<Self, StorageError> {
        let lock_holder = Mutex::new(connect(database_file.path())?);
        Ok(Self { database_file, lock_holder, readers: ReaderGate::default() })
    }

    /// The file.
    pub(crate) fn database_file(&self) -> &DatabaseFile {
        &self.database_file
    }

    /// Lets a reader in, once nobody writes pages over.
    pub(crate) fn enter_reader(&self) -> ReadGuard<'_> {
        self.readers.enter()
    }

    /// Brings what stands in the log into the file. `connection` is in no transaction. Another process that writes is waited for that
    /// long: what it commits meanwhile it brings into the file itself.
    pub(crate) fn checkpoint(&self, connection: &Connection, wait: Duration) -> Result<(), StorageError> {
        let failed = |cause| StorageError::File { path: self.database_file.path().to_owned(), cause };
        if self.database_file.log_length().map_err(failed)? == 0 {
            return Ok(());
        }
        let lock_holder = self.lock_holder.lock().unwrap_or_else(PoisonError::into_inner);
        lock_holder.busy_timeout(wait)?;
        lock_holder.execute_batch("BEGIN IMMEDIATE")?;
        // Only now, so that readers never wait for another process.
        let _closed = self.readers.close();
        let folded = self.copy_into_file(connection);
        lock_holder.execute_batch("ROLLBACK")?;
        if folded? {
            // What stays in the log is in the file already: to leave it there, because somebody reads, costs nothing.
            lock_holder.busy_timeout(Duration::ZERO)?;
            lock_holder.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        lock_holder.busy_timeout(BUSY_TIMEOUT)?;
        Ok(())
    }

    /// Says whether all of the log is in the file now; where somebody reads an older state it is not, and the tail stays.
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
            // What SQLite did not bring into the file it may not have made durable in the log either.
            File::open(self.database_file.log()).and_then(|log| log.sync_data()).map_err(failed)?;
        }
        Ok(is_complete)
    }
}

/// Makes a file whole that was copied alone, in the midst of a commit that came from the log: before anybody reads it.
pub(crate) fn recover_copy(database_file: &DatabaseFile) -> Result<(), StorageError> {
    let failed = |cause| StorageError::File { path: database_file.path().to_owned(), cause };
    let file = database_file.file().map_err(failed)?;
    let needed = || {
        let Some(found) = WalCopy::find(file).map_err(failed)? else { return Ok(None) };
        // Where the log is there, SQLite itself goes on from it.
        if database_file.log_length().map_err(failed)? < found.length {
            return Ok(Some(found));
        }
        let own = found.matches_log(file, database_file.log()).map_err(failed)?;
        if own { Ok(None) } else { Err(StorageError::ForeignLog { log: database_file.log().to_owned() }) }
    };
    if needed()?.is_none() {
        return Ok(());
    }
    // This connection knows pages of before, and ends with this function.
    let lock = connect(database_file.path())?;
    lock.execute_batch("BEGIN IMMEDIATE")?;
    let done = needed().and_then(|tail| tail.map_or(Ok(false), |tail| tail.restore(file).map_err(failed)));
    lock.execute_batch("ROLLBACK")?;
    if done? {
        tracing::info!(file = %database_file.path().display(), "this copy was taken in the midst of a commit; it is whole now");
    }
    Ok(())
}

/// Keeps readers of this process out while pages are written over.
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

/// A reader; it has left when this is dropped.
#[derive(Debug)]
pub(crate) struct ReadGuard<'g>(&'g ReaderGate);

/// The gate is open again when this is dropped.
#[derive(Debug)]
struct ClosedGate<'g>(&'g ReaderGate);

impl ReaderGate {
    fn state(&self) -> MutexGuard<'_, ReaderGateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> ReadGuard<'_> {
        let waiting = self.changed.wait_while(self.state(), |state| state.is_closed);
        waiting.unwrap_or_else(PoisonError::into_inner).readers += 1;
        ReadGuard(self)
    }

    /// Lets nobody in, and waits for those who are inside, but not for ever.
    fn close(&self) -> ClosedGate<'_> {
        let mut state = self.state();
        state.is_closed = true;
        drop(self.changed.wait_timeout_while(state, READER_WAIT, |state| state.readers > 0));
        ClosedGate(self)
    }
}

impl Drop for ReadGuard<'_> {
    fn drop(&mut self) {
        self.0.state().readers -= 1;
        self.0.changed.notify_all();
    }
}

impl Drop for ClosedGate<'_> {
    fn drop(&mut self) {
        self.0.state().is_closed = false;
        self.0.changed.notify_all();
    }
}
