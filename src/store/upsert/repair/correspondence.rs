//! Which rows and columns of a batch are which ones of today. Pure.
//!
//! In scope: both of them together, for one finding. Out of scope: how a column or a row is followed (`store::tabs::column_map`,
//! `store::upsert::repair::rows`), what follows from it (`store::upsert::repair::plan`).
//!
//! ```text
//!  header as the batch expected it  ──found──▶  header as it found it  ──now──▶  header of today
//! ```

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::store::tabs::column_map::{ColumnMap, follow_own};
use crate::store::tabs::parse::text;
use crate::store::tabs::row_fingerprint::{RowFingerprint, mark_of};
use crate::store::upsert::repair::image::TabImage;
use crate::store::upsert::repair::rows::{RowLocation, RowSearch};
use crate::store::upsert::undo_log::{MisplacedWrite, RowPredicate, UndoFinding};

/// What is known of a finding's rows and columns.
pub(super) struct Correspondence<'a> {
    pub(super) finding: &'a UndoFinding,
    pub(super) image: &'a TabImage<'a>,
    /// From the header that the batch expected to the one that it found.
    pub(super) found: ColumnMap,
    /// From the header that it found to the one of today.
    pub(super) now: ColumnMap,
    /// Where the batch found the column of keys.
    pub(super) key: usize,
    /// Where each row is that was hit.
    pub(super) located: Vec<RowLocation>,
    /// Which row of today is which one that was hit.
    hit_by_row: HashMap<u32, usize>,
    /// Which row that was hit had this key before.
    hit_by_key: HashMap<String, usize>,
    /// Which rows that were hit had a key with this mark before, or none.
    hit_by_mark: HashMap<Option<u64>, Vec<usize>>,
    /// Rows of today by the key that they show.
    by_key: HashMap<String, Vec<usize>>,
    /// The lowest rows of today that show a key where the batch wrote keys, and were not hit.
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

    /// Follows the rows, once columns are known.
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

    /// Rows that a repair was meant for and missed, and that still hold all that it expected: they are none of those that it hit.
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

    /// The key that a row had when the batch came.
    pub(super) fn key_before(&self, astray: &MisplacedWrite) -> String {
        cell(&astray.before, self.key)
    }

    /// The row that had this key when the batch came, among those that were hit.
    pub(super) fn hit_with_key(&self, key: &str) -> Option<usize> {
        self.hit_by_key.get(key).copied()
    }

    /// Which of the rows that were hit is this one.
    pub(super) fn hit_at(&self, row: u32) -> Option<&'a MisplacedWrite> {
        self.hit_by_row.get(&row).and_then(|at| self.finding.astray.get(*at))
    }

    /// The row in which what was hit is now.
    pub(super) fn row_of_hit(&self, at: usize) -> Option<u32> {
        self.located.get(at).and_then(|located| located.row())
    }

    /// Whether nobody changed a cell since the batch: of a row that it hit, what it left there is known.
    pub(super) fn is_untouched(&self, row: u32, column: usize) -> bool {
        let left = self.hit_at(row).zip(self.now.origin(column));
        left.is_none_or(|(hit, from)| cell(&hit.after, from) == self.image.shown(row as usize, column))
    }

    /// The row with this key, which must be its own: one in which the batch wrote the key by mistake is not.
    pub(super) fn row_of(&self, key: &str) -> Option<u32> {
        let is_own = |row: &usize| {
            let hit = self.hit_at(number(*row));
            hit.is_none_or(|hit| cell(&hit.before, self.key) == cell(&hit.after, self.key))
        };
        self.by_key.get(key)?.iter().find(|row| is_own(row)).map(|row| number(*row))
    }

    /// Whether a row that was filled was blank: in the columns that were written, and in those that were meant.
    pub(super) fn was_free(&self, astray: &MisplacedWrite) -> bool {
        let mut meant = astray.target.columns.iter().filter_map(|at| self.found.get(*at));
        astray.target.was_blank(&astray.before) && meant.all(|at| cell(&astray.before, at).is_empty())
    }

    /// The lowest row that shows this key where keys were written, and was not hit.
    pub(super) fn lowest_that_shows(&self, key: &str) -> Option<u32> {
        self.lowest.get(key).copied()
    }

    /// Where the column that the batch meant is now. One whose header is nowhere any more was deleted.
    pub(super) fn meant(&self, column: usize) -> Option<usize> {
        let name = self.finding.witness.header.get(column)?;
        let tab = self.image.tab;
        let own = self.finding.witness.name(column).and_then(|own| tab.position(own));
        let by_text = || tab.header.iter().position(|text| text == name && !name.is_empty());
        own.or_else(by_text).or_else(|| self.found.get(column).and_then(|found| self.now.get(found)))
    }

    /// From the header that the batch expected to the one of today.
    fn meant_map(&self) -> ColumnMap {
        let header = &self.finding.witness.header;
        let known: Vec<_> = (0..header.len()).filter_map(|at| Some((at, self.meant(at)?))).collect();
        ColumnMap::between(header, &self.image.tab.header, &known)
    }

    /// The rows that held this when the batch came, among those that were hit.
    pub(super) fn hits_that_held(&self, print: &RowFingerprint) -> Vec<usize> {
        let width = self.finding.astray.iter().map(|astray| astray.shown.len()).max().unwrap_or_default();
        let print = print.moved(&self.found, width.max(self.finding.header.len()));
        // Only those that had the same key, or none, are compared.
        let key = print.mark(self.key);
        let likely = self.hit_by_mark.get(&key).into_iter().flatten();
        likely.copied().filter(|at| print.compare(&self.finding.astray[*at].shown, |_| false).is_exact()).collect()
    }

    /// The row that holds what a repair expected: in each cell, or else more of it than any other row that is free. Of blank rows, which are
    /// all the same, the one nearest to `place`.
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
        // A row with another key is another row, whatever else it holds.
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

/// Columns that were written and are now where what was written is, whatever their headers say.
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

/// A row's number, from 0, as the service counts.
pub(super) fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}
