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

use serde_json::Value;

use crate::store::tabs::column_map::{ColumnMap, follow_own};
use crate::store::tabs::parse::text;
use crate::store::tabs::row_fingerprint::{RowFingerprint, mark_of};
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
        let (witness, tab) = (&finding.witness, image.tab);
        let own: HashSet<usize> =
            witness.names.iter().filter(|name| !name.is_empty()).filter_map(|name| tab.position(name)).collect();
        let is_theirs = |at: usize| {
            let header = finding.header.get(at).filter(|text| !text.is_empty());
            let now = header.and_then(|header| tab.header.iter().position(|text| text == header));
            header.is_none() || now.is_some_and(|at| !own.contains(&at))
        };
        let found = follow_own(&witness.header, &finding.header, &witness.own_columns(), is_theirs);
        let known = witness.used.iter().filter_map(|&at| Some((found.get(at)?, tab.position(witness.name(at)?)?)));
        let mut now = ColumnMap::between(&finding.header, &tab.header, &known.collect::<Vec<_>>());
        let key = found.get(witness.key).unwrap_or(witness.key);
        let mut by_key: HashMap<String, Vec<usize>> = HashMap::new();
        for (row, _) in image.rows() {
            by_key.entry(image.shown(row, image.key)).or_default().push(row);
        }
        correct_by_content(&mut now, finding, image, key, &by_key);
        let mut hit_by_key = HashMap::new();
        let mut hit_by_mark: HashMap<Option<u64>, Vec<usize>> = HashMap::new();
        for (at, astray) in finding.astray.iter().enumerate() {
            hit_by_key.entry(cell(&astray.before, key)).or_insert(at);
            hit_by_mark.entry(astray.shown.get(key).and_then(mark_of)).or_default().push(at);
        }
        let unlocated = Self {
            finding,
            image,
            found,
            now,
            key,
            located: Vec::new(),
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
        let meant = self.rows_that_were_meant();
        self.located = RowSearch::new(self.finding, self.image, &self.now, self.key, meant).locate(self.key);
        let rows = self.located.iter().enumerate().filter_map(|(at, located)| Some((located.row()?, at)));
        self.hit_by_row = rows.collect();
        if let Some(at) = self.now.get(self.finding.witness.key) {
            for row in (1..self.image.rows.len()).map(number) {
                if !self.hit_by_row.contains_key(&row) {
                    self.lowest.insert(self.image.shown(row as usize, at), row);
                }
            }
        }
        self
    }

    /// Intended rows of a repair that it missed and that still hold all expected contents. None of
    /// them was hit.
    fn rows_that_were_meant(&self) -> HashSet<usize> {
        let map = self.meant_map();
        let prints = self.finding.astray.iter().filter_map(|astray| match &astray.target.expect {
            RowPredicate::Row { key: None, print } if !print.is_blank() && self.hits_that_held(print).is_empty() => {
                Some(print.moved(&map, self.image.width()))
            }
            _ => None,
        });
        let prints: Vec<_> = prints.collect();
        let is_meant = |row: usize| prints.iter().any(|print| self.image.compare(print, row).is_exact());
        self.image.rows().map(|(row, _)| row).filter(|row| is_meant(*row)).collect()
    }

    /// The key of a row before the write.
    pub(super) fn key_before(&self, astray: &MisplacedWrite) -> String {
        cell(&astray.before, self.key)
    }

    /// The index of the hit whose row had this key before the write.
    pub(super) fn hit_with_key(&self, key: &str) -> Option<usize> {
        self.hit_by_key.get(key).copied()
    }

    /// The hit whose row is now at `row`.
    pub(super) fn hit_at(&self, row: u32) -> Option<&'a MisplacedWrite> {
        self.hit_by_row.get(&row).and_then(|at| self.finding.astray.get(*at))
    }

    /// The current row of a hit.
    pub(super) fn row_of_hit(&self, at: usize) -> Option<u32> {
        self.located.get(at).and_then(|located| located.row())
    }

    /// Whether no user changed a cell since the batch. The post-image shows what a hit row
    /// contained then.
    pub(super) fn is_untouched(&self, row: u32, column: usize) -> bool {
        let left = self.hit_at(row).zip(self.now.origin(column));
        left.is_none_or(|(hit, from)| cell(&hit.after, from) == self.image.shown(row as usize, column))
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
    pub(super) fn was_free(&self, astray: &MisplacedWrite) -> bool {
        let mut meant = astray.target.columns.iter().filter_map(|at| self.found.get(*at));
        astray.target.was_blank(&astray.before) && meant.all(|at| cell(&astray.before, at).is_empty())
    }

    /// The lowest row that shows this key in the written key column and was not hit.
    pub(super) fn lowest_that_shows(&self, key: &str) -> Option<u32> {
        self.lowest.get(key).copied()
    }

    /// The current position of an intended column; `None` if its header is gone, because it was
    /// deleted.
    pub(super) fn meant(&self, column: usize) -> Option<usize> {
        let name = self.finding.witness.header.get(column)?;
        let tab = self.image.tab;
        let own = self.finding.witness.name(column).and_then(|own| tab.position(own));
        let by_text = || tab.header.iter().position(|text| text == name && !name.is_empty());
        own.or_else(by_text).or_else(|| self.found.get(column).and_then(|found| self.now.get(found)))
    }

    /// The map from the expected header to the current one.
    fn meant_map(&self) -> ColumnMap {
        let header = &self.finding.witness.header;
        let known: Vec<_> = (0..header.len()).filter_map(|at| Some((at, self.meant(at)?))).collect();
        ColumnMap::between(header, &self.image.tab.header, &known)
    }

    /// The indices of hits whose rows had these contents before the write.
    pub(super) fn hits_that_held(&self, print: &RowFingerprint) -> Vec<usize> {
        let width = self.finding.astray.iter().map(|astray| astray.shown.len()).max().unwrap_or_default();
        let print = print.moved(&self.found, width.max(self.finding.header.len()));
        // Compares only rows that had the same key, or none.
        let key = print.mark(self.key);
        let likely = self.hit_by_mark.get(&key).into_iter().flatten();
        likely.copied().filter(|at| print.compare(&self.finding.astray[*at].shown, |_| false).is_exact()).collect()
    }

    /// The row with the contents that a repair expected: in each cell, or else with a better match
    /// than any other free row. Blank rows are all alike; the one nearest to `place` is used.
    pub(super) fn row_that_holds(
        &self,
        print: &RowFingerprint,
        place: u32,
        is_free: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let print = print.moved(&self.meant_map(), self.image.width());
        let is_free = |row: u32| self.hit_at(row).is_none() && is_free(row);
        if print.is_blank() {
            let blank = (1..self.image.height).filter(|row| is_free(*row) && self.image.is_blank(*row as usize));
            return blank.min_by_key(|row| row.abs_diff(place));
        }
        // A row with another key is another row, even if all other cells match.
        let key = print.mark(self.image.key);
        let has_key = |row: usize| self.image.cell(row, self.image.key).and_then(mark_of) == key;
        let rows = self.image.rows().filter(|(row, _)| has_key(*row));
        let rows = rows.map(|(row, _)| (self.image.compare(&print, row), number(row)));
        let mut close: Vec<_> = rows.filter(|(like, row)| like.is_close() && is_free(*row)).collect();
        close.sort_by_key(|(like, row)| (std::cmp::Reverse(like.score()), *row));
        let (first, row) = close.first()?;
        let is_alone = close.get(1).is_none_or(|(second, _)| second.score() < first.score());
        (first.is_exact() || is_alone).then_some(*row)
    }

    /// Keys that several rows show.
    pub(super) fn shared_keys(&self) -> impl Iterator<Item = &String> {
        let shared = self.by_key.iter().filter(|(key, rows)| !key.is_empty() && rows.len() > 1);
        shared.map(|(key, _)| key)
    }
}

/// Corrects columns by content: a written column is where its written cells are now, whatever the
/// headers are.
fn correct_by_content(
    now: &mut ColumnMap,
    finding: &UndoFinding,
    image: &TabImage<'_>,
    key: usize,
    by_key: &HashMap<String, Vec<usize>>,
) {
    let mut written: Vec<_> = finding.astray.iter().flat_map(|astray| astray.target.columns.iter().copied()).collect();
    written.sort_unstable();
    written.dedup();
    for column in written.into_iter().filter(|column| *column != key) {
        let hit = finding.astray.iter().filter(|astray| astray.target.columns.contains(&column));
        let cells = hit.filter_map(|astray| {
            let (key, shown) = (cell(&astray.after, key), cell(&astray.after, column));
            let row = by_key.get(&key)?.first()?;
            (!key.is_empty() && !shown.is_empty()).then_some((*row, shown))
        });
        let cells: Vec<(usize, String)> = cells.collect();
        let votes = |there: usize| cells.iter().filter(|(row, cell)| image.shown(*row, there) == *cell).count();
        if cells.is_empty() || now.get(column).is_some_and(|there| votes(there) > 0) {
            continue;
        }
        let others = now.strangers().into_iter().chain([column]).filter(|there| *there < image.width());
        let mut others: Vec<_> = others.map(|there| (votes(there), there)).filter(|(votes, _)| *votes > 0).collect();
        others.sort_unstable();
        others.dedup();
        if let [.., (most, there)] = others.as_slice()
            && others.iter().filter(|(votes, _)| votes == most).count() == 1
            && *there != image.key
        {
            now.correct(column, *there);
        }
    }
}

fn cell(row: &[Value], column: usize) -> String {
    row.get(column).map(text).unwrap_or_default()
}

/// A row index as the service counts, 0-based.
pub(super) fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}
