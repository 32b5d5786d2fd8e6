//! Keys to process again, because users deleted rows of them from Processed although other rows are
//! left.
//!
//! In scope: the set of keys, its stored form, its messages.
//! Out of scope: finding the keys (`ledger::processed::key_sums`), and the meaning of their rows
//! (`ledger::processed::processed_index`).
//!
//! The state keeps them, because the remaining rows would otherwise count: a key stays here until
//! it is done once more.

use std::collections::BTreeMap;

use crate::items::key::Fingerprint;
use crate::processed::suppressed_failures::take_key_prefix;

/// Maximum number of keys. With 12 digits and a number each, they fit into a cell.
const MAX_KEYS: usize = 1_500;

/// The keys, by the upper 48 bits of their fingerprints, each with the number of the last commit
/// before the loss was noticed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct KeysToReprocess {
    keys: BTreeMap<u64, u64>,
    /// Number of deleted rows whose keys can't be identified.
    pub unknown: u64,
}

impl KeysToReprocess {
    /// Adds keys whose rows are gone, which was noticed after this commit. A key that is present
    /// stays unchanged.
    pub fn add(&mut self, keys: impl Iterator<Item = Fingerprint>, commit: u64) {
        for key in keys {
            if self.keys.len() < MAX_KEYS {
                self.keys.entry(take_key_prefix(key)).or_insert(commit);
            } else {
                self.unknown += 1;
            }
        }
    }

    /// Returns the commit after which the loss was noticed; `None` if the key need not be done
    /// again.
    pub fn commit_of_loss(&self, key: Fingerprint) -> Option<u64> {
        self.keys.get(&take_key_prefix(key)).copied()
    }

    /// Removes a key that was done once more.
    pub fn remove(&mut self, key: Fingerprint) {
        self.keys.remove(&take_key_prefix(key));
    }

    /// Returns the number of keys.
    pub fn count_keys(&self) -> u64 {
        self.keys.len() as u64
    }

    /// True if no rows are missing.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.unknown == 0
    }

    /// Encodes the set as text, empty if there is none.
    pub fn text(&self) -> String {
        let unknown = (self.unknown > 0).then(|| format!("?:{}", self.unknown));
        let keys = self.keys.iter().map(|(prefix, commit)| format!("{prefix:012x}:{commit}"));
        unknown.into_iter().chain(keys).collect::<Vec<_>>().join(" ")
    }

    /// Decodes the text; invalid parts are skipped.
    pub fn read(text: &str) -> Self {
        let mut read = Self::default();
        for one in text.split_ascii_whitespace() {
            match one.split_once(':').map(|(prefix, number)| (prefix, number.parse())) {
                Some(("?", Ok(unknown))) => read.unknown = unknown,
                Some((prefix, Ok(commit))) if read.keys.len() < MAX_KEYS => {
                    read.keys.extend(u64::from_str_radix(prefix, 16).ok().map(|prefix| (prefix, commit)));
                }
                _ => {}
            }
        }
        read
    }

    /// Returns the messages for the tab with this title.
    pub fn notes(&self, tab: &str) -> Vec<String> {
        let keys = match self.count_keys() {
            0 => None,
            1 => Some(format!(
                "tab {tab}: a row of 1 key was deleted, and the key is processed again when the source yields it"
            )),
            keys => Some(format!(
                "tab {tab}: rows of {keys} keys were deleted, and the keys are processed again when the source yields them"
            )),
        };
        let unknown = (self.unknown > 0).then(|| {
            format!(
                "tab {tab}: {} rows were deleted or changed, too many to determine which keys; a key that has an earlier row left counts as done in that version: run --force processes all keys of the source again",
                self.unknown
            )
        });
        keys.into_iter().chain(unknown).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn as_many_as_are_kept_fit_a_cell_and_read_back() {
        let mut left = KeysToReprocess { unknown: 12, ..KeysToReprocess::default() };
        left.add((0..MAX_KEYS + 5).map(|n| Fingerprint::new(&n.to_string())), 99_999_999_999);
        assert_eq!((left.count_keys(), left.unknown), (MAX_KEYS as u64, 17));
        let text = left.text();
        assert!(text.len() < 50_000 && KeysToReprocess::read(&text) == left);
        left.add(std::iter::once(Fingerprint::new("0")), 7);
        assert_eq!(left.commit_of_loss(Fingerprint::new("0")), Some(99_999_999_999), "the first notice counts");
        left.remove(Fingerprint::new("0"));
        assert_eq!(left.commit_of_loss(Fingerprint::new("0")), None);
    }

    proptest! {
        #[test]
        fn invariant_6_reading_edited_cells_never_fails_hard(text in "([0-9a-f?: -]|.){0,40}") {
            let _ = KeysToReprocess::read(&text);
        }
    }
}
