//! What the tab owes to whom: a model of `docs/sheet.md`, written from that document alone.
//!
//! In scope: each row and column by its stamp, what each cell has to show once all is quiet, and which of a person's changes the next
//! version may write over. Out of scope: what a write did (`writes.rs`), what the person does (`deeds.rs`), the comparison (`verdict.rs`).

use std::collections::{BTreeMap, BTreeSet};

use crate::sight::Sight;

/// The job's columns; the first one has the keys.
pub const JOBS: [&str; 4] = ["id", "a", "b", "c"];

/// What a column is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// The job's values of this name.
    Job(&'static str),
    /// Words of the person's.
    Words,
    /// A formula in the header that fills the column with what another column shows.
    Array(u32),
    /// In each row a formula that refers to another column.
    Formula(u32),
    /// Formulas that were filled down.
    Filled,
}

/// A column.
pub struct Column {
    pub holds: Holds,
    /// Its header as it was entered.
    pub header: String,
}

/// Whose a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    Key(String),
    /// The person's own: a total, a remark.
    Hers,
    /// It had a key, and she changed or cleared that.
    Unkeyed,
}

/// What becomes of something that the person changed or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays as she left it until the key's next version.
    Stays,
    /// A version that is under way writes it.
    Goes,
    /// The document leaves both open.
    Either,
}

/// A row.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that a deed or a write has left")]
pub struct Row {
    pub whose: Whose,
    /// The job appended it, and she has not touched it yet.
    pub is_new: bool,
    /// The job appended it since all was last quiet.
    pub is_appended: bool,
    /// The key that the job had appended there before it emptied the row again: the row may get that one back.
    pub had: Option<String>,
    /// What was last right in each cell.
    pub cells: BTreeMap<u32, String>,
    /// Cells of the job's that she changed.
    pub typed: BTreeMap<&'static str, (String, Fate)>,
    /// Cells that she changed while others of the row waited for their repair.
    pub changed: usize,
    /// She changed more of it than was left.
    pub is_spent: bool,
    /// Columns into which she typed while the row waited.
    pub retyped: BTreeSet<u32>,
    /// Of these, columns that a write has changed since.
    pub overwritten: BTreeSet<u32>,
    /// It had no key, and of what it showed she left no more cells than she changed.
    pub is_unknown: bool,
    /// Cells that she changed: when, as a count of calls, and what was right before.
    pub fresh: BTreeMap<u32, (u64, String)>,
    /// A repair was already on its way when she changed a cell.
    pub is_raced: bool,
    /// A repair of it went elsewhere: what it should have restored may be written over what she types next.
    pub is_missed: bool,
    pub missed: BTreeMap<u32, String>,
}

impl Row {
    pub fn of(whose: Whose, is_new: bool, cells: BTreeMap<u32, String>) -> Self {
        Self {
            whose,
            is_new,
            is_appended: is_new,
            had: None,
            cells,
            typed: BTreeMap::new(),
            changed: 0,
            is_spent: false,
            retyped: BTreeSet::new(),
            overwritten: BTreeSet::new(),
            is_unknown: false,
            fresh: BTreeMap::new(),
            is_raced: false,
            is_missed: false,
            missed: BTreeMap::new(),
        }
    }
}

/// Finding: what she types into a row between the look of a repair and its write is lost, and the run says that rows are where they belong;
/// a further repair may then bring back what was there by mistake. Until that is decided, the model lets go of rows in which she changed a
/// cell within these last calls before a write that changed it, too.
pub const CALLS_OF_A_REPAIR_THAT_LOSE_WHAT_IS_TYPED: u64 = 0;

/// Finding: a row that she deletes between the look of its repair and that write comes back. Until that is decided, the model lets it.
pub const ROWS_DELETED_DURING_THEIR_REPAIR_MAY_COME_BACK: bool = false;

/// Finding: where a repair went elsewhere, what she types meanwhile into the cell that it was for is written over by the repair after it:
/// the first line of the document's table on cells forbids that, the second asks for it. Until that is decided, the model takes both.
pub const REPAIRS_THAT_MISSED_MAY_WRITE_OVER_WHAT_IS_TYPED: bool = false;

/// Finding: where she deletes a key's row in `Processed` before a repair of its row, the key has two rows afterwards. Until that is decided
/// she does so only while no run is under way and nothing waits.
pub const DELETES_PROCESSED_ROWS_AT_ANY_TIME: bool = false;

/// Finding: of a row that was appended beside its columns, a cell that she changes keeps the others, or the key itself, from being
/// repaired, and the run says success; deleted, such a row may come back. Until that is decided she touches such rows only once they are
/// repaired.
pub const TOUCHES_APPENDED_ROWS_THAT_WAIT: bool = false;

/// The newest batch that wrote a version of a key.
#[derive(Default)]
pub struct Written {
    pub version: u64,
    /// The columns in which it came to the key's own row.
    pub landed: BTreeSet<&'static str>,
    /// It wrote over other cells of that row by mistake.
    pub has_hit: bool,
    /// More than one batch was in it.
    pub is_mixed: bool,
}

/// The model.
#[derive(Default)]
pub struct Book {
    pub columns: BTreeMap<u32, Column>,
    pub rows: BTreeMap<u32, Row>,
    /// The version of each key that the source yields, and the highest that it ever did.
    pub source: BTreeMap<String, u64>,
    pub highest: BTreeMap<String, u64>,
    pub written: BTreeMap<String, Written>,
    /// Keys whose rows she deleted, or whose key she changed.
    pub gone: BTreeMap<String, Fate>,
    /// Keys of which she deleted rows in `Processed`.
    pub again: BTreeSet<String>,
    /// Keys of rows that the job appended and emptied again, by their stamps.
    pub taken_back: BTreeMap<u32, String>,
    /// Words of rows that she deleted while they were empty by mistake: nothing told them from blank rows.
    pub emptied: BTreeSet<String>,
    /// Keys and words of rows that she deleted while they waited for a repair, and after how many calls.
    pub deleted: Vec<(u64, Option<String>, Vec<String>)>,
    /// She changed or deleted rows that waited for a repair, since all was quiet.
    pub has_touched: bool,
    /// Calls that the job has made, and had made at its last write.
    pub calls: u64,
    pub written_at: u64,
    made: u32,
}

/// What a version of a key shows in a column of the job's. Other keys show the same in the last one.
pub fn value(key: &str, column: &str, version: u64) -> String {
    match column {
        "id" => key.to_owned(),
        "b" => (number_of(key) * 1000 + version).to_string(),
        "c" => if version.is_multiple_of(2) { "shut" } else { "open" }.to_owned(),
        _ => format!("{key} {column}{version}"),
    }
}

fn number_of(key: &str) -> u64 {
    key.trim_start_matches('k').parse().unwrap_or(0)
}

/// Whether a text is one of the source's keys, such as k07.
pub fn is_key(text: &str) -> bool {
    text.len() == 3 && text.starts_with('k') && text[1..].bytes().all(|byte| byte.is_ascii_digit())
}

/// The key and version that a cell of column `a` shows.
pub fn version_in(text: &str) -> Option<(&str, u64)> {
    let (key, version) = text.split_once(" a")?;
    is_key(key).then_some((key, version.parse().ok()?))
}

impl Book {
    pub fn stamp(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    /// The stamp of a column of the job's.
    pub fn job(&self, name: &str) -> Option<u32> {
        self.columns
            .iter()
            .find(|(_, column)| matches!(column.holds, Holds::Job(own) if own == name))
            .map(|(at, _)| *at)
    }

    /// Columns of words; the first is the one with the rows' stamps.
    pub fn words(&self) -> Vec<u32> {
        self.columns.iter().filter(|(_, column)| column.holds == Holds::Words).map(|(stamp, _)| *stamp).collect()
    }

    /// The column of a job's cell in a key's row.
    pub fn job_cell(&self, row: &Row, column: u32) -> Option<(String, &'static str)> {
        match (&row.whose, &self.columns.get(&column)?.holds) {
            (Whose::Key(key), Holds::Job(name)) if *name != "id" => Some((key.clone(), name)),
            _ => None,
        }
    }

    /// Whether this text is a value of the key that the cell is for.
    pub fn is_right(&self, key: &str, column: &str, text: &str) -> bool {
        (1..=self.highest.get(key).copied().unwrap_or(0)).any(|version| value(key, column, version) == text)
    }

    /// Whether there are rows that the job has appended since all was quiet.
    pub fn has_new_rows(&self) -> bool {
        self.rows.values().any(|row| row.is_new)
    }

    /// Cells that show something else than what was last right: position of the row and stamp of the column.
    pub fn waiting(&self, sight: &Sight) -> Vec<(usize, u32)> {
        let rows = sight.lines.iter().enumerate().filter_map(|(at, line)| Some((at, self.rows.get(&line.stamp?)?)));
        let cells = rows.flat_map(|(at, row)| self.columns.keys().map(move |column| (at, row, *column)));
        let is_wrong = |at: usize, row: &Row, stamp: u32| {
            let right = row.cells.get(&stamp).map_or("", String::as_str);
            sight.column(stamp).is_some_and(|column| sight.entered(at, column) != right)
        };
        cells.filter(|(at, row, column)| is_wrong(*at, row, *column)).map(|(at, _, column)| (at, column)).collect()
    }

    /// A run begins: a version that no batch has written yet will be, whatever she changed before.
    pub fn begin(&mut self) {
        let behind: BTreeSet<_> = self.source.keys().filter(|key| !self.is_written(key)).cloned().collect();
        for row in self.rows.values_mut() {
            if matches!(&row.whose, Whose::Key(key) if behind.contains(key)) {
                row.typed.values_mut().for_each(|typed| typed.1 = Fate::Goes);
            }
        }
        for (_, fate) in self.gone.iter_mut().filter(|(key, _)| behind.contains(*key)) {
            *fate = Fate::Goes;
        }
    }

    fn is_written(&self, key: &str) -> bool {
        self.written.get(key).is_some_and(|written| Some(&written.version) == self.source.get(key))
    }

    /// What becomes of a cell of the job's that she changes at this moment.
    fn fate_of_cell(&self, key: &str, column: &str) -> Fate {
        match self.written.get(key) {
            _ if self.again.contains(key) => Fate::Either,
            Some(written) if self.is_written(key) => match () {
                () if written.landed.contains(column) => Fate::Stays,
                () if written.is_mixed => Fate::Either,
                () if written.has_hit => Fate::Stays,
                () => Fate::Goes,
            },
            _ => Fate::Goes,
        }
    }

    /// What becomes of a key whose row she deletes at this moment: whether it stays away.
    fn fate_of_key(&self, key: &str) -> Fate {
        match self.written.get(key) {
            _ if self.again.contains(key) => Fate::Either,
            Some(written) if self.is_written(key) => match () {
                () if written.is_mixed => Fate::Either,
                () if written.has_hit || !written.landed.is_empty() => Fate::Stays,
                () => Fate::Goes,
            },
            _ => Fate::Goes,
        }
    }

    /// She deletes a row.
    pub fn delete(&mut self, sight: &Sight, stamp: u32) {
        let is_blank = sight.row(stamp).is_some_and(|at| {
            let places = self.columns.iter().filter(|(_, column)| column.holds != Holds::Filled);
            places.filter_map(|(column, _)| sight.column(*column)).all(|column| sight.entered(at, column).is_empty())
        });
        if let Some(row) = self.rows.get(&stamp).filter(|_| is_blank) {
            self.emptied.extend(row.cells.values().filter(|text| !text.is_empty()).cloned());
        }
        let at = sight.row(stamp);
        let is_waiting = self.waiting(sight).iter().any(|(waits, _)| Some(*waits) == at);
        self.has_touched |= is_waiting;
        if let Some(row) = self.rows.get(&stamp).filter(|_| is_waiting) {
            let key = match &row.whose {
                Whose::Key(key) => Some(key.clone()),
                _ => None,
            };
            let words = row.cells.values().filter(|text| !text.is_empty()).cloned().collect();
            self.deleted.push((self.calls, key, words));
        }
        if let Some(Row { whose: Whose::Key(key), .. }) = self.rows.remove(&stamp) {
            self.lose(sight, &key, false);
        }
    }

    fn lose(&mut self, sight: &Sight, key: &str, is_unsure: bool) {
        // A row that the job appended and took back is none of the key's.
        let is_there = |stamp: u32| sight.row(stamp).is_some_and(|at| !self.is_taken_back(sight, at, stamp));
        let mut own = self.rows.iter().filter(|(_, row)| row.whose == Whose::Key(key.to_owned()));
        if !own.any(|(stamp, _)| is_there(*stamp)) {
            let fate = if is_unsure { Fate::Either } else { self.fate_of_key(key) };
            self.gone.insert(key.to_owned(), fate);
        }
    }

    /// She types into a cell of a row.
    pub fn type_in(&mut self, sight: &Sight, stamp: u32, column: u32, text: &str) {
        let waiting: Vec<_> = self.waiting(sight);
        let Some(at) = sight.row(stamp) else { return };
        let is_waiting = waiting.iter().any(|(row, _)| *row == at);
        let wrong = waiting.iter().filter(|(row, cell)| *row == at && *cell != column).count();
        let keys = self.job("id");
        let key_shown = keys.and_then(|keys| sight.column(keys)).map(|keys| sight.entered(at, keys).to_owned());
        let constants = self.columns.keys().filter(|stamp| {
            let shown = sight.column(**stamp).map_or("", |place| sight.entered(at, place));
            !shown.is_empty() && !shown.starts_with('=')
        });
        let constants: BTreeSet<u32> = constants.copied().collect();
        let Some(row) = self.rows.get(&stamp) else { return };
        let is_keys = self.columns.get(&column).is_some_and(|column| column.holds == Holds::Job("id"));
        let cell = self.job_cell(row, column);
        let fate = cell.as_ref().map(|(key, name)| self.fate_of_cell(key, name));
        let calls = self.calls;
        let Some(row) = self.rows.get_mut(&stamp) else { return };
        row.is_new = false;
        let before = row.cells.insert(column, text.to_owned()).unwrap_or_default();
        let is_again = row.fresh.get(&column).is_some_and(|(when, _)| *when == calls);
        if !is_again {
            row.fresh.insert(column, (calls, before));
        }
        if let (Some((_, name)), Some(fate)) = (cell, fate) {
            row.typed.insert(name, (text.to_owned(), fate));
        }
        let is_wrong = waiting.contains(&(at, column));
        if row.is_missed && is_wrong && REPAIRS_THAT_MISSED_MAY_WRITE_OVER_WHAT_IS_TYPED {
            row.missed.insert(column, row.fresh[&column].1.clone());
        }
        self.has_touched |= is_waiting;
        if is_waiting {
            row.changed += 1;
            let filled = row.cells.values().filter(|cell| !cell.is_empty()).count();
            row.is_spent |= row.changed >= filled.saturating_sub(row.changed + wrong);
            row.retyped.insert(column);
            row.overwritten.remove(&column);
            let is_keyed = matches!(&row.whose, Whose::Key(key) if key_shown.as_ref() == Some(key));
            row.is_unknown |=
                row.whose == Whose::Unkeyed && keys.is_some_and(|keys| column != keys && row.retyped.contains(&keys));
            row.is_unknown |= !is_keyed && row.retyped.len() >= constants.difference(&row.retyped).count();
        }
        let key = match &row.whose {
            Whose::Key(key) if is_keys && key != text => key.clone(),
            _ => return,
        };
        self.unkey(sight, stamp, &key, is_waiting);
    }

    /// A row belongs to no key any more.
    fn unkey(&mut self, sight: &Sight, stamp: u32, key: &str, is_waiting: bool) {
        let Some(row) = self.rows.get_mut(&stamp) else { return };
        row.whose = Whose::Unkeyed;
        // Of such a row nothing comes back if she changed another cell, too.
        row.is_unknown |= is_waiting && row.retyped.len() > 1;
        // What she typed into other cells of the job's may still stay.
        let typed = std::mem::take(&mut row.typed);
        for (name, (text, _)) in typed {
            let column = self.job(name);
            if let Some((column, row)) = column.zip(self.rows.get_mut(&stamp)) {
                row.missed.entry(column).or_insert(text);
            }
        }
        // What was to be written into it may be what comes back.
        let version = self.source.get(key).copied().unwrap_or(0);
        for name in JOBS.into_iter().filter(|name| *name != "id" && is_waiting) {
            let column = self.job(name);
            if let Some((column, row)) = column.zip(self.rows.get_mut(&stamp)) {
                row.missed.entry(column).or_insert(value(key, name, version));
            }
        }
        self.lose(sight, key, is_waiting);
    }

    /// She deletes rows of a key in `Processed`, all or one of several.
    pub fn delete_processed(&mut self, key: &str, is_all: bool) {
        self.again.insert(key.to_owned());
        let softened = |fate: &mut Fate| *fate = if is_all { Fate::Goes } else { Fate::Either };
        let rows = self.rows.values_mut().filter(|row| row.whose == Whose::Key(key.to_owned()));
        rows.flat_map(|row| row.typed.values_mut()).for_each(|(_, fate)| softened(fate));
        self.gone.get_mut(key).into_iter().for_each(softened);
    }

    /// Takes in what a tab has that has no stamp yet: the job's columns. Returns which header is which.
    pub fn adopt_columns(&mut self, sight: &Sight) -> Vec<(usize, u32)> {
        let mut found = Vec::new();
        for name in JOBS {
            let at = (0..sight.columns.len()).find(|&at| sight.columns[at].is_none() && sight.entered(0, at) == name);
            if let (None, Some(at)) = (self.job(name), at) {
                let stamp = self.stamp();
                self.columns.insert(stamp, Column { holds: Holds::Job(name), header: name.to_owned() });
                found.push((at, stamp));
            }
        }
        found
    }
}
