//! Keys that are to be done again because people deleted rows of theirs from Processed, although other rows of them are left.
//!
//! In scope: which these are, how the state keeps them, what people read of it. Out of scope: how the keys are found (`ledger::processed::key_sums`), and
//! what their rows say (`ledger::processed::processed_index`).
//!
//! The state keeps them, because the rows that are left would count by themselves: a key stays here until it is done once more.

use std::collections::BTreeMap;

use crate::ledger::item::key::Fingerprint;
use crate::ledger::processed::suppressed_failures::mark;

/// Keys that are kept at most; with a mark of 12 digits and a number each, they fit a cell.
const MOST: usize = 1_500;

/// The keys, by the upper 48 bits of their fingerprints, each with the number of the commit that was the last one when it was noticed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Redo {
    keys: BTreeMap<u64, u64>,
    /// Deleted rows of which nobody can tell whose they were.
    pub unknown: u64,
}

impl Redo {
    /// Rows of these keys are gone, which was noticed after this commit. A key that is here already stays as it is.
    pub fn notice(&mut self, keys: impl Iterator<Item = Fingerprint>, commit: u64) {
        for key in keys {
            if self.keys.len() < MOST {
                self.keys.entry(mark(key)).or_insert(commit);
            } else {
                self.unknown += 1;
            }
        }
    }

    /// After which commit it was noticed that rows of this key are gone; none where it need not be done again.
    pub fn of(&self, key: Fingerprint) -> Option<u64> {
        self.keys.get(&mark(key)).copied()
    }

    /// The key is done once more.
    pub fn forget(&mut self, key: Fingerprint) {
        self.keys.remove(&mark(key));
    }

    /// How many keys.
    pub fn keys(&self) -> u64 {
        self.keys.len() as u64
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.unknown == 0
    }

    /// As one text; empty where there is nothing.
    pub fn text(&self) -> String {
        let unknown = (self.unknown > 0).then(|| format!("?:{}", self.unknown));
        let keys = self.keys.iter().map(|(mark, commit)| format!("{mark:012x}:{commit}"));
        unknown.into_iter().chain(keys).collect::<Vec<_>>().join(" ")
    }

    /// Reads the text back; what is something else is passed over.
    pub fn read(text: &str) -> Self {
        let mut read = Self::default();
        for one in text.split_ascii_whitespace() {
            match one.split_once(':').map(|(mark, number)| (mark, number.parse())) {
                Some(("?", Ok(unknown))) => read.unknown = unknown,
                Some((mark, Ok(commit))) if read.keys.len() < MOST => {
                    read.keys.extend(u64::from_str_radix(mark, 16).ok().map(|mark| (mark, commit)));
                }
                _ => {}
            }
        }
        read
    }

    /// What people read of it, of the tab with this title.
    pub fn notes(&self, tab: &str) -> Vec<String> {
        let keys = match self.keys() {
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
        let mut redo = Redo { unknown: 12, ..Redo::default() };
        redo.notice((0..MOST + 5).map(|n| Fingerprint::of(&n.to_string())), 99_999_999_999);
        assert_eq!((redo.keys(), redo.unknown), (MOST as u64, 17));
        let text = redo.text();
        assert!(text.len() < 50_000 && Redo::read(&text) == redo);
        redo.notice(std::iter::once(Fingerprint::of("0")), 7);
        assert_eq!(redo.of(Fingerprint::of("0")), Some(99_999_999_999), "the first notice counts");
        redo.forget(Fingerprint::of("0"));
        assert_eq!(redo.of(Fingerprint::of("0")), None);
    }

    proptest! {
        #[test]
        fn invariant_6_whatever_people_typed_there_reading_never_fails_hard(text in "([0-9a-f?: -]|.){0,40}") {
            let _ = Redo::read(&text);
        }
    }
}
