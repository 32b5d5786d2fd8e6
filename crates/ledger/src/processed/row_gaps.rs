//! Keys that have lost rows of Processed: `prune` or a user removed some.
//!
//! In scope: the set of keys and its stored form.
//! Out of scope: which rows are removed (`maintain::prune`), and the effect on change ids
//! (`ledger::processed::version_history`).
//!
//! A change has the same id at each attempt, so changes to rows of other keys must not affect it.
//! That is why the state names the keys. If there are more keys than it can hold, or if they can't
//! be identified, any key that existed counts as one of them.

use std::collections::BTreeSet;

use crate::items::key::Fingerprint;
use crate::processed::suppressed_failures::cut_key_prefix;

/// Maximum number of named keys: 13 KB, which each commit writes.
const MAX_KEYS: usize = 1_000;
/// Maximum number of keys that are decoded, of this spreadsheet and its predecessors: they fit into
/// a cell.
const MAX_DECODED_KEYS: usize = 3_500;

/// The keys, by the upper 48 bits of their fingerprints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct GapKeys {
    keys: BTreeSet<u64>,
    /// Any key with rows from before this commit may have lost some.
    pub any_key_before_commit: Option<u64>,
}

impl GapKeys {
    /// Returns a set that contains any key.
    pub fn any_key() -> Self {
        Self { any_key_before_commit: Some(u64::MAX), ..Self::default() }
    }

    /// Adds the key whose fingerprint starts with these 64 bits; its remaining rows were written
    /// before this commit.
    pub fn add(&mut self, key: u64, commit: u64) {
        self.keys.insert(cut_key_prefix(key));
        if self.keys.len() > MAX_KEYS {
            // The remaining rows of each of them are older too.
            self.keys.clear();
            self.add_any_before(commit);
        }
    }

    /// Adds any key with rows from before this commit.
    pub fn add_any_before(&mut self, commit: u64) {
        self.any_key_before_commit = self.any_key_before_commit.max(Some(commit));
    }

    /// Adds the set of a predecessor spreadsheet.
    pub fn add_predecessor(&mut self, left: &Self) {
        self.keys.extend(&left.keys);
        if left.any_key_before_commit.is_some() {
            // Its rows count as rows of commit 0 (`keep_gaps` of `store::tabs::processed`).
            self.any_key_before_commit = self.any_key_before_commit.or(Some(1));
        }
    }

    /// True if a key may have lost rows; `first` is the commit of its first row, if it has rows.
    pub fn has(&self, key: Fingerprint, first: Option<u64>) -> bool {
        self.keys.contains(&cut_key_prefix(key.0))
            || first.zip(self.any_key_before_commit).is_some_and(|(first, before)| first < before)
    }

    /// Encodes the named keys as text; `None` if there are none.
    pub fn text(&self) -> Option<String> {
        let prefixes: Vec<String> = self.keys.iter().map(|prefix| format!("{prefix:012x}")).collect();
        (!prefixes.is_empty()).then(|| prefixes.join(" "))
    }

    /// Decodes the text, with the commit before which any key counts; invalid parts are skipped.
    pub fn read(text: &str, any_key_before_commit: Option<u64>) -> Self {
        let prefixes = text.split_ascii_whitespace().filter_map(|prefix| u64::from_str_radix(prefix, 16).ok());
        Self { keys: prefixes.take(MAX_DECODED_KEYS).collect(), any_key_before_commit }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(n: usize) -> Fingerprint {
        Fingerprint::new(&n.to_string())
    }

    #[test]
    fn a_key_counts_by_itself_until_there_are_too_many() {
        let mut gaps = GapKeys::default();
        (0..MAX_KEYS).for_each(|n| gaps.add(key(n).0, 7));
        assert!(gaps.has(key(5), Some(9)) && gaps.has(key(5), None));
        assert!(!gaps.has(key(MAX_KEYS), Some(1)), "it has lost none");
        let text = gaps.text().expect("there are some");
        assert!(text.len() < 50_000 && GapKeys::read(&text, None) == gaps);
        (MAX_KEYS..3 * MAX_KEYS).for_each(|n| gaps.add(key(n).0, 7));
        assert!(gaps.text().is_none_or(|text| text.len() < 50_000));
        assert!(
            gaps.has(key(5), Some(6)) && gaps.has(key(9 * MAX_KEYS), Some(6)) && !gaps.has(key(9 * MAX_KEYS), Some(7))
        );
    }

    proptest! {
        #[test]
        fn invariant_6_reading_edited_cells_never_fails_hard(text in "([0-9a-f ]|.){0,40}") {
            let _ = GapKeys::read(&text, None);
        }
    }
}
