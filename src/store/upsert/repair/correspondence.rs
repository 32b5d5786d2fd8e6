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
use crate::store::tabs::row_fingerprint::{Likeness, RowFingerprint, mark_of};
use crate::store::upsert::repair::claim::Claim;
use crate::store::upsert::repair::column_search::{
    cell, correct_by_content, find_shifted_keys, formulas_found, join_recovered_header, known_by_formula, named_header,
    pair_by_formula, renamed_columns,
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
    /// Of each hit row, the key that the batch was to restore in it, when it hit another one.
    owed_keys: Vec<Option<String>>,
    /// The current location of each row that was hit.
    pub(super) located: Vec<RowLocation>,
    /// Rows that a repair hit as intended.
    settled: Vec<Claim>,
    /// Rows that are known to be none of the hit ones.
    pub(super) claims: Vec<Claim>,
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
        find_shifted_keys(&mut now, finding, image);
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
            owed_keys: Vec::new(),
            located: Vec::new(),
            settled: Vec::new(),
            claims: Vec::new(),
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
        self.settled = self.find_settled_rows();
        self.claims = self.find_claims();
        self.owed_keys = self.find_owed_keys();
        let (others, owed_keys) = (self.intended_rows(), &self.owed_keys);
        let search = RowSearch::new(self.finding, self.image, &self.now, self.key, (others, &self.claims), owed_keys);
        self.located = search.locate(self.key);
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

    /// The rows that a repair hit as intended: each is where it hit it, or else the only row that
    /// shows what it wrote.
    fn find_settled_rows(&self) -> Vec<Claim> {
        let settled = self.finding.settled.iter().filter_map(|(place, row)| {
            let is_filled = |at| self.now.get(at).is_some_and(|column| self.image.is_filled_by_header(column));
            let fingerprint = RowFingerprint::new(row, is_filled).moved(&self.now, self.image.width());
            if fingerprint.is_blank() {
                return None;
            }
            let rows = self.image.rows().filter(|(row, _)| self.image.compare(&fingerprint, *row).is_exact());
            let rows: Vec<_> = rows.map(|(row, _)| row).collect();
            let only = if let [only] = rows.as_slice() { Some(*only) } else { None };
            let place = *place as usize;
            let row = rows.contains(&place).then_some(place).or(only);
            Some(Claim { fingerprint, key: None, row })
        });
        settled.collect()
    }

    /// Whether a hit row contained as much of these contents as of others, so that it may be the row
    /// that a repair expected, changed since.
    fn resembles_a_hit(&self, fingerprint: &RowFingerprint) -> bool {
        let hits = self.finding.misplaced.iter().map(|hit| self.compare_before(fingerprint, hit));
        hits.into_iter().any(|like| like.equal > 0 && like.equal >= like.different)
    }

    /// Compares what a repair expected with what a hit row contained before.
    fn compare_before(&self, fingerprint: &RowFingerprint, hit: &MisplacedWrite) -> Likeness {
        let width = hit.shown.len().max(self.finding.header.len());
        fingerprint.moved(&self.found, width).compare(&hit.shown, |_| false)
    }

    /// Whether a row is one that a repair hit as intended.
    fn is_settled(&self, row: u32) -> bool {
        self.settled.iter().any(|claim| claim.row == Some(row as usize))
    }

    /// Rows that are known to be others than the hit ones: intended rows of a repair that it missed,
    /// and rows that it hit as intended.
    fn find_claims(&self) -> Vec<Claim> {
        let map = self.intended_map();
        let missed = self.finding.misplaced.iter().filter_map(|misplaced| match &misplaced.target.expect {
            RowPredicate::Row { key, fingerprint } if !fingerprint.is_blank() && !self.resembles_a_hit(fingerprint) => {
                let shown = key.as_ref().and_then(|key| self.by_key.get(key));
                let row = shown.and_then(|rows| if let [row] = rows.as_slice() { Some(*row) } else { None });
                let key = key.clone().or_else(|| self.restored_key(misplaced));
                Some(Claim { fingerprint: fingerprint.moved(&map, self.image.width()), key, row })
            }
            _ => None,
        });
        missed.chain(self.settled.iter().cloned()).collect()
    }

    /// The key that a repair was to restore in a row that had lost it.
    pub(super) fn restored_key(&self, misplaced: &MisplacedWrite) -> Option<String> {
        let (target, key) = (&misplaced.target, self.finding.undo_log.key);
        let writes_key = target.columns.contains(&key) && target.moves.is_empty();
        let is_restored = writes_key && matches!(target.expect, RowPredicate::Row { .. });
        Some(cell(&misplaced.after, key)).filter(|key| is_restored && !key.is_empty())
    }

    /// The key of a hit row: the one that the batch was to restore in it, or the one that it had.
    pub(super) fn own_key(&self, at: usize) -> Option<String> {
        let owed = self.owed_keys.get(at).cloned().flatten();
        let had = || self.finding.misplaced.get(at).map(|misplaced| self.key_before(misplaced));
        owed.or_else(had).filter(|key| !key.is_empty())
    }

    /// The key that a write would have restored in this hit row, also by moving it there from another
    /// column.
    fn key_restored_in(&self, at: usize, misplaced: &MisplacedWrite) -> Option<String> {
        let key = self.finding.undo_log.key;
        let Some((from, _)) = misplaced.target.moves.iter().find(|(_, to)| *to == key) else {
            return self.restored_key(misplaced);
        };
        let hit = self.finding.misplaced.get(at)?;
        Some(cell(&hit.shown, self.found.get(*from)?)).filter(|key| !key.is_empty())
    }

    /// Whether a hit row had contents before.
    pub(super) fn had_contents(&self, at: usize) -> bool {
        let before = self.finding.misplaced.get(at).map(|misplaced| &misplaced.shown);
        before.is_some_and(|cells| !RowFingerprint::new(cells, |_| false).is_blank())
    }

    /// Whether the batch was to restore the key of a hit row.
    pub(super) fn is_owed_a_key(&self, at: usize) -> bool {
        self.owed_keys.get(at).is_some_and(Option::is_some)
    }

    fn find_owed_keys(&self) -> Vec<Option<String>> {
        let mut owed = vec![None; self.finding.misplaced.len()];
        for misplaced in &self.finding.misplaced {
            let RowPredicate::Row { fingerprint, .. } = &misplaced.target.expect else { continue };
            let hits = self.hits_with_contents(fingerprint);
            let [at] = hits.as_slice() else { continue };
            if let (Some(there), Some(key)) = (owed.get_mut(*at), self.key_restored_in(*at, misplaced)) {
                *there = Some(key);
            }
        }
        owed
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
        let own = self.compare_before(fingerprint, misplaced);
        let expected = fingerprint.moved(&self.intended_map(), self.image.width());
        let created = self.created_rows();
        let is_other = |row: &u32| self.hit_at(*row).is_none() && !created.contains(row) && !self.is_settled(*row);
        let unhit = self.image.rows().filter(|(row, _)| is_other(&number(*row)));
        let best = unhit.map(|(row, _)| self.image.compare(&expected, row).score()).max();
        // A row counts as gone once more of it was changed than is left, unless its neighbours are
        // where the repair expected them.
        let is_left = own.equal >= own.different || self.are_neighbors_settled(misplaced.target.row);
        let is_alone = best.is_none_or(|best| best < own.score() || (best <= 0 && is_left));
        (own.equal > 0 && is_left && is_alone).then_some(row)
    }

    /// Another row that a repair hit, if it was the intended one, in which a user had changed a few
    /// cells since the plan: no other row resembles the expected contents as much.
    pub(super) fn other_hit_changed(&self, misplaced: &MisplacedWrite) -> Option<u32> {
        let RowPredicate::Row { fingerprint, .. } = &misplaced.target.expect else { return None };
        let hits = self.finding.misplaced.iter().enumerate();
        let mut close: Vec<_> = hits
            .filter(|(at, hit)| !self.is_own_row(*at, hit))
            .map(|(at, hit)| (self.compare_before(fingerprint, hit), at))
            .filter(|(like, _)| like.is_close())
            .collect();
        close.sort_by_key(|(like, _)| std::cmp::Reverse(like.score()));
        let (first, at) = close.first()?;
        let row = self.row_of_hit(*at)?;
        let expected = fingerprint.moved(&self.intended_map(), self.image.width());
        let unhit = self.image.rows().filter(|(row, _)| self.hit_at(number(*row)).is_none());
        let best = unhit.map(|(row, _)| self.image.compare(&expected, row).score()).max();
        let second = close.get(1).map(|(second, _)| second.score());
        let is_alone = best.max(second).is_none_or(|best| best < first.score());
        is_alone.then_some(row)
    }

    /// Whether a repair hit rows above and below this one as intended, so that none of them had moved.
    fn are_neighbors_settled(&self, row: u32) -> bool {
        let mut settled = self.finding.settled.iter().map(|(place, _)| *place);
        settled.clone().any(|place| place < row) && settled.any(|place| place > row)
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
        if let Some(hit) = self.hit_at(row) {
            let width = hit.shown.len().max(self.finding.header.len());
            let like = fingerprint.moved(&self.found, width).compare(&hit.shown, |column| column == self.key);
            return like.is_close().then_some(row);
        }
        let expected = fingerprint.moved(&self.intended_map(), self.image.width());
        let like = self.image.compare_but(&expected, row as usize, self.image.key);
        (like.is_close() || (like.equal > 0 && !self.is_claimed_by_other(misplaced, row))).then_some(row)
    }

    /// Whether a row is known to be another than the one for which a write was intended: one that a
    /// repair settled or created, or one that shows what another write of it expects.
    fn is_claimed_by_other(&self, misplaced: &MisplacedWrite, row: u32) -> bool {
        let map = self.intended_map();
        let mut others = self.finding.misplaced.iter().filter(|other| other.index != misplaced.index);
        let is_expected = others.any(|other| match &other.target.expect {
            RowPredicate::Row { fingerprint, .. } if !fingerprint.is_blank() => {
                self.image.compare(&fingerprint.moved(&map, self.image.width()), row as usize).is_exact()
            }
            _ => false,
        });
        is_expected || self.is_settled(row) || self.created_rows().contains(&row)
    }

    /// Whether a user replaced the key of a hit row, so that it belongs to no key: it shows neither
    /// the key nor what the write left in its place.
    pub(super) fn is_unkeyed(&self, at: usize, row: u32) -> bool {
        let Some(hit) = self.finding.misplaced.get(at) else { return false };
        let shown = self.image.shown(row as usize, self.image.key);
        let is_back = self.own_key(at).is_some_and(|key| key == shown);
        !is_back && shown != cell(&hit.before, self.key) && shown != cell(&hit.after, self.key)
    }

    /// Two rows that show what a repair expected, if nothing shows which of them it was for; the same
    /// row twice if it could be for another of its writes.
    pub(super) fn equal_rows(&self, misplaced: &MisplacedWrite, fingerprint: &RowFingerprint) -> Option<(u32, u32)> {
        if fingerprint.is_blank() {
            return None;
        }
        let expected = fingerprint.moved(&self.intended_map(), self.image.width());
        let is_free = |row: u32| self.hit_at(row).is_none() && !self.is_settled(row);
        let rows = self.image.rows().filter(|(row, _)| is_free(number(*row)));
        let rows = rows.filter(|(row, _)| self.image.compare(&expected, *row).is_exact());
        let mut rows: Vec<_> =
            rows.map(|(row, cells)| (number(row), expected.compare(cells, |_| false).is_exact())).collect();
        // Computed cells count only to distinguish rows that are equal otherwise.
        if rows.iter().any(|(_, is_same)| *is_same) {
            rows.retain(|(_, is_same)| *is_same);
        }
        let (one, _) = *rows.first()?;
        let writes = self.finding.misplaced.iter().filter(|other| match &other.target.expect {
            RowPredicate::Row { key: None, fingerprint: same } => {
                same == fingerprint && self.hits_with_contents(same).is_empty()
            }
            _ => false,
        });
        let writes: Vec<_> = writes.collect();
        let are_alike = writes.iter().all(|other| is_same_write(other, misplaced));
        if are_alike && rows.len() <= writes.len() {
            return None;
        }
        let other = rows.get(1).map_or(one, |(row, _)| *row);
        (rows.len() > 1 || !are_alike).then_some((one, other))
    }

    /// The row with the contents that a repair expected: in each cell, or else with a better match
    /// than any other free row. Blank rows are all alike; the nearest one is used.
    pub(super) fn row_with_contents(
        &self,
        misplaced: &MisplacedWrite,
        fingerprint: &RowFingerprint,
        is_free: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let place = misplaced.target.row;
        let fingerprint = fingerprint.moved(&self.intended_map(), self.image.width());
        let is_free = |row: u32| self.hit_at(row).is_none() && is_free(row) && !self.is_settled(row);
        if fingerprint.is_blank() {
            let blank = (1..self.image.height).filter(|row| is_free(*row) && self.image.is_blank(*row as usize));
            return blank.min_by_key(|row| row.abs_diff(place));
        }
        // A row with another key is another row, even if all other cells match.
        let key = fingerprint.mark(self.image.key);
        let has_key = |row: usize| self.image.cell(row, self.image.key).and_then(mark_of) == key;
        let rows = self.image.rows().filter(|(row, _)| has_key(*row) && is_free(number(*row)));
        let rows: Vec<_> = rows.map(|(row, _)| (self.image.compare(&fingerprint, row), number(row))).collect();
        let exact: Vec<_> = rows.iter().filter(|(like, _)| like.is_exact()).map(|(_, row)| *row).collect();
        if let [one, ..] = exact.as_slice() {
            return Some(*one);
        }
        let mut close: Vec<_> = rows.into_iter().filter(|(like, _)| like.is_close()).collect();
        close.sort_by_key(|(like, row)| (std::cmp::Reverse(like.score()), *row));
        if key.is_some() {
            // Several rows showed this key, and one of them may be the key's own row, or a new one.
            let recreated = &self.finding.undo_log.recreated;
            let is_new = |row: u32| recreated.contains(&self.image.shown(row as usize, self.image.key));
            close.retain(|(_, row)| !self.is_claimed_by_other(misplaced, *row) && !is_new(*row));
            return if let [(_, row)] = close.as_slice() { Some(*row) } else { None };
        }
        let (first, row) = close.first()?;
        let is_alone = close.get(1).is_none_or(|(second, _)| second.score() < first.score());
        is_alone.then_some(*row)
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

/// Whether two writes leave the same in their rows.
fn is_same_write(one: &MisplacedWrite, other: &MisplacedWrite) -> bool {
    let (a, b) = (&one.target, &other.target);
    let is_same = |column: &usize| cell(&one.after, *column) == cell(&other.after, *column);
    a.columns == b.columns && a.moves == b.moves && a.columns.iter().all(is_same)
}

/// A row index as the service counts, 0-based.
pub(super) fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}
