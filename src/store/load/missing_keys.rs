//! Keys that have lost rows of Processed by people's hands, although other rows of them are left.
//!
//! In scope: which these are, as far as a load can tell. Pure. Out of scope: the sums (`ledger::processed::key_sums`), what follows (`ledger::processed::redo_keys`).

use crate::ledger::item::key::Fingerprint;
use crate::ledger::processed::key_sums::KeySums;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::state::snapshot::{RowChecksum, State};
use crate::store::session::row_tracker::RowTracker;

/// What is there after people have edited Processed.
#[derive(Clone, Copy)]
pub struct MissingKeys<'a> {
    /// Its rows.
    pub found: RowChecksum,
    /// Their keys as sums, where one version of a key counts.
    pub key_sums: Option<KeySums>,
    /// The keys of those that carry no order, sorted: people typed them in, or an earlier version of sheetkeep wrote them.
    pub unordered: &'a [Fingerprint],
    /// What is done as these rows say.
    pub book: &'a ProcessedIndex,
    /// The keys that have rows of data.
    pub upkeep: &'a RowTracker,
}

/// Notes in the state, which still says what was written, which keys have to be done again, or how many rows can't be assigned to keys. A
/// key without any row is not done by itself. Rows that people have typed in count as they are, and hide no row that is gone: a key is done
/// again if fewer rows of it are found than were written.
pub fn notice(state: &mut State, gone: MissingKeys<'_>, commit: u64) {
    let MissingKeys { found, key_sums: Some(sums), book, .. } = gone else { return };
    let written = state.processed.count;
    let Some(said) = state.key_sums.filter(|said| said.count == written) else {
        // An earlier version of sheetkeep wrote the state.
        note_unknown(state, written.saturating_sub(found.count), commit);
        return;
    };
    let Some(lost) = lost(said, sums, &gone) else {
        return note_unknown(state, written.saturating_sub(found.count).max(1), commit);
    };
    let keys: Vec<Fingerprint> = book.keys_of(lost).collect();
    for key in &keys {
        state.gaps.add(key.0, commit + 1);
    }
    state.redo.add(keys.into_iter(), commit);
}

/// Rows are gone, of any keys that were there.
fn note_unknown(state: &mut State, rows: u64, commit: u64) {
    if rows > 0 {
        state.redo.unknown += rows;
        state.gaps.add_any_before(commit + 1);
    }
}

/// Of which keys with rows fewer rows are found than were written; none where they are too many to know. What is known to have changed is
/// left out of the sums where that helps: keys of the data tab that have no row left, and rows that people typed in.
fn lost<'g>(said: KeySums, found: KeySums, gone: &MissingKeys<'g>) -> Option<impl Fn(Fingerprint) -> bool + use<'g>> {
    let MissingKeys { book, upkeep, unordered, .. } = *gone;
    let of_no_key = || upkeep.keyed().filter(|mark| !book.has_key_prefix(*mark));
    let ordered = || found.without(unordered.iter().map(|key| key.0));
    let of_all = || said.differing(&found).or_else(|| said.without(of_no_key()).differing(&found));
    let of_ordered = || said.differing(&ordered()).or_else(|| said.without(of_no_key()).differing(&ordered()));
    let (differing, passed_over) =
        of_all().map(|differing| (differing, &[][..])).or_else(|| Some((of_ordered()?, unordered)))?;
    // Among rows without an order may be some that were written.
    Some(move |key| differing.has_lost(key) && passed_over.binary_search(&key).is_err())
}
