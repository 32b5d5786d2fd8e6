//! Checks whether the data tab and Processed agree.
//!
//! In scope: done keys without a row, rows without a done key, duplicate rows.
//! Out of scope: reading the tabs (`store::scan::scanner`), and the repair (`app::inspect::fsck`).
//!
//! Limits: the number of rows that an item's steps made is unknown. So a done key without a row may
//! have made none, and equal rows may be intended. Nor is it known whether a row's cells are those
//! that were written.

use crate::items::key::Fingerprint;
use crate::items::write_mode::WriteMode;

/// 96 bits that stand for a key here, so that a row takes 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowDigest(u64, u32);

impl RowDigest {
    /// Returns the digest of this key.
    pub fn from_key(key: &str) -> Self {
        let Fingerprint(first, second) = Fingerprint::new(key);
        Self(first, u32::try_from(second >> 32).unwrap_or_default())
    }
}

/// A row of a tab, ordered by key, then by hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TabRow {
    first: u64,
    second: u32,
    /// The hash of its version, or of its cells.
    hash: MarkBits,
    /// Its row number.
    number: u32,
}

/// 64 bits in two halves, so that a row has no padding.
type MarkBits = (u32, u32);

impl TabRow {
    fn new(key: RowDigest, hash: u64, row: u32) -> Self {
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
        Self { first: key.0, second: key.1, hash: (half(hash >> 32), half(hash)), number: row }
    }

    fn key(&self) -> RowDigest {
        RowDigest(self.first, self.second)
    }

    fn version(&self) -> (RowDigest, MarkBits) {
        (self.key(), self.hash)
    }
}

/// Both tabs as they are scanned: 24 bytes a row.
#[derive(Debug, Default)]
pub struct ConsistencyCheck {
    done: Vec<TabRow>,
    revoked: Vec<TabRow>,
    data: Vec<TabRow>,
    keyless: u64,
}

/// The findings. Row numbers are those of the spreadsheet; the header is row 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inconsistencies {
    /// Number of done keys.
    pub keys: u64,
    /// Number of data rows with a key.
    pub rows: u64,
    /// Number of data rows without a key, which are not the job's.
    pub keyless: u64,
    /// Done keys without a data row, each with its row of Processed.
    pub missing: Vec<(RowDigest, u32)>,
    /// Keys with too many data rows, and those rows. With upsert, more than one; with append, more
    /// equal rows than the number of times that a version of the key was done.
    pub doubled: Vec<(RowDigest, Vec<u32>)>,
    /// Data rows whose key is not done.
    pub strange: Vec<(RowDigest, u32)>,
    /// Versions that Processed holds more often than it may, with those rows.
    pub twice: Vec<(RowDigest, Vec<u32>)>,
}

impl Inconsistencies {
    /// True if both tabs agree.
    pub fn is_clean(&self) -> bool {
        self.missing.is_empty() && self.doubled.is_empty() && self.strange.is_empty() && self.twice.is_empty()
    }
}

impl ConsistencyCheck {
    /// Adds a row of Processed with the state done.
    pub fn add_done(&mut self, key: RowDigest, version: u64, row: u32) {
        self.done.push(TabRow::new(key, version, row));
    }

    /// Adds a done row of a predecessor spreadsheet, which holds its data rows.
    pub fn add_earlier(&mut self, key: RowDigest, version: u64) {
        self.done.push(TabRow::new(key, version, 0));
    }

    /// Adds a row of Processed that revokes another.
    pub fn add_revocation(&mut self, key: RowDigest, version: u64) {
        self.revoked.push(TabRow::new(key, version, 0));
    }

    /// Adds a data row; `cells` is a hash of the job's own cells in it.
    pub fn add_data(&mut self, key: RowDigest, cells: u64, row: u32) {
        self.data.push(TabRow::new(key, cells, row));
    }

    /// Adds a data row without a key.
    pub fn add_keyless(&mut self) {
        self.keyless += 1;
    }

    /// Compares both tabs. `repeats` is true if one version of a key may be done several times,
    /// because the source may return to it.
    pub fn finish(mut self, mode: WriteMode, repeats: bool) -> Inconsistencies {
        let mut found =
            Inconsistencies { keyless: self.keyless, rows: self.data.len() as u64, ..Inconsistencies::default() };
        self.done.sort_unstable();
        self.take_back();
        self.data.sort_unstable();
        let rows = |run: &[TabRow]| run.iter().map(|row| row.number).collect();
        for versions in self.done.chunk_by(|a, b| a.key() == b.key()) {
            let Some(first) = versions.first() else { continue };
            found.keys += 1;
            if rows_of_key(&self.data, first.key()).is_empty() {
                found.missing.push((first.key(), first.number));
            }
            let same = versions.chunk_by(|a, b| a.hash == b.hash).filter(|same| same.len() > 1 && !repeats);
            found.twice.extend(same.map(|same| (first.key(), rows(same))));
        }
        for of in self.data.chunk_by(|a, b| a.key() == b.key()) {
            let Some(first) = of.first() else { continue };
            let key = first.key();
            let versions = rows_of_key(&self.done, key).len();
            if versions == 0 {
                found.strange.push((key, first.number));
                continue;
            }
            match mode {
                WriteMode::Upsert if of.len() > 1 => found.doubled.push((key, rows(of))),
                WriteMode::Upsert => {}
                WriteMode::Append => {
                    // A version that was revoked and done again, as by a reprocess, still has its
                    // earlier rows.
                    let times = versions + rows_of_key(&self.revoked, key).len();
                    let equal = of.chunk_by(|a, b| a.hash == b.hash).filter(|equal| equal.len() > times);
                    found.doubled.extend(equal.map(|equal| (key, rows(equal))));
                }
            }
        }
        found
    }

    /// Removes the revoked rows. The revocations that matched one remain.
    fn take_back(&mut self) {
        let Self { done, revoked, .. } = self;
        revoked.sort_unstable();
        let (mut at, mut taking) = (0, Vec::new());
        done.retain(|row| {
            while revoked.get(at).is_some_and(|one| one.version() < row.version()) {
                at += 1;
            }
            match revoked.get(at).filter(|one| one.version() == row.version()) {
                Some(one) => {
                    taking.push(*one);
                    at += 1;
                    false
                }
                None => true,
            }
        });
        *revoked = taking;
        // Revocations match rows of predecessors first. Other rows of predecessors are not checked
        // here.
        done.retain(|row| row.number > 0);
    }
}

/// Returns the rows of a key from sorted rows.
fn rows_of_key(rows: &[TabRow], key: RowDigest) -> &[TabRow] {
    let from = rows.partition_point(|row| row.key() < key);
    let to = rows.partition_point(|row| row.key() <= key);
    rows.get(from..to).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(key: &str) -> RowDigest {
        RowDigest::from_key(key)
    }

    #[test]
    fn a_row_takes_24_bytes() {
        assert_eq!(size_of::<TabRow>(), 24);
    }

    #[test]
    fn rows_that_a_forced_run_left_are_not_doubled() {
        let tabs = |data: &[(&str, u64)]| {
            let mut tabs = audit(&[("a", 1), ("a", 1), ("b", 1)], data);
            tabs.add_revocation(print("a"), 1);
            tabs.add_revocation(print("b"), 9);
            tabs.finish(WriteMode::Append, false)
        };
        assert!(tabs(&[("a", 5), ("a", 5), ("b", 5)]).is_clean());
        assert_eq!(tabs(&[("a", 5), ("a", 5), ("a", 5), ("b", 5)]).doubled, [(print("a"), vec![2, 3, 4])]);
        // A revocation that matches no row proves nothing about done rows.
        assert_eq!(tabs(&[("a", 5), ("b", 5), ("b", 5)]).doubled, [(print("b"), vec![3, 4])]);
    }

    fn audit(done: &[(&str, u64)], data: &[(&str, u64)]) -> ConsistencyCheck {
        let mut audit = ConsistencyCheck::default();
        for (row, (key, version)) in (2..).zip(done) {
            audit.add_done(print(key), *version, row);
        }
        for (row, (key, cells)) in (2..).zip(data) {
            audit.add_data(print(key), *cells, row);
        }
        audit
    }

    #[test]
    fn an_item_done_here_and_in_an_earlier_sheet_is_no_finding() {
        let mut tabs = audit(&[("a", 1)], &[("a", 5)]);
        tabs.add_earlier(print("a"), 1);
        tabs.add_earlier(print("b"), 1);
        tabs.add_revocation(print("a"), 1);
        let found = tabs.finish(WriteMode::Append, false);
        assert!(found.is_clean() && found.keys == 1, "{found:?}");
    }

    #[test]
    fn tabs_that_agree_are_clean_and_counted() {
        let found =
            audit(&[("a", 1), ("b", 1), ("a", 2)], &[("b", 5), ("a", 6), ("a", 7)]).finish(WriteMode::Append, false);
        assert!(found.is_clean());
        assert_eq!((found.keys, found.rows), (2, 3));
    }

    #[test]
    fn a_key_without_a_row_and_a_row_without_a_key_are_found() {
        let found = audit(&[("a", 1), ("b", 1)], &[("b", 5), ("c", 6)]).finish(WriteMode::Append, false);
        assert_eq!((found.missing, found.strange), (vec![(print("a"), 2)], vec![(print("c"), 3)]));
    }

    #[test]
    fn two_rows_of_a_key_are_doubled_only_by_the_rule_of_the_mode() {
        let tabs = || audit(&[("a", 1)], &[("a", 5), ("a", 6)]);
        assert!(tabs().finish(WriteMode::Append, false).doubled.is_empty());
        assert_eq!(tabs().finish(WriteMode::Upsert, false).doubled, [(print("a"), vec![2, 3])]);
        let equal = audit(&[("a", 1)], &[("a", 5), ("a", 5)]).finish(WriteMode::Append, false);
        assert_eq!(equal.doubled, [(print("a"), vec![2, 3])]);
        assert!(audit(&[("a", 1), ("a", 2)], &[("a", 5), ("a", 5)]).finish(WriteMode::Append, false).is_clean());
    }

    #[test]
    fn a_version_twice_in_processed_is_found_unless_forgotten() {
        let mut tabs = audit(&[("a", 1), ("a", 1)], &[("a", 5), ("a", 5)]);
        assert_eq!(
            audit(&[("a", 1), ("a", 1)], &[("a", 5)]).finish(WriteMode::Append, false).twice,
            [(print("a"), vec![2, 3])]
        );
        tabs.add_revocation(print("a"), 1);
        let found = tabs.finish(WriteMode::Upsert, false);
        assert!(found.twice.is_empty() && found.keys == 1);
    }
}
