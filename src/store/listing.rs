//! Processed read as texts: each row with its key, version, state and run.
//!
//! In scope: reading. Out of scope: the processed set in memory (`store::load`), which keeps fingerprints only.

use serde_json::Value;

use crate::ledger::head::HeadId;
use crate::ledger::key::{Key, Version};
use crate::ledger::rows::{FORGOTTEN, PROCESSED};
use crate::ledger::snapshot::Snapshot;
use crate::port::store::{Store, StoreError};
use crate::store::fetch::{Fetcher, Unread};
use crate::store::layout::Tab;
use crate::store::load::{PAGE_ROWS, rows_range, text, width};
use crate::store::sheets::SheetsStore;

/// A row of Processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: Key,
    /// The version.
    pub version: Version,
    /// Whether it takes a row back that says done.
    pub forgotten: bool,
    /// The run that wrote it.
    pub run: String,
}

/// Processed as it was at one head.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The head.
    pub head: HeadId,
    /// What was loaded with it.
    pub snapshot: Snapshot,
    /// Its rows, in the order in which they stand; those without a key are not among them. A state that somebody typed counts as done, as it does
    /// in a load.
    pub rows: Vec<Listed>,
}

impl SheetsStore {
    /// Loads, and reads Processed once more as texts; none where the job never ran.
    pub async fn listing(&self) -> Result<Option<Listing>, StoreError> {
        let Some(snapshot) = self.load().await?.snapshot else { return Ok(None) };
        if let Some(blemish) = snapshot.blemishes.iter().find(|blemish| blemish.blocking) {
            return Err(StoreError::Corrupt { why: blemish.message.clone() });
        }
        let (fetcher, tabs) = self.seen();
        let rows = match tabs.processed {
            Some(tab) => listed(fetcher, &tab).await.map_err(Unread::into_error)?,
            None => Vec::new(),
        };
        Ok(Some(Listing { head: snapshot.head, snapshot, rows }))
    }
}

async fn listed(fetcher: &Fetcher, tab: &Tab) -> Result<Vec<Listed>, Unread> {
    let metadata = fetcher.metadata().await?;
    let rows = metadata.tabs.iter().find(|seen| seen.sheet_id == tab.id).map_or(0, |seen| seen.rows);
    let positions = PROCESSED.map(|column| tab.position(column).unwrap_or(usize::MAX));
    let width = width(tab, &PROCESSED);
    let mut found = Vec::new();
    let mut from = 2;
    while from <= rows {
        let to = rows.min(from.saturating_add(PAGE_ROWS - 1));
        let page = fetcher.rows_of(&[rows_range(&tab.title, from, to, width)]).await?;
        found.extend(page.into_iter().flatten().filter_map(|row| one(&row, positions)));
        from = to + 1;
    }
    Ok(found)
}

fn one(row: &[Value], positions: [usize; 4]) -> Option<Listed> {
    let [key, version, state, run] = positions.map(|at| row.get(at).map(text).unwrap_or_default());
    Some(Listed { key: Key::new(key).ok()?, version: Version(version), forgotten: state == FORGOTTEN, run })
}
