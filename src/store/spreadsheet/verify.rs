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
use crate::store::upsert::repair::image::TabImage;

impl SheetsStore {
    /// Checks the undo log of the last batch if its reply was lost or showed misplaced writes.
    /// Returns the number of misplaced rows.
    pub(super) async fn verify_upserts(&self) -> Result<u64, StoreError> {
        let unseen = self.known().upkeep.unseen().cloned();
        let Some(unseen) = unseen else {
            self.look_at_repaired_rows().await?;
            return Ok(self.known().upkeep.astray());
        };
        let rows = match self.fetcher().scratch(&unseen.title, &unseen.witness).await {
            Ok(rows) => rows,
            Err(LoadError::Stale(error)) if self.has_tab(&unseen.title).await? => return Err(error),
            Err(LoadError::Stale(_)) => {
                // Another run made the next commit. It loaded this one first and read its scratch
                // rows.
                self.known().upkeep.leave_to_others();
                return Ok(0);
            }
            Err(LoadError::Failed(error)) => return Err(error),
        };
        if !self.known().upkeep.looked(&rows) {
            return Err(unreadable_scratch());
        }
        self.look_at_repaired_rows().await?;
        Ok(self.known().upkeep.astray())
    }

    /// Reads repaired rows again before the store reports them as repaired.
    async fn look_at_repaired_rows(&self) -> Result<(), StoreError> {
        let (tab, own) = {
            let known = self.known();
            (known.tabs.data.clone().filter(|_| known.upkeep.has_checks()), known.owned.clone())
        };
        let Some(tab) = tab else { return Ok(()) };
        let read = self.fetcher().present(&tab, &own).await;
        let mut known = self.known();
        match read {
            Ok(TabReading { tab, rows, height, .. }) => {
                let key = known.upkeep.key_of(&tab);
                let image = key.map(|key| TabImage { tab: &tab, key, rows: &rows, height, entered: &[], undo: &[] });
                known.upkeep.checked(image.as_ref());
            }
            Err(LoadError::Stale(_)) => known.upkeep.checked(None),
            Err(LoadError::Failed(error)) => return Err(error),
        }
        Ok(())
    }

    /// Checks that the last batch deleted the intended rows.
    pub(super) async fn verify_deletes(&self) -> Result<MisplacedWrites, StoreError> {
        let (removed, waiting) = {
            let known = self.known();
            (known.removed.clone(), known.put_back.as_ref().map_or(0, PendingRestores::rows))
        };
        let Some((removed, place)) = removed else {
            return Ok(MisplacedWrites { rows: waiting, ..MisplacedWrites::default() });
        };
        let read = self.fetcher().rows_of(&[removed.range(&place.title)]).await;
        let rows = match read {
            Ok(rows) => rows.into_iter().next().unwrap_or_default(),
            Err(LoadError::Stale(error)) if self.has_tab(&place.title).await? => return Err(error),
            Err(LoadError::Stale(_)) => {
                // Another run made the next commit. It loaded this one first and restores the rows
                // if needed.
                self.known().removed = None;
                return Ok(MisplacedWrites::default());
            }
            Err(LoadError::Failed(error)) => return Err(error),
        };
        let told = restore::read(&rows, removed.head(), place.tab);
        if matches!(told, DeletionLog::Nothing | DeletionLog::Unreadable) {
            return Err(unreadable_scratch());
        }
        let mut known = self.known();
        known.removed = None;
        known.put_back = told.put_back();
        Ok(known.put_back.as_ref().map_or_else(MisplacedWrites::default, |found| MisplacedWrites {
            rows: found.rows(),
            checksum_correction: found.checksum_correction(),
            ..MisplacedWrites::default()
        }))
    }

    pub(super) async fn has_tab(&self, title: &str) -> Result<bool, StoreError> {
        Ok(self.fetcher().metadata().await?.tabs.iter().any(|tab| tab.title == title))
    }
}

/// The error for scratch rows that do not belong to the last applied batch.
fn unreadable_scratch() -> StoreError {
    let why = "the scratch rows of the state tab were changed or read too early; the next run reads them again";
    StoreError::Unavailable { why: why.to_owned(), fault: Fault::Transient }
}
