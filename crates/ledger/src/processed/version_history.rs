//! The earlier versions of a key: whether a version is done for the first time, or the source has
//! returned to it.
//!
//! In scope: the change that wrote a row of Processed, and the id of a change, if one version of a
//! key counts.
//! Out of scope: which version counts (`ledger::processed::processed_index`), and the use of the id
//! (`ledger::items::key::make_idempotency_key_of_change`).
//!
//! A service that accepts each idempotency key once needs a different one for each *change*. From
//! version 1 to version 2 and back to version 1 are two changes, and the second ends where the key
//! began. So a change to a version that was done before gets its id from what it follows: the row
//! of Processed that counted until then. Every machine reads the same row, however often the change
//! is retried.
//!
//! ```text
//!  rows of the key        to        the change
//!  (none)                 v1        has no id: the first time of v1
//!  v1                     v2        has no id
//!  v1 v2                  v1        follows v2's row
//!  v1 v2 v1'              v1        follows v2's row: the same change once more, on the user's request
//!  v1 v2 v1'              v2        follows v1''s row
//! ```

use crate::items::key::Fingerprint;
use crate::leases::row_order::read_run_cell;
use crate::processed::row_gaps::GapKeys;

/// The change that wrote a row of Processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VersionUse {
    /// 63 bits of a hash of the cell `run`; the lowest bit is set if the cell holds the row's
    /// order.
    id: u64,
    /// The number of its commit; 0 if the row does not contain it.
    commit: u64,
}

impl VersionUse {
    /// Parses the cell `run` of a row.
    pub fn from_cell(run_cell: &str) -> Self {
        let order = read_run_cell(run_cell).1;
        let id = (hash_text(run_cell) << 1) | u64::from(order.is_some());
        Self { id, commit: order.map_or(0, |order| order.commit) }
    }

    /// Marks the row as one that may have lost predecessors, if it was written before the commit
    /// `pruned`.
    pub fn mark_gap(&mut self, pruned: u64) {
        if self.commit < pruned {
            self.commit = 0;
        }
    }

    /// True if two rows of one key were written for one item: after the user changed a record into
    /// another version, both versions are done. Rows of earlier versions of sheetkeep do not
    /// contain this.
    pub fn is_same_change(self, other: Self) -> bool {
        self.id & 1 == 1 && self.id == other.id
    }
}

/// FNV-1a, 64 bits. It distinguishes rows of one key. Its form is frozen: idempotency keys depend
/// on it.
fn hash_text(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// A row of Processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HistoryRow {
    key: Fingerprint,
    hash: u64,
    change: VersionUse,
}

/// The rows of keys with several rows, and of keys that have lost rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionHistory {
    /// The rows of each key in writing order.
    rows: Vec<HistoryRow>,
    /// The keys that have lost rows.
    gaps: GapKeys,
}

impl VersionHistory {
    /// Creates a history to which keys are added, in the order of their fingerprints. The keys in
    /// `gaps` have lost rows.
    pub fn new(gaps: GapKeys) -> Self {
        Self { rows: Vec::new(), gaps }
    }

    /// Adds the rows of the next key in writing order, each with the hash of its version. Those of a
    /// key with one row are kept only if it has lost others.
    pub fn add_key(&mut self, rows: impl Iterator<Item = (Fingerprint, u64, VersionUse)>) {
        let from = self.rows.len();
        self.rows.extend(rows.map(|(key, hash, change)| HistoryRow { key, hash, change }));
        let added = self.rows.get(from..).unwrap_or_default();
        if let [only] = added
            && !self.gaps.has(only.key, Some(only.change.commit))
        {
            self.rows.truncate(from);
        }
    }

    /// Returns the history without spare room.
    #[must_use]
    pub fn shrink_to_fit(mut self) -> Self {
        self.rows.shrink_to_fit();
        self
    }

    /// Limits the keys that have lost rows to these, a subset of those before.
    pub fn with_known_gaps(&mut self, gaps: GapKeys) {
        self.gaps = gaps;
    }

    /// Returns the id of the change of a key to the version with this hash; `None` for the
    /// version's first time. `known` are the hashes of the key's versions that count, and `since`
    /// is this run's change of the key, with its hash.
    pub fn change_id(
        &self,
        key: Fingerprint,
        to: u64,
        known: &[u64],
        since: Option<(u64, VersionUse)>,
    ) -> Option<String> {
        let from = self.rows.partition_point(|row| row.key < key);
        let to_end = self.rows.get(from..).unwrap_or_default();
        let mut rows: Vec<HistoryRow> = to_end.iter().take_while(|row| row.key == key).copied().collect();
        let has_gaps = self.gaps.has(key, rows.first().map(|row| row.change.commit));
        rows.extend(since.map(|(hash, change)| HistoryRow { key, hash, change }));
        // Repeating the last change is the same change.
        while let Some(last) = rows.last().copied() {
            let same = rows.iter().rev().take_while(|row| row.change.is_same_change(last.change)).count().max(1);
            let first = rows.len() - same;
            if !rows.get(first..).unwrap_or_default().iter().any(|row| row.hash == to) {
                break;
            }
            rows.truncate(first);
        }
        let follows = rows.last()?;
        let was_done = has_gaps || rows.iter().any(|row| row.hash == to) || (since.is_some() && known.contains(&to));
        was_done.then(|| format!("after {:016x} {:016x}", follows.hash, follows.change.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(rows: &[(u64, &str)], before: Option<u64>) -> VersionHistory {
        let key = Fingerprint(7, 7);
        let mut history = VersionHistory::new(GapKeys::read("", before));
        history.add_key(rows.iter().map(|(hash, cell)| (key, *hash, VersionUse::from_cell(cell))));
        history.shrink_to_fit()
    }

    fn change_id(rows: &[(u64, &str)], to: u64) -> Option<String> {
        history(rows, None).change_id(Fingerprint(7, 7), to, &[], None)
    }

    fn append_hash(hash: u64, cell: &str) -> String {
        format!("after {hash:016x} {:016x}", VersionUse::from_cell(cell).id)
    }

    #[test]
    fn the_first_time_of_a_version_has_no_name() {
        assert_eq!(change_id(&[], 1), None);
        assert_eq!(change_id(&[(1, "r #1.1")], 2), None);
        assert_eq!(change_id(&[(1, "r #1.1"), (2, "r #1.2")], 3), None);
        // Requested once more.
        assert_eq!(change_id(&[(1, "r #1.1")], 1), None);
        assert_eq!(change_id(&[(1, "r #1.1"), (2, "r #1.2"), (2, "r #1.3")], 2), None);
    }

    #[test]
    fn a_version_that_comes_back_is_named_by_what_it_follows() {
        let rows = [(1, "r #1.1"), (2, "r #1.2"), (1, "s #2.4"), (2, "s #2.5")];
        assert_eq!(change_id(&rows[..2], 1), Some(append_hash(2, "r #1.2")));
        assert_eq!(change_id(&rows[..3], 1), Some(append_hash(2, "r #1.2")), "the same change once more");
        assert_eq!(change_id(&rows[..3], 2), Some(append_hash(1, "s #2.4")));
        assert_eq!(change_id(&rows, 1), Some(append_hash(2, "s #2.5")));
        // Rows of an earlier version of sheetkeep.
        assert_eq!(change_id(&[(1, "r"), (2, "s")], 1), Some(append_hash(2, "s")));
    }

    #[test]
    fn what_one_item_did_of_two_versions_is_one_doing() {
        let rows = [(1, "r #1.1"), (2, "r #1.2"), (3, "r #1.2")];
        for to in [2, 3] {
            assert_eq!(change_id(&rows, to), None);
        }
        assert_eq!(change_id(&rows, 1), Some(append_hash(3, "r #1.2")));
    }

    #[test]
    fn where_rows_were_taken_out_no_version_counts_as_new() {
        let known = |rows: &[(u64, &str)], to| history(rows, Some(5)).change_id(Fingerprint(7, 7), to, &[], None);
        assert_eq!(known(&[(2, "r #1.2")], 1), Some(append_hash(2, "r #1.2")));
        assert_eq!(known(&[(2, "r #1.2")], 2), None);
        assert_eq!(known(&[(2, "r #1.6")], 1), None, "it began later");
        assert_eq!(known(&[(2, "r #1.2"), (3, "r #1.6")], 1), Some(append_hash(3, "r #1.6")));
    }

    #[test]
    fn rows_of_another_key_that_were_taken_out_change_no_name() {
        let of = |lost: u64| {
            let mut gaps = GapKeys::default();
            gaps.add(lost, 5);
            let rows = [(Fingerprint(7 << 16, 7), 2, VersionUse::from_cell("r #1.2"))];
            let mut history = VersionHistory::new(gaps);
            history.add_key(rows.into_iter());
            history.change_id(Fingerprint(7 << 16, 7), 1, &[], None)
        };
        assert_eq!(of(8 << 16), None);
        assert_eq!(of(7 << 16), Some(append_hash(2, "r #1.2")));
    }

    #[test]
    fn what_this_run_has_done_comes_after_all_rows() {
        let since = Some((2, VersionUse::from_cell("s #2.4")));
        let name = |rows: &[(u64, &str)], to, known: &[u64]| {
            history(rows, None).change_id(Fingerprint(7, 7), to, known, since)
        };
        assert_eq!(name(&[], 1, &[1]), Some(append_hash(2, "s #2.4")), "its one row is known by the book");
        assert_eq!(name(&[], 1, &[]), None);
        assert_eq!(name(&[(1, "r #1.1"), (3, "r #1.2")], 1, &[3]), Some(append_hash(2, "s #2.4")));
    }

    #[test]
    fn the_id_of_a_doing_is_frozen() {
        assert_eq!(VersionUse::from_cell("20260921-141320-00d40 #3.17"), VersionUse { id: FROZEN, commit: 17 });
    }

    /// Computed once by this code.
    const FROZEN: u64 = 17_025_686_386_417_221_661;
}
