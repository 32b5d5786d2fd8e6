//! A row that a batch certainly did not hit by mistake. Pure.
//!
//! In scope: its contents, and what is known of it.
//! Out of scope: finding such rows (`store::upsert::repair::location::known_rows`).

use crate::store::tabs::row_fingerprint::RowFingerprint;

/// A row that the batch certainly did not hit.
#[derive(Debug, Clone)]
pub(crate) struct ExcludedRow {
    /// Its contents, in current columns.
    pub fingerprint: RowFingerprint,
    /// The key that it shows, or that a repair was to restore in it.
    pub key: Option<String>,
    /// Its current row, if that is known.
    pub row: Option<usize>,
    /// Its contents once the write of a repair that missed it is repeated, in current columns.
    /// `None` if there is no such write, or one that moves cells.
    pub repaired: Option<RowFingerprint>,
}
