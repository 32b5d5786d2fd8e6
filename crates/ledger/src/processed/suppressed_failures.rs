//! Counts unchanged failures since their row was written: a new row for each would hide the others.
//!
//! In scope: the counts, and their stored form in one cell. Out of scope: the consequences
//! (`runner::records::intake`).

use std::collections::BTreeMap;

use crate::items::key::Fingerprint;

/// Maximum number of counted failures. With 12 digits and a count each, they fit into a cell.
/// Others get a row each time.
pub const MAX_COUNTS: usize = 2_500;

/// Failed attempts beyond those in the rows, by the upper 48 bits of the key's fingerprint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SuppressedFailureCounts(BTreeMap<u64, u32>);

impl SuppressedFailureCounts {
    /// Returns how often this key has failed since its row was written.
    pub fn get(&self, key: Fingerprint) -> u64 {
        self.0.get(&take_key_prefix(key)).copied().map_or(0, u64::from)
    }

    /// Counts one more failure; returns false if the list is full.
    pub fn count(&mut self, key: Fingerprint) -> bool {
        if self.0.len() >= MAX_COUNTS && !self.0.contains_key(&take_key_prefix(key)) {
            return false;
        }
        let times = self.0.entry(take_key_prefix(key)).or_default();
        *times = times.saturating_add(1);
        true
    }

    /// Removes a failure that got a new row or was closed.
    pub fn remove(&mut self, key: Fingerprint) {
        self.0.remove(&take_key_prefix(key));
    }

    /// Keeps the counts that match `open`, and drops those of failures that users deleted.
    pub fn retain(&mut self, open: impl Fn(u64) -> bool) {
        self.0.retain(|prefix, _| open(*prefix));
    }

    /// Encodes the counts as text.
    pub fn text(&self) -> String {
        let entries: Vec<_> = self.0.iter().map(|(prefix, times)| format!("{prefix:012x}:{times}")).collect();
        entries.join(" ")
    }

    /// Decodes the text; invalid parts are skipped.
    pub fn read(text: &str) -> Self {
        let counts = text.split_ascii_whitespace().filter_map(|one| {
            let (prefix, times) = one.split_once(':')?;
            Some((u64::from_str_radix(prefix, 16).ok()?, times.parse().ok()?))
        });
        Self(counts.take(MAX_COUNTS).collect())
    }
}

/// Returns the part of a fingerprint that identifies the key here.
pub fn take_key_prefix(key: Fingerprint) -> u64 {
    cut_key_prefix(key.0)
}

/// Like `take_key_prefix`, from the first 64 bits of a fingerprint.
pub fn cut_key_prefix(key: u64) -> u64 {
    key >> 16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn as_many_as_are_counted_fit_a_cell_and_read_back() {
        let mut tries = SuppressedFailureCounts::default();
        for n in 0..MAX_COUNTS + 5 {
            let key = Fingerprint::new(&n.to_string());
            assert_eq!((tries.count(key), tries.get(key) > 0), (n < MAX_COUNTS, n < MAX_COUNTS));
            tries.count(key);
        }
        let text = tries.text();
        assert!(text.len() < 50_000 && SuppressedFailureCounts::read(&text) == tries);
        tries.remove(Fingerprint::new("0"));
        assert_eq!((tries.get(Fingerprint::new("0")), tries.get(Fingerprint::new("1"))), (0, 2));
    }

    proptest! {
        #[test]
        fn invariant_6_reading_edited_counts_never_fails_hard(text in "([0-9a-fx: -]|.){0,40}") {
            let _ = SuppressedFailureCounts::read(&text);
        }
    }
}
