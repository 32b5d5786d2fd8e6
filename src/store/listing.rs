//! Processed as rows with their texts, for whoever works out what is to be done again.
//!
//! In scope: gathering them. Out of scope: reading (`store::survey`), the processed set in memory (`store::load`).

use crate::fault::Fault;
use crate::ledger::failure::Failure;
use crate::ledger::key::{Key, Version};
use crate::ledger::rows::FORGOTTEN;
use crate::ledger::snapshot::Snapshot;
use crate::port::store::StoreError;
use crate::store::sheets::SheetsStore;
use crate::store::survey::{Sight, Wanted};

/// Looks before what is read counts as moving.
const LOOKS: u32 = 3;

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
    /// Loads, and lists Processed, and Failures if asked; none where the job never ran. Where a run or a person moves what is read as often as
    /// it is read, that is an error: a part of it would be taken for all.
    pub async fn listing(&self, failures: bool) -> Result<Option<Listing>, StoreError> {
        for _ in 0..LOOKS {
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
            let Some(surveyed) = surveyed else { return Ok(None) };
            if surveyed.steady {
                return Ok(Some(Listing { snapshot: surveyed.snapshot, rows, failures: told }));
            }
        }
        let why = "read the job's tabs: they change as often as they are read; wait until the run that writes them is over, then ask again";
        Err(StoreError::Unavailable { why: why.to_owned(), fault: Fault::Throttled })
    }
}
