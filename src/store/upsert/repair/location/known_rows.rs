//! Finds rows that are known to be none of those that a batch hit by mistake, and keys that hit rows were
//! to get back. Pure.
//!
//! In scope: the intended rows of a repair that it missed, rows that it hit as intended, and the keys
//! that it was to restore.
//! Out of scope: rows by their contents (`store::upsert::repair::location::intended_rows`).

use std::collections::HashSet;

use serde_json::Value;

use crate::store::tabs::row_fingerprint::{FingerprintMatch, RowFingerprint};
use crate::store::upsert::repair::location::column_search::read_cell;
use crate::store::upsert::repair::location::correspondence::Correspondence;
use crate::store::upsert::repair::location::excluded_row::ExcludedRow;
use crate::store::upsert::undo_log::{MisplacedWrite, RowPredicate};

impl Correspondence<'_> {
    /// The rows that a repair hit as intended: each is where it hit it, or else the only row that
    /// shows what it wrote.
    pub(crate) fn find_rows_hit_as_intended(&self) -> Vec<ExcludedRow> {
        let hit_as_intended = self.finding.hit_as_intended.iter().filter_map(|(target_row, row)| {
            let is_filled = |at| self.columns_now.get(at).is_some_and(|column| self.image.has_header_formula(column));
            let fingerprint = RowFingerprint::new(row, is_filled).map_to(&self.columns_now, self.image.width());
            if fingerprint.is_blank() {
                return None;
            }
            let rows = self.image.rows().filter(|(row, _)| self.image.compare(&fingerprint, *row).is_exact());
            let rows: Vec<_> = rows.map(|(row, _)| row).collect();
            let only = if let [only] = rows.as_slice() { Some(*only) } else { None };
            let target_row = *target_row as usize;
            let row = rows.contains(&target_row).then_some(target_row).or(only);
            let row = row.or_else(|| self.find_hit_row_except_key(&fingerprint));
            Some(ExcludedRow { fingerprint, key: None, row, repaired: None })
        });
        hit_as_intended.collect()
    }

    /// The only row that shows these contents but for a key, which users changed to one that the finding
    /// does not name.
    fn find_hit_row_except_key(&self, fingerprint: &RowFingerprint) -> Option<usize> {
        let keys = self.collect_finding_keys();
        let mut rows = self.image.rows().map(|(row, _)| row).filter(|row| {
            let like = self.image.compare_but(fingerprint, *row, self.image.key);
            let shown = self.image.shown_text(*row, self.image.key);
            like.is_exact() && like.equal > 1 && (shown.is_empty() || !keys.contains(&shown))
        });
        rows.next().filter(|_| rows.next().is_none())
    }

    /// Whether a hit row contained as much of these contents as of others. It may then be the row
    /// that a repair expected, changed since.
    pub(crate) fn is_like_hit(&self, fingerprint: &RowFingerprint) -> bool {
        let hits = self.finding.misplaced.iter().map(|hit| self.compare_before(fingerprint, hit));
        hits.into_iter().any(|like| like.equal > 0 && like.equal >= like.different)
    }

    /// Compares what a repair expected with what a hit row contained before.
    pub(crate) fn compare_before(&self, fingerprint: &RowFingerprint, hit: &MisplacedWrite) -> FingerprintMatch {
        let width = hit.pre_image_values.len().max(self.finding.header.len());
        fingerprint.map_to(&self.columns_at_write, width).compare(&hit.pre_image_values, |_| false)
    }

    /// Whether a row is one that a repair hit as intended.
    pub(crate) fn is_hit_as_intended(&self, row: u32) -> bool {
        self.hit_as_intended.iter().any(|excluded| excluded.row == Some(row as usize))
    }

    /// Rows that are known to be others than the hit ones: intended rows that a repair missed, and
    /// rows that it hit as intended.
    pub(crate) fn find_excluded_rows(&self) -> Vec<ExcludedRow> {
        let map = self.make_intended_map();
        let missed = self.finding.misplaced.iter().filter_map(|misplaced| match &misplaced.target.expect {
            RowPredicate::Row { key, fingerprint } if !fingerprint.is_blank() && !self.is_like_hit(fingerprint) => {
                let shown = key.as_ref().and_then(|key| self.by_key.get(key));
                let row = shown.and_then(|rows| if let [row] = rows.as_slice() { Some(*row) } else { None });
                let key = key.clone().or_else(|| self.find_restored_key(misplaced));
                let repaired =
                    compute_repaired_contents(misplaced, fingerprint).map(|row| row.map_to(&map, self.image.width()));
                Some(ExcludedRow { fingerprint: fingerprint.map_to(&map, self.image.width()), key, row, repaired })
            }
            _ => None,
        });
        missed.chain(self.hit_as_intended.iter().cloned()).collect()
    }

    /// The key that a repair was to restore in a row that had lost it.
    pub(crate) fn find_restored_key(&self, misplaced: &MisplacedWrite) -> Option<String> {
        let (target, key) = (&misplaced.target, self.finding.undo_log.key);
        let writes_key = target.columns.contains(&key) && target.moves.is_empty();
        let is_restored = writes_key && matches!(target.expect, RowPredicate::Row { .. });
        Some(read_cell(&misplaced.post_image_values, key)).filter(|key| is_restored && !key.is_empty())
    }

    /// The key of a hit row: the one that the batch was to restore in it, or the one that it had.
    pub(crate) fn find_own_key(&self, at: usize) -> Option<String> {
        let to_restore = self.keys_to_restore.get(at).cloned().flatten();
        let had = || self.finding.misplaced.get(at).map(|misplaced| self.find_key_before(misplaced));
        to_restore.or_else(had).filter(|key| !key.is_empty())
    }

    /// The key that a write would have restored in this hit row, also by moving it there from another
    /// column.
    pub(crate) fn find_key_restored_in(&self, at: usize, misplaced: &MisplacedWrite) -> Option<String> {
        let key = self.finding.undo_log.key;
        let Some((from, _)) = misplaced.target.moves.iter().find(|(_, to)| *to == key) else {
            return self.find_restored_key(misplaced);
        };
        let hit = self.finding.misplaced.get(at)?;
        Some(read_cell(&hit.pre_image_values, self.columns_at_write.get(*from)?)).filter(|key| !key.is_empty())
    }

    /// Whether a hit row had contents before.
    pub(crate) fn had_contents(&self, at: usize) -> bool {
        let before = self.finding.misplaced.get(at).map(|misplaced| &misplaced.pre_image_values);
        before.is_some_and(|cells| !RowFingerprint::new(cells, |_| false).is_blank())
    }

    /// Whether the batch was to restore the key of a hit row.
    pub(crate) fn has_key_to_restore(&self, at: usize) -> bool {
        self.keys_to_restore.get(at).is_some_and(Option::is_some)
    }

    pub(crate) fn find_keys_to_restore(&self) -> Vec<Option<String>> {
        let mut keys_to_restore = vec![None; self.finding.misplaced.len()];
        for misplaced in &self.finding.misplaced {
            let RowPredicate::Row { fingerprint, .. } = &misplaced.target.expect else { continue };
            let hits = self.find_hits_with_contents(fingerprint);
            let [at] = hits.as_slice() else { continue };
            if let (Some(there), Some(key)) = (keys_to_restore.get_mut(*at), self.find_key_restored_in(*at, misplaced))
            {
                *there = Some(key);
            }
        }
        keys_to_restore
    }

    /// Intended rows of a repair that it missed and that still hold all expected contents. None of
    /// them was hit.
    pub(crate) fn find_missed_lookalikes(&self) -> HashSet<usize> {
        let map = self.make_intended_map();
        let fingerprints = self.finding.misplaced.iter().filter_map(|misplaced| match &misplaced.target.expect {
            RowPredicate::Row { key: None, fingerprint }
                if !fingerprint.is_blank() && self.find_hits_with_contents(fingerprint).is_empty() =>
            {
                Some(fingerprint.map_to(&map, self.image.width()))
            }
            _ => None,
        });
        let fingerprints: Vec<_> = fingerprints.collect();
        let is_intended =
            |row: usize| fingerprints.iter().any(|fingerprint| self.image.compare(fingerprint, row).is_exact());
        self.image.rows().map(|(row, _)| row).filter(|row| is_intended(*row)).collect()
    }
}

/// What a row contains once a write that expected it is repeated there; `None` for moves of cells.
fn compute_repaired_contents(misplaced: &MisplacedWrite, expected: &RowFingerprint) -> Option<RowFingerprint> {
    let (target, after) = (&misplaced.target, &misplaced.post_image_values);
    let write = |row: RowFingerprint, at: &usize| row.with_cell(*at, after.get(*at).unwrap_or(&Value::Null));
    target.moves.is_empty().then(|| target.columns.iter().fold(expected.clone(), write))
}
