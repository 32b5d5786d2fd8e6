//! The port for a store around another one.

use futures_util::future::BoxFuture;

use crate::ledger::commit::changes::{Commit, CommitResult};
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::items::failure::StoredFailure;
use crate::ledger::items::key::Fingerprint;
use crate::ledger::state::snapshot::LoadReport;
use crate::port::store::{CallUsage, MisplacedWrites, Store, StoreError};

/// A store that does something else with commits, or with reads, than the one behind it. Everything
/// else is that store's.
pub trait StoreLayer: Send + Sync {
    /// Returns the store behind it.
    fn inner(&self) -> &dyn Store;

    /// Applies a commit, as `Store::commit` does.
    fn commit_in_layer<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult>;

    /// Loads, as `Store::load` does.
    fn load_in_layer(&self) -> BoxFuture<'_, Result<LoadReport, StoreError>> {
        self.inner().load()
    }

    /// Reads the head, as `Store::read_head` does.
    fn read_head_in_layer(&self) -> BoxFuture<'_, Result<HeadStatus, StoreError>> {
        self.inner().read_head()
    }
}

impl<T: StoreLayer> Store for T {
    fn load(&self) -> BoxFuture<'_, Result<LoadReport, StoreError>> {
        self.load_in_layer()
    }

    fn read_head(&self) -> BoxFuture<'_, Result<HeadStatus, StoreError>> {
        self.read_head_in_layer()
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult> {
        self.commit_in_layer(commit)
    }

    fn misplaced_writes(&self) -> BoxFuture<'_, Result<MisplacedWrites, StoreError>> {
        self.inner().misplaced_writes()
    }

    fn read_failures<'a>(
        &'a self,
        rows: &'a [(Fingerprint, u32)],
    ) -> BoxFuture<'a, Result<Vec<StoredFailure>, StoreError>> {
        self.inner().read_failures(rows)
    }

    fn read_record_hashes<'a>(
        &'a self,
        rows: &'a [(Fingerprint, u32)],
    ) -> BoxFuture<'a, Result<Vec<(Fingerprint, String)>, StoreError>> {
        self.inner().read_record_hashes(rows)
    }

    fn usage(&self) -> CallUsage {
        self.inner().usage()
    }
}
