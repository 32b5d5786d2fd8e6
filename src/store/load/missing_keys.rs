//! Finds keys that lost some of their rows in Processed through manual edits.
//!
//! In scope: which keys, as far as a load can determine. Pure.
//! Out of scope: the sums (`ledger::processed::key_sums`), the consequences
//! (`ledger::processed::keys_to_reprocess`).

use crate::ledger::items::key::Fingerprint;
use crate::ledger::processed::key_sums::KeySums;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::state::snapshot::{RowChecksum, State};
use crate::store::session::row_tracker::RowTracker;

/// The contents of Processed after a manual edit.
#[derive(Clone, Copy)]
pub struct MissingKeys<'a> {
    /// Count and checksum of its rows.
    pub found: RowChecksum,
    /// Sums over their keys. Each version of a key counts once.
    pub key_sums: Option<KeySums>,
    /// The sorted keys of rows without an order: typed by users or written by an earlier sheetkeep
    /// version.
    pub unordered: &'a [Fingerprint],
    /// The index of done keys according to these rows.
    pub index: &'a ProcessedIndex,
    /// The rows of the data tab, for the keys that have one.
    pub row_tracker: &'a RowTracker,
}

/// Records in the state which keys must be processed again, or how many lost rows match no key.
///
/// The state still has the counts as written. A key without any row is not done anyway. Rows typed
/// by users count as they are and do not hide a deleted row. A key is processed again if fewer rows
/// of it are found than were written.
pub fn record_missing_keys(state: &mut State, gone: MissingKeys<'_>, commit: u64) {
    let MissingKeys { found, key_sums: Some(sums), index, .. } = gone else { return };
    let written = state.processed.count;
    let Some(expected) = state.key_sums.filter(|expected| expected.count == written) else {
        // An earlier sheetkeep version wrote the state.
        record_unknown_rows(state, written.saturating_sub(found.count), commit);
        return;
    };
    let Some(lost) = find_lost_keys(expected, sums, &gone) else {
        return record_unknown_rows(state, written.saturating_sub(found.count).max(1), commit);
    };
    let keys: Vec<Fingerprint> = index.keys_of(lost).collect();
    for key in &keys {
        state.gaps.add(key.0, commit + 1);
    }
    state.keys_to_reprocess.add(keys.into_iter(), commit);
}

/// Records lost rows whose keys are unknown.
fn record_unknown_rows(state: &mut State, rows: u64, commit: u64) {
    if rows > 0 {
        state.keys_to_reprocess.unknown += rows;
        state.gaps.add_any_before(commit + 1);
    }
}

/// Returns a predicate for keys with fewer rows than were written; `None` if there are too many to
/// identify.
///
/// Where it helps, known changes are left out of the sums: data-tab keys without any row left in
/// Processed, and rows that users typed.
fn find_lost_keys<'g>(
    expected: KeySums,
    found: KeySums,
    gone: &MissingKeys<'g>,
) -> Option<impl Fn(Fingerprint) -> bool + use<'g>> {
    let MissingKeys { index, row_tracker, unordered, .. } = *gone;
    let keys_without_rows = || row_tracker.key_prefixes().filter(|mark| !index.has_key_prefix(*mark));
    let ordered = || found.subtract_all(unordered.iter().map(|key| key.0));
    let all_differing = || {
        expected.find_differing(&found).or_else(|| expected.subtract_all(keys_without_rows()).find_differing(&found))
    };
    let ordered_differing = || {
        expected
            .find_differing(&ordered())
            .or_else(|| expected.subtract_all(keys_without_rows()).find_differing(&ordered()))
    };
    let (differing, ignored) =
        all_differing().map(|differing| (differing, &[][..])).or_else(|| Some((ordered_differing()?, unordered)))?;
    // Rows without an order may include some that sheetkeep wrote.
    Some(move |key| differing.has_lost(key) && ignored.binary_search(&key).is_err())
}
