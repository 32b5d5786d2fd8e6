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

use crate::ledger::item::key::Fingerprint;
use crate::ledger::processed::suppressed_failures::mark_of;

/// Maximum number of named keys: 13 KB, which each commit writes.
const MOST: usize = 1_000;
/// Maximum number of keys that are decoded, of this spreadsheet and its predecessors: they fit into
/// a cell.
const MOST_READ: usize = 3_500;

/// The keys, by the upper 48 bits of their fingerprints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Gaps {
    keys: BTreeSet<u64>,
    /// Any key with rows from before this commit may have lost some.
    pub before: Option<u64>,
}

impl Gaps {
    /// Returns a set that contains any key.
    pub fn everywhere() -> Self {
        Self { before: Some(u64::MAX), ..Self::default() }
    }

    /// Adds the key whose fingerprint starts with these 64 bits; its remaining rows were written
    /// before this commit.
    pub fn note(&mut self, key: u64, commit: u64) {
        self.keys.insert(mark_of(key));
        if self.keys.len() > MOST {
            // The remaining rows of each of them are older too.
            self.keys.clear();
            self.note_all(commit);
        }
    }

    /// Adds any key with rows from before this commit.
    pub fn note_all(&mut self, commit: u64) {
        self.before = self.before.max(Some(commit));
    }

    /// Adds the set of a predecessor spreadsheet.
    pub fn add_left(&mut self, left: &Self) {
        self.keys.extend(&left.keys);
        if left.before.is_some() {
            // Its rows count as rows of commit 0 (`VersionUse::keep_gap`).
            self.before = self.before.or(Some(1));
        }
    }

    /// True if a key may have lost rows; `first` is the commit of its first row, if it has rows.
    pub fn has(&self, key: Fingerprint, first: Option<u64>) -> bool {
        self.keys.contains(&mark_of(key.0)) || first.zip(self.before).is_some_and(|(first, before)| first < before)
    }

    /// Encodes the named keys as text; `None` if there are none.
    pub fn text(&self) -> Option<String> {
        let marks: Vec<String> = self.keys.iter().map(|mark| format!("{mark:012x}")).collect();
        (!marks.is_empty()).then(|| marks.join(" "))
    }

    /// Decodes the text, with the commit before which any key counts; invalid parts are skipped.
    pub fn read(text: &str, before: Option<u64>) -> Self {
        let marks = text.split_ascii_whitespace().filter_map(|mark| u64::from_str_radix(mark, 16).ok());
        Self { keys: marks.take(MOST_READ).collect(), before }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(n: usize) -> Fingerprint {
        Fingerprint::of(&n.to_string())
    }

    #[test]
    fn a_key_counts_by_itself_until_there_are_too_many() {
        let mut gaps = Gaps::default();
        (0..MOST).for_each(|n| gaps.note(key(n).0, 7));
        assert!(gaps.has(key(5), Some(9)) && gaps.has(key(5), None));
        assert!(!gaps.has(key(MOST), Some(1)), "it has lost none");
        let text = gaps.text().expect("there are some");
        assert!(text.len() < 50_000 && Gaps::read(&text, None) == gaps);
        (MOST..3 * MOST).for_each(|n| gaps.note(key(n).0, 7));
        assert!(gaps.text().is_none_or(|text| text.len() < 50_000));
        assert!(gaps.has(key(5), Some(6)) && gaps.has(key(9 * MOST), Some(6)) && !gaps.has(key(9 * MOST), Some(7)));
    }

    proptest! {
        #[test]
        fn invariant_6_whatever_people_typed_there_reading_never_fails_hard(text in "([0-9a-f ]|.){0,40}") {
            let _ = Gaps::read(&text, None);
        }
    }
}
