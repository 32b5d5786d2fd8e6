//! Whether a quiet tab shows what the book owes.

use std::collections::BTreeMap;

use crate::book::{Book, Fate, Holds, JOBS, Row, Whose, value};
use crate::sight::{Sight, letters, rows_of};

impl Book {
    /// Compares, and takes in what the document left open.
    pub fn settle(&mut self, sight: &Sight) -> Result<(), String> {
        self.check_columns(sight)?;
        self.lose_unknown(sight);
        self.give_back(sight);
        self.take_back_typed(sight);
        self.fill_prepared(sight);
        let mut keys = BTreeMap::new();
        let mut emptied = Vec::new();
        for (at, line) in sight.lines.iter().enumerate().skip(1) {
            let known = line.stamp.filter(|stamp| self.rows.contains_key(stamp));
            let Some(stamp) = known else {
                self.check_blank(sight, at)?;
                continue;
            };
            if self.is_taken_back(sight, at, stamp) {
                // The job appended here, and took it back.
                emptied.push(stamp);
                continue;
            }
            if let Whose::Key(key) = &self.rows[&stamp].whose
                && let Some(other) = keys.insert(key.clone(), at)
            {
                return Err(format!("rows {} and {} are both of {key}", other + 1, at + 1));
            }
            self.check_row(sight, at, stamp)?;
        }
        for stamp in emptied {
            self.rows.remove(&stamp);
        }
        for (stamp, row) in &mut self.rows {
            if sight.row(*stamp).is_none() {
                return Err(format!("row {stamp} ({:?}) is gone, with its notes", row.whose));
            }
            row.changed = 0;
            (row.is_new, row.is_appended) = (false, false);
        }
        self.check_keys(&keys)
    }

    /// Rows that had lost their key and in which she changed as much as was left: they belong to no key.
    fn lose_unknown(&mut self, sight: &Sight) {
        let Some(keys) = self.job("id").and_then(|keys| sight.column(keys)) else { return };
        for (stamp, row) in self.rows.iter_mut().filter(|(_, row)| row.is_unknown) {
            let Whose::Key(key) = row.whose.clone() else { continue };
            if sight.row(*stamp).is_some_and(|at| sight.entered(at, keys) != key) {
                row.whose = Whose::Unkeyed;
                row.typed.clear();
                self.gone.insert(key, Fate::Either);
            }
        }
    }

    /// Rows that the job appended, emptied and filled again by mistake: they are of the key that it put back.
    fn give_back(&mut self, sight: &Sight) {
        let Some(keys) = self.job("id").and_then(|keys| sight.column(keys)) else { return };
        for (stamp, row) in self.rows.iter_mut().filter(|(_, row)| row.is_new) {
            let shown = sight.row(*stamp).map(|at| sight.entered(at, keys).to_owned());
            if let Some(had) = row.had.take().filter(|had| shown.as_ref() == Some(had)) {
                row.whose = Whose::Key(had);
            }
        }
    }

    /// Rows that the job filled for a key by mistake, and into which she typed before they were emptied again: another row shows the key.
    fn take_back_typed(&mut self, sight: &Sight) {
        let Some(keys) = self.job("id").and_then(|keys| sight.column(keys)) else { return };
        let jobs: Vec<_> = JOBS.into_iter().filter_map(|name| Some((name, self.job(name)?))).collect();
        let shown: Vec<_> = (1..sight.lines.len()).map(|at| sight.entered(at, keys).to_owned()).collect();
        for (stamp, row) in self.rows.iter_mut().filter(|(_, row)| row.is_appended && !row.is_new) {
            let Whose::Key(key) = row.whose.clone() else { continue };
            let is_empty = sight.row(*stamp).is_some_and(|at| sight.entered(at, keys).is_empty());
            if is_empty && shown.contains(&key) {
                row.whose = Whose::Unkeyed;
                let typed = std::mem::take(&mut row.typed);
                for (name, column) in &jobs {
                    let text = typed.get(name).map(|(text, _)| text.clone()).unwrap_or_default();
                    row.cells.insert(*column, text);
                }
            }
        }
    }

    /// Rows of which nothing was left but what she typed into columns of hers: new rows fill such rows.
    fn fill_prepared(&mut self, sight: &Sight) {
        let Some(keys) = self.job("id").and_then(|keys| sight.column(keys)) else { return };
        let jobs: Vec<_> = JOBS.into_iter().filter_map(|name| Some((name, self.job(name)?))).collect();
        let there = self.rows.iter().filter(|(stamp, _)| sight.row(**stamp).is_some());
        let own: Vec<_> = there.map(|(_, row)| row.whose.clone()).collect();
        for (stamp, row) in self.rows.iter_mut().filter(|(_, row)| row.whose == Whose::Unkeyed && row.typed.is_empty())
        {
            let Some(key) = sight.row(*stamp).map(|at| sight.entered(at, keys).to_owned()) else { continue };
            let is_blank = jobs.iter().all(|(_, column)| row.cells.get(column).is_none_or(String::is_empty));
            let Some(version) = self.source.get(&key).filter(|_| is_blank) else { continue };
            if !own.contains(&Whose::Key(key.clone())) {
                for (name, column) in &jobs {
                    row.cells.insert(*column, value(&key, name, *version));
                }
                row.whose = Whose::Key(key);
            }
        }
    }

    fn check_keys(&mut self, keys: &BTreeMap<String, usize>) -> Result<(), String> {
        for (key, version) in &self.source {
            let fate = self.gone.get(key).copied();
            match (keys.get(key), fate) {
                (Some(_), None) => {}
                (Some(at), Some(Fate::Stays)) => {
                    return Err(format!("row {}: {key} came back without a version after {version}", at + 1));
                }
                (Some(_), Some(_)) => {
                    self.gone.remove(key);
                }
                (None, Some(Fate::Stays | Fate::Either)) => {
                    self.gone.insert(key.clone(), Fate::Stays);
                }
                (None, Some(Fate::Goes)) => {
                    return Err(format!("{key} has no row, though version {version} is newer than its deletion"));
                }
                (None, None) => return Err(format!("{key} has no row: it is lost")),
            }
        }
        self.again.clear();
        self.deleted.clear();
        self.has_touched = false;
        Ok(())
    }

    fn check_columns(&self, sight: &Sight) -> Result<(), String> {
        for (stamp, column) in &self.columns {
            let Some(at) = sight.column(*stamp) else {
                return Err(format!("column {stamp} ({:?}, {:?}) is gone", column.holds, column.header));
            };
            if sight.entered(0, at) != column.header {
                return Err(format!(
                    "column {}: its header was {:?} and is {:?}",
                    letters(at),
                    column.header,
                    sight.entered(0, at)
                ));
            }
            // Where a cell is in the way of the array, the rows are judged by that cell.
            let is_clear = (1..sight.lines.len()).all(|row| sight.entered(row, at).is_empty());
            if let (Holds::Array(of), true) = (&column.holds, is_clear) {
                let of = *of;
                Self::check_array(sight, at, of)?;
            }
        }
        Ok(())
    }

    /// A column that a formula in its header fills.
    fn check_array(sight: &Sight, at: usize, of: u32) -> Result<(), String> {
        let formula = sight.view.text(0, at);
        let (Some(of), Some((first, last))) = (sight.column(of), rows_of(&formula)) else {
            return Err(format!("column {}: {formula:?} refers to nothing", letters(at)));
        };
        for row in 1..sight.lines.len() {
            let meant = match first + row - 1 {
                beyond if beyond > last => String::new(),
                meant => format!("x-{}", sight.shown(meant - 1, of)),
            };
            if sight.shown(row, at) != meant {
                return Err(format!(
                    "column {}: {formula:?} shows {:?} in row {}, not {meant:?}",
                    letters(at),
                    sight.shown(row, at),
                    row + 1
                ));
            }
        }
        Ok(())
    }

    fn check_row(&mut self, sight: &Sight, at: usize, stamp: u32) -> Result<(), String> {
        let (mut settled, mut left) = (BTreeMap::new(), Vec::new());
        let row = &self.rows[&stamp];
        for (column, kept) in &self.columns {
            let Some(place) = sight.column(*column) else { continue };
            let seen = sight.entered(at, place);
            let mut owed = self.owed(row, *column);
            owed.extend(row.missed.get(column).cloned());
            if row.is_new && kept.holds == Holds::Filled {
                // A row that was inserted has no formula of those that were filled down.
                owed.push(String::new());
            }
            if !owed.iter().any(|owed| owed == seen) {
                let is_excused =
                    (row.is_raced && kept.holds != Holds::Job("id")) || (row.is_spent && row.whose == Whose::Hers);
                // What she typed there stays, unless a write that came after it hit the row.
                let is_hers = row.retyped.contains(column) && !row.overwritten.contains(column);
                // A row that counts as gone stays as it is, even if she gives it its key back later.
                let is_gone = match row.whose {
                    Whose::Key(_) => kept.holds != Holds::Job("id"),
                    Whose::Unkeyed => true,
                    Whose::Hers => false,
                };
                let is_lost = row.is_unknown && is_gone && !is_hers;
                let is_excused = is_excused || is_lost;
                if let (true, Whose::Key(_), Holds::Job(name)) = (is_lost, &row.whose, &kept.holds) {
                    left.push((*name, seen.to_owned()));
                }
                if is_excused {
                    settled.insert(*column, seen.to_owned());
                    continue;
                }
                return Err(format!(
                    "row {} ({:?}), column {} ({:?}): {seen:?} is there, and {owed:?} is owed; typed: {:?}",
                    at + 1,
                    row.whose,
                    letters(place),
                    kept.holds,
                    row.typed
                ));
            }
            settled.insert(*column, seen.to_owned());
        }
        let row = self.rows.get_mut(&stamp).expect("it was just there");
        // The rest belongs to columns that are no more.
        row.cells = settled;
        row.typed.extend(left.into_iter().map(|(name, seen)| (name, (seen, Fate::Stays))));
        (row.is_spent, row.is_unknown) = (false, false);
        row.retyped.clear();
        row.overwritten.clear();
        row.fresh.clear();
        row.missed.clear();
        (row.is_raced, row.is_missed) = (false, false);
        let (columns, cells) = (&self.columns, &row.cells);
        row.typed.retain(|name, (text, fate)| {
            *fate = Fate::Stays;
            cells.iter().any(|(column, seen)| {
                columns.get(column).is_some_and(|column| column.holds == Holds::Job(name)) && seen == text
            })
        });
        Ok(())
    }

    /// What a cell may show.
    fn owed(&self, row: &Row, column: u32) -> Vec<String> {
        let kept = row.cells.get(&column).cloned().unwrap_or_default();
        let Some((key, name)) = self.job_cell(row, column) else { return vec![kept] };
        let newest = value(&key, name, self.source.get(&key).copied().unwrap_or(0));
        match row.typed.get(name) {
            None | Some((_, Fate::Goes)) => vec![newest],
            Some((text, Fate::Stays)) => vec![text.clone()],
            Some((text, Fate::Either)) => vec![text.clone(), newest],
        }
    }

    /// Whether rows do not show which of them is which: they show the same, but for their keys, or she has changed or deleted some of
    /// those that waited.
    pub fn is_undecidable(&self, sight: &Sight, rows: &[usize]) -> bool {
        let columns = self.columns.iter().filter(|(_, column)| column.holds != Holds::Job("id"));
        let places: Vec<_> = columns.filter_map(|(stamp, _)| sight.column(*stamp)).collect();
        let [one, other] = rows else { return self.has_touched };
        let is_same = places.iter().all(|place| sight.entered(*one, *place) == sight.entered(*other, *place));
        self.has_touched || is_same
    }

    /// Whether the job appended this row and took it back. A row of a key shows something, even if it shares words such as `open` with a
    /// row that she deleted while that was empty.
    pub fn is_taken_back(&self, sight: &Sight, at: usize, stamp: u32) -> bool {
        let Some(row) = self.rows.get(&stamp).filter(|row| row.is_new) else { return false };
        let is_keyed = matches!(row.whose, Whose::Key(_));
        if is_keyed { self.foreign_text(sight, at).is_none() } else { self.check_blank(sight, at).is_ok() }
    }

    /// A text that was not filled down: its place, and the text.
    fn foreign_text<'s>(&self, sight: &'s Sight, at: usize) -> Option<(usize, &'s String)> {
        let may_hold = |place: usize| {
            let column = sight.columns.get(place).copied().flatten().and_then(|stamp| self.columns.get(&stamp));
            column.is_some_and(|column| column.holds == Holds::Filled)
        };
        let texts = sight.lines.get(at)?.entered.iter().enumerate();
        texts.into_iter().find(|(place, text)| !text.is_empty() && !may_hold(*place))
    }

    /// A row that nothing is owed to shows nothing but what was filled down.
    pub fn check_blank(&self, sight: &Sight, at: usize) -> Result<(), String> {
        let line = &sight.lines[at];
        if line.entered.iter().any(|text| self.emptied.contains(text)) {
            return Ok(());
        }
        match self.foreign_text(sight, at) {
            Some((place, text)) => {
                Err(format!("row {}, column {}: nobody knows {text:?}: {:?}", at + 1, letters(place), line.entered))
            }
            None => Ok(()),
        }
    }
}
