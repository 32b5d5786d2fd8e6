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
const READERS_WAIT: Duration = Duration::from_millis(500);

/// Brings commits into the file.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    home: DatabaseFile,
    /// Holds the lock of writers meanwhile.
    keeper: Mutex<Connection>,
    readers: ReaderGate,
}

impl Checkpointer {
    /// A settler of a file that is there, and which knows its own commits.
    pub(crate) fn of(home: DatabaseFile) -> Result<Self, StorageError> {
        let keeper = Mutex::new(connect(home.path())?);
        Ok(Self { home, keeper, readers: ReaderGate::default() })
    }

    /// The file.
    pub(crate) fn home(&self) -> &DatabaseFile {
        &self.home
    }

    /// Lets a reader in, once nobody writes pages over.
    pub(crate) fn reader(&self) -> ReadGuard<'_> {
        self.readers.enter()
    }

    /// Brings what stands in the log into the file. `connection` is in no transaction. Another process that writes is waited for that
    /// long: what it commits meanwhile it brings into the file itself.
    pub(crate) fn settle(&self, connection: &Connection, wait: Duration) -> Result<(), StorageError> {
        let told = |cause| StorageError::File { path: self.home.path().to_owned(), cause };
        if self.home.log_length().map_err(told)? == 0 {
            return Ok(());
        }
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        keeper.busy_timeout(wait)?;
        keeper.execute_batch("BEGIN IMMEDIATE")?;
        // Only now, so that readers never wait for another process.
        let _closed = self.readers.close();
        let folded = self.fold(connection);
        keeper.execute_batch("ROLLBACK")?;
        if folded? {
            // What stays in the log is in the file already: to leave it there, because somebody reads, costs nothing.
            keeper.busy_timeout(Duration::ZERO)?;
            keeper.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        keeper.busy_timeout(BUSY_TIMEOUT)?;
        Ok(())
    }

    /// Says whether all of the log is in the file now; where somebody reads an older state it is not, and the tail stays.
    fn fold(&self, connection: &Connection) -> Result<bool, StorageError> {
        let told = |cause| StorageError::File { path: self.home.path().to_owned(), cause };
        let number = |name: &str| {
            let found: i64 = connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?;
            Ok::<_, StorageError>(u64::try_from(found).unwrap_or(0))
        };
        let end = number("page_count")? * number("page_size")?;
        let file = self.home.file().map_err(told)?;
        WalCopy::put(file, self.home.log(), end).map_err(told)?;
        let (logged, done): (i64, i64) =
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)))?;
        let is_whole = logged == done;
        if is_whole {
            file.set_len(end).map_err(told)?;
        } else {
            // What SQLite did not bring into the file it may not have made durable in the log either.
            File::open(self.home.log()).and_then(|log| log.sync_data()).map_err(told)?;
        }
        Ok(is_whole)
    }
}

/// Makes a file whole that was copied alone, in the midst of a commit that came from the log: before anybody reads it.
pub(crate) fn make_whole(home: &DatabaseFile) -> Result<(), StorageError> {
    let told = |cause| StorageError::File { path: home.path().to_owned(), cause };
    let file = home.file().map_err(told)?;
    let needed = || {
        let Some(found) = WalCopy::find(file).map_err(told)? else { return Ok(None) };
        // Where the log is there, SQLite itself goes on from it.
        if home.log_length().map_err(told)? < found.length {
            return Ok(Some(found));
        }
        let own = found.is_of(file, home.log()).map_err(told)?;
        if own { Ok(None) } else { Err(StorageError::ForeignLog { log: home.log().to_owned() }) }
    };
    if needed()?.is_none() {
        return Ok(());
    }
    // This connection knows pages of before, and ends with this function.
    let lock = connect(home.path())?;
    lock.execute_batch("BEGIN IMMEDIATE")?;
    let done = needed().and_then(|tail| tail.map_or(Ok(false), |tail| tail.carry_out(file).map_err(told)));
    lock.execute_batch("ROLLBACK")?;
    if done? {
        tracing::info!(file = %home.path().display(), "this copy was taken in the midst of a commit; it is whole now");
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
        drop(self.changed.wait_timeout_while(state, READERS_WAIT, |state| state.readers > 0));
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
