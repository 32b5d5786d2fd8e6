//! Post-commit verification: did positional writes and deletions hit the intended rows?
//!
//! In scope: reading the scratch rows.
//! Out of scope: their meaning (`store::upsert::undo_log`, `store::commit::restore`) and the
//! repair.

use crate::fault::Fault;
use crate::port::store::{MisplacedWrites, StoreError};
use crate::store::commit::restore::{self, DeletionLog, PendingRestores};
use crate::store::load::reread::TabReading;
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::error::LoadError;
use crate::store::upsert::repair::location::image::{EnteredImages, TabImage};

impl SheetsStore {
    /// Checks the undo log of the last batch if its response was lost or showed misplaced writes.
    /// Returns the number of misplaced rows.
    pub(super) async fn verify_upserts(&self) -> Result<u64, StoreError> {
        let pending_verification = self.lock_session().row_tracker.pending_verification().cloned();
        let Some(pending_verification) = pending_verification else {
            self.verify_repairs().await?;
            return Ok(self.lock_session().row_tracker.misplaced_rows());
        };
        let rows = match self.loader().read_scratch(&pending_verification.title, &pending_verification.undo_log).await {
            Ok(rows) => rows,
            Err(LoadError::Stale(error)) if self.has_tab(&pending_verification.title).await? => return Err(error),
            Err(LoadError::Stale(_)) => {
                // Another run made the next commit. It loaded this one first and read its scratch
                // rows.
                self.lock_session().row_tracker.drop_pending();
                return Ok(0);
            }
            Err(LoadError::Failed(error)) => return Err(error),
        };
        if !self.lock_session().row_tracker.check_undo_log(&rows) {
            return Err(describe_unreadable_undo_log());
        }
        self.verify_repairs().await?;
        Ok(self.lock_session().row_tracker.misplaced_rows())
    }

    /// Reads repaired rows again before the store reports them as repaired.
    async fn verify_repairs(&self) -> Result<(), StoreError> {
        let (tab, own) = {
            let session = self.lock_session();
            (session.tabs.data.clone().filter(|_| session.row_tracker.has_checks()), session.own_columns.clone())
        };
        let Some(tab) = tab else { return Ok(()) };
        let read = self.loader().read_whole(&tab, &own).await;
        let mut session = self.lock_session();
        match read {
            Ok(TabReading { tab, rows, height, .. }) => {
                let key = session.row_tracker.key_position(&tab);
                let undo = EnteredImages::default();
                let image = key.map(|key| TabImage { tab: &tab, key, rows: &rows, height, entered: &[], undo: &undo });
                session.row_tracker.check_repairs(image.as_ref());
            }
            Err(LoadError::Stale(_)) => session.row_tracker.check_repairs(None),
            Err(LoadError::Failed(error)) => return Err(error),
        }
        Ok(())
    }

    /// Checks that the last batch deleted the intended rows.
    pub(super) async fn verify_deletes(&self) -> Result<MisplacedWrites, StoreError> {
        let (deletion, waiting) = {
            let session = self.lock_session();
            (session.deletion.clone(), session.pending_restores.as_ref().map_or(0, PendingRestores::rows))
        };
        let Some((deletion, location)) = deletion else {
            return Ok(MisplacedWrites { rows: waiting, ..MisplacedWrites::default() });
        };
        let read = self.loader().read_values(&[deletion.make_range(&location.title)]).await;
        let rows = match read {
            Ok(rows) => rows.into_iter().next().unwrap_or_default(),
            Err(LoadError::Stale(error)) if self.has_tab(&location.title).await? => return Err(error),
            Err(LoadError::Stale(_)) => {
                // Another run made the next commit. It loaded this one first and restores the rows
                // if needed.
                self.lock_session().deletion = None;
                return Ok(MisplacedWrites::default());
            }
            Err(LoadError::Failed(error)) => return Err(error),
        };
        let log = restore::parse(&rows, deletion.head(), location.tab);
        if matches!(log, DeletionLog::NoDeletions | DeletionLog::Unreadable) {
            return Err(describe_unreadable_undo_log());
        }
        let mut session = self.lock_session();
        session.deletion = None;
        session.pending_restores = log.pending_restores();
        Ok(session.pending_restores.as_ref().map_or_else(MisplacedWrites::default, |found| MisplacedWrites {
            rows: found.rows(),
            checksum_correction: found.compute_checksum_correction(),
            ..MisplacedWrites::default()
        }))
    }

    pub(super) async fn has_tab(&self, title: &str) -> Result<bool, StoreError> {
        Ok(self.loader().read_metadata().await?.tabs.iter().any(|tab| tab.title == title))
    }
}

/// The error for scratch rows that do not belong to the last applied batch.
fn describe_unreadable_undo_log() -> StoreError {
    let why = "verify the last batch: its scratch rows in the state tab were changed or read too early; the next run reads them again";
    StoreError::Unavailable { why: why.to_owned(), fault: Fault::Transient }
}
