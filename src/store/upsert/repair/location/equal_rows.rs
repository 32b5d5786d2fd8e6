//! Finds hit rows that still have the contents that a batch left in them, also if several rows have
//! the same. Pure.
//!
//! In scope: rows that users did not change, or in which they only restored what the batch overwrote.
//! Out of scope: rows that users changed (`store::upsert::repair::location::rows`).
//!
//! Equal contents do not show which row is which. They count only if as many rows have them as are
//! known to, and if each of these is where the batch wrote it. Otherwise a user has to show it: by
//! the key that the row had before, or by its whole former contents. Without that, the run stops.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use crate::store::tabs::row_fingerprint::hash_contents;
use crate::store::upsert::repair::location::excluded_row::ExcludedRow;
use crate::store::upsert::repair::location::rows::{RowLocation, RowSearch};
use crate::store::upsert::undo_log::{MisplacedWrite, RowPredicate};

/// Hit rows with equal contents, and the rows that have these now.
struct EqualRows {
    sought: Vec<usize>,
    rows: Vec<usize>,
    /// The number of other rows that had the same contents.
    others: usize,
}

impl RowSearch<'_> {
    /// Finds rows with unchanged contents. `is_final`: of what is still open, two rows that could
    /// each be the one are ambiguous.
    pub(crate) fn find_by_contents(&mut self, is_final: bool) {
        for group in self.group_equal_rows() {
            self.resolve_contents(group, is_final);
        }
    }

    /// Groups the open rows by their contents.
    fn group_equal_rows(&mut self) -> Vec<EqualRows> {
        let mut groups: BTreeMap<Vec<(usize, u64)>, Vec<usize>> = BTreeMap::new();
        for (at, sought) in self.sought.iter().enumerate() {
            if self.found[at].is_none() && !sought.fingerprint.is_blank() {
                groups.entry(sought.fingerprint.hashes().collect()).or_default().push(at);
            }
        }
        let mut out = Vec::new();
        for sought in groups.into_values() {
            let Some(first) = sought.first() else { continue };
            let mut rows = self.find_candidates(*first);
            let is_others = |row: usize| self.excluded_rows.iter().any(|excluded| excluded.row == Some(row));
            rows.retain(|row| self.is_free(*row) && self.compare_row(*first, *row).is_exact() && !is_others(*row));
            let Some(row) = rows.first() else { continue };
            let open = self.excluded_rows.iter().filter(|excluded| excluded.row.is_none());
            let open = open.filter(|excluded| self.image.compare(&excluded.fingerprint, *row).is_exact());
            let others = self.count_without_own_row(open, &rows);
            out.push(EqualRows { sought, rows, others });
        }
        out
    }

    /// The number of these excluded rows that are among the rows: nothing else is left that fits them.
    fn count_without_own_row<'c>(&self, excluded_rows: impl Iterator<Item = &'c ExcludedRow>, rows: &[usize]) -> usize {
        let is_other = |row: &usize| !rows.contains(row) && self.is_free(*row) && self.image.has_constants(*row);
        let fits = |excluded: &'c ExcludedRow| -> Vec<usize> {
            let all = self.image.rows().map(|(row, _)| row).filter(is_other);
            all.filter(|row| self.image.compare(&excluded.fingerprint, *row).is_exact()).collect()
        };
        let mut taken = HashSet::new();
        excluded_rows.filter(|excluded| !fits(excluded).into_iter().any(|row| taken.insert(row))).count()
    }

    fn resolve_contents(&mut self, group: EqualRows, is_final: bool) {
        let EqualRows { sought, rows, others } = group;
        let target_row = |at: usize| self.sought[at].misplaced.target.row as usize;
        let are_all_there = rows.len() >= sought.len() + others;
        if are_all_there && sought.iter().all(|at| rows.contains(&target_row(*at))) {
            let places: Vec<_> = sought.iter().map(|at| (*at, target_row(*at))).collect();
            for (at, row) in places {
                self.take(at, row);
            }
            return;
        }
        let is_one = |at: &usize| self.are_interchangeable(*at, sought[0]);
        if others == 0 && rows.len() <= sought.len() && sought.iter().all(is_one) {
            let (still, moved): (Vec<usize>, Vec<usize>) =
                sought.iter().partition(|at| rows.contains(&target_row(**at)));
            let mut free: Vec<_> =
                rows.iter().copied().filter(|row| still.iter().all(|at| target_row(*at) != *row)).collect();
            free.reverse();
            let mut pairs: Vec<_> = still.into_iter().map(|at| (at, target_row(at))).collect();
            pairs.extend(moved.into_iter().filter_map(|at| Some((at, free.pop()?))));
            for (at, row) in pairs {
                self.take(at, row);
            }
        } else if is_final
            && (rows.iter().all(|row| !self.image.has_constants(*row))
                || rows.len() <= sought.len() + others && self.have_same_end(&sought, &rows))
        {
            self.take_nearest(&sought, rows);
        } else if is_final {
            let (one, other) = (rows[0], rows.get(1).copied().unwrap_or(rows[0]));
            let number = |row: usize| u32::try_from(row).unwrap_or(u32::MAX);
            for at in sought {
                self.found[at] = Some(RowLocation::Ambiguous(number(one), number(other)));
            }
        }
    }

    /// Whether these rows get the same contents, whichever of them was hit and whichever a repair missed.
    fn have_same_end(&self, sought: &[usize], rows: &[usize]) -> bool {
        let Some((first, row)) = sought.first().zip(rows.first()) else { return false };
        let before = &self.sought[*first].before;
        let open = self.excluded_rows.iter().filter(|excluded| excluded.row.is_none());
        let mut open = open.filter(|excluded| self.image.compare(&excluded.fingerprint, *row).is_exact());
        let is_same = |excluded: &ExcludedRow| {
            let repaired = excluded.repaired.as_ref().filter(|_| excluded.key.is_none());
            repaired.is_some_and(|repaired| repaired.hashes().eq(before.hashes()))
        };
        sought.iter().all(|at| self.are_interchangeable(*at, *first)) && open.all(is_same)
    }

    /// Takes rows that are all alike, or become so: blank rows, or rows in which nothing was entered
    /// but formulas.
    fn take_nearest(&mut self, sought: &[usize], mut rows: Vec<usize>) {
        for at in sought {
            let target_row = self.sought[*at].misplaced.target.row as usize;
            let nearest =
                rows.iter().enumerate().min_by_key(|(_, row)| row.abs_diff(target_row)).map(|(index, _)| index);
            if let Some(index) = nearest {
                self.take(*at, rows.remove(index));
            }
        }
    }

    /// Finds rows in which users restored what the batch had overwritten: the key, or all of it.
    /// `is_strict`: only rows in which they did nothing else, while others show what the batch left.
    pub(crate) fn find_by_restored_key(&mut self, is_strict: bool) {
        for at in 0..self.sought.len() {
            let is_open = self.found[at].is_none() && !self.sought[at].fingerprint.is_blank();
            if !is_open || (is_strict && !self.has_equal_row(at)) {
                continue;
            }
            let found = self.find_row_with_restored_key(at, is_strict).or_else(|| self.find_row_with_cleared_key(at));
            if let Some(row) = found.or_else(|| self.find_row_with_former_contents(at)) {
                self.take(at, row);
            }
        }
    }

    /// Whether a row still shows what the batch left in a hit one.
    fn has_equal_row(&mut self, at: usize) -> bool {
        self.find_candidates(at).into_iter().any(|row| self.is_free(row) && self.compare_row(at, row).is_exact())
    }

    /// The only row that shows the key of a hit row again, unless that may be where the batch wrote it.
    fn find_row_with_restored_key(&mut self, at: usize, is_strict: bool) -> Option<usize> {
        let sought = &self.sought[at];
        let lost = sought.lost_key.clone().filter(|key| *key != sought.key)?;
        let is_open = |other: &usize| *other != at && self.found[*other].is_none();
        let mut others = self.sought.iter().enumerate().filter(|(other, _)| is_open(other));
        if others.any(|(_, other)| other.key == lost) {
            return None;
        }
        let mut rows = self.find_rows_showing(self.image.key, hash_contents(&Value::from(lost))?);
        let key = self.image.key;
        rows.retain(|row| {
            let like = self.image.compare_but(&self.sought[at].fingerprint, *row, key);
            like.equal > 0 && (like.is_exact() || !is_strict) && self.can_be_restored(at, *row)
        });
        if let [row] = rows.as_slice() { Some(*row) } else { None }
    }

    /// The only row that differs from a hit row in nothing but its key, which users cleared: the row
    /// had none before.
    fn find_row_with_cleared_key(&mut self, at: usize) -> Option<usize> {
        if !self.sought[at].was_keyless || self.sought[at].key.is_empty() {
            return None;
        }
        let (fingerprint, key) = (self.sought[at].fingerprint.clone(), self.image.key);
        let hashes: Vec<_> = fingerprint.hashes().filter(|(column, _)| *column != key).collect();
        let mut rows: Vec<_> = self.find_rarest_cells(&hashes, 1).into_iter().flatten().collect();
        rows.retain(|row| {
            let like = self.image.compare_but(&fingerprint, *row, key);
            like.is_exact()
                && like.equal > 1
                && self.image.shown_text(*row, key).is_empty()
                && self.can_be_restored(at, *row)
        });
        if let [row] = rows.as_slice() { Some(*row) } else { None }
    }

    /// The only row that shows what a hit row contained before, if others show what the batch left.
    fn find_row_with_former_contents(&mut self, at: usize) -> Option<usize> {
        let sought = &self.sought[at];
        let is_lost = sought.before.hash_at(self.image.key).is_some() && sought.lost_key.is_none();
        // A row that a repair expected with these contents may be a twin that was not hit.
        let is_expected = |misplaced: &MisplacedWrite| matches!(misplaced.target.expect, RowPredicate::Row { .. });
        if self.sought.iter().any(|other| is_expected(other.misplaced)) {
            return None;
        }
        if sought.before.is_blank() || sought.before == sought.fingerprint || is_lost {
            return None;
        }
        let before = sought.before.clone();
        // Without such rows, the row may be gone, and another may have the same contents.
        if !self.has_equal_row(at) {
            return None;
        }
        let hashes: Vec<_> = before.hashes().collect();
        let mut rows: Vec<_> = self.find_rarest_cells(&hashes, 1).into_iter().flatten().collect();
        // Rows without constants are all alike.
        rows.retain(|row| self.image.has_constants(*row) && self.image.compare(&before, *row).is_exact());
        rows.retain(|row| self.can_be_restored(at, *row));
        if let [row] = rows.as_slice() { Some(*row) } else { None }
    }

    /// Whether a row may be a hit one in which users restored cells.
    fn can_be_restored(&self, at: usize, row: usize) -> bool {
        let is_open = |other: &usize| *other != at && self.found[*other].is_none();
        let mut open = (0..self.sought.len()).filter(is_open);
        if open.any(|other| self.compare_row(other, row).is_exact()) {
            return false;
        }
        let is_others = self.excluded_rows.iter().any(|excluded| {
            excluded.row == Some(row)
                || (excluded.row.is_none() && self.image.compare(&excluded.fingerprint, row).is_exact())
        });
        self.is_free(row) && !self.lookalikes.contains(&row) && !is_others
    }

    /// Whether nothing distinguishes two hit rows, before the batch or after it.
    pub(crate) fn are_interchangeable(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.sought[one], &self.sought[other]);
        one.fingerprint == other.fingerprint
            && one.misplaced.pre_image == other.misplaced.pre_image
            && is_same_target(one.misplaced, other.misplaced)
    }
}

/// Whether two writes were of one kind, to the same columns.
fn is_same_target(one: &MisplacedWrite, other: &MisplacedWrite) -> bool {
    let is_new = |misplaced: &MisplacedWrite| matches!(misplaced.target.expect, RowPredicate::Blank(_));
    one.target.columns == other.target.columns && is_new(one) == is_new(other)
}
