//! Repair of a write that hit other rows or columns than it was meant for: which cells go where. Pure.
//!
//! In scope: restoring what was written over, cell by cell, and doing again what was meant. Out of scope: what was hit
//! (`store::witness`), the requests (`store::data_rows`).
//!
//! ```text
//!  columns     which column of then is which one of now
//!  rows        which row of then is which one of now; by its key, else by what it holds (print)
//!  formulas    references of a formula that goes back after columns moved
//! ```
//!
//! Nothing here needs the items: what was written and what it was written over are both in the undo rows. A cell that people have
//! changed since is theirs. Where two rows could be the one, nothing is written, and the run stops.

pub mod columns;
pub mod formulas;
pub mod print;
pub mod rows;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use crate::grid::column_letters;
use crate::store::layout::Tab;
use crate::store::load::text;
use crate::store::repair::columns::{ColumnMap, follow_own};
use crate::store::repair::formulas::{Journey, brought_back};
use crate::store::repair::print::{Likeness, RowPrint, mark_of};
use crate::store::repair::rows::{Located, RowSearch};
use crate::store::witness::{Astray, Expect, Finding, Target};

/// Where a cell's content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellSource {
    /// An undo row, from 0; the column is one of the tab as the batch knew it.
    Undo(u32),
    /// The very row, as it is found when it is repaired.
    Itself,
    /// This formula.
    Formula(String),
}

/// One cell of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellCopy {
    /// From which row.
    pub source: CellSource,
    /// From which column.
    pub from: usize,
    /// To which column.
    pub to: usize,
}

/// A row to be repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRepair {
    /// Which row, from 0; none for one that is to be made, because its key has none any more.
    pub row: Option<u32>,
    /// What it has to show.
    pub expect: Expect,
    /// What is copied into it.
    pub copies: Vec<CellCopy>,
    /// Columns that are emptied.
    pub clears: Vec<usize>,
}

impl RowRepair {
    /// The columns that it writes, in order.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns: Vec<_> = self.copies.iter().map(|copy| copy.to).chain(self.clears.iter().copied()).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The key that its row has to show.
    pub fn key(&self) -> Option<&str> {
        self.expect.key()
    }

    /// Cells that it moves within the row.
    pub fn moves(&self) -> Vec<(usize, usize)> {
        let itself = self.copies.iter().filter(|copy| copy.source == CellSource::Itself);
        itself.map(|copy| (copy.from, copy.to)).collect()
    }
}

/// The data tab as it is now.
#[derive(Debug, Clone, Copy)]
pub struct TabImage<'a> {
    /// Its columns.
    pub tab: &'a Tab,
    /// The key's column.
    pub key: usize,
    /// All its rows, the header's among them, without blank ones at the end.
    pub rows: &'a [Vec<Value>],
    /// Rows of its grid.
    pub height: u32,
    /// The same cells as they were entered, a formula as its text; empty where that is not known.
    pub entered: &'a [Vec<Value>],
    /// The undo rows with what the batch found, as entered: formulas as their texts; in the order of what went astray.
    pub undo: &'a [Vec<Value>],
}

impl TabImage<'_> {
    /// Rows below the header.
    fn rows(&self) -> impl Iterator<Item = (usize, &Vec<Value>)> {
        self.rows.iter().enumerate().skip(1)
    }

    fn cell(&self, row: usize, column: usize) -> Option<&Value> {
        self.rows.get(row)?.get(column)
    }

    fn is_blank(&self, row: usize) -> bool {
        self.rows.get(row).is_none_or(|cells| cells.iter().all(|cell| text(cell).is_empty()))
    }

    fn shown(&self, row: usize, column: usize) -> String {
        self.cell(row, column).map(text).unwrap_or_default()
    }

    /// Columns of its widest row.
    fn width(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or_default().max(self.tab.header.len())
    }

    /// Whether what a cell shows is worked out: it holds a formula, or another cell's formula fills it.
    fn is_worked_out(&self, row: usize, column: usize) -> bool {
        let Some(entered) = self.entered.get(row) else { return false };
        match entered.get(column) {
            Some(Value::String(text)) if text.starts_with('=') => true,
            Some(cell) if !text(cell).is_empty() => false,
            _ => !self.shown(row, column).is_empty(),
        }
    }

    fn print(&self, row: usize) -> RowPrint {
        RowPrint::of(self.rows.get(row).map_or(&[], Vec::as_slice), |column| self.is_worked_out(row, column))
    }

    fn compare(&self, print: &RowPrint, row: usize) -> Likeness {
        print.compare(self.rows.get(row).map_or(&[], Vec::as_slice), |column| self.is_worked_out(row, column))
    }
}

/// What repairs a finding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepairPlan {
    /// The rows.
    pub repairs: Vec<RowRepair>,
    /// What was left as it is, in words for people.
    pub left: Vec<String>,
    /// Which row is which can't be known, in words for people: nothing may be written.
    pub unknown: Vec<String>,
    /// What the rows have to show afterwards, as far as it is known.
    pub checks: Vec<CellCheck>,
}

/// A cell that was repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellCheck {
    /// The key of its row.
    pub key: String,
    /// The header of its column.
    pub column: String,
    /// What it has to show.
    pub text: String,
}

impl CellCheck {
    /// What to say of a cell that shows something else; nothing of one whose row or column is gone.
    pub fn said_of(&self, image: &TabImage<'_>) -> Option<String> {
        let column = image.tab.header.iter().position(|text| *text == self.column)?;
        let mut rows = image.rows().filter(|(row, _)| image.shown(*row, image.key) == self.key).peekable();
        rows.peek()?;
        let is_right = rows.any(|(row, _)| image.shown(row, column) == self.text);
        let (key, column) = (&self.key, &self.column);
        (!is_right).then(|| {
            format!("column \"{column}\" of key \"{key}\" was changed after its repair: see whether it is right")
        })
    }
}

/// What repairs a finding, in the tab as it is now.
pub fn plan(finding: &Finding, image: &TabImage<'_>) -> RepairPlan {
    let planning = Planning::new(finding, image);
    let mut out = Repairs::default();
    for (at, astray) in finding.astray.iter().enumerate() {
        planning.redo(at, astray, &mut out);
    }
    for (at, astray) in finding.astray.iter().enumerate() {
        planning.restore(at, astray, &mut out);
    }
    let mut beside: BTreeMap<&str, usize> = BTreeMap::new();
    for key in &finding.beside {
        *beside.entry(key).or_default() += 1;
    }
    for (key, rows) in beside {
        planning.rearrange(key, rows, &mut out);
    }
    out.left.extend(planning.said_of_changes(out.changed));
    let made =
        out.list.iter().filter(|repair| repair.row.is_none()).filter_map(|repair| repair.key().map(str::to_owned));
    let twins = planning.twins(made.collect());
    let repairs: Vec<_> = out.list.into_iter().map(|repair| planning.expecting(repair, &twins)).collect();
    let checks = repairs.iter().flat_map(|repair| planning.checks(repair)).collect();
    RepairPlan { repairs, left: out.left, unknown: planning.unknown(), checks }
}

/// Repairs, one a row: a second one for a row adds the cells that the first leaves alone.
#[derive(Default)]
struct Repairs {
    list: Vec<RowRepair>,
    by_row: HashMap<u32, usize>,
    /// Cells that people changed since, and that are left to them.
    changed: usize,
    left: Vec<String>,
}

impl Repairs {
    /// Adds copies into a row, or into a new one of this key.
    fn add(&mut self, row: Option<u32>, key: &str, copies: Vec<CellCopy>, clears: Vec<usize>) {
        let known = row.and_then(|row| self.by_row.get(&row).copied());
        if let Some(there) = known.and_then(|at| self.list.get_mut(at)) {
            let is_taken = |to: usize| there.clears.contains(&to) || there.copies.iter().any(|copy| copy.to == to);
            let more: Vec<_> = copies.into_iter().filter(|copy| !is_taken(copy.to)).collect();
            there.copies.extend(more);
        } else if !copies.is_empty() || !clears.is_empty() {
            self.by_row.extend(row.map(|row| (row, self.list.len())));
            self.list.push(RowRepair { row, expect: Expect::Key(key.to_owned()), copies, clears });
        }
    }
}

struct Planning<'a> {
    finding: &'a Finding,
    image: &'a TabImage<'a>,
    /// From the header that the batch expected to the one that it found.
    found: ColumnMap,
    /// From the header that it found to the one of today.
    now: ColumnMap,
    /// Where the batch found the column of keys.
    key: usize,
    located: Vec<Located>,
}

impl<'a> Planning<'a> {
    fn new(finding: &'a Finding, image: &'a TabImage<'a>) -> Self {
        let (witness, tab) = (&finding.witness, image.tab);
        let own: HashSet<usize> = witness.names.iter().filter_map(|name| tab.position(name)).collect();
        let is_theirs = |at: usize| {
            let header = finding.header.get(at).filter(|text| !text.is_empty());
            let now = header.and_then(|header| tab.header.iter().position(|text| text == header));
            header.is_none() || now.is_some_and(|at| !own.contains(&at))
        };
        let found = follow_own(&witness.header, &finding.header, &witness.used, is_theirs);
        let known: Vec<_> =
            witness.used.iter().filter_map(|&at| Some((found.get(at)?, tab.position(witness.name(at)?)?))).collect();
        let mut now = ColumnMap::between(&finding.header, &tab.header, &known);
        let key = found.get(witness.key).unwrap_or(witness.key);
        correct_by_content(&mut now, finding, image, key);
        let located = RowSearch::new(finding, image, &now, key).locate(key);
        Self { finding, image, found, now, key, located }
    }

    /// What was meant, where it was meant to go.
    fn redo(&self, at: usize, astray: &Astray, out: &mut Repairs) {
        let target = &astray.target;
        let source = CellSource::Undo(self.finding.witness.after_row(astray.index));
        let as_meant = |&from: &usize| Some(CellCopy { source: source.clone(), from, to: self.meant(from)? });
        let copies: Vec<_> = target.columns.iter().filter_map(as_meant).collect();
        match self.row_meant(at, astray, out) {
            Meant::Row(row) if target.moves.is_empty() => {
                let (ours, theirs): (Vec<_>, Vec<_>) =
                    copies.into_iter().partition(|copy| self.is_untouched(row, copy.to) || self.is_shown(row, copy));
                out.changed += theirs.len();
                out.add(Some(row), "", ours, Vec::new());
            }
            Meant::Row(row) => self.move_again(target, row, out),
            Meant::New(key) => out.add(None, key, copies, Vec::new()),
            Meant::Gone => {}
        }
    }

    /// The row that a write was meant for.
    fn row_meant<'t>(&self, at: usize, astray: &'t Astray, out: &Repairs) -> Meant<'t> {
        let hit = self.located.get(at).and_then(|located| located.row());
        match &astray.target.expect {
            Expect::Key(key) => {
                // The batch saw the row of this key: where it is nowhere now, people deleted it since.
                let seen = self.finding.astray.iter().position(|other| self.shown_before(other) == *key);
                let row = seen.map(|seen| self.located.get(seen).and_then(|located| located.row()));
                match row.or_else(|| self.row_of(key).map(Some)) {
                    Some(Some(row)) => Meant::Row(row),
                    Some(None) => Meant::Gone,
                    None if astray.target.moves.is_empty() && !self.writes_keys(&astray.target) => Meant::New(key),
                    None => Meant::Gone,
                }
            }
            // Its row was blank, so that it is its own wherever its columns went; one that was not is given back to its owner.
            Expect::Blank(key) if astray.target.was_blank(&astray.before) => match hit {
                Some(row) => Meant::Row(row),
                None => self.lowest_that_shows(key).map_or(Meant::New(key), Meant::Row),
            },
            Expect::Blank(key) => Meant::New(key),
            Expect::Row(print) => {
                let was_it = print.moved(&self.found, self.finding.header.len().max(astray.shown.len()));
                let is_it = |other: &Astray| was_it.compare(&other.shown, |_| false).is_exact();
                let row = if is_it(astray) { hit } else { None };
                let hit_by_another = || {
                    let others = self.finding.astray.iter().zip(&self.located);
                    let mut rows = others.filter(|(other, _)| is_it(other)).filter_map(|(_, located)| located.row());
                    rows.find(|row| !out.by_row.contains_key(row))
                };
                let row = row.or_else(hit_by_another).or_else(|| self.row_that_holds(print, astray.target.row, out));
                row.map_or(Meant::Gone, Meant::Row)
            }
        }
    }

    /// Cells that were to be moved within a row. A row that was hit itself is moved within as it was before.
    fn move_again(&self, target: &Target, row: u32, out: &mut Repairs) {
        let hit = self.located.iter().position(|located| located.row() == Some(row));
        let hit = hit.and_then(|at| self.finding.astray.get(at));
        let before = hit.map(|hit| CellSource::Undo(self.finding.witness.before_row(hit.index)));
        let moved = |&(from, to): &(usize, usize)| {
            let to = self.meant(to)?;
            Some(match &before {
                Some(source) => CellCopy { source: source.clone(), from: self.found.get(from)?, to },
                None => CellCopy { source: CellSource::Itself, from: self.meant(from)?, to },
            })
        };
        let emptied = target.columns.iter().filter(|column| !target.moves.iter().any(|(_, to)| to == *column));
        let clears = emptied.filter_map(|&column| self.meant(column)).collect();
        out.add(Some(row), "", target.moves.iter().filter_map(moved).collect(), clears);
    }

    /// What was written over, cell by cell: those that still show what was written. Of a row that nothing was left of, nothing shows where
    /// it is: blank rows at the end are not even read. So what had a key there gets a new row.
    fn restore(&self, at: usize, astray: &Astray, out: &mut Repairs) {
        let key = self.shown_before(astray);
        let is_blanked = !key.is_empty() && astray.after.iter().all(|cell| text(cell).is_empty());
        let source = CellSource::Undo(self.finding.witness.before_row(astray.index));
        let columns = &astray.target.columns;
        let Some(row) = self.located.get(at).and_then(|located| located.row()) else {
            if is_blanked {
                let copy = |&from: &usize| Some(CellCopy { source: source.clone(), from, to: self.now.get(from)? });
                out.add(None, &key, columns.iter().filter_map(copy).collect(), Vec::new());
            }
            return;
        };
        let is_elsewhere = row != astray.target.row && self.image.is_blank(row as usize);
        if is_elsewhere && astray.before.iter().any(|cell| !text(cell).is_empty()) {
            let (was, is) = (astray.target.row + 1, row + 1);
            out.left.push(format!(
                "a row was emptied by mistake, as row {was}, and its cells are in row {is} now: its notes and formats may be in another row"
            ));
        }
        let mut copies = Vec::new();
        for &from in columns {
            let Some(to) = self.now.get(from) else { continue };
            let written = astray.after.get(from).map(text).unwrap_or_default();
            if self.image.shown(row as usize, to) == written {
                copies.push(self.restored(at, astray, &source, (from, to), row, out));
            } else {
                out.changed += 1;
            }
        }
        out.add(Some(row), &key, copies, Vec::new());
    }

    /// One cell as it was. A formula is copied by the service, which shifts its references; where columns moved they are worked out here.
    fn restored(
        &self,
        at: usize,
        astray: &Astray,
        source: &CellSource,
        (from, to): (usize, usize),
        row: u32,
        out: &mut Repairs,
    ) -> CellCopy {
        let entered = self.image.undo.get(at).and_then(|cells| cells.get(from)).and_then(Value::as_str);
        let Some(formula) = entered.filter(|text| text.starts_with('=') && !self.now.is_still()) else {
            return CellCopy { source: source.clone(), from, to };
        };
        let witness = &self.finding.witness;
        let journey = Journey {
            title: &self.image.tab.title,
            kept_row: witness.before_row(astray.index),
            margin: witness.margin() as usize,
            row,
            columns: &self.now,
        };
        let formula = brought_back(formula, journey);
        if formula.contains("#REF!") {
            let cell = format!("{}{}", column_letters(to), row + 1);
            out.left.push(format!("the formula of cell {cell} refers to cells that are gone: check {formula}"));
        }
        CellCopy { source: CellSource::Formula(formula), from, to }
    }

    /// Rows of a key that were appended under other headers, its lowest ones: their cells go where they were meant to be.
    fn rearrange(&self, key: &str, count: usize, out: &mut Repairs) {
        let used = &self.finding.witness.used;
        let Some(at) = self.now.get(self.finding.witness.key) else { return };
        let moves: Vec<_> = used.iter().filter_map(|&p| Some((self.now.get(p)?, self.meant(p)?))).collect();
        let is_filled = |column: &usize| moves.iter().any(|(_, to)| to == column);
        let clears: Vec<_> = moves.iter().map(|(from, _)| *from).filter(|column| !is_filled(column)).collect();
        let apart = moves.iter().filter(|(from, to)| from != to);
        let copies: Vec<_> = apart.map(|&(from, to)| CellCopy { source: CellSource::Itself, from, to }).collect();
        if copies.is_empty() && clears.is_empty() {
            return;
        }
        let rows: Vec<_> = (1..self.image.rows.len()).filter(|row| self.image.shown(*row, at) == key).collect();
        for row in rows.iter().rev().take(count) {
            out.add(Some(number(*row)), key, copies.clone(), clears.clone());
        }
    }

    /// A repair that expects its row as it is now.
    fn expecting(&self, repair: RowRepair, twins: &HashSet<String>) -> RowRepair {
        let Some(row) = repair.row.map(|row| row as usize) else { return repair };
        let key = self.image.shown(row, self.image.key);
        let expect =
            if key.is_empty() || twins.contains(&key) { Expect::Row(self.image.print(row)) } else { Expect::Key(key) };
        RowRepair { expect, ..repair }
    }

    /// What the row of a repair has to show afterwards: of constants that an undo row holds.
    fn checks(&self, repair: &RowRepair) -> Vec<CellCheck> {
        let Some(key) = repair.key() else { return Vec::new() };
        let copies = repair.copies.iter().filter_map(|copy| {
            let column = self.image.tab.header.get(copy.to).filter(|text| !text.is_empty())?;
            let text = self.kept(copy)?;
            Some(CellCheck { key: key.to_owned(), column: column.clone(), text })
        });
        copies
            .filter(|check| {
                Some(check.column.as_str()) != self.image.tab.header.get(self.image.key).map(String::as_str)
            })
            .collect()
    }

    /// The constant that a copy brings; none of a formula, whose copy shows something else.
    fn kept(&self, copy: &CellCopy) -> Option<String> {
        let CellSource::Undo(source) = copy.source else { return None };
        let witness = &self.finding.witness;
        self.finding.astray.iter().enumerate().find_map(|(at, astray)| {
            if witness.after_row(astray.index) == source {
                return Some(astray.after.get(copy.from).map(text).unwrap_or_default());
            }
            let entered = self.image.undo.get(at)?.get(copy.from).map(text).unwrap_or_default();
            let is_constant = witness.before_row(astray.index) == source && !entered.starts_with('=');
            is_constant.then(|| astray.before.get(copy.from).map(text).unwrap_or_default())
        })
    }

    /// Keys that several rows show, or will: people copied one, other cells are in its column as yet, or it gets a row of its own.
    fn twins(&self, made: HashSet<String>) -> HashSet<String> {
        let (mut seen, mut twins) = (HashSet::new(), made);
        for (row, _) in self.image.rows() {
            let key = self.image.shown(row, self.image.key);
            if !key.is_empty() && !seen.insert(key.clone()) {
                twins.insert(key);
            }
        }
        twins
    }

    /// Which rows could both be the one that was hit.
    fn unknown(&self) -> Vec<String> {
        let all = self.finding.astray.iter().zip(&self.located);
        let either = all.filter_map(|(astray, located)| match located {
            Located::Either(one, other) => Some((astray, *one + 1, *other + 1)),
            Located::At(_) | Located::Gone => None,
        });
        let said = either.map(|(astray, one, other)| {
            let key = self.shown_before(astray);
            let header = self.image.tab.header.get(self.image.key).map_or("", String::as_str);
            let rows = if one == other { format!("row {one}") } else { format!("rows {one} and {other}") };
            if key.is_empty() {
                format!("{rows} could each be one without a key that a write hit by mistake: restore its cells from the version history")
            } else {
                format!("{rows} could each be the one of key \"{key}\": write it into column \"{header}\" of the right one")
            }
        });
        said.collect()
    }

    fn said_of_changes(&self, cells: usize) -> Option<String> {
        (cells > 0).then(|| format!("{cells} cells that people changed meanwhile are left as they are"))
    }

    /// Whether nobody changed a cell since the batch: of a row that it hit, what it left there is known.
    fn is_untouched(&self, row: u32, column: usize) -> bool {
        let hit = self.located.iter().position(|located| located.row() == Some(row));
        let left = hit.and_then(|at| self.finding.astray.get(at)).zip(self.now.origin(column));
        left.is_none_or(|(hit, from)| {
            hit.after.get(from).map(text).unwrap_or_default() == self.image.shown(row as usize, column)
        })
    }

    /// Whether a cell shows already what is to be copied into it.
    fn is_shown(&self, row: u32, copy: &CellCopy) -> bool {
        let CellSource::Undo(source) = copy.source else { return false };
        let from = self.finding.astray.iter().find(|astray| self.finding.witness.after_row(astray.index) == source);
        let meant = from.and_then(|astray| astray.after.get(copy.from)).map(text);
        meant.is_some_and(|meant| meant == self.image.shown(row as usize, copy.to))
    }

    /// The key that a row had when the batch came.
    fn shown_before(&self, astray: &Astray) -> String {
        astray.before.get(self.key).map(text).unwrap_or_default()
    }

    fn writes_keys(&self, target: &Target) -> bool {
        target.columns.contains(&self.finding.witness.key)
    }

    /// The row with this key, which must be its own: one in which the batch wrote the key by mistake is not.
    fn row_of(&self, key: &str) -> Option<u32> {
        let is_own = |row: usize| {
            let hit = self.located.iter().position(|located| located.row() == Some(number(row)));
            let hit = hit.and_then(|at| self.finding.astray.get(at));
            hit.is_none_or(|hit| hit.before.get(self.key).map(text) == hit.after.get(self.key).map(text))
        };
        let mut rows = (1..self.image.rows.len()).filter(|row| self.image.shown(*row, self.image.key) == key);
        rows.find(|row| is_own(*row)).map(number)
    }

    /// The lowest row that shows this key where keys were written, and was not hit.
    fn lowest_that_shows(&self, key: &str) -> Option<u32> {
        let at = self.now.get(self.finding.witness.key)?;
        let is_hit = |row: u32| self.located.iter().any(|located| located.row() == Some(row));
        let rows = (1..self.image.rows.len()).filter(|row| self.image.shown(*row, at) == key).map(number);
        rows.filter(|row| !is_hit(*row)).last()
    }

    /// The row that holds what a repair expected: in each cell, or else more of it than any other row that is free. Of blank rows, which are
    /// all the same, the one nearest to `place`.
    fn row_that_holds(&self, print: &RowPrint, place: u32, out: &Repairs) -> Option<u32> {
        let print = print.moved(&self.meant_map(), self.image.width());
        let is_free =
            |row: u32| !self.located.iter().any(|located| located.row() == Some(row)) && !out.by_row.contains_key(&row);
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
        match close.as_slice() {
            [(first, row), rest @ ..] => {
                let is_alone = rest.first().is_none_or(|(second, _)| second.score() < first.score());
                (first.is_exact() || is_alone).then_some(*row)
            }
            [] => None,
        }
    }

    /// From the header that the batch expected to the one of today.
    fn meant_map(&self) -> ColumnMap {
        let witness = &self.finding.witness;
        let known: Vec<_> = (0..witness.header.len()).filter_map(|at| Some((at, self.meant(at)?))).collect();
        ColumnMap::between(&witness.header, &self.image.tab.header, &known)
    }

    /// Where the column that the batch meant is now. One whose header is nowhere any more was deleted.
    fn meant(&self, column: usize) -> Option<usize> {
        let name = self.finding.witness.header.get(column)?;
        let own = self.finding.witness.name(column).and_then(|own| self.image.tab.position(own));
        let by_text = || self.image.tab.header.iter().position(|text| text == name && !name.is_empty());
        own.or_else(by_text).or_else(|| self.found.get(column).and_then(|found| self.now.get(found)))
    }
}

/// Where what was meant goes.
enum Meant<'t> {
    Row(u32),
    /// A new row of this key.
    New(&'t str),
    /// Nowhere: its row was deleted since.
    Gone,
}

/// Columns that were written and are now where what was written stands, whatever their headers say.
fn correct_by_content(now: &mut ColumnMap, finding: &Finding, image: &TabImage<'_>, key: usize) {
    let mut rows: HashMap<String, usize> = HashMap::new();
    for (row, _) in image.rows() {
        rows.insert(image.shown(row, image.key), row);
    }
    let written: HashSet<usize> = finding.astray.iter().flat_map(|astray| astray.target.columns.clone()).collect();
    let mut written: Vec<_> = written.into_iter().filter(|column| *column != key).collect();
    written.sort_unstable();
    for column in written {
        let cells: Vec<(usize, String)> = finding
            .astray
            .iter()
            .filter(|astray| astray.target.columns.contains(&column))
            .filter_map(|astray| {
                let row = rows.get(&astray.after.get(key).map(text).filter(|key| !key.is_empty())?)?;
                Some((*row, astray.after.get(column).map(text).filter(|cell| !cell.is_empty())?))
            })
            .collect();
        let votes = |there: usize| cells.iter().filter(|(row, cell)| image.shown(*row, there) == *cell).count();
        let likely = now.get(column);
        if cells.is_empty() || likely.is_some_and(|there| votes(there) > 0) {
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

fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
