//! Every key as read, and as this run moves it on; admits items or refuses them.
//!
//! In scope: the processed set in 24 bytes a key, open failures, admission. Out of scope: where keys are read from.

use std::collections::HashMap;

use crate::ledger::entry::{Entry, Step};
use crate::ledger::key::{Fingerprint, Key, Version};
use crate::time::Timestamp;

/// What the book says of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Never done: go on.
    Fresh,
    /// Done before in another version: go on.
    Changed,
    /// It failed before: go on, and count on from there.
    Again(Tried),
    /// Done in this version: skip it.
    Done,
    /// The same key is in hand, or failed earlier in this run: skip it.
    Twice,
}

/// What is known of an earlier failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// Tries over all runs so far.
    pub attempts: u64,
    /// When it first failed.
    pub first_seen: Timestamp,
    /// The version that failed, as its mark.
    pub version: u64,
    /// A hash of the step and error it failed with, so that an unchanged failure is not told twice.
    pub error: Fingerprint,
}

/// The processed set as a load found it: sorted by fingerprint, one entry a key, the last row of a key counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DoneSet {
    keys: Vec<(Fingerprint, u64)>,
}

impl DoneSet {
    /// A set of (key, version mark) in the order of the rows.
    pub fn from_rows(mut rows: Vec<(Fingerprint, u64)>) -> Self {
        rows.reverse();
        rows.sort_by_key(|row| row.0);
        rows.dedup_by_key(|row| row.0);
        Self { keys: rows }
    }

    /// The version mark of a key.
    pub fn version_of(&self, key: Fingerprint) -> Option<u64> {
        let at = self.keys.binary_search_by_key(&key, |row| row.0).ok()?;
        self.keys.get(at).map(|row| row.1)
    }

    /// Distinct keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// The book of one run.
#[derive(Debug, Clone, Default)]
pub struct Book {
    done: DoneSet,
    moved: HashMap<Fingerprint, Entry>,
    failures: HashMap<Fingerprint, Tried>,
}

impl Book {
    /// A book as loaded. A failure whose very version is done by now is closed.
    pub fn new(done: DoneSet, failures: HashMap<Fingerprint, Tried>) -> Self {
        let open = |(key, tried): &(Fingerprint, Tried)| done.version_of(*key) != Some(tried.version);
        let failures = failures.into_iter().filter(open).collect();
        Self { done, moved: HashMap::new(), failures }
    }

    /// Takes an item in hand, or says why not.
    pub fn admit(&mut self, key: &Key, version: &Version) -> Admission {
        let print = key.fingerprint();
        let mark = version.mark();
        let before = self.entry(print);
        match before.next(Step::Admit { version: mark }) {
            Err(_) if matches!(before, Entry::Done { .. }) && !self.moved.contains_key(&print) => Admission::Done,
            Err(_) => Admission::Twice,
            Ok(_) if matches!(before, Entry::Failed { .. }) => Admission::Twice,
            Ok(next) => {
                self.moved.insert(print, next);
                match (before, self.failures.get(&print)) {
                    (_, Some(tried)) => Admission::Again(*tried),
                    (Entry::Done { .. }, None) => Admission::Changed,
                    _ => Admission::Fresh,
                }
            }
        }
    }

    /// The item in hand of this key was processed; true when it had failed in an earlier run.
    pub fn done(&mut self, key: &Key) -> bool {
        let print = key.fingerprint();
        self.advance(print, Step::Done);
        self.failures.remove(&print).is_some()
    }

    /// The item in hand of this key failed; what is known of it from now on.
    pub fn failed(&mut self, key: &Key, tried: Tried) {
        let print = key.fingerprint();
        self.advance(print, Step::Fail);
        self.failures.insert(print, tried);
    }

    /// What was known of a key's earlier failure.
    pub fn tried(&self, key: &Key) -> Option<Tried> {
        self.failures.get(&key.fingerprint()).copied()
    }

    /// Whether the key is done in this version, as loaded: used when a draft is made anew after a reload.
    pub fn is_done(&self, key: &Key, version: &Version) -> bool {
        self.done.version_of(key.fingerprint()) == Some(version.mark())
    }

    /// Puts a newer load under what this run has in hand; entries that the load settles are forgotten.
    pub fn rebase(&mut self, fresh: Self) {
        let Self { done, failures, .. } = fresh;
        self.moved.retain(|_, entry| matches!(entry, Entry::InHand { .. } | Entry::Failed { .. }));
        self.done = done;
        self.failures = failures;
    }

    /// Failures that are open.
    pub fn open_failures(&self) -> usize {
        self.failures.len()
    }

    fn entry(&self, print: Fingerprint) -> Entry {
        match (self.moved.get(&print), self.done.version_of(print)) {
            (Some(entry), _) => *entry,
            (None, Some(version)) => Entry::Done { version },
            (None, None) => Entry::Unknown,
        }
    }

    fn advance(&mut self, print: Fingerprint, step: Step) {
        if let Ok(next) = self.entry(print).next(step) {
            self.moved.insert(print, next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::new(text).expect("a valid key")
    }

    fn version(text: &str) -> Version {
        Version(text.into())
    }

    fn book(rows: &[(&str, &str)]) -> Book {
        let rows = rows.iter().map(|(k, v)| (key(k).fingerprint(), version(v).mark())).collect();
        Book::new(DoneSet::from_rows(rows), HashMap::new())
    }

    #[test]
    fn a_done_key_is_skipped_and_a_newer_version_is_not() {
        let mut book = book(&[("a", "1")]);
        assert_eq!(book.admit(&key("a"), &version("1")), Admission::Done);
        assert_eq!(book.admit(&key("a"), &version("2")), Admission::Changed);
        assert_eq!(book.admit(&key("b"), &version("")), Admission::Fresh);
    }

    #[test]
    fn the_last_row_of_a_key_counts() {
        let mut book = book(&[("a", "1"), ("a", "2")]);
        assert_eq!(book.admit(&key("a"), &version("2")), Admission::Done);
    }

    #[test]
    fn a_key_that_comes_twice_in_one_run_is_taken_once_whether_it_worked_or_failed() {
        let mut book = book(&[]);
        assert_eq!(book.admit(&key("a"), &version("")), Admission::Fresh);
        assert_eq!(book.admit(&key("a"), &version("")), Admission::Twice);
        book.done(&key("a"));
        assert_eq!(book.admit(&key("a"), &version("")), Admission::Twice);
        assert_eq!(book.admit(&key("b"), &version("")), Admission::Fresh);
        book.failed(
            &key("b"),
            Tried { attempts: 1, first_seen: Timestamp(0), version: version("").mark(), error: Fingerprint::of("e") },
        );
        assert_eq!(book.admit(&key("b"), &version("")), Admission::Twice);
    }

    #[test]
    fn a_done_key_whose_newer_version_failed_is_an_open_failure_still() {
        let tried =
            Tried { attempts: 1, first_seen: Timestamp(1), version: version("2").mark(), error: Fingerprint::of("e") };
        let done = DoneSet::from_rows(vec![(key("a").fingerprint(), version("1").mark())]);
        let mut book = Book::new(done.clone(), HashMap::from([(key("a").fingerprint(), tried)]));
        assert_eq!((book.open_failures(), book.admit(&key("a"), &version("2"))), (1, Admission::Again(tried)));
        let closed = Tried { version: version("1").mark(), ..tried };
        assert_eq!(Book::new(done, HashMap::from([(key("a").fingerprint(), closed)])).open_failures(), 0);
    }

    #[test]
    fn a_failure_that_works_at_last_is_recovered_once() {
        let tried =
            Tried { attempts: 2, first_seen: Timestamp(1), version: version("").mark(), error: Fingerprint::of("e") };
        let failures = HashMap::from([(key("a").fingerprint(), tried)]);
        let mut book = Book::new(DoneSet::default(), failures);
        assert_eq!(book.admit(&key("a"), &version("")), Admission::Again(tried));
        assert!(book.done(&key("a")));
        assert_eq!(book.open_failures(), 0);
    }
}
