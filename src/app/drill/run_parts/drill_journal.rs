//! The journal of each machine of a drill.
//!
//! In scope: on which thread it writes. Out of scope: its file (`app::local_state::journal`).

use futures_util::future::BoxFuture;

use crate::app::local_state::journal::FileJournal;
use crate::ledger::runs::journal::{JournalHead, StepResult};
use crate::port::journal::{Journal, JournalFileError, LeftoverJournal};

/// The journal of a machine. It writes on the thread of the drill, so that equal seeds play alike.
pub struct DrillJournal(pub FileJournal);

impl Journal for DrillJournal {
    fn take_leftovers(&self) -> Result<Vec<LeftoverJournal>, JournalFileError> {
        self.0.take_leftovers()
    }

    fn keep(&self, head: &JournalHead, result: &StepResult) -> BoxFuture<'static, Result<(), JournalFileError>> {
        Box::pin(std::future::ready(self.0.keep_now(head, result)))
    }

    fn remove(&self, name: &str) -> Result<(), JournalFileError> {
        self.0.remove(name)
    }

    fn quarantine(&self, name: &str) -> Result<String, JournalFileError> {
        self.0.quarantine(name)
    }

    fn finish(&self) -> Result<(), JournalFileError> {
        self.0.finish()
    }
}
