//! Finds the rows for which a repair's writes were intended, when it hit others. Pure.
//!
//! In scope: rows among the hit ones and among all others, by their contents, and rows that
//! nothing distinguishes.
//! Out of scope: rows that were hit (`store::upsert::repair::location::rows`), what a repair then writes
//! (`store::upsert::repair::planning::plan`).

use std::collections::{HashMap, HashSet};

use crate::store::tabs::row_fingerprint::{RowFingerprint, hash_contents};
use crate::store::upsert::repair::location::column_search::read_cell;
use crate::store::upsert::repair::location::correspondence::Correspondence;
use crate::store::upsert::repair::location::rows::to_row_index;
use crate::store::upsert::undo_log::{MisplacedWrite, RowPredicate};

impl Correspondence<'_> {
    /// Whether a write hit the row for which it was intended, in whichever columns.
    pub(crate) fn is_own_row(&self, at: usize, misplaced: &MisplacedWrite) -> bool {
        match &misplaced.target.expect {
            RowPredicate::Key(key) => self.find_key_before(misplaced) == *key,
            RowPredicate::Row { key: Some(key), .. } => {
                self.find_key_before(misplaced) == *key || self.matches_except_key(at, misplaced)
            }
            RowPredicate::Row { key: None, fingerprint } => self.find_hits_with_contents(fingerprint).contains(&at),
            RowPredicate::Blank(_) => false,
        }
    }

    /// Whether a repair hit the intended row, and a user had changed nothing in it but its key since the
    /// plan. A version is written to the row of its key; this row has lost that key.
    pub(crate) fn matches_except_key(&self, at: usize, misplaced: &MisplacedWrite) -> bool {
        let (undo_log, target) = (&self.finding.undo_log, &misplaced.target);
        let RowPredicate::Row { key: Some(key), fingerprint } = &target.expect else { return false };
        if !undo_log.is_repair
            || target.is_rewrite
            || self.find_hit_with_key(key).is_some()
            || self.by_key.contains_key(key)
        {
            return false;
        }
        let width = misplaced.pre_image_values.len().max(self.finding.header.len());
        let like = fingerprint
            .map_to(&self.columns_at_write, width)
            .compare(&misplaced.pre_image_values, |column| column == self.key);
        like.is_exact() && like.equal > 1 && !self.is_named_elsewhere(&self.find_key_before(misplaced), at)
    }

    /// Whether a finding names a key for other reasons than that this hit row showed it.
    fn is_named_elsewhere(&self, shown: &str, at: usize) -> bool {
        let undo_log = &self.finding.undo_log;
        let mut named = undo_log.targets.iter().filter_map(|target| target.key().or_else(|| target.expect.key()));
        let mut others = self.finding.misplaced.iter().enumerate().filter(|(other, _)| *other != at);
        let is_others = |hit: &MisplacedWrite| {
            [&hit.pre_image, &hit.post_image_values].iter().any(|row| read_cell(row, self.key) == shown)
        };
        !shown.is_empty()
            && (named.any(|key| key == shown)
                || undo_log.recreated.iter().any(|key| key == shown)
                || others.any(|(_, hit)| is_others(hit)))
    }

    /// The row that a repair hit, if it was the intended one, in which a user had changed some
    /// cells since the plan. No row that was not hit resembles the expected contents as much.
    pub(crate) fn find_own_changed_row(&self, at: usize, misplaced: &MisplacedWrite) -> Option<u32> {
        let RowPredicate::Row { fingerprint, .. } = &misplaced.target.expect else { return None };
        let row = self.find_row_of_hit(at)?;
        let own = self.compare_before(fingerprint, misplaced);
        let expected = fingerprint.map_to(&self.make_intended_map(), self.image.width());
        let created = self.find_created_rows();
        let is_other =
            |row: &u32| self.find_hit_at(*row).is_none() && !created.contains(row) && !self.is_hit_as_intended(*row);
        let unhit = self.image.rows().filter(|(row, _)| is_other(&to_row_index(*row)));
        let best = unhit.map(|(row, _)| self.image.compare(&expected, row).compute_score()).max();
        // A row counts as gone once more of it was changed than is left, unless its neighbours are
        // where the repair expected them.
        let is_left = own.equal >= own.different || self.are_neighbors_settled(misplaced.target.row);
        let is_alone = best.is_none_or(|best| best < own.compute_score() || (best <= 0 && is_left));
        (own.equal > 0 && is_left && is_alone).then_some(row)
    }

    /// Another row that a repair hit, if it was the intended one, in which a user had changed a few
    /// cells since the plan. No other row resembles the expected contents as much.
    pub(crate) fn find_other_changed_hit(&self, misplaced: &MisplacedWrite) -> Option<u32> {
        let RowPredicate::Row { fingerprint, .. } = &misplaced.target.expect else { return None };
        let hits = self.finding.misplaced.iter().enumerate();
        // A row that showed another key is that key's.
        let key = fingerprint.hash_at(self.finding.undo_log.key);
        let restored = self.find_restored_key(misplaced);
        let has_key = |hit: &MisplacedWrite| {
            hit.pre_image_values.get(self.key).and_then(hash_contents) == key
                || restored == Some(self.find_key_before(hit))
        };
        let mut close: Vec<_> = hits
            .filter(|(at, hit)| !self.is_own_row(*at, hit) && has_key(hit))
            .map(|(at, hit)| (self.compare_before(fingerprint, hit), at))
            .filter(|(like, _)| like.is_close())
            .collect();
        close.sort_by_key(|(like, _)| std::cmp::Reverse(like.compute_score()));
        let (first, at) = close.first()?;
        let row = self.find_row_of_hit(*at)?;
        let expected = fingerprint.map_to(&self.make_intended_map(), self.image.width());
        let unhit = self.image.rows().filter(|(row, _)| self.find_hit_at(to_row_index(*row)).is_none());
        let best = unhit.map(|(row, _)| self.image.compare(&expected, row).compute_score()).max();
        let second = close.get(1).map(|(second, _)| second.compute_score());
        let is_alone = best.max(second).is_none_or(|best| best < first.compute_score());
        is_alone.then_some(row)
    }

    /// Whether a repair hit rows above and below this one as intended, so that none of them had moved.
    fn are_neighbors_settled(&self, row: u32) -> bool {
        let mut hit_as_intended = self.finding.hit_as_intended.iter().map(|(target_row, _)| *target_row);
        hit_as_intended.clone().any(|target_row| target_row < row) && hit_as_intended.any(|target_row| target_row > row)
    }

    /// The lowest rows of the keys for which the batch created rows.
    pub(crate) fn find_created_rows(&self) -> HashSet<u32> {
        let undo_log = &self.finding.undo_log;
        let rows =
            undo_log.recreated.iter().filter_map(|key| self.by_key.get(key)).flatten().map(|row| to_row_index(*row));
        let unhit: Vec<_> = rows.filter(|row| self.find_hit_at(*row).is_none()).collect();
        let mut lowest: HashMap<String, u32> = HashMap::new();
        for row in unhit {
            let there = lowest.entry(self.image.shown_text(row as usize, self.image.key)).or_default();
            *there = row.max(*there);
        }
        lowest.into_values().collect()
    }

    /// The row into which a user wrote the key that a repair was to restore there, if most of its
    /// other cells are as expected.
    pub(crate) fn find_row_with_restored_key(&self, misplaced: &MisplacedWrite) -> Option<u32> {
        let RowPredicate::Row { fingerprint, .. } = &misplaced.target.expect else { return None };
        if !misplaced.target.columns.contains(&self.finding.undo_log.key) || !misplaced.target.moves.is_empty() {
            return None;
        }
        let key = read_cell(&misplaced.post_image_values, self.finding.undo_log.key);
        // A row that shows the key by mistake, and that another write is to fix, is that one's.
        let is_others =
            |row: &u32| self.find_hit_at(*row).is_none() && self.is_expected_by_other(misplaced, fingerprint, *row);
        let mut rows = self.find_rows(&key).filter(|row| !is_others(row));
        let row = rows.next().filter(|_| !key.is_empty() && rows.next().is_none())?;
        if let Some(hit) = self.find_hit_at(row) {
            let width = hit.pre_image_values.len().max(self.finding.header.len());
            let like = fingerprint
                .map_to(&self.columns_at_write, width)
                .compare(&hit.pre_image_values, |column| column == self.key);
            return like.is_close().then_some(row);
        }
        let expected = fingerprint.map_to(&self.make_intended_map(), self.image.width());
        let like = self.image.compare_but(&expected, row as usize, self.image.key);
        (like.is_close() || (like.equal > 0 && !self.is_claimed_by_other(misplaced, row))).then_some(row)
    }

    /// The only row that differs from what a repair expected in nothing but its key, which users
    /// changed so that it belongs to no key.
    pub(crate) fn find_row_with_changed_key(&self, misplaced: &MisplacedWrite) -> Option<u32> {
        let keys = self.collect_finding_keys();
        self.find_row_but_for_key(misplaced, |shown| !keys.contains(shown))
    }

    /// The only row that differs from what a repair expected in nothing but its key, which users
    /// cleared, as the repair was to do.
    pub(crate) fn find_row_with_cleared_key(&self, misplaced: &MisplacedWrite) -> Option<u32> {
        let key = self.finding.undo_log.key;
        let RowPredicate::Row { fingerprint, .. } = &misplaced.target.expect else { return None };
        let is_cleared = misplaced.target.columns.contains(&key) && misplaced.target.moves.is_empty();
        let is_cleared =
            is_cleared && fingerprint.hash_at(key).is_some() && read_cell(&misplaced.post_image_values, key).is_empty();
        self.find_row_but_for_key(misplaced, str::is_empty).filter(|_| is_cleared)
    }

    fn find_row_but_for_key(&self, misplaced: &MisplacedWrite, is_key: impl Fn(&str) -> bool) -> Option<u32> {
        let RowPredicate::Row { fingerprint, .. } = &misplaced.target.expect else { return None };
        let expected = fingerprint.map_to(&self.make_intended_map(), self.image.width());
        let mut rows = self.image.rows().map(|(row, _)| row).filter(|row| {
            let like = self.image.compare_but(&expected, *row, self.image.key);
            let is_free = self.find_hit_at(to_row_index(*row)).is_none()
                && !self.is_claimed_by_other(misplaced, to_row_index(*row));
            like.is_exact() && like.equal > 1 && is_free && is_key(&self.image.shown_text(*row, self.image.key))
        });
        rows.next().filter(|_| rows.next().is_none()).map(to_row_index)
    }

    /// The keys that a finding names.
    pub(crate) fn collect_finding_keys(&self) -> HashSet<String> {
        let undo_log = &self.finding.undo_log;
        let named = undo_log.targets.iter().filter_map(|target| target.key().or_else(|| target.expect.key()));
        let hit = self.finding.misplaced.iter();
        let hit =
            hit.flat_map(|hit| [read_cell(&hit.pre_image, self.key), read_cell(&hit.post_image_values, self.key)]);
        named.map(str::to_owned).chain(hit).chain(undo_log.recreated.iter().cloned()).collect()
    }

    /// Whether a row is known to be another than the one for which a write was intended. A repair
    /// hit it as intended or created it, or it shows what another write of the repair expects.
    fn is_claimed_by_other(&self, misplaced: &MisplacedWrite, row: u32) -> bool {
        self.is_hit_as_intended_or_expected(misplaced, row) || self.find_created_rows().contains(&row)
    }

    /// Whether a repair hit a row as intended, or another write of it expects what the row shows.
    fn is_hit_as_intended_or_expected(&self, misplaced: &MisplacedWrite, row: u32) -> bool {
        let map = self.make_intended_map();
        let mut others = self.finding.misplaced.iter().filter(|other| other.index != misplaced.index);
        let is_expected = others.any(|other| match &other.target.expect {
            RowPredicate::Row { fingerprint, .. } if !fingerprint.is_blank() => {
                self.image.compare(&fingerprint.map_to(&map, self.image.width()), row as usize).is_exact()
            }
            _ => false,
        });
        is_expected || self.is_hit_as_intended(row)
    }

    /// Whether a row shows all that another write of a repair expected, which is not what this one did.
    fn is_expected_by_other(&self, misplaced: &MisplacedWrite, fingerprint: &RowFingerprint, row: u32) -> bool {
        let map = self.make_intended_map();
        let others = self.finding.misplaced.iter().filter(|other| other.index != misplaced.index);
        let is_it = |other: &MisplacedWrite| match &other.target.expect {
            RowPredicate::Row { fingerprint: expected, .. } if !expected.is_blank() && expected != fingerprint => {
                self.image.compare(&expected.map_to(&map, self.image.width()), row as usize).is_exact()
            }
            _ => false,
        };
        others.into_iter().any(is_it)
    }

    /// Other writes of a repair that expected the same and leave something else.
    fn find_rival_writes<'s>(
        &'s self,
        misplaced: &'s MisplacedWrite,
        fingerprint: &'s RowFingerprint,
    ) -> impl Iterator<Item = &'s MisplacedWrite> {
        let others = self.finding.misplaced.iter().filter(|_| !fingerprint.is_blank());
        others.filter(move |other| is_expecting(other, fingerprint) && !is_same_write(other, misplaced))
    }

    /// Whether another write of a repair expected the same and leaves something else.
    pub(crate) fn has_rival(&self, misplaced: &MisplacedWrite, fingerprint: &RowFingerprint) -> bool {
        self.find_rival_writes(misplaced, fingerprint).next().is_some()
    }

    /// Two rows for which nothing shows which of several writes was meant. The writes of a repair
    /// expected the same and differ, and the repair hit one of their rows by mistake.
    pub(crate) fn find_rival_rows(
        &self,
        misplaced: &MisplacedWrite,
        fingerprint: &RowFingerprint,
    ) -> Option<(u32, u32)> {
        let rival = self.find_rival_writes(misplaced, fingerprint).next()?;
        // A rival whose row shows its key again is known.
        if self.find_row_with_restored_key(rival).is_some() {
            return None;
        }
        let hits = self.find_hits_with_contents(fingerprint);
        let mut rows: Vec<u32> = hits.into_iter().filter_map(|at| self.find_row_of_hit(at)).collect();
        if rows.is_empty() {
            return None;
        }
        let expected = fingerprint.map_to(&self.make_intended_map(), self.image.width());
        let others = self.image.rows().map(|(row, _)| row);
        let others = others.filter(|row| self.find_hit_at(to_row_index(*row)).is_none());
        rows.extend(others.filter(|row| self.image.compare(&expected, *row).is_exact()).map(to_row_index));
        Some((*rows.first()?, *rows.get(1)?))
    }

    /// Two rows that show what a repair expected, if nothing shows which of them it was for. The
    /// same row twice if it could be for another of its writes.
    pub(crate) fn find_equal_rows(
        &self,
        misplaced: &MisplacedWrite,
        fingerprint: &RowFingerprint,
    ) -> Option<(u32, u32)> {
        if fingerprint.is_blank() {
            return None;
        }
        let expected = fingerprint.map_to(&self.make_intended_map(), self.image.width());
        let is_free = |row: u32| self.find_hit_at(row).is_none() && !self.is_hit_as_intended(row);
        let rows = self.image.rows().filter(|(row, _)| is_free(to_row_index(*row)));
        let rows = rows.filter(|(row, _)| self.image.compare(&expected, *row).is_exact());
        // What a formula in a header fills in depends on the place, not on the row.
        let is_filled = |column| self.image.has_header_formula(column);
        let mut rows: Vec<_> =
            rows.map(|(row, cells)| (to_row_index(row), expected.compare(cells, is_filled).is_exact())).collect();
        // A row that shows the key of another write is that one's.
        let rivals = self.find_rival_writes(misplaced, fingerprint);
        let known: HashSet<u32> = rivals.filter_map(|other| self.find_row_with_restored_key(other)).collect();
        rows.retain(|(row, _)| !known.contains(row));
        // Other computed cells count only to distinguish rows that are equal otherwise.
        if rows.iter().any(|(_, is_same)| *is_same) {
            rows.retain(|(_, is_same)| *is_same);
        }
        let mut formulas: Vec<u32> = rows.iter().map(|(row, _)| *row).collect();
        self.retain_rows_with_formulas(fingerprint, &mut formulas);
        rows.retain(|(row, _)| formulas.contains(row));
        let (one, _) = *rows.first()?;
        let is_open = |other: &&MisplacedWrite| {
            is_expecting(other, fingerprint)
                && self.find_hits_with_contents(fingerprint).is_empty()
                && self.find_row_with_restored_key(other).is_none_or(|row| !known.contains(&row))
        };
        let writes: Vec<_> = self.finding.misplaced.iter().filter(is_open).collect();
        let are_alike = writes.iter().all(|other| is_same_write(other, misplaced));
        if are_alike && rows.len() <= writes.len() {
            return None;
        }
        let other = rows.get(1).map_or(one, |(row, _)| *row);
        (rows.len() > 1 || !are_alike).then_some((one, other))
    }

    /// Of equal rows, keeps those that have a formula wherever the expected row had one, if there are any.
    fn retain_rows_with_formulas(&self, expected: &RowFingerprint, rows: &mut Vec<u32>) {
        let map = self.make_intended_map();
        let columns = expected.skipped_columns().filter_map(|column| map.get(column));
        let columns: Vec<usize> = columns.filter(|column| !self.image.has_header_formula(*column)).collect();
        let has_all = |row: &u32| columns.iter().all(|column| self.image.formula(*row as usize, *column).is_some());
        if rows.iter().any(has_all) {
            rows.retain(has_all);
        }
    }

    /// Whether one of two rows shows more than what formulas compute. Other rows are all alike, and a
    /// repair may use the nearest.
    pub(crate) fn has_constants_in_either(&self, (one, other): (u32, u32)) -> bool {
        [one, other].into_iter().any(|row| self.image.has_constants(row as usize))
    }

    /// The row with the contents that a repair expected: in each cell, or else with a better match
    /// than any other free row. Blank rows are all alike; the nearest one is used.
    pub(crate) fn find_row_with_contents(
        &self,
        misplaced: &MisplacedWrite,
        fingerprint: &RowFingerprint,
        is_free: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let target_row = misplaced.target.row;
        let unmoved = fingerprint;
        let fingerprint = fingerprint.map_to(&self.make_intended_map(), self.image.width());
        let is_free = |row: u32| self.find_hit_at(row).is_none() && is_free(row) && !self.is_hit_as_intended(row);
        if fingerprint.is_blank() {
            let blank = (1..self.image.height).filter(|row| is_free(*row) && self.image.is_blank(*row as usize));
            return blank.min_by_key(|row| row.abs_diff(target_row));
        }
        // A row with another key is another row, even if all other cells match.
        let key = fingerprint.hash_at(self.image.key);
        let has_key = |row: usize| self.image.cell(row, self.image.key).and_then(hash_contents) == key;
        let rows = self.image.rows().filter(|(row, _)| has_key(*row) && is_free(to_row_index(*row)));
        let rows: Vec<_> = rows.map(|(row, _)| (self.image.compare(&fingerprint, row), to_row_index(row))).collect();
        let mut exact: Vec<_> = rows.iter().filter(|(like, _)| like.is_exact()).map(|(_, row)| *row).collect();
        self.retain_rows_with_formulas(unmoved, &mut exact);
        // Rows with nothing but formulas are all alike.
        if exact.iter().all(|row| !self.image.has_constants(*row as usize)) {
            if let Some(nearest) = exact.iter().min_by_key(|row| row.abs_diff(target_row)) {
                return Some(*nearest);
            }
        } else if let [one, ..] = exact.as_slice() {
            return Some(*one);
        }
        let mut close: Vec<_> = rows.into_iter().filter(|(like, _)| like.is_close()).collect();
        close.sort_by_key(|(like, row)| (std::cmp::Reverse(like.compute_score()), *row));
        if key.is_some() {
            // Several rows showed this key, and one of them may be the key's own row, or a new one.
            let recreated = &self.finding.undo_log.recreated;
            let is_new = |row: u32| recreated.contains(&self.image.shown_text(row as usize, self.image.key));
            let is_other = |row: u32| is_new(row) && !self.has_cells_of_no_new_row(&fingerprint, row);
            close.retain(|(_, row)| !self.is_hit_as_intended_or_expected(misplaced, *row) && !is_other(*row));
            return if let [(_, row)] = close.as_slice() { Some(*row) } else { None };
        }
        let (first, row) = close.first()?;
        let is_alone = close.get(1).is_none_or(|(second, _)| second.compute_score() < first.compute_score());
        is_alone.then_some(*row)
    }

    /// Whether a row shows something of these contents in a column that is not the job's, as no row does
    /// that the batch created.
    pub(crate) fn has_cells_of_no_new_row(&self, fingerprint: &RowFingerprint, row: u32) -> bool {
        let own = self.finding.undo_log.own_columns();
        let own: HashSet<usize> = own.into_iter().filter_map(|at| self.find_intended_column(at)).collect();
        let shown = |column: usize| self.image.cell(row as usize, column).and_then(hash_contents);
        fingerprint.hashes().any(|(column, hash)| !own.contains(&column) && shown(column) == Some(hash))
    }
}

/// Whether a write expected a row without a visible key, with these contents.
fn is_expecting(misplaced: &MisplacedWrite, fingerprint: &RowFingerprint) -> bool {
    matches!(&misplaced.target.expect, RowPredicate::Row { key: None, fingerprint: same } if same == fingerprint)
}

/// Whether two writes leave the same in their rows.
fn is_same_write(one: &MisplacedWrite, other: &MisplacedWrite) -> bool {
    let (a, b) = (&one.target, &other.target);
    let is_same =
        |column: &usize| read_cell(&one.post_image_values, *column) == read_cell(&other.post_image_values, *column);
    a.columns == b.columns && a.moves == b.moves && a.columns.iter().all(is_same)
}
