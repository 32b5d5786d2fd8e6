//! Keys of which not all rows of Processed are left that were written: `prune` took some out, or people did.
//!
//! In scope: which keys these are, and how the state keeps them. Out of scope: which rows go (`maintain::prune`), and what follows for the
//! name of a change (`ledger::processed::version_history`).
//!
//! A change has the same name each time that it is tried, so nothing that happens to rows of other keys may count for a key. That is why the
//! state names the keys. Only of more keys than it has room for, and where nobody can know of which keys rows are gone, any key that was
//! there counts as one of them.

use std::collections::BTreeSet;

use crate::ledger::item::key::Fingerprint;
use crate::ledger::processed::suppressed_failures::mark_of;

/// Keys that are named at most: 13 KB, which each commit writes.
const MOST: usize = 1_000;
/// Keys that are read at most, of this spreadsheet and of those that the job has left: they fit a cell.
const MOST_READ: usize = 3_500;

/// The keys, by the upper 48 bits of their fingerprints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Gaps {
    keys: BTreeSet<u64>,
    /// Of any key that has rows of before this commit some may be missing.
    pub before: Option<u64>,
}

impl Gaps {
    /// Any key may be one.
    pub fn everywhere() -> Self {
        Self { before: Some(u64::MAX), ..Self::default() }
    }

    /// Rows of the key are gone whose fingerprint begins with these 64 bits; all that is left was written before this commit.
    pub fn note(&mut self, key: u64, commit: u64) {
        self.keys.insert(mark_of(key));
        if self.keys.len() > MOST {
            // What is left of each of them is older, too.
            self.keys.clear();
            self.note_all(commit);
        }
    }

    /// Rows are gone of any keys that have rows of before this commit.
    pub fn note_all(&mut self, commit: u64) {
        self.before = self.before.max(Some(commit));
    }

    /// What a spreadsheet that the job has left says counts, too.
    pub fn add_left(&mut self, left: &Self) {
        self.keys.extend(&left.keys);
        if left.before.is_some() {
            // Its rows count as those of commit 0 (`Doing::keep_gap`).
            self.before = self.before.or(Some(1));
        }
    }

    /// Whether rows of a key may be gone whose first row was written by the commit `first`, if it has rows.
    pub fn has(&self, key: Fingerprint, first: Option<u64>) -> bool {
        self.keys.contains(&mark_of(key.0)) || first.zip(self.before).is_some_and(|(first, before)| first < before)
    }

    /// The keys that are named, as one text; none where there are none.
    pub fn text(&self) -> Option<String> {
        let marks: Vec<String> = self.keys.iter().map(|mark| format!("{mark:012x}")).collect();
        (!marks.is_empty()).then(|| marks.join(" "))
    }

    /// Reads the text back, with the commit before which any key counts; what is something else is passed over.
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
