//! Counts unchanged failures since their row was written: a new row for each would hide the others.
//!
//! In scope: the counts, and their stored form in one cell. Out of scope: the consequences
//! (`runner::intake`).

use std::collections::BTreeMap;

use crate::ledger::item::key::Fingerprint;

/// Maximum number of counted failures. With 12 digits and a count each, they fit into a cell.
/// Others get a row each time.
pub const MOST: usize = 2_500;

/// Failed attempts beyond those in the rows, by the upper 48 bits of the key's fingerprint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SuppressedFailureCounts(BTreeMap<u64, u32>);

impl SuppressedFailureCounts {
    /// Returns how often this key has failed since its row was written.
    pub fn of(&self, key: Fingerprint) -> u64 {
        self.0.get(&mark(key)).copied().map_or(0, u64::from)
    }

    /// Counts one more failure; returns false if there is no room.
    pub fn count(&mut self, key: Fingerprint) -> bool {
        if self.0.len() >= MOST && !self.0.contains_key(&mark(key)) {
            return false;
        }
        let times = self.0.entry(mark(key)).or_default();
        *times = times.saturating_add(1);
        true
    }

    /// Removes a failure that got a new row or was closed.
    pub fn forget(&mut self, key: Fingerprint) {
        self.0.remove(&mark(key));
    }

    /// Keeps the counts that match `open`, and drops those of failures that users deleted.
    pub fn keep(&mut self, open: impl Fn(u64) -> bool) {
        self.0.retain(|mark, _| open(*mark));
    }

    /// Encodes the counts as text.
    pub fn text(&self) -> String {
        let told: Vec<_> = self.0.iter().map(|(mark, times)| format!("{mark:012x}:{times}")).collect();
        told.join(" ")
    }

    /// Decodes the text; invalid parts are skipped.
    pub fn read(text: &str) -> Self {
        let counts = text.split_ascii_whitespace().filter_map(|one| {
            let (mark, times) = one.split_once(':')?;
            Some((u64::from_str_radix(mark, 16).ok()?, times.parse().ok()?))
        });
        Self(counts.take(MOST).collect())
    }
}

/// Returns the part of a fingerprint that identifies the key here.
pub fn mark(key: Fingerprint) -> u64 {
    mark_of(key.0)
}

/// Like `mark`, from the first 64 bits of a fingerprint.
pub fn mark_of(key: u64) -> u64 {
    key >> 16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn as_many_as_are_counted_fit_a_cell_and_read_back() {
        let mut tries = SuppressedFailureCounts::default();
        for n in 0..MOST + 5 {
            let key = Fingerprint::of(&n.to_string());
            assert_eq!((tries.count(key), tries.of(key) > 0), (n < MOST, n < MOST));
            tries.count(key);
        }
        let text = tries.text();
        assert!(text.len() < 50_000 && SuppressedFailureCounts::read(&text) == tries);
        tries.forget(Fingerprint::of("0"));
        assert_eq!((tries.of(Fingerprint::of("0")), tries.of(Fingerprint::of("1"))), (0, 2));
    }

    proptest! {
        #[test]
        fn invariant_6_whatever_people_typed_into_the_counts_reading_never_fails_hard(text in "([0-9a-fx: -]|.){0,40}") {
            let _ = SuppressedFailureCounts::read(&text);
        }
    }
}
