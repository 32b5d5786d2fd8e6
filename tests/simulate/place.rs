//! A place where the simulated job keeps its state: what the game asks of it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sheetkeep::port::store::Store;

use crate::lane::Machine;
use crate::seen::Seen;

/// What is meddled with, for tests that have to see the simulation fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meddling {
    /// Every commit is applied, whatever the head is.
    NoGuard,
    /// Each look says that the newest draft was applied.
    Gullible,
    /// A late batch arrives without the requests of its guard.
    NoGuardOnLate,
    /// Nothing of the rows that a write by position hits is copied to the state tab.
    NothingKept,
}

/// A place.
pub trait Place: Send + Sync {
    /// A machine's store.
    fn store(&self, lane: &Arc<Machine>, seed: u64) -> Arc<dyn Store>;

    /// What is there.
    fn look(&self) -> BoxFuture<'_, Seen>;

    /// Every write that is still under way arrives now.
    fn deliver(&self) -> BoxFuture<'_, ()>;
}
