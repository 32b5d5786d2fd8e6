//! The journal for results of steps with outside effects, until they are committed: on a disk, if
//! there is one.

use futures_util::future::BoxFuture;
use thiserror::Error;

use crate::ledger::runs::journal::{JournalHead, StepResult};
use crate::machine::MachineError;

/// A durable place for the results of this run, and those of earlier runs.
pub trait Journal: Send + Sync {
    /// Returns the journals of earlier runs that no process has open, and locks them.
    fn take_leftovers(&self) -> Result<Vec<LeftoverJournal>, JournalFileError>;

    /// Stores a result durably before it returns. The first one writes the head line before it.
    fn keep(&self, head: &JournalHead, result: &StepResult) -> BoxFuture<'static, Result<(), JournalFileError>>;

    /// Removes the journal of an earlier run whose results are all committed.
    fn remove(&self, name: &str) -> Result<(), JournalFileError>;

    /// Moves an unusable journal to another name, which is returned.
    fn quarantine(&self, name: &str) -> Result<String, JournalFileError>;

    /// Removes this run's journal, because everything is committed.
    fn finish(&self) -> Result<(), JournalFileError>;
}

/// A journal that an earlier run left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftoverJournal {
    /// The name of its file, by which it is removed or set aside.
    pub name: String,
    /// Its lines as found; the last one may be cut off.
    pub bytes: Vec<u8>,
}

/// The error of a journal that can't be read or written; always an error of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct JournalFileError(pub MachineError);
