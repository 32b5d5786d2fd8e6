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
    /// Another version of it is done, this one is not: go on.
    Changed,
    /// It failed before: go on, and count on from there.
    Again(Tried),
    /// Done in this version: skip it.
    Done,
    /// The same version of the key is in hand, was done or failed earlier in this run: skip it.
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

impl Tried {
    /// Whether this is the very failure that is told already: the same version, failed in the same way.
    pub fn tells(&self, version: &Version, error: Fingerprint) -> bool {
        self.version == version.mark() && self.error == error
    }
}

/// The processed set as a load found it: every version of every key that is done, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DoneSet {
    rows: Vec<(Fingerprint, u64)>,
}

impl DoneSet {
    /// A set of (key, version mark), in any order.
    pub fn from_rows(mut rows: Vec<(Fingerprint, u64)>) -> Self {
        rows.sort_unstable();
        rows.dedup();
        Self { rows }
    }

    /// Whether this version of the key is done.
    pub fn has(&self, key: Fingerprint, version: u64) -> bool {
        self.rows.binary_search(&(key, version)).is_ok()
    }

    /// Whether any version of the key is done.
    pub fn knows(&self, key: Fingerprint) -> bool {
        let at = self.rows.partition_point(|row| row.0 < key);
        self.rows.get(at).is_some_and(|row| row.0 == key)
    }
}

/// The book of one run. Each version of a key stands for itself: a source may hold several of them, and each is done once.
#[derive(Debug, Clone, Default)]
pub struct Book {
    done: DoneSet,
    moved: HashMap<(Fingerprint, u64), Entry>,
    failures: HashMap<Fingerprint, Tried>,
}

impl Book {
    /// A book as loaded. A failure whose very version is done by now is closed.
    pub fn new(done: DoneSet, failures: HashMap<Fingerprint, Tried>) -> Self {
        let open = |(key, tried): &(Fingerprint, Tried)| !done.has(*key, tried.version);
        let failures = failures.into_iter().filter(open).collect();
        Self { done, moved: HashMap::new(), failures }
    }

    /// Takes an item in hand, or says why not.
    pub fn admit(&mut self, key: &Key, version: &Version) -> Admission {
        let (print, mark) = (key.fingerprint(), version.mark());
        if self.done.has(print, mark) {
            return Admission::Done;
        }
        let before = self.entry((print, mark));
        match before.next(Step::Admit) {
            Ok(next) if before == Entry::Unknown => {
                self.moved.insert((print, mark), next);
                match self.failures.get(&print) {
                    Some(tried) => Admission::Again(*tried),
                    None if self.done.knows(print) => Admission::Changed,
                    None => Admission::Fresh,
                }
            }
            // What failed in this run is for the next one to try again.
            _ => Admission::Twice,
        }
    }

    /// The item in hand was processed.
    pub fn done(&mut self, key: &Key, version: &Version) {
        self.advance((key.fingerprint(), version.mark()), Step::Done);
    }

    /// The item in hand failed; what is known of its key from now on.
    pub fn failed(&mut self, key: &Key, tried: Tried) {
        let print = key.fingerprint();
        self.advance((print, tried.version), Step::Fail);
        self.failures.insert(print, tried);
    }

    /// The key's failure is closed on the store.
    pub fn closed(&mut self, key: &Key) {
        self.failures.remove(&key.fingerprint());
    }

    /// What was known of a key's earlier failure.
    pub fn tried(&self, key: &Key) -> Option<Tried> {
        self.failures.get(&key.fingerprint()).copied()
    }

    /// Whether the key is done in this version, as loaded: used when a draft is made anew after a reload.
    pub fn is_done(&self, key: &Key, version: &Version) -> bool {
        self.done.has(key.fingerprint(), version.mark())
    }

    /// Puts a newer load under what this run has in hand; entries that the load settles are forgotten, and failures that the
    /// load does not show yet are kept.
    pub fn rebase(&mut self, fresh: Self) {
        let Self { done, mut failures, .. } = fresh;
        self.moved.retain(|(print, mark), entry| {
            let unsettled = matches!(entry, Entry::InHand | Entry::Failed) && !done.has(*print, *mark);
            if let (true, Entry::Failed, Some(tried)) = (unsettled, &entry, self.failures.get(print)) {
                failures.entry(*print).or_insert(*tried);
            }
            unsettled
        });
        self.done = done;
        self.failures = failures;
    }

    /// Failures that are open.
    pub fn open_failures(&self) -> usize {
        self.failures.len()
    }

    fn entry(&self, id: (Fingerprint, u64)) -> Entry {
        self.moved.get(&id).copied().unwrap_or(Entry::Unknown)
    }

    fn advance(&mut self, id: (Fingerprint, u64), step: Step) {
        if let Ok(next) = self.entry(id).next(step) {
            self.moved.insert(id, next);
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
    fn invariant_1_every_version_of_a_key_is_admitted_once_in_whatever_order_they_come() {
        let mut book = book(&[("a", "1"), ("a", "2")]);
        for done in ["1", "2", "1"] {
            assert_eq!(book.admit(&key("a"), &version(done)), Admission::Done);
        }
        for (word, admission) in [("3", Admission::Changed), ("4", Admission::Changed), ("3", Admission::Twice)] {
            assert_eq!(book.admit(&key("a"), &version(word)), admission);
            book.done(&key("a"), &version(word));
        }
    }

    #[test]
    fn a_key_that_comes_twice_in_one_run_is_taken_once_whether_it_worked_or_failed() {
        let mut book = book(&[]);
        assert_eq!(book.admit(&key("a"), &version("")), Admission::Fresh);
        assert_eq!(book.admit(&key("a"), &version("")), Admission::Twice);
        book.done(&key("a"), &version(""));
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
        book.done(&key("a"), &version(""));
        book.closed(&key("a"));
        assert_eq!(book.open_failures(), 0);
    }
}
