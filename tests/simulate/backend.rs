//! A backend keeps the state of the simulated job: what the game asks of it, and the defects that
//! a test can plant in it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sheetkeep::port::store::Store;

use crate::machine::Machine;
use crate::observation::Observation;

/// A planted defect, for tests that have to see the simulation fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Every commit is applied, whatever the head is.
    NoGuard,
    /// Each read of the head says that the newest draft was applied.
    TrustsNewestDraft,
    /// A late batch arrives without the requests of its guard.
    NoGuardOnLateBatch,
    /// Nothing of the rows that a write by position hits is copied to the state tab.
    NoUndoLog,
}

/// What keeps the state of the simulated job.
pub trait Backend: Send + Sync {
    /// A machine's store.
    fn store(&self, machine: &Arc<Machine>, seed: u64) -> Arc<dyn Store>;

    /// Returns what is there now.
    fn observe(&self) -> BoxFuture<'_, Observation>;

    /// Every write that is still under way arrives now.
    fn deliver_late_writes(&self) -> BoxFuture<'_, ()>;
}
