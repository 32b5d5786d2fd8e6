//! Maps the rows and columns of a batch to the current ones. Pure.
//!
//! In scope: both maps together, for one finding.
//! Out of scope: following a column or a row (`store::tabs::column_map`,
//! `store::upsert::repair::location::rows`), the plan (`store::upsert::repair::planning::plan`).
//!
//! ```text
//!  header as the batch expected it  ──columns_at_write──▶  header as it found it  ──columns_now──▶  current header
//! ```

use std::collections::{HashMap, HashSet};

use crate::store::tabs::column_map::{ColumnMap, is_error, map_own_columns};
use crate::store::tabs::row_fingerprint::{RowFingerprint, hash_contents};
use crate::store::upsert::repair::formulas::have_same_shape;
use crate::store::upsert::repair::location::column_search::{
    collect_header_formulas, correct_by_content, find_columns_by_formula, find_renamed_columns, find_shifted_cells,
    find_shifted_keys, join_recovered_header, pair_by_formula, read_cell, restore_header_names,
};
use crate::store::upsert::repair::location::excluded_row::ExcludedRow;
use crate::store::upsert::repair::location::image::TabImage;
use crate::store::upsert::repair::location::rows::{RowLocation, RowSearch, to_row_index};
use crate::store::upsert::undo_log::{MisplacedWrite, UndoFinding};

/// The row and column maps of a finding.
pub(crate) struct Correspondence<'a> {
    pub(crate) finding: &'a UndoFinding,
    pub(crate) image: &'a TabImage<'a>,
    /// From the expected header to the header as found.
    pub(crate) columns_at_write: ColumnMap,
    /// From the header as found to the current one.
    pub(crate) columns_now: ColumnMap,
    /// The position of the key column as found.
    pub(crate) key: usize,
    /// Of each hit row, the key that the batch was to restore in it, when it hit another one.
    pub(crate) keys_to_restore: Vec<Option<String>>,
    /// The current location of each row that was hit.
    pub(crate) located: Vec<RowLocation>,
    /// Rows that a repair hit as intended.
    pub(crate) hit_as_intended: Vec<ExcludedRow>,
    /// Rows that are known to be none of the hit ones.
    pub(crate) excluded_rows: Vec<ExcludedRow>,
    /// From current row to index of the hit.
    pub(crate) hit_by_row: HashMap<u32, usize>,
    /// From the key before the write to index of the hit.
    pub(crate) hit_by_key: HashMap<String, usize>,
    /// From the hash of the key before the write, or none, to indices of the hits.
    pub(crate) hits_by_key_hash: HashMap<Option<u64>, Vec<usize>>,
    /// Current rows by displayed key.
    pub(crate) by_key: HashMap<String, Vec<usize>>,
    /// For each text in the column where the batch wrote keys: the lowest row that was not hit.
    pub(crate) lowest: HashMap<String, u32>,
}

impl<'a> Correspondence<'a> {
    /// Follows columns first, then rows.
    pub(crate) fn new(finding: &'a UndoFinding, image: &'a TabImage<'a>) -> Self {
        let (undo_log, tab) = (&finding.undo_log, image.tab);
        let own: HashSet<usize> =
            undo_log.names.iter().filter(|name| !name.is_empty()).filter_map(|name| tab.position(name)).collect();
        let is_users = |at: usize| {
            let header = finding.header.get(at).filter(|text| !text.is_empty());
            let at_now = header.and_then(|header| tab.header.iter().position(|text| text == header));
            header.is_none() || at_now.is_some_and(|at| !own.contains(&at))
        };
        let formulas_found = collect_header_formulas(finding, image);
        let mut by_formula = pair_by_formula(&undo_log.header_formulas, &formulas_found);
        by_formula.extend(find_renamed_columns(finding, image));
        let is_known_now = |at: usize| undo_log.name(at).is_some_and(|name| tab.position(name).is_some());
        let own_columns = undo_log.own_columns();
        let columns_at_write =
            map_own_columns(&undo_log.header, &finding.header, &own_columns, &by_formula, is_users, is_known_now);
        let header = restore_header_names(finding, &columns_at_write);
        let known = undo_log
            .written_columns
            .iter()
            .filter_map(|&at| Some((columns_at_write.get(at)?, tab.position(undo_log.name(at)?)?)));
        let by_formula = pair_by_formula(&formulas_found, &image.header_formulas());
        let known: Vec<_> = known.chain(by_formula).chain(find_columns_by_formula(&header, image)).collect();
        let mut columns_now = ColumnMap::new_between(&header, &tab.header, &known);
        join_recovered_header(&mut columns_now, &header, image);
        let key = columns_at_write.get(undo_log.key).unwrap_or(undo_log.key);
        let mut by_key: HashMap<String, Vec<usize>> = HashMap::new();
        for (row, _) in image.rows() {
            by_key.entry(image.shown_text(row, image.key)).or_default().push(row);
        }
        correct_by_content(&mut columns_now, finding, image, key, &by_key);
        find_shifted_keys(&mut columns_now, finding, image);
        find_shifted_cells(&mut columns_now, finding, image);
        let mut hit_by_key = HashMap::new();
        let mut hits_by_key_hash: HashMap<Option<u64>, Vec<usize>> = HashMap::new();
        for (at, misplaced) in finding.misplaced.iter().enumerate() {
            hit_by_key.entry(read_cell(&misplaced.pre_image, key)).or_insert(at);
            hits_by_key_hash.entry(misplaced.pre_image_values.get(key).and_then(hash_contents)).or_default().push(at);
        }
        let unlocated = Self {
            finding,
            image,
            columns_at_write,
            columns_now,
            key,
            keys_to_restore: Vec::new(),
            located: Vec::new(),
            hit_as_intended: Vec::new(),
            excluded_rows: Vec::new(),
            hit_by_row: HashMap::new(),
            hit_by_key,
            hits_by_key_hash,
            by_key,
            lowest: HashMap::new(),
        };
        unlocated.locate_rows()
    }

    /// Follows the rows, once the columns are mapped.
    fn locate_rows(mut self) -> Self {
        self.hit_as_intended = self.find_rows_hit_as_intended();
        self.excluded_rows = self.find_excluded_rows();
        self.keys_to_restore = self.find_keys_to_restore();
        let (lookalikes, keys_to_restore) = (self.find_missed_lookalikes(), &self.keys_to_restore);
        let search = RowSearch::new(
            self.finding,
            self.image,
            &self.columns_now,
            self.key,
            (lookalikes, &self.excluded_rows),
            keys_to_restore,
        );
        self.located = search.locate(self.key);
        let rows = self.located.iter().enumerate().filter_map(|(at, located)| Some((located.row()?, at)));
        self.hit_by_row = rows.collect();
        if let Some(at) = self.columns_now.get(self.finding.undo_log.key) {
            for row in (1..self.image.rows.len()).map(to_row_index) {
                if !self.hit_by_row.contains_key(&row) {
                    self.lowest.insert(self.image.shown_text(row as usize, at), row);
                }
            }
        }
        self
    }

    /// The key of a row before the write.
    pub(crate) fn find_key_before(&self, misplaced: &MisplacedWrite) -> String {
        read_cell(&misplaced.pre_image, self.key)
    }

    /// The index of the hit whose row had this key before the write.
    pub(crate) fn find_hit_with_key(&self, key: &str) -> Option<usize> {
        self.hit_by_key.get(key).copied()
    }

    /// The hit whose row is now at `row`.
    pub(crate) fn find_hit_at(&self, row: u32) -> Option<&'a MisplacedWrite> {
        self.hit_by_row.get(&row).and_then(|at| self.finding.misplaced.get(*at))
    }

    /// The index of the hit whose row is now at `row`.
    pub(crate) fn find_hit_index(&self, row: u32) -> Option<usize> {
        self.hit_by_row.get(&row).copied()
    }

    /// The current row of a hit.
    pub(crate) fn find_row_of_hit(&self, at: usize) -> Option<u32> {
        self.located.get(at).and_then(|located| located.row())
    }

    /// Whether no user changed a cell since the batch. The post-image shows what a hit row
    /// contained then.
    pub(crate) fn is_untouched(&self, row: u32, column: usize) -> bool {
        let left = self.hit_by_row.get(&row).zip(self.columns_now.find_origin(column));
        left.is_none_or(|(hit, from)| self.is_as_written(*hit, from, row, column))
    }

    /// Whether the cell in `row` and `to` shows what the batch wrote into column `from` of a hit.
    /// The value of a formula may change by itself, so that only the formula itself counts.
    pub(crate) fn is_as_written(&self, hit: usize, from: usize, row: u32, to: usize) -> bool {
        let row = row as usize;
        let Some(misplaced) = self.finding.misplaced.get(hit) else { return false };
        match (self.find_written_formula(hit, from), self.image.formula(row, to)) {
            (Some(written), Some(now)) => have_same_shape(&written, now),
            _ => read_cell(&misplaced.post_image_values, from) == self.image.shown_text(row, to),
        }
    }

    /// The formula that a repair wrote into a column of a hit, as kept in the undo row.
    pub(crate) fn find_written_formula(&self, hit: usize, column: usize) -> Option<String> {
        let entered = read_cell(self.image.undo.post_images.get(hit)?, column);
        let shown = read_cell(&self.finding.misplaced.get(hit)?.post_image_values, column);
        (entered.starts_with('=') && entered != shown).then_some(entered)
    }

    /// The row that owns this key. A row into which the batch wrote the key by mistake does not
    /// count.
    pub(crate) fn find_row(&self, key: &str) -> Option<u32> {
        self.find_rows(key).next()
    }

    /// The rows that may own this key, as `find_row`.
    pub(crate) fn find_rows(&self, key: &str) -> impl Iterator<Item = u32> {
        let is_own = |row: &usize| {
            let hit = self.find_hit_at(to_row_index(*row));
            hit.is_none_or(|hit| read_cell(&hit.pre_image, self.key) == read_cell(&hit.post_image_values, self.key))
        };
        self.by_key.get(key).into_iter().flatten().copied().filter(is_own).map(to_row_index)
    }

    /// Whether a filled row was blank, both in the written and in the intended columns.
    pub(crate) fn was_free(&self, misplaced: &MisplacedWrite) -> bool {
        let mut intended = misplaced.target.columns.iter().filter_map(|at| self.columns_at_write.get(*at));
        misplaced.target.was_blank(&misplaced.pre_image)
            && intended.all(|at| read_cell(&misplaced.pre_image, at).is_empty())
    }

    /// The lowest row that shows this key in the written key column and was not hit.
    pub(crate) fn find_lowest_row(&self, key: &str) -> Option<u32> {
        self.lowest.get(key).copied()
    }

    /// The current position of an intended column; `None` if its header is gone, because it was
    /// deleted.
    pub(crate) fn find_intended_column(&self, column: usize) -> Option<usize> {
        let name = self.finding.undo_log.header.get(column)?;
        let tab = self.image.tab;
        let own = self.finding.undo_log.name(column).and_then(|own| tab.position(own));
        let by_text =
            || tab.header.iter().position(|text| text == name).filter(|_| !name.is_empty() && !is_error(name));
        own.or_else(by_text).or_else(|| self.columns_at_write.get(column).and_then(|found| self.columns_now.get(found)))
    }

    /// The map from the expected header to the current one.
    pub(crate) fn make_intended_map(&self) -> ColumnMap {
        let header = &self.finding.undo_log.header;
        let known: Vec<_> = (0..header.len()).filter_map(|at| Some((at, self.find_intended_column(at)?))).collect();
        ColumnMap::new_between(header, &self.image.tab.header, &known)
    }

    /// The indices of hits whose rows had these contents before the write.
    pub(crate) fn find_hits_with_contents(&self, fingerprint: &RowFingerprint) -> Vec<usize> {
        let width =
            self.finding.misplaced.iter().map(|misplaced| misplaced.pre_image_values.len()).max().unwrap_or_default();
        let fingerprint = fingerprint.map_to(&self.columns_at_write, width.max(self.finding.header.len()));
        // Compares only rows that had the same key, or none.
        let key = fingerprint.hash_at(self.key);
        let likely = self.hits_by_key_hash.get(&key).into_iter().flatten();
        likely
            .copied()
            .filter(|at| fingerprint.compare(&self.finding.misplaced[*at].pre_image_values, |_| false).is_exact())
            .collect()
    }

    /// Whether a user replaced the key of a hit row, so that it belongs to no key. It then shows
    /// neither the key nor what the write left in its place.
    pub(crate) fn is_unkeyed(&self, at: usize, row: u32) -> bool {
        let Some(hit) = self.finding.misplaced.get(at) else { return false };
        let shown = self.image.shown_text(row as usize, self.image.key);
        let is_back = self.find_own_key(at).is_some_and(|key| key == shown);
        !is_back && shown != read_cell(&hit.pre_image, self.key) && shown != read_cell(&hit.post_image_values, self.key)
    }

    /// Whether the batch wrote a row of this key, or the key itself.
    pub(crate) fn is_written_key(&self, key: &str) -> bool {
        let undo_log = &self.finding.undo_log;
        let mut others = undo_log.recreated.iter().chain(&self.finding.shifted_appends);
        let mut writes =
            self.finding.misplaced.iter().filter(|misplaced| misplaced.target.columns.contains(&undo_log.key));
        others.any(|other| other == key)
            || writes.any(|misplaced| read_cell(&misplaced.post_image_values, undo_log.key) == key)
    }

    /// Keys that several rows show.
    pub(crate) fn find_shared_keys(&self) -> impl Iterator<Item = &String> {
        let shared = self.by_key.iter().filter(|(key, rows)| !key.is_empty() && rows.len() > 1);
        shared.map(|(key, _)| key)
    }
}
