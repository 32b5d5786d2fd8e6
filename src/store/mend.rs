//! Putting right what went astray: which cells of which rows, and where their contents come from. Pure.
//!
//! In scope: finding the rows again in the tab as it is now, restoring what was written over, doing again what was meant.
//! Out of scope: what went astray (`store::witness`), the requests (`store::data_rows`).
//!
//! Nothing here needs the items: what was written and what it was written over both stand in the scratch rows. A row is found by
//! its key, and where it has none by its cells. What people have changed since is theirs and is left alone.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::store::layout::Tab;
use crate::store::likeness::{cells_mark, cells_mark_apart, is_apart, is_blank, own_part, resembles, shows_cells};
use crate::store::load::text;
use crate::store::witness::{Astray, Expect, Finding, Target, is_shifted};

/// Where a cell's content comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A scratch row of the batch that went astray, from 0; the column is one of the tab as that batch knew it.
    Scratch(u32),
    /// The very row, as it is found when it is mended.
    Itself,
}

/// One cell of a mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copy {
    /// From which row.
    pub source: Source,
    /// From which column.
    pub from: usize,
    /// To which column.
    pub to: usize,
}

/// A row to be put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    /// Which row, from 0; none for one that is to be made, because its key has none any more.
    pub row: Option<u32>,
    /// What it has to show.
    pub expect: Expect,
    /// What is copied into it.
    pub copies: Vec<Copy>,
    /// Columns that are emptied.
    pub clears: Vec<usize>,
}

impl Mend {
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
        let itself = self.copies.iter().filter(|copy| copy.source == Source::Itself);
        itself.map(|copy| (copy.from, copy.to)).collect()
    }
}

/// The data tab as it is now.
pub struct Present<'a> {
    /// Its columns.
    pub tab: &'a Tab,
    /// The key's column.
    pub key: usize,
    /// All its rows, the header's among them.
    pub rows: &'a [Vec<Value>],
}

/// What puts a finding right, in the tab as it is now.
pub fn plan(finding: &Finding, present: &Present<'_>) -> Vec<Mend> {
    let planning = Planning { finding, present, names: names_found(finding, present) };
    let hits = planning.hits();
    let mut mends = Mends::default();
    for (astray, row) in finding.astray.iter().zip(&hits) {
        planning.redo(astray, *row, &hits, &mut mends);
    }
    for (astray, row) in finding.astray.iter().zip(&hits) {
        planning.restore(astray, *row, &mut mends);
    }
    let mut beside: HashMap<&str, usize> = HashMap::new();
    for key in &finding.beside {
        *beside.entry(key).or_default() += 1;
    }
    let mut beside: Vec<_> = beside.into_iter().collect();
    beside.sort_unstable();
    for (key, rows) in beside {
        planning.rearrange(key, rows, &mut mends);
    }
    let made = mends.list.iter().filter(|mend| mend.row.is_none()).filter_map(|mend| mend.key().map(str::to_owned));
    let mut alike = Alike { made: made.collect(), ..Alike::default() };
    mends.list.into_iter().map(|mend| planning.expecting(mend, &mut alike)).collect()
}

/// How many rows show the same: rows without a key the same cells, for each choice of columns that was asked for; and other rows the
/// same key.
#[derive(Default)]
struct Alike {
    cells: HashMap<Vec<usize>, HashMap<String, u32>>,
    keys: Option<HashMap<String, u32>>,
    /// Keys that get a new row with these very mends.
    made: HashSet<String>,
}

/// Mends, one a row: a second one for a row adds the cells that the first leaves alone.
#[derive(Default)]
struct Mends {
    list: Vec<Mend>,
    by_row: HashMap<u32, usize>,
}

impl Mends {
    /// Adds copies into a row, or into a new one of this key.
    fn add(&mut self, row: Option<u32>, key: &str, copies: Vec<Copy>, clears: Vec<usize>) {
        let known = row.and_then(|row| self.by_row.get(&row).copied());
        if let Some(there) = known.and_then(|at| self.list.get_mut(at)) {
            let taken = |to: usize| there.clears.contains(&to) || there.copies.iter().any(|copy| copy.to == to);
            let more: Vec<_> = copies.into_iter().filter(|copy| !taken(copy.to)).collect();
            there.copies.extend(more);
        } else {
            self.by_row.extend(row.map(|row| (row, self.list.len())));
            self.list.push(Mend { row, expect: Expect::Key(key.to_owned()), copies, clears });
        }
    }
}

struct Planning<'a> {
    finding: &'a Finding,
    present: &'a Present<'a>,
    /// The job's names of the columns as the batch found them.
    names: Vec<Option<String>>,
}

/// The job's names of the columns of the header as it was found: by their headers; and where as many headers of the job's are missed as
/// there are strange ones that are not people's own now either, those were written anew, in this order.
fn names_found(finding: &Finding, present: &Present<'_>) -> Vec<Option<String>> {
    let (witness, found) = (&finding.witness, &finding.header);
    let by_header = |text: &String| witness.header.iter().position(|header| header == text && !text.is_empty());
    let mut names: Vec<Option<String>> =
        found.iter().map(|text| by_header(text).and_then(|at| witness.name(at)).map(str::to_owned)).collect();
    let missed = witness.used.iter().filter(|at| witness.header.get(**at).is_some_and(|text| !found.contains(text)));
    let missed: Vec<_> = missed.filter_map(|at| witness.name(*at)).collect();
    let own: HashSet<usize> = witness.names.iter().filter_map(|name| present.tab.position(name)).collect();
    let theirs = |text: &String| {
        let now = present.tab.header.iter().position(|header| header == text);
        now.is_some_and(|at| !own.contains(&at))
    };
    let strange = found.iter().enumerate().filter(|(_, text)| !text.is_empty() && !witness.header.contains(text));
    let strange: Vec<_> = strange.filter(|(_, text)| !theirs(text)).map(|(at, _)| at).collect();
    if missed.len() == strange.len() {
        for (name, at) in missed.into_iter().zip(strange) {
            names[at] = Some(name.to_owned());
        }
    }
    names
}

impl Planning<'_> {
    /// Where each row that was hit stands now: none if it is gone or has been changed since. Of rows without a key several may look
    /// alike in the cells that were written: each is taken once, and one that is alike in people's cells too goes first.
    fn hits(&self) -> Vec<Option<u32>> {
        let mut taken = HashSet::new();
        let mut hits = Vec::with_capacity(self.finding.astray.len());
        for astray in &self.finding.astray {
            // A key itself is written over where columns moved.
            let over = astray.target.columns.contains(&self.key_found());
            let key = shown(if over { &astray.after } else { &astray.before }, self.key_found());
            let columns: Vec<_> = astray.target.columns.iter().filter_map(|&p| Some((p, self.now(p)?))).collect();
            let same = |cells: &[Value]| {
                let as_written = |(from, to): &(usize, usize)| shown(cells, *to) == shown(&astray.after, *from);
                shown(cells, self.present.key) == key && columns.iter().all(as_written)
            };
            let at = self.present.rows.get(astray.target.row as usize).filter(|_| astray.target.row > 0);
            let at = at.map(|cells| (astray.target.row, cells));
            let rows = at.into_iter().chain(self.rows().map(|(row, cells)| (number(row), cells)));
            // New rows of one key may be alike to the letter.
            let each = key.is_empty() || matches!(astray.target.expect, Expect::Blank(_));
            let mut found = rows.filter(|(row, cells)| same(cells) && !(each && taken.contains(row)));
            let first = found.next();
            let alike = |cells: &[Value]| {
                (0..cells.len().max(astray.after.len())).all(|at| shown(cells, at) == shown(&astray.after, at))
            };
            let closest = first
                .filter(|(_, cells)| key.is_empty() && !alike(cells))
                .and_then(|_| found.find(|(_, cells)| alike(cells)));
            let row = closest.or(first).map(|(row, _)| row);
            taken.extend(row);
            hits.push(row);
        }
        hits
    }

    /// What was meant, where it was meant to go; `hit` is where the row that was hit stands now.
    fn redo(&self, astray: &Astray, hit: Option<u32>, hits: &[Option<u32>], mends: &mut Mends) {
        let target = &astray.target;
        let source = Source::Scratch(self.finding.witness.after_row(astray.index));
        let as_meant = |&from: &usize| Some(Copy { source, from, to: self.meant(from)? });
        let copies: Vec<_> = target.columns.iter().filter_map(as_meant).collect();
        let row = match &target.expect {
            // The very row was hit that was meant, and only its columns stood elsewhere.
            Expect::Key(key) if shown(&astray.before, self.key_found()) == *key => hit,
            Expect::Key(_) => None,
            // Its row was blank, so that it is its own wherever its columns went; one that was not is given back to whoever had it.
            Expect::Blank(_) if !target.was_blank(&astray.before) => None,
            Expect::Blank(key) => hit.or_else(|| self.lowest_that_shows(key, hits)),
            Expect::Cells(mark) => {
                // People may have written beside the very cells by which it was told from others.
                let closely = [Sought { mark, closely: true }, Sought { mark, closely: false }];
                closely.iter().find_map(|sought| {
                    let own = hit.filter(|_| self.had(astray, sought, &target.columns));
                    let there = || self.row_with_cells(sought, &copies, hits, mends);
                    own.or_else(there).or_else(|| self.row_that_had_cells(sought, &target.columns, hits, mends))
                })
            }
        };
        let by_key =
            || target.expect.key().and_then(|key| self.row_of(key, hits).or_else(|| self.row_that_had(key, hits)));
        let row = row.or_else(by_key);
        match (&target.expect, row) {
            (Expect::Key(key), None)
                if target.moves.is_empty() && !target.columns.contains(&self.finding.witness.key) =>
            {
                mends.add(None, key, copies, Vec::new());
            }
            (Expect::Blank(key), None) => mends.add(None, key, copies, Vec::new()),
            // A row that is gone has nothing left to be moved, nor a key to be given back; and one of people's that they have changed is
            // theirs.
            (_, None) => {}
            (_, Some(row)) if target.moves.is_empty() => mends.add(Some(row), "", copies, Vec::new()),
            (_, Some(row)) => self.move_again(target, row, hits, mends),
        }
    }

    /// Cells that were to be moved within a row. A row that was hit itself is moved within as it was before.
    fn move_again(&self, target: &Target, row: u32, hits: &[Option<u32>], mends: &mut Mends) {
        let hit = hits.iter().position(|hit| *hit == Some(row)).and_then(|at| self.finding.astray.get(at));
        let before = hit.map(|hit| Source::Scratch(self.finding.witness.before_row(hit.index)));
        let moved = |&(from, to): &(usize, usize)| {
            let to = self.meant(to)?;
            Some(match before {
                Some(source) => Copy { source, from: self.found_at(from), to },
                None => Copy { source: Source::Itself, from: self.meant(from)?, to },
            })
        };
        let emptied = target.columns.iter().filter(|column| !target.moves.iter().any(|(_, to)| to == *column));
        let clears = emptied.filter_map(|&column| self.meant(column)).collect();
        mends.add(Some(row), "", target.moves.iter().filter_map(moved).collect(), clears);
    }

    /// What was written over. Of a row that nothing was left of, nothing shows where it stands: blank rows at the end are not even read.
    /// So what had a key there gets a new row.
    fn restore(&self, astray: &Astray, row: Option<u32>, mends: &mut Mends) {
        let key = shown(&astray.before, self.key_found());
        let blanked = !key.is_empty() && astray.after.iter().all(|cell| text(cell).is_empty());
        if row.is_none() && !blanked {
            return;
        }
        let source = Source::Scratch(self.finding.witness.before_row(astray.index));
        let columns = &astray.target.columns;
        let copies = columns.iter().filter_map(|&from| Some(Copy { source, from, to: self.now(from)? }));
        mends.add(row, &key, copies.collect(), Vec::new());
    }

    /// Rows of a key that were appended under other headers, its lowest ones: their cells go where they were meant to stand.
    fn rearrange(&self, key: &str, count: usize, mends: &mut Mends) {
        let used = &self.finding.witness.used;
        let Some(at) = self.now(self.finding.witness.key) else { return };
        let moves: Vec<_> = used.iter().filter_map(|&p| Some((self.now(p)?, self.meant(p)?))).collect();
        let filled = |column: &usize| moves.iter().any(|(_, to)| to == column);
        let clears: Vec<_> = moves.iter().map(|(from, _)| *from).filter(|column| !filled(column)).collect();
        let apart = moves.iter().filter(|(from, to)| from != to);
        let copies: Vec<_> = apart.map(|&(from, to)| Copy { source: Source::Itself, from, to }).collect();
        if copies.is_empty() && clears.is_empty() {
            return;
        }
        let rows: Vec<_> = self.rows().filter(|(_, cells)| shown(cells, at) == key).collect();
        for (row, _) in rows.iter().rev().take(count) {
            mends.add(Some(number(*row)), key, copies.clone(), clears.clone());
        }
    }

    /// A mend that expects its row as it is now.
    fn expecting(&self, mend: Mend, alike: &mut Alike) -> Mend {
        let Some(cells) = mend.row.and_then(|row| self.present.rows.get(row as usize)) else { return mend };
        let key = shown(cells, self.present.key);
        let expect = if key.is_empty() {
            self.expecting_cells(cells, &mend.columns(), alike)
        } else if self.has_twins(&key, alike) {
            Expect::Cells(cells_mark_apart(cells, &mend.columns()))
        } else {
            Expect::Key(key)
        };
        Mend { expect, ..mend }
    }

    /// Whether several rows show this key, or will: people copied one, other cells stand in its column as yet, or it was written over
    /// another row and gets one of its own.
    fn has_twins(&self, key: &str, alike: &mut Alike) -> bool {
        if alike.made.contains(key) {
            return true;
        }
        let keys = alike.keys.get_or_insert_with(|| {
            let mut counts = HashMap::new();
            for (_, cells) in self.rows() {
                *counts.entry(shown(cells, self.present.key)).or_default() += 1;
            }
            counts
        });
        keys.get(key).is_some_and(|count| *count > 1)
    }

    /// A row without a key is known by the cells that are written; where others show the same ones, by what stands beside them too.
    fn expecting_cells(&self, cells: &[Value], columns: &[usize], alike: &mut Alike) -> Expect {
        let mark = cells_mark(cells, columns);
        let keyless = || self.rows().filter(|(_, cells)| shown(cells, self.present.key).is_empty());
        let counts = alike.cells.entry(columns.to_vec()).or_insert_with(|| {
            let mut counts = HashMap::new();
            for (_, cells) in keyless() {
                *counts.entry(own_part(&cells_mark(cells, columns)).to_owned()).or_default() += 1;
            }
            counts
        });
        let alone = counts.get(own_part(&mark)).is_none_or(|count| *count < 2) && !is_blank(&mark, columns);
        Expect::Cells(if alone { mark } else { cells_mark_apart(cells, columns) })
    }

    /// Whether the row that was hit had these cells before.
    fn had(&self, astray: &Astray, sought: &Sought<'_>, columns: &[usize]) -> bool {
        let columns: Vec<_> = columns.iter().map(|column| self.found_at(*column)).collect();
        sought.is(&astray.before, &columns, self.key_found())
    }

    /// The lowest row that shows this key where keys were written, and was not hit.
    fn lowest_that_shows(&self, key: &str, hits: &[Option<u32>]) -> Option<u32> {
        let at = self.now(self.finding.witness.key)?;
        let rows = self.rows().filter(|(_, cells)| shown(cells, at) == key).map(|(row, _)| number(row));
        rows.filter(|row| !hits.contains(&Some(*row))).last()
    }

    /// The row that had these cells before it was hit itself.
    fn row_that_had_cells(
        &self,
        sought: &Sought<'_>,
        columns: &[usize],
        hits: &[Option<u32>],
        mends: &Mends,
    ) -> Option<u32> {
        let all = self.finding.astray.iter().zip(hits);
        let mut rows = all.filter(|(astray, _)| self.had(astray, sought, columns)).filter_map(|(_, row)| *row);
        rows.find(|row| !mends.by_row.contains_key(row))
    }

    /// The row whose key was written over, and was this one.
    fn row_that_had(&self, key: &str, hits: &[Option<u32>]) -> Option<u32> {
        let had = |astray: &Astray| {
            astray.target.columns.contains(&self.key_found()) && shown(&astray.before, self.key_found()) == key
        };
        self.finding.astray.iter().zip(hits).find(|(astray, _)| had(astray)).and_then(|(_, row)| *row)
    }

    /// Rows below the header.
    fn rows(&self) -> impl Iterator<Item = (usize, &Vec<Value>)> {
        self.present.rows.iter().enumerate().skip(1)
    }

    /// The row with this key, which must be its own: one that was written there by mistake is none.
    fn row_of(&self, key: &str, hits: &[Option<u32>]) -> Option<u32> {
        let own = |row: usize| {
            let hit = hits.iter().position(|hit| *hit == Some(number(row))).and_then(|at| self.finding.astray.get(at));
            hit.is_none_or(|hit| shown(&hit.before, self.key_found()) == shown(&hit.after, self.key_found()))
        };
        let mut rows = self.rows().filter(|(_, cells)| shown(cells, self.present.key) == key);
        rows.find(|(row, _)| own(*row)).map(|(row, _)| number(row))
    }

    fn row_with_cells(&self, sought: &Sought<'_>, copies: &[Copy], hits: &[Option<u32>], mends: &Mends) -> Option<u32> {
        // In the order in which the mark was made, wherever people moved the columns.
        let columns: Vec<_> = copies.iter().map(|copy| copy.to).collect();
        let free = |row: &usize| !hits.contains(&Some(number(*row))) && !mends.by_row.contains_key(&number(*row));
        let mut rows = self.rows().filter(|(row, cells)| free(row) && sought.is(cells, &columns, self.present.key));
        rows.next().map(|(row, _)| number(row))
    }

    /// The column of keys as the batch found the header.
    fn key_found(&self) -> usize {
        self.found_at(self.finding.witness.key)
    }

    /// Where a column that the batch meant stood when it came: by its header, by the one that it has now if that was written anew, or
    /// where it was expected.
    fn found_at(&self, column: usize) -> usize {
        let found_as = |name: &String| self.finding.header.iter().position(|text| text == name);
        let by_header = self.finding.witness.header.get(column).and_then(found_as);
        let anew = || {
            let own = self.finding.witness.name(column)?;
            let header = self.present.tab.header.get(self.present.tab.position(own)?)?;
            found_as(header)
        };
        let by_name = || {
            let own = self.finding.witness.name(column)?;
            self.names.iter().position(|name| name.as_deref() == Some(own))
        };
        by_header.or_else(by_name).or_else(anew).unwrap_or(column)
    }

    /// Where a column that the batch wrote stands now: the one whose header it found there, whatever that reads by now.
    fn now(&self, column: usize) -> Option<usize> {
        let (witness, found) = (&self.finding.witness, &self.finding.header);
        let now = &self.present.tab.header;
        let name = found.get(column).map_or("", String::as_str);
        let there = |at: usize| now.get(at).map_or("", String::as_str);
        if there(column) == name {
            return Some(column);
        }
        let same = now.iter().position(|text| !name.is_empty() && text == name);
        // One of the job's, by the name that it had for the batch; or one whose header was written anew where it stood.
        let own = || {
            witness
                .header
                .iter()
                .position(|text| text == name)
                .or(Some(column).filter(|_| !is_shifted(&witness.header, column, found)))
        };
        let renamed = || own().and_then(|at| witness.name(at)).and_then(|own| self.present.tab.position(own));
        let anew = |at: &usize| !there(*at).is_empty() && !found.iter().any(|text| text == there(*at));
        let still = || Some(column).filter(|at| anew(at) && !is_shifted(found, *at, now));
        let by_name = || self.present.tab.position(self.names.get(column)?.as_deref()?);
        same.or_else(by_name).or_else(still).or_else(renamed).or_else(|| (now.len() == found.len()).then_some(column))
    }

    /// Where the column that the batch meant stands now. A header that is nowhere any more, over a column that has a new one, was
    /// written anew where it stood; over a column that the batch knew by another name, its column was deleted.
    fn meant(&self, column: usize) -> Option<usize> {
        let expected = &self.finding.witness.header;
        let name = expected.get(column)?;
        let there = self.finding.witness.name(column).and_then(|own| self.present.tab.position(own));
        let there = there.or_else(|| self.present.tab.header.iter().position(|text| text == name));
        let renamed = || {
            let found = self.finding.header.get(column).filter(|found| !expected.contains(found));
            found.filter(|_| !self.finding.header.contains(name)).and_then(|_| self.now(column))
        };
        there.or_else(renamed)
    }
}

/// A row that is sought by its cells.
struct Sought<'a> {
    mark: &'a str,
    closely: bool,
}

impl Sought<'_> {
    /// Whether this is the row. One with a key is, if the mark tells of the whole row: then the key is among what it tells of.
    fn is(&self, row: &[Value], columns: &[usize], key: usize) -> bool {
        let may = is_apart(self.mark) || shown(row, key).is_empty();
        may && if self.closely { shows_cells(row, columns, self.mark) } else { resembles(row, columns, self.mark) }
    }
}

fn shown(row: &[Value], column: usize) -> String {
    row.get(column).map(text).unwrap_or_default()
}

fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
