//! Processed as rows with their texts, for whoever works out what is to be done again.
//!
//! In scope: gathering them. Out of scope: reading (`store::survey`), the processed set in memory (`store::load`).

use crate::ledger::failure::Failure;
use crate::ledger::key::{Key, Version};
use crate::ledger::rows::FORGOTTEN;
use crate::ledger::snapshot::Snapshot;
use crate::port::store::StoreError;
use crate::store::sheets::SheetsStore;
use crate::store::survey::{Sight, Wanted};

/// A row of Processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: Key,
    /// The version.
    pub version: Version,
    /// Whether it takes a row back that says done. A state that somebody typed counts as done, as it does in a load.
    pub forgotten: bool,
    /// The run that wrote it.
    pub run: String,
}

/// Processed as it was at one head.
#[derive(Debug, Clone)]
pub struct Listing {
    /// What was loaded before the rows were read; whatever is made of them counts at its head only.
    pub snapshot: Snapshot,
    /// Its rows with a key, in the order in which they stand.
    pub rows: Vec<Listed>,
    /// Rows of Failures, in that order, where they were asked for.
    pub failures: Vec<Failure>,
}

impl SheetsStore {
    /// Loads, and lists Processed, and Failures if asked; none where the job never ran.
    pub async fn listing(&self, failures: bool) -> Result<Option<Listing>, StoreError> {
        let (mut rows, mut told) = (Vec::new(), Vec::new());
        let mut see = |sight: Sight<'_>| {
            let (key, version, state, run) = match sight {
                Sight::Processed { key, version, state, run, .. } => (key, version, state, run),
                Sight::Failure { failure, .. } => return told.push(*failure),
                Sight::Data { .. } | Sight::Run(_) => return,
            };
            let (version, forgotten) = (Version(version.to_owned()), state == FORGOTTEN);
            rows.extend(Key::new(key).ok().map(|key| Listed { key, version, forgotten, run: run.to_owned() }));
        };
        let surveyed = self.survey(Wanted { failures, ..Wanted::default() }, &mut see).await?;
        Ok(surveyed.map(|surveyed| Listing { snapshot: surveyed.snapshot, rows, failures: told }))
    }
}
