//! Clears keys that a write put by mistake into rows that count as gone. Pure.
//!
//! In scope: which row shows a key by mistake, and rows of which nothing shows that.
//! Out of scope: rows that were found and get back what they contained
//! (`store::upsert::repair::planning::restore`).
//!
//! A row in which users typed over what a write left there counts as gone: their cells stay. But the
//! key in it is another row's, and a key has one row.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use crate::store::tabs::row_fingerprint::{RowFingerprint, hash_contents};
use crate::store::upsert::repair::location::column_search::read_cell;
use crate::store::upsert::repair::location::correspondence::Correspondence;
use crate::store::upsert::repair::location::rows::RowLocation;
use crate::store::upsert::repair::location::rows::to_row_index;
use crate::store::upsert::repair::planning::ambiguity::AmbiguousRows;
use crate::store::upsert::repair::planning::plan::RepairPlanner;
use crate::store::upsert::repair::planning::planned_repairs::PlannedRepairs;
use crate::store::upsert::undo_log::{MisplacedWrite, RowPredicate};

impl RepairPlanner<'_> {
    /// Clears the key in rows that count as gone, where the key's own row is known. If nothing shows
    /// which of two rows is the key's own, the run stops.
    pub(super) fn clear_stray_keys(&self, out: &mut PlannedRepairs) {
        let mut all = self.correspondence.find_stray_keys();
        for (key, left) in self.correspondence.find_keys_of_missed_repairs(&out.without_row) {
            all.entry(key).or_default().extend(left);
        }
        for (key, left) in all {
            let shown = self.correspondence.find_unhit_rows(&key);
            let owner = out.owners.get(&key).copied();
            let planned = owner.flatten().filter(|row| shown.contains(row));
            let mut certain = self.correspondence.find_certain_rows(&key, &shown);
            certain.extend(self.correspondence.find_row_with_own_cells(&key, &left, &shown));
            let strays: Vec<u32> = shown
                .iter()
                .copied()
                .filter(|row| {
                    !certain.contains(row)
                        && planned != Some(*row)
                        && self.correspondence.has_left_contents(&left, *row)
                })
                .collect();
            let Some(first) = strays.first().copied() else { continue };
            let doubtful = planned.filter(|row| !certain.contains(row));
            let other = doubtful.or_else(|| strays.get(left.len()).copied());
            let other = other.or_else(|| strays.get(1).copied().filter(|_| owner.is_none() && certain.is_empty()));
            if let Some(other) = other {
                let rows = (first.min(other), first.max(other));
                out.ambiguous.push(AmbiguousRows { rows, key: Some(key), is_restorable: false });
                continue;
            }
            for row in strays {
                out.clear(row, self.correspondence.image.key);
                out.unrepaired.push(format!(
                    "row {} showed the key \"{key}\", which a write had put there by mistake; that cell is cleared, and the rest of the row is left as it is",
                    row + 1
                ));
            }
        }
    }
}

impl Correspondence<'_> {
    /// The keys that a write put into other keys' rows, or into rows without one, which were not
    /// found again. Each comes with what the write left in these rows, in current columns.
    fn find_stray_keys(&self) -> BTreeMap<String, Vec<RowFingerprint>> {
        let mut out: BTreeMap<String, Vec<RowFingerprint>> = BTreeMap::new();
        for (at, misplaced) in self.finding.misplaced.iter().enumerate() {
            if self.located.get(at) == Some(&RowLocation::Gone) && self.has_foreign_key(at, misplaced) {
                let left = RowFingerprint::new(&misplaced.post_image_values, |_| false)
                    .map_to(&self.columns_now, self.image.width());
                out.entry(read_cell(&misplaced.post_image_values, self.key)).or_default().push(left);
            }
        }
        out
    }

    /// The keys that an earlier write put by mistake into rows that count as gone. A repair was to
    /// take them from there, and hit other rows. Each comes with what the rows showed then.
    fn find_keys_of_missed_repairs(&self, without_row: &HashSet<usize>) -> BTreeMap<String, Vec<RowFingerprint>> {
        let (map, key) = (self.make_intended_map(), self.finding.undo_log.key);
        let mut out: BTreeMap<String, Vec<RowFingerprint>> = BTreeMap::new();
        for misplaced in without_row.iter().filter_map(|at| self.finding.misplaced.get(*at)) {
            let RowPredicate::Row { key: None, fingerprint } = &misplaced.target.expect else { continue };
            let is_key_taken = misplaced.target.columns.contains(&key)
                && misplaced.target.moves.is_empty()
                && misplaced.post_image_values.get(key).and_then(hash_contents) != fingerprint.hash_at(key);
            if !is_key_taken || !self.find_hits_with_contents(fingerprint).is_empty() {
                continue;
            }
            let is_it = |shown: &&String| fingerprint.hash_at(key) == hash_contents(&Value::from(shown.as_str()));
            let Some(shown) = self.by_key.keys().filter(|shown| !shown.is_empty()).find(is_it) else { continue };
            let left = fingerprint.map_to(&map, self.image.width());
            // Of a key with a new row, only what users wrote beside it distinguishes the other one.
            let is_left_in = |row: &u32| self.has_cells_of_no_new_row(&left, *row);
            let is_new = self.finding.undo_log.recreated.contains(shown);
            if !is_new || self.find_unhit_rows(shown).iter().any(is_left_in) {
                out.entry(shown.clone()).or_default().push(left);
            }
        }
        out
    }

    /// Whether a write left another row's key in a row.
    fn has_foreign_key(&self, at: usize, misplaced: &MisplacedWrite) -> bool {
        let left = read_cell(&misplaced.post_image_values, self.key);
        let is_own = match misplaced.target.expect {
            RowPredicate::Blank(_) => self.was_free(misplaced),
            RowPredicate::Key(_) | RowPredicate::Row { .. } => self.is_own_row(at, misplaced),
        };
        let is_written = misplaced.target.columns.contains(&self.key) && left != self.find_key_before(misplaced);
        is_written && !left.is_empty() && !is_own
    }

    /// The rows that show this key and are none of the hit rows that were found.
    fn find_unhit_rows(&self, key: &str) -> Vec<u32> {
        let rows = self.by_key.get(key).into_iter().flatten().map(|row| to_row_index(*row));
        rows.filter(|row| self.find_hit_at(*row).is_none()).collect()
    }

    /// Returns the rows among `rows` that are this key's own for certain. A repair hit or created them, or
    /// they alone show all that its write expected.
    fn find_certain_rows(&self, key: &str, rows: &[u32]) -> Vec<u32> {
        let map = self.make_intended_map();
        let created = self.find_created_rows();
        let expected = self.finding.misplaced.iter().filter_map(|misplaced| match &misplaced.target.expect {
            RowPredicate::Row { fingerprint, .. } if self.find_key_of_write(misplaced).as_deref() == Some(key) => {
                Some(fingerprint.map_to(&map, self.image.width()))
            }
            _ => None,
        });
        let expected: Vec<_> = expected.filter(|fingerprint| !fingerprint.is_blank()).collect();
        let is_expected =
            |row: u32| expected.iter().any(|expected| self.image.compare(expected, row as usize).is_exact());
        let is_only = |row: u32| is_expected(row) && rows.iter().filter(|other| is_expected(**other)).count() == 1;
        let is_certain = |row: &u32| self.is_hit_as_intended(*row) || created.contains(row) || is_only(*row);
        rows.iter().copied().filter(is_certain).collect()
    }

    /// The only one of these rows that shows a cell of what the key's row contained, in a column
    /// that no write touched. Nothing alike was in the rows into which a write put the key by
    /// mistake.
    fn find_row_with_own_cells(&self, key: &str, left: &[RowFingerprint], rows: &[u32]) -> Option<u32> {
        let map = self.make_intended_map();
        let used: HashSet<usize> =
            self.finding.undo_log.written_columns.iter().filter_map(|at| self.find_intended_column(*at)).collect();
        let named = |misplaced: &&MisplacedWrite| self.find_key_of_write(misplaced).as_deref() == Some(key);
        let expected =
            self.finding.misplaced.iter().filter(named).filter_map(|misplaced| match &misplaced.target.expect {
                RowPredicate::Row { fingerprint, .. } => Some(fingerprint.map_to(&map, self.image.width())),
                _ => None,
            });
        let cells: Vec<(usize, u64)> = expected.flat_map(|row| row.hashes().collect::<Vec<_>>()).collect();
        let is_own = |&&(column, hash): &&(usize, u64)| {
            !used.contains(&column) && left.iter().all(|left| left.hash_at(column) != Some(hash))
        };
        let cells: Vec<(usize, u64)> = cells.iter().filter(is_own).copied().collect();
        let shows = |row: u32, column| self.image.cell(row as usize, column).and_then(hash_contents);
        let mut own =
            rows.iter().copied().filter(|row| cells.iter().any(|(column, hash)| shows(*row, *column) == Some(*hash)));
        own.next().filter(|_| own.next().is_none())
    }

    /// The key of the row for which a write was intended, if the write names it.
    pub(super) fn find_key_of_write(&self, misplaced: &MisplacedWrite) -> Option<String> {
        let (target, key) = (&misplaced.target, self.finding.undo_log.key);
        let named = target.key().or_else(|| target.expect.key()).map(str::to_owned);
        let written = || Some(read_cell(&misplaced.post_image_values, key));
        let is_written = target.columns.contains(&key) && target.moves.is_empty();
        let written = if is_written { written() } else { None };
        written.filter(|key| !key.is_empty()).or(named)
    }

    /// Whether a row shows more than the key of what was left in one of these rows.
    fn has_left_contents(&self, left: &[RowFingerprint], row: u32) -> bool {
        left.iter().any(|left| self.image.compare(left, row as usize).equal > 1)
    }

    /// Whether a row shows this key and not by mistake of a write.
    pub(super) fn is_shown_as_own(&self, key: &str) -> bool {
        let unfound = self.find_stray_keys().get(key).map_or(0, Vec::len);
        !key.is_empty() && self.find_rows(key).count() > unfound
    }
}
