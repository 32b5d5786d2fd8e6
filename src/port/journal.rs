//! Where results of steps with outside effects are kept until they are on the sheet: on a disk, where there is one.

use futures_util::future::BoxFuture;
use thiserror::Error;

use crate::ledger::run::journal::{JournalHead, StepResult};
use crate::machine::MachineTrouble;

/// A durable place for the results of a run, and for those that earlier runs left.
pub trait Journal: Send + Sync {
    /// The journals of earlier runs that nobody has open; none of them is open to anybody else from now on.
    fn left_behind(&self) -> Result<Vec<LeftoverJournal>, JournalFault>;

    /// Keeps a result: when this returns, it is on the disk. The first one writes the head before it.
    fn keep(&self, head: &JournalHead, result: &StepResult) -> BoxFuture<'static, Result<(), JournalFault>>;

    /// Everything of an earlier run's journal is on the sheet.
    fn remove(&self, name: &str) -> Result<(), JournalFault>;

    /// An earlier run's journal can't be used: it is kept under another name, which is told.
    fn quarantine(&self, name: &str) -> Result<String, JournalFault>;

    /// Everything of this run is on the sheet.
    fn finish(&self) -> Result<(), JournalFault>;
}

/// What an earlier run left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftoverJournal {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A journal can't be read or written: this machine's trouble, whatever it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct JournalFault(pub MachineTrouble);
