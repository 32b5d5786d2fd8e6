//! Finds the current location of rows that a batch hit by mistake. Pure.
//!
//! In scope: finding each row by its key or by what users left of its contents.
//! Out of scope: rows with equal contents (`store::upsert::repair::location::equal_rows`), rows in which users
//! changed cells (`store::upsert::repair::location::changed_rows`), restoring cells (`store::upsert::repair::planning::plan`).
//!
//! ```text
//!  its own key is visible    the row that shows the key; of several the best match
//!  it has no visible key     the only row in which users restored its key
//!                            else the row with the same contents in each cell;
//!                            of several equal rows, only while none moved
//!                            else the best match, if no other matches as well
//!                            and more cells are equal than different
//!                            else the only row that still shows all that was written, some of it
//!                            in no other row
//!                            else the only row that differs in nothing but its key
//! ```
//!
//! Without a visible key, neither of two rows that match equally well is used: the run stops and
//! reports both. Of rows with the key, the one that did not move is used, else the first.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

use crate::store::tabs::column_map::ColumnMap;
use crate::store::tabs::parse::format_cell;
use crate::store::tabs::row_fingerprint::{FingerprintMatch, RowFingerprint, hash_contents};
use crate::store::upsert::repair::location::excluded_row::ExcludedRow;
use crate::store::upsert::repair::location::image::TabImage;
use crate::store::upsert::undo_log::{MisplacedWrite, UndoFinding};

/// Maximum number of rows to compare with one row from each list.
pub(crate) const MAX_CANDIDATES: usize = 2_000;

/// The current location of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowLocation {
    /// The index of the row, 0-based.
    At(u32),
    /// The row was deleted, or users changed it beyond recognition.
    Gone,
    /// One of these two rows.
    Ambiguous(u32, u32),
}

impl RowLocation {
    /// The row index, if it is unique.
    pub fn row(self) -> Option<u32> {
        match self {
            Self::At(row) => Some(row),
            Self::Gone | Self::Ambiguous(..) => None,
        }
    }
}

/// A row to find.
pub(crate) struct SoughtRow<'a> {
    pub(crate) misplaced: &'a MisplacedWrite,
    /// Its contents after the write, in current columns.
    pub(crate) fingerprint: RowFingerprint,
    /// Its contents before the write, in current columns.
    pub(crate) before: RowFingerprint,
    /// Whether the write left nothing in it.
    is_left_blank: bool,
    /// Its key after the write.
    pub(crate) key: String,
    /// Its own key, if the batch overwrote it: the one before the write, or the one that the batch
    /// was to restore in it.
    pub(crate) lost_key: Option<String>,
    /// Whether the batch wrote a key into it that it had not.
    pub(crate) was_keyless: bool,
    /// Written cells that are not blank: current column and hash.
    pub(crate) written: Vec<(usize, u64)>,
}

/// Finds the rows that a batch hit.
pub struct RowSearch<'a> {
    pub(crate) image: &'a TabImage<'a>,
    pub(crate) sought: Vec<SoughtRow<'a>>,
    pub(crate) found: Vec<Option<RowLocation>>,
    taken: HashSet<usize>,
    /// Rows that resemble the hit rows but are known to be others.
    pub(crate) lookalikes: HashSet<usize>,
    /// Rows that the batch certainly did not hit.
    pub(crate) excluded_rows: &'a [ExcludedRow],
    /// Rows by column and hash of what it displays.
    showing: HashMap<usize, HashMap<u64, Vec<usize>>>,
}

impl<'a> RowSearch<'a> {
    /// Creates the search for the rows of a finding. `key` is the position of the key column as
    /// found. `lookalikes` are rows that match only if their contents are identical; `excluded_rows` are rows
    /// that are known to be none of those that were hit. `keys_to_restore` are those that the batch was to
    /// restore in the hit rows.
    pub(crate) fn new(
        finding: &'a UndoFinding,
        image: &'a TabImage<'a>,
        columns: &ColumnMap,
        key: usize,
        (lookalikes, excluded_rows): (HashSet<usize>, &'a [ExcludedRow]),
        keys_to_restore: &[Option<String>],
    ) -> Self {
        let width = image.width();
        // Keys for which the batch created rows belong to no other row. So no hit row can have lost
        // one of them.
        let recreated: HashSet<&String> = finding.undo_log.recreated.iter().chain(&finding.shifted_appends).collect();
        let sought = finding.misplaced.iter().zip(keys_to_restore).map(|(misplaced, key_to_restore)| {
            let is_overwritten = misplaced.target.columns.contains(&key);
            let shown = |row: &[Value]| row.get(key).map(format_cell).unwrap_or_default();
            let before = shown(&misplaced.pre_image);
            let written = misplaced.target.columns.iter().filter_map(|&at| {
                Some((columns.get(at)?, misplaced.post_image_values.get(at).and_then(hash_contents)?))
            });
            let fingerprint = |row| RowFingerprint::new(row, |at| is_filled(columns, image, at)).map_to(columns, width);
            SoughtRow {
                fingerprint: fingerprint(&misplaced.post_image_values),
                before: fingerprint(&misplaced.pre_image_values),
                is_left_blank: has_left_nothing(misplaced, columns, image),
                key: shown(&misplaced.post_image_values),
                was_keyless: is_overwritten && before.is_empty(),
                lost_key: key_to_restore
                    .clone()
                    .or_else(|| is_overwritten.then_some(before))
                    .filter(|key| !key.is_empty() && !recreated.contains(key)),
                written: written.collect(),
                misplaced,
            }
        });
        let sought: Vec<_> = sought.collect();
        let found = vec![None; sought.len()];
        Self { image, sought, found, taken: HashSet::new(), lookalikes, excluded_rows, showing: HashMap::new() }
    }

    /// Returns the location of each row, in the order of the finding. `key` is the position of the
    /// key column as found.
    pub(crate) fn locate(mut self, key: usize) -> Vec<RowLocation> {
        self.find_by_key(key);
        self.find_by_restored_key(true);
        self.find_by_contents(false);
        self.find_by_restored_key(false);
        self.find_by_contents(true);
        self.find_by_likeness();
        self.find_by_all_but_key();
        self.find_by_blank_row();
        self.found.into_iter().map(|found| found.unwrap_or(RowLocation::Gone)).collect()
    }

    /// Finds rows whose key is visible. If several hit rows show the same one, because an earlier
    /// write left it there, the best matches count.
    fn find_by_key(&mut self, key: usize) {
        let mut by_key: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, sought) in self.sought.iter().enumerate() {
            if !sought.key.is_empty() && !sought.misplaced.target.columns.contains(&key) {
                by_key.entry(sought.key.clone()).or_default().push(at);
            }
        }
        for (shown, mut sought) in by_key {
            let rows = self.find_rows_showing(self.image.key, hash_contents(&Value::from(shown)).unwrap_or_default());
            while let Some((at, row)) = self.find_best_pair(&sought, &rows) {
                self.take(at, row);
                sought.retain(|other| *other != at);
            }
        }
    }

    /// The hit row and the free row that match best; of equal matches those that did not move, else
    /// the first.
    fn find_best_pair(&self, sought: &[usize], rows: &[usize]) -> Option<(usize, usize)> {
        let best = sought.iter().filter_map(|at| {
            let (row, like) = self.find_best_match(*at, rows)?;
            let is_still = row == self.sought[*at].misplaced.target.row as usize;
            Some((like.compute_score(), is_still, std::cmp::Reverse(*at), row))
        });
        best.max().map(|(_, _, at, row)| (at.0, row))
    }

    /// Finds rows in which the write left nothing. All blank rows are alike, and the old contents
    /// fit into any. The nearest one is used.
    fn find_by_blank_row(&mut self) {
        for at in 0..self.sought.len() {
            let sought = &self.sought[at];
            if self.found[at].is_some() || !sought.fingerprint.is_blank() || !sought.is_left_blank {
                continue;
            }
            if self.is_key_shown_elsewhere(at) {
                continue;
            }
            let target_row = self.estimate_place(at);
            let blank = (1..self.image.height as usize).filter(|row| self.is_free(*row) && self.image.is_blank(*row));
            if let Some(row) = blank.min_by_key(|row| row.abs_diff(target_row)) {
                self.take(at, row);
            }
        }
    }

    /// Whether a row shows the key of an emptied one because a user gave the key another row. No
    /// write put it there by mistake.
    fn is_key_shown_elsewhere(&mut self, at: usize) -> bool {
        let Some(key) = self.sought[at].lost_key.clone() else { return false };
        let mut rows =
            self.find_rows_showing(self.image.key, hash_contents(&Value::from(key.clone())).unwrap_or_default());
        let left = self.sought.iter().zip(&self.found).filter(|(sought, _)| sought.key == key);
        let places: Vec<Option<u32>> = left.map(|(_, found)| found.and_then(RowLocation::row)).collect();
        rows.retain(|row| !places.contains(&Some(to_row_index(*row))));
        rows.len() > places.iter().filter(|target_row| target_row.is_none()).count()
    }

    /// Where a row is if it did not move, or else if it moved as far as the nearest hit row.
    fn estimate_place(&self, at: usize) -> usize {
        let target_row = self.sought[at].misplaced.target.row as usize;
        if self.is_free(target_row) && self.image.is_blank(target_row) {
            return target_row;
        }
        let hits = self.sought.iter().zip(&self.found);
        let moved = hits.filter_map(|(hit, found)| Some((hit.misplaced.target.row as usize, found.as_ref()?.row()?)));
        let nearest = moved.min_by_key(|(was, _)| was.abs_diff(target_row));
        nearest.map_or(target_row, |(was, is)| (target_row + is as usize).saturating_sub(was))
    }

    /// Candidate rows: those that match in the rarest cell, or in one of the two rarest written
    /// cells, or that show the overwritten key.
    pub(crate) fn find_candidates(&mut self, at: usize) -> Vec<usize> {
        let sought = &self.sought[at];
        let (written, all) = (sought.written.clone(), sought.fingerprint.hashes().collect::<Vec<_>>());
        let lost = sought.lost_key.clone().and_then(|key| hash_contents(&Value::from(key)));
        let mut lists = self.find_rarest_cells(&written, 2);
        lists.extend(self.find_rarest_cells(&all, 1));
        lists.extend(lost.map(|hash| self.find_rows_showing(self.image.key, hash)));
        let rows: BTreeSet<usize> = lists.into_iter().flat_map(|rows| rows.into_iter().take(MAX_CANDIDATES)).collect();
        rows.into_iter().filter(|row| self.can_be(at, *row)).collect()
    }

    /// The `most` shortest lists of rows that show these cells.
    pub(crate) fn find_rarest_cells(&mut self, hashes: &[(usize, u64)], most: usize) -> Vec<Vec<usize>> {
        let mut counted: Vec<_> =
            hashes.iter().map(|(column, hash)| (self.count_showing(*column, *hash), *column, *hash)).collect();
        counted.sort_unstable();
        counted.retain(|(count, ..)| *count > 0);
        counted.into_iter().take(most).map(|(_, column, hash)| self.find_rows_showing(column, hash)).collect()
    }

    pub(crate) fn count_showing(&mut self, column: usize, hash: u64) -> usize {
        self.index_column(column).get(&hash).map_or(0, Vec::len)
    }

    /// A row with another key is another row, even if all other cells match.
    fn can_be(&self, at: usize, row: usize) -> bool {
        let key = self.image.cell(row, self.image.key).and_then(hash_contents);
        key == self.sought[at].fingerprint.hash_at(self.image.key) || self.has_restored_key(at, row)
    }

    pub(crate) fn find_rows_showing(&mut self, column: usize, hash: u64) -> Vec<usize> {
        self.index_column(column).get(&hash).cloned().unwrap_or_default()
    }

    /// The rows by the hash of what they display in a column.
    fn index_column(&mut self, column: usize) -> &HashMap<u64, Vec<usize>> {
        let image = self.image;
        self.showing.entry(column).or_insert_with(|| {
            let mut by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
            for (row, cells) in image.rows() {
                if let Some(hash) = cells.get(column).and_then(hash_contents) {
                    by_hash.entry(hash).or_default().push(row);
                }
            }
            by_hash
        })
    }

    /// The free row that matches best. Of equal matches, the one that did not move, else the first.
    fn find_best_match(&self, at: usize, rows: &[usize]) -> Option<(usize, FingerprintMatch)> {
        let target_row = self.sought[at].misplaced.target.row as usize;
        let free = rows.iter().copied().filter(|row| self.is_free(*row)).map(|row| (row, self.compare_row(at, row)));
        free.max_by_key(|(row, like)| (like.compute_score(), *row == target_row, std::cmp::Reverse(*row)))
    }

    pub(crate) fn compare_row(&self, at: usize, row: usize) -> FingerprintMatch {
        self.image.compare(&self.sought[at].fingerprint, row)
    }

    /// A row to which a user restored the overwritten key matches better than any other.
    pub(crate) fn score_match(&self, at: usize, like: FingerprintMatch, row: usize) -> i64 {
        let bonus = if self.has_restored_key(at, row) { 1_000_000 } else { 0 };
        like.compute_score() + bonus
    }

    pub(crate) fn has_restored_key(&self, at: usize, row: usize) -> bool {
        let lost = self.sought[at].lost_key.as_deref();
        lost.is_some_and(|key| self.image.shown_text(row, self.image.key) == key)
    }

    pub(crate) fn has_all_written_cells(&self, at: usize, row: usize) -> bool {
        let written = &self.sought[at].written;
        let shows =
            |(column, hash): &(usize, u64)| self.image.cell(row, *column).and_then(hash_contents) == Some(*hash);
        !written.is_empty() && written.iter().all(shows)
    }

    pub(crate) fn is_free(&self, row: usize) -> bool {
        row > 0 && !self.taken.contains(&row)
    }

    pub(crate) fn take(&mut self, at: usize, row: usize) {
        self.found[at] = Some(RowLocation::At(to_row_index(row)));
        self.taken.insert(row);
    }
}

/// Whether a formula in the header fills this column now.
fn is_filled(columns: &ColumnMap, image: &TabImage<'_>, at: usize) -> bool {
    columns.get(at).is_some_and(|column| image.has_header_formula(column))
}

/// Whether a write left nothing in a row, apart from what a formula in a header fills in.
pub(crate) fn has_left_nothing(misplaced: &MisplacedWrite, columns: &ColumnMap, image: &TabImage<'_>) -> bool {
    let mut cells = misplaced.post_image_values.iter().enumerate();
    cells.all(|(at, cell)| format_cell(cell).is_empty() || is_filled(columns, image, at))
}

pub(crate) fn to_row_index(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}
