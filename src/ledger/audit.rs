//! Whether the data tab and Processed agree.
//!
//! In scope: which keys are done and have no row, which rows nobody's key has made, which stand there twice. Out of scope: reading the
//! tabs (`store::survey`), and what is to be done about it (`app::fsck`).
//!
//! What can't be known: how many rows an item's steps made, so a done key without a row may be one that made none; and whether a
//! row's cells are those that were written.

use std::collections::HashMap;

use crate::ledger::key::Fingerprint;
use crate::ledger::mode::Mode;

/// A row of a tab: its key, its version or a mark of its cells, and its number. 32 bytes, so that a million rows fit in memory.
type Row = (Fingerprint, u64, u32);

/// Both tabs, as they are read.
#[derive(Debug, Default)]
pub struct Audit {
    done: Vec<Row>,
    forgotten: HashMap<(Fingerprint, u64), u32>,
    data: Vec<Row>,
    keyless: u64,
}

/// What was found. Rows are counted as spreadsheets do, the header being 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// Keys that are done.
    pub keys: u64,
    /// Rows of data with a key.
    pub rows: u64,
    /// Rows of data without one: nobody's.
    pub keyless: u64,
    /// Keys that are done and have no row of data, each with a row of Processed that says so.
    pub missing: Vec<(Fingerprint, u32)>,
    /// Keys with more rows of data than they can have: in upsert mode two, in append mode two alike for one version that is done. Each
    /// with those rows.
    pub doubled: Vec<(Fingerprint, Vec<u32>)>,
    /// Rows of data whose key is not done.
    pub strange: Vec<(Fingerprint, u32)>,
    /// Versions that Processed holds more often than it may, with those rows.
    pub twice: Vec<(Fingerprint, Vec<u32>)>,
}

impl Findings {
    /// Whether the two tabs agree.
    pub fn is_clean(&self) -> bool {
        self.missing.is_empty() && self.doubled.is_empty() && self.strange.is_empty() && self.twice.is_empty()
    }
}

impl Audit {
    /// A row of Processed that says done.
    pub fn done(&mut self, key: Fingerprint, version: u64, row: u32) {
        self.done.push((key, version, row));
    }

    /// A row of Processed that takes one back.
    pub fn forgotten(&mut self, key: Fingerprint, version: u64) {
        *self.forgotten.entry((key, version)).or_default() += 1;
    }

    /// A row of data; `cells` is a mark of the job's own cells in it.
    pub fn data(&mut self, key: Fingerprint, cells: u64, row: u32) {
        self.data.push((key, cells, row));
    }

    /// A row of data without a key.
    pub fn keyless(&mut self) {
        self.keyless += 1;
    }

    /// Holds the one against the other. `repeats` tells whether one version of a key may be done several times, because the source may
    /// go back to it.
    pub fn finish(mut self, mode: Mode, repeats: bool) -> Findings {
        let mut found = Findings { keyless: self.keyless, rows: self.data.len() as u64, ..Findings::default() };
        self.done.sort_unstable();
        self.take_back();
        self.data.sort_unstable();
        let rows = |run: &[Row]| run.iter().map(|row| row.2).collect();
        for versions in self.done.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(key, _, row)) = versions.first() else { continue };
            found.keys += 1;
            if of_key(&self.data, key).is_empty() {
                found.missing.push((key, row));
            }
            let same = versions.chunk_by(|a, b| a.1 == b.1).filter(|same| same.len() > 1 && !repeats);
            found.twice.extend(same.map(|same| (key, rows(same))));
        }
        for of in self.data.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(key, _, row)) = of.first() else { continue };
            let versions = of_key(&self.done, key).len();
            if versions == 0 {
                found.strange.push((key, row));
                continue;
            }
            match mode {
                Mode::Upsert if of.len() > 1 => found.doubled.push((key, rows(of))),
                Mode::Upsert => {}
                Mode::Append => {
                    let alike = of.chunk_by(|a, b| a.1 == b.1).filter(|alike| alike.len() > versions);
                    found.doubled.extend(alike.map(|alike| (key, rows(alike))));
                }
            }
        }
        found
    }

    /// Takes the forgotten rows back.
    fn take_back(&mut self) {
        let mut owed = std::mem::take(&mut self.forgotten);
        self.done.retain(|(key, version, _)| match owed.get_mut(&(*key, *version)) {
            Some(times @ 1..) => {
                *times -= 1;
                false
            }
            _ => true,
        });
    }
}

/// The rows of a key, among rows that are sorted.
fn of_key(rows: &[Row], key: Fingerprint) -> &[Row] {
    let from = rows.partition_point(|row| row.0 < key);
    let to = rows.partition_point(|row| row.0 <= key);
    rows.get(from..to).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(key: &str) -> Fingerprint {
        Fingerprint::of(key)
    }

    fn audit(done: &[(&str, u64)], data: &[(&str, u64)]) -> Audit {
        let mut audit = Audit::default();
        for (row, (key, version)) in (2..).zip(done) {
            audit.done(print(key), *version, row);
        }
        for (row, (key, cells)) in (2..).zip(data) {
            audit.data(print(key), *cells, row);
        }
        audit
    }

    #[test]
    fn tabs_that_agree_are_clean_and_counted() {
        let found = audit(&[("a", 1), ("b", 1), ("a", 2)], &[("b", 5), ("a", 6), ("a", 7)]).finish(Mode::Append, false);
        assert!(found.is_clean());
        assert_eq!((found.keys, found.rows), (2, 3));
    }

    #[test]
    fn a_done_key_without_a_row_is_missing_and_a_row_without_a_done_key_is_strange() {
        let found = audit(&[("a", 1), ("b", 1)], &[("b", 5), ("c", 6)]).finish(Mode::Append, false);
        assert_eq!((found.missing, found.strange), (vec![(print("a"), 2)], vec![(print("c"), 3)]));
    }

    #[test]
    fn two_rows_of_a_key_are_doubled_where_one_is_kept_and_else_only_if_they_are_alike() {
        let tabs = || audit(&[("a", 1)], &[("a", 5), ("a", 6)]);
        assert!(tabs().finish(Mode::Append, false).doubled.is_empty());
        assert_eq!(tabs().finish(Mode::Upsert, false).doubled, [(print("a"), vec![2, 3])]);
        let alike = audit(&[("a", 1)], &[("a", 5), ("a", 5)]).finish(Mode::Append, false);
        assert_eq!(alike.doubled, [(print("a"), vec![2, 3])]);
        assert!(audit(&[("a", 1), ("a", 2)], &[("a", 5), ("a", 5)]).finish(Mode::Append, false).is_clean());
    }

    #[test]
    fn a_version_that_stands_in_processed_twice_is_found_unless_it_was_forgotten_between() {
        let mut tabs = audit(&[("a", 1), ("a", 1)], &[("a", 5), ("a", 5)]);
        assert_eq!(
            audit(&[("a", 1), ("a", 1)], &[("a", 5)]).finish(Mode::Append, false).twice,
            [(print("a"), vec![2, 3])]
        );
        tabs.forgotten(print("a"), 1);
        let found = tabs.finish(Mode::Upsert, false);
        assert!(found.twice.is_empty() && found.keys == 1);
    }
}
