//! Maps the rows and columns of a batch to the current ones. Pure.
//!
//! In scope: both maps together, for one finding.
//! Out of scope: following a column or a row (`store::tabs::column_map`,
//! `store::upsert::repair::rows`), the plan (`store::upsert::repair::plan`).
//!
//! ```text
//!  header as the batch expected it  ──found──▶  header as it found it  ──now──▶  current header
//! ```

use std::collections::{HashMap, HashSet};

use crate::store::tabs::column_map::{ColumnMap, is_error, map_own_columns};
use crate::store::tabs::row_fingerprint::{RowFingerprint, mark_of};
use crate::store::upsert::repair::column_search::{
    cell, correct_by_content, formulas_found, join_recovered_header, known_by_formula, named_header, pair_by_formula,
    renamed_columns,
};
use crate::store::upsert::repair::formulas::have_same_shape;
use crate::store::upsert::repair::image::TabImage;
use crate::store::upsert::repair::rows::{RowLocation, RowSearch};
use crate::store::upsert::undo_log::{MisplacedWrite, RowPredicate, UndoFinding};

/// The row and column maps of a finding.
pub(super) struct Correspondence<'a> {
    pub(super) finding: &'a UndoFinding,
    pub(super) image: &'a TabImage<'a>,
    /// From the expected header to the header as found.
    pub(super) found: ColumnMap,
    /// From the header as found to the current one.
    pub(super) now: ColumnMap,
    /// The position of the key column as found.
    pub(super) key: usize,
    /// The current location of each row that was hit.
    pub(super) located: Vec<RowLocation>,
    /// The contents of rows that a repair hit as intended, in current columns.
    settled: Vec<RowFingerprint>,
    /// Their current rows.
    settled_rows: HashSet<u32>,
    /// From current row to index of the hit.
    hit_by_row: HashMap<u32, usize>,
    /// From the key before the write to index of the hit.
    hit_by_key: HashMap<String, usize>,
    /// From the mark of the key before the write, or none, to indices of the hits.
    hit_by_mark: HashMap<Option<u64>, Vec<usize>>,
    /// Current rows by displayed key.
    by_key: HashMap<String, Vec<usize>>,
    /// For each text in the column where the batch wrote keys: the lowest row that was not hit.
    lowest: HashMap<String, u32>,
}

impl<'a> Correspondence<'a> {
    /// Follows columns first, then rows.
    pub(super) fn new(finding: &'a UndoFinding, image: &'a TabImage<'a>) -> Self {
        let (undo_log, tab) = (&finding.undo_log, image.tab);
        let own: HashSet<usize> =
            undo_log.names.iter().filter(|name| !name.is_empty()).filter_map(|name| tab.position(name)).collect();
        let is_users = |at: usize| {
            let header = finding.header.get(at).filter(|text| !text.is_empty());
            let now = header.and_then(|header| tab.header.iter().position(|text| text == header));
            header.is_none() || now.is_some_and(|at| !own.contains(&at))
        };
        let formulas_found = formulas_found(finding, image);
        let mut by_formula = pair_by_formula(&undo_log.header_formulas, &formulas_found);
        by_formula.extend(renamed_columns(finding, image));
        let found = map_own_columns(&undo_log.header, &finding.header, &undo_log.own_columns(), &by_formula, is_users);
        let header = named_header(finding, &found);
        let known = undo_log.used.iter().filter_map(|&at| Some((found.get(at)?, tab.position(undo_log.name(at)?)?)));
        let by_formula = pair_by_formula(&formulas_found, &image.header_formulas());
        let known: Vec<_> = known.chain(by_formula).chain(known_by_formula(&header, image)).collect();
        let mut now = ColumnMap::between(&header, &tab.header, &known);
        join_recovered_header(&mut now, &header, image);
        let key = found.get(undo_log.key).unwrap_or(undo_log.key);
        let mut by_key: HashMap<String, Vec<usize>> = HashMap::new();
        for (row, _) in image.rows() {
            by_key.entry(image.shown(row, image.key)).or_default().push(row);
        }
        correct_by_content(&mut now, finding, image, key, &by_key);
        let mut hit_by_key = HashMap::new();
        let mut hit_by_mark: HashMap<Option<u64>, Vec<usize>> = HashMap::new();
        for (at, misplaced) in finding.misplaced.iter().enumerate() {
            hit_by_key.entry(cell(&misplaced.before, key)).or_insert(at);
            hit_by_mark.entry(misplaced.shown.get(key).and_then(mark_of)).or_default().push(at);
        }
        let unlocated = Self {
            finding,
            image,
            found,
            now,
            key,
            located: Vec::new(),
            settled: Vec::new(),
            settled_rows: HashSet::new(),
            hit_by_row: HashMap::new(),
            hit_by_key,
            hit_by_mark,
            by_key,
            lowest: HashMap::new(),
        };
        unlocated.locate_rows()
    }

    /// Follows the rows, once the columns are mapped.
    fn locate_rows(mut self) -> Self {
        let settled = self.finding.settled.iter().map(|(_, row)| {
            let is_filled = |at| self.now.get(at).is_some_and(|column| self.image.is_filled_by_header(column));
            RowFingerprint::new(row, is_filled).moved(&self.now, self.image.width())
        });
        self.settled = settled.collect();
        self.settled_rows = self.find_settled_rows();
        self.settled.retain(|fingerprint| !fingerprint.is_blank());
        let (others, claims) = (self.intended_rows(), self.claims());
        self.located = RowSearch::new(self.finding, self.image, &self.now, self.key, others, claims).locate(self.key);
        let rows = self.located.iter().enumerate().filter_map(|(at, located)| Some((located.row()?, at)));
        self.hit_by_row = rows.collect();
        if let Some(at) = self.now.get(self.finding.undo_log.key) {
            for row in (1..self.image.rows.len()).map(number) {
                if !self.hit_by_row.contains_key(&row) {
                    self.lowest.insert(self.image.shown(row as usize, at), row);
                }
            }
        }
        self
    }

    /// The current rows of those that a repair hit as intended: where it hit them, or else the only
    /// row that shows what it wrote.
    fn find_settled_rows(&self) -> HashSet<u32> {
        let places = self.finding.settled.iter().map(|(place, _)| *place);
        let filled = places.zip(&self.settled).filter(|(_, fingerprint)| !fingerprint.is_blank());
        let found = filled.filter_map(|(place, fingerprint)| {
            let rows = self.image.rows().filter(|(row, _)| self.image.compare(fingerprint, *row).is_exact());
            let rows: Vec<_> = rows.map(|(row, _)| number(row)).collect();
            let only = if let [only] = rows.as_slice() { Some(*only) } else { None };
            rows.contains(&place).then_some(place).or(only)
        });
        found.collect()
    }

    /// What rows must show that are known to be others than the hit ones: intended rows of a repair
    /// that it missed, and rows that it hit as intended.
    fn claims(&self) -> Vec<RowFingerprint> {
        let map = self.intended_map();
        let missed = self.finding.misplaced.iter().filter_map(|misplaced| match &misplaced.target.expect {
            RowPredicate::Row { fingerprint, .. }
                if !fingerprint.is_blank() && self.hits_with_contents(fingerprint).is_empty() =>
            {
                Some(fingerprint.moved(&map, self.image.width()))
            }
            _ => None,
        });
        missed.chain(self.settled.iter().cloned()).collect()
    }

    /// Intended rows of a repair that it missed and that still hold all expected contents. None of
    /// them was hit.
    fn intended_rows(&self) -> HashSet<usize> {
        let map = self.intended_map();
        let fingerprints = self.finding.misplaced.iter().filter_map(|misplaced| match &misplaced.target.expect {
            RowPredicate::Row { key: None, fingerprint }
                if !fingerprint.is_blank() && self.hits_with_contents(fingerprint).is_empty() =>
            {
                Some(fingerprint.moved(&map, self.image.width()))
            }
            _ => None,
        });
        let fingerprints: Vec<_> = fingerprints.collect();
        let is_intended =
            |row: usize| fingerprints.iter().any(|fingerprint| self.image.compare(fingerprint, row).is_exact());
        self.image.rows().map(|(row, _)| row).filter(|row| is_intended(*row)).collect()
    }

    /// The key of a row before the write.
    pub(super) fn key_before(&self, misplaced: &MisplacedWrite) -> String {
        cell(&misplaced.before, self.key)
    }

    /// The index of the hit whose row had this key before the write.
    pub(super) fn hit_with_key(&self, key: &str) -> Option<usize> {
        self.hit_by_key.get(key).copied()
    }

    /// The hit whose row is now at `row`.
    pub(super) fn hit_at(&self, row: u32) -> Option<&'a MisplacedWrite> {
        self.hit_by_row.get(&row).and_then(|at| self.finding.misplaced.get(*at))
    }

    /// The index of the hit whose row is now at `row`.
    pub(super) fn hit_index(&self, row: u32) -> Option<usize> {
        self.hit_by_row.get(&row).copied()
    }

    /// The current row of a hit.
    pub(super) fn row_of_hit(&self, at: usize) -> Option<u32> {
        self.located.get(at).and_then(|located| located.row())
    }

    /// Whether no user changed a cell since the batch. The post-image shows what a hit row
    /// contained then.
    pub(super) fn is_untouched(&self, row: u32, column: usize) -> bool {
        let left = self.hit_by_row.get(&row).zip(self.now.origin(column));
        left.is_none_or(|(hit, from)| self.is_as_written(*hit, from, row, column))
    }

    /// Whether the cell in `row` and `to` shows what the batch wrote into column `from` of a hit.
    /// The value of a formula may change by itself, so that only the formula itself counts.
    pub(super) fn is_as_written(&self, hit: usize, from: usize, row: u32, to: usize) -> bool {
        let row = row as usize;
        let Some(misplaced) = self.finding.misplaced.get(hit) else { return false };
        match (self.formula_written(hit, from), self.image.formula(row, to)) {
            (Some(written), Some(now)) => have_same_shape(&written, now),
            _ => cell(&misplaced.after, from) == self.image.shown(row, to),
        }
    }

    /// The formula that a repair wrote into a column of a hit, as kept in the undo row.
    pub(super) fn formula_written(&self, hit: usize, column: usize) -> Option<String> {
        let entered = cell(self.image.undo.after.get(hit)?, column);
        let shown = cell(&self.finding.misplaced.get(hit)?.after, column);
        (entered.starts_with('=') && entered != shown).then_some(entered)
    }

    /// The row that owns this key. A row into which the batch wrote the key by mistake does not
    /// count.
    pub(super) fn row_of(&self, key: &str) -> Option<u32> {
        let is_own = |row: &usize| {
            let hit = self.hit_at(number(*row));
            hit.is_none_or(|hit| cell(&hit.before, self.key) == cell(&hit.after, self.key))
        };
        self.by_key.get(key)?.iter().find(|row| is_own(row)).map(|row| number(*row))
    }

    /// Whether a filled row was blank, both in the written and in the intended columns.
    pub(super) fn was_free(&self, misplaced: &MisplacedWrite) -> bool {
        let mut intended = misplaced.target.columns.iter().filter_map(|at| self.found.get(*at));
        misplaced.target.was_blank(&misplaced.before) && intended.all(|at| cell(&misplaced.before, at).is_empty())
    }

    /// The lowest row that shows this key in the written key column and was not hit.
    pub(super) fn lowest_row_showing(&self, key: &str) -> Option<u32> {
        self.lowest.get(key).copied()
    }

    /// The current position of an intended column; `None` if its header is gone, because it was
    /// deleted.
    pub(super) fn intended(&self, column: usize) -> Option<usize> {
        let name = self.finding.undo_log.header.get(column)?;
        let tab = self.image.tab;
        let own = self.finding.undo_log.name(column).and_then(|own| tab.position(own));
        let by_text =
            || tab.header.iter().position(|text| text == name).filter(|_| !name.is_empty() && !is_error(name));
        own.or_else(by_text).or_else(|| self.found.get(column).and_then(|found| self.now.get(found)))
    }

    /// The map from the expected header to the current one.
    pub(super) fn intended_map(&self) -> ColumnMap {
        let header = &self.finding.undo_log.header;
        let known: Vec<_> = (0..header.len()).filter_map(|at| Some((at, self.intended(at)?))).collect();
        ColumnMap::between(header, &self.image.tab.header, &known)
    }

    /// The indices of hits whose rows had these contents before the write.
    pub(super) fn hits_with_contents(&self, fingerprint: &RowFingerprint) -> Vec<usize> {
        let width = self.finding.misplaced.iter().map(|misplaced| misplaced.shown.len()).max().unwrap_or_default();
        let fingerprint = fingerprint.moved(&self.found, width.max(self.finding.header.len()));
        // Compares only rows that had the same key, or none.
        let key = fingerprint.mark(self.key);
        let likely = self.hit_by_mark.get(&key).into_iter().flatten();
        likely
            .copied()
            .filter(|at| fingerprint.compare(&self.finding.misplaced[*at].shown, |_| false).is_exact())
            .collect()
    }

    /// Whether a write hit the row for which it was intended, in whichever columns.
    pub(super) fn is_own_row(&self, at: usize, misplaced: &MisplacedWrite) -> bool {
        match &misplaced.target.expect {
            RowPredicate::Key(key) | RowPredicate::Row { key: Some(key), .. } => self.key_before(misplaced) == *key,
            RowPredicate::Row { key: None, fingerprint } => self.hits_with_contents(fingerprint).contains(&at),
            RowPredicate::Blank(_) => false,
        }
    }

    /// The row that a repair hit, if it was the intended one, in which a user had changed some
    /// cells since the plan: no row that was not hit resembles the expected contents as much.
    pub(super) fn own_row_changed(&self, at: usize, misplaced: &MisplacedWrite) -> Option<u32> {
        let RowPredicate::Row { fingerprint, .. } = &misplaced.target.expect else { return None };
        let row = self.row_of_hit(at)?;
        let width = misplaced.shown.len().max(self.finding.header.len());
        let own = fingerprint.moved(&self.found, width).compare(&misplaced.shown, |_| false);
        let expected = fingerprint.moved(&self.intended_map(), self.image.width());
        let created = self.created_rows();
        let is_other = |row: &u32| self.hit_at(*row).is_none() && !created.contains(row);
        let unhit = self.image.rows().filter(|(row, _)| is_other(&number(*row)));
        let best = unhit.map(|(row, _)| self.image.compare(&expected, row).score()).max();
        // A row counts as gone once more of it was changed than is left.
        let is_left = own.equal > 0 && own.equal >= own.different;
        (is_left && best.is_none_or(|best| best < own.score())).then_some(row)
    }

    /// The lowest rows of the keys for which the batch created rows.
    fn created_rows(&self) -> HashSet<u32> {
        let undo_log = &self.finding.undo_log;
        let rows = undo_log.recreated.iter().filter_map(|key| self.by_key.get(key)).flatten().map(|row| number(*row));
        let unhit: Vec<_> = rows.filter(|row| self.hit_at(*row).is_none()).collect();
        let mut lowest: HashMap<String, u32> = HashMap::new();
        for row in unhit {
            let there = lowest.entry(self.image.shown(row as usize, self.image.key)).or_default();
            *there = row.max(*there);
        }
        lowest.into_values().collect()
    }

    /// The row into which a user wrote the key that a repair was to restore there, if most of its
    /// other cells are as expected.
    pub(super) fn row_with_its_key_again(&self, misplaced: &MisplacedWrite) -> Option<u32> {
        let RowPredicate::Row { fingerprint, .. } = &misplaced.target.expect else { return None };
        if !misplaced.target.columns.contains(&self.finding.undo_log.key) || !misplaced.target.moves.is_empty() {
            return None;
        }
        let key = cell(&misplaced.after, self.finding.undo_log.key);
        let row = self.row_of(&key).filter(|_| !key.is_empty())?;
        let like = if let Some(hit) = self.hit_at(row) {
            let width = hit.shown.len().max(self.finding.header.len());
            fingerprint.moved(&self.found, width).compare(&hit.shown, |column| column == self.key)
        } else {
            let expected = fingerprint.moved(&self.intended_map(), self.image.width());
            self.image.compare_but(&expected, row as usize, self.image.key)
        };
        like.is_close().then_some(row)
    }

    /// Whether a user replaced the key of a hit row, so that it belongs to no key: it shows neither
    /// the key nor what the write left in its place.
    pub(super) fn is_unkeyed(&self, at: usize, row: u32) -> bool {
        let Some(hit) = self.finding.misplaced.get(at) else { return false };
        let shown = self.image.shown(row as usize, self.image.key);
        shown != cell(&hit.before, self.key) && shown != cell(&hit.after, self.key)
    }

    /// The row with the contents that a repair expected: in each cell, or else with a better match
    /// than any other free row. Blank rows are all alike; the one nearest to `place` is used.
    pub(super) fn row_with_contents(
        &self,
        fingerprint: &RowFingerprint,
        place: u32,
        is_free: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let fingerprint = fingerprint.moved(&self.intended_map(), self.image.width());
        let is_settled = |row: u32| self.settled_rows.contains(&row);
        let is_free = |row: u32| self.hit_at(row).is_none() && is_free(row) && !is_settled(row);
        if fingerprint.is_blank() {
            let blank = (1..self.image.height).filter(|row| is_free(*row) && self.image.is_blank(*row as usize));
            return blank.min_by_key(|row| row.abs_diff(place));
        }
        // A row with another key is another row, even if all other cells match.
        let key = fingerprint.mark(self.image.key);
        let has_key = |row: usize| self.image.cell(row, self.image.key).and_then(mark_of) == key;
        let rows = self.image.rows().filter(|(row, _)| has_key(*row));
        let rows = rows.map(|(row, _)| (self.image.compare(&fingerprint, row), number(row)));
        let mut close: Vec<_> = rows.filter(|(like, row)| like.is_close() && is_free(*row)).collect();
        close.sort_by_key(|(like, row)| (std::cmp::Reverse(like.score()), *row));
        let (first, row) = close.first()?;
        // Several rows show this key, and one of them may be the key's own row.
        if key.is_some() && !first.is_exact() {
            return None;
        }
        let is_alone = close.get(1).is_none_or(|(second, _)| second.score() < first.score());
        (first.is_exact() || is_alone).then_some(*row)
    }

    /// Whether the batch wrote a row of this key, or the key itself.
    pub(super) fn is_written_key(&self, key: &str) -> bool {
        let undo_log = &self.finding.undo_log;
        let mut others = undo_log.recreated.iter().chain(&self.finding.shifted_appends);
        let mut writes =
            self.finding.misplaced.iter().filter(|misplaced| misplaced.target.columns.contains(&undo_log.key));
        others.any(|other| other == key) || writes.any(|misplaced| cell(&misplaced.after, undo_log.key) == key)
    }

    /// Keys that several rows show.
    pub(super) fn shared_keys(&self) -> impl Iterator<Item = &String> {
        let shared = self.by_key.iter().filter(|(key, rows)| !key.is_empty() && rows.len() > 1);
        shared.map(|(key, _)| key)
    }
}

/// A row index as the service counts, 0-based.
pub(super) fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}
