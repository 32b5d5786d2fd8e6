//! Keys that have lost rows of Processed by people's hands, although other rows of them are left.
//!
//! In scope: which these are, as far as a load can tell. Pure. Out of scope: the sums (`ledger::key_sums`), what follows (`ledger::redo`).

use crate::ledger::book::Book;
use crate::ledger::key_sums::KeySums;
use crate::ledger::snapshot::{State, Tally};
use crate::store::upkeep::Upkeep;

/// What is there after people have edited Processed.
#[derive(Clone, Copy)]
pub struct Gone<'a> {
    /// Its rows.
    pub found: Tally,
    /// Their keys as sums, where one version of a key counts.
    pub key_sums: Option<KeySums>,
    /// What is done as these rows say.
    pub book: &'a Book,
    /// The keys that have rows of data.
    pub upkeep: &'a Upkeep,
}

/// Notes in the state, which still says what was written, which keys have to be done again, or how many rows can't be told. A key
/// without any row is not done by itself. Rows that somebody has typed in count as they stand.
pub fn notice(state: &mut State, gone: Gone<'_>, commit: u64) {
    let Gone { found, key_sums: Some(sums), book, upkeep } = gone else { return };
    let written = state.processed.count;
    if found.count > written {
        return;
    }
    let of_no_key: Vec<u64> = upkeep.keyed().filter(|mark| !book.knows_mark(*mark)).collect();
    let Some(said) = state.key_sums.filter(|said| said.count == written) else {
        // An earlier version of sheetkeep wrote the state.
        state.redo.unknown += (written - found.count).saturating_sub(of_no_key.len() as u64);
        return;
    };
    let less = || {
        let mut said = said;
        for mark in &of_no_key {
            said.take(*mark);
        }
        said.differing(&sums)
    };
    let noticed = state.redo.clone();
    match said.differing(&sums).or_else(less) {
        Some(differing) => state.redo.notice(book.keys_of(|key| differing.has(key)), commit),
        None => state.redo.unknown += (written - found.count).max(1),
    }
    if state.redo != noticed {
        // From now on rows may be missing of any key that was there.
        state.pruned = state.pruned.max(Some(commit + 1));
    }
}
