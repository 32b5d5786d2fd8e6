//! What a person's edits change in the model.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    CellExpectation, ColumnContent, EmptiedRow, JOB_COLUMNS, RowHit, RowModel, RowOwner, RowPresence, Rule, TabModel,
    job_value,
};
use crate::tab_snapshot::TabSnapshot;

/// The formula that a person fills down.
pub const FILLED: &str = "=1+1";

impl TabModel {
    /// A person types texts into cells of one row, each into another column.
    pub fn type_texts(&mut self, snapshot: &TabSnapshot, stamp: u32, texts: &[(u32, String)]) {
        let mut shown = self.texts_of(snapshot, stamp);
        if let Some(row) = self.rows.get_mut(&stamp).filter(|row| row.is_emptied(&shown)) {
            let (owner, cells) = (row.owner.clone(), row.cells.clone());
            row.emptied.get_or_insert(EmptiedRow { owner, cells, typed: BTreeSet::new() });
        }
        for (column, text) in texts {
            let before = shown.insert(*column, text.clone()).unwrap_or_default();
            // What a person types over itself is no change.
            if before != *text {
                self.type_text(stamp, *column, text, &before, &shown);
            }
        }
        self.update_may_be_gone(stamp, &shown);
    }

    fn type_text(&mut self, stamp: u32, column: u32, text: &str, before: &str, shown: &BTreeMap<u32, String>) {
        let name = self.columns.get(&column).and_then(|column| match column.content {
            ColumnContent::Job(name) => Some(name),
            _ => None,
        });
        let Some(row) = self.rows.get_mut(&stamp) else { return };
        if let Some(hit) = &mut row.hit {
            hit.changed.insert(column);
        }
        if let Some(emptied) = &mut row.emptied {
            emptied.typed.insert(column);
        }
        let rule = if row.hit.is_some() { Rule::ChangedCellLeft } else { Rule::PersonsCellStays };
        let typed = CellExpectation::only(text, rule);
        match (row.owner.clone(), name) {
            (RowOwner::Key(key), Some("id")) if key == text => {
                row.cells.insert(column, CellExpectation::only(text, Rule::RowFoundByItsKey));
            }
            (RowOwner::Key(key), Some("id")) => {
                row.cells.insert(column, typed);
                self.change_key(stamp, &key, shown);
            }
            (RowOwner::Key(key), Some(name)) => {
                let cell = self.expect_after_typing(stamp, column, &key, name, before, text);
                self.rows.entry(stamp).and_modify(|row| _ = row.typed.insert(column));
                if let (Some(row), Some(cell)) = (self.rows.get_mut(&stamp), cell) {
                    row.cells.insert(column, cell);
                }
            }
            (owner, _) => {
                // What a person empties in a blank row leaves it blank: a new row may fill it.
                if owner == RowOwner::Blank && !text.is_empty() {
                    row.owner = RowOwner::Person;
                }
                row.cells.insert(column, typed);
            }
        }
    }

    /// What a cell of the job's may show once a person has typed into it; none where that is unchanged.
    fn expect_after_typing(
        &mut self,
        stamp: u32,
        column: u32,
        key: &str,
        name: &str,
        before: &str,
        text: &str,
    ) -> Option<CellExpectation> {
        let row = self.rows.get_mut(&stamp)?;
        let in_flight = self.keys.get(key).and_then(|key| key.in_flight);
        let missed = in_flight.filter(|in_flight| {
            let written = job_value(key, name, in_flight.version);
            let is_theirs = row.typed_meanwhile.contains_key(&column) || row.typed.contains(&column);
            row.cell(column).first() == written && (before != written || is_theirs)
        });
        let Some(missed) = missed else {
            return Some(CellExpectation::only(text, Rule::JobCellStays));
        };
        // In a row that the batch had hit; or a repair was planned, since it is the next write.
        if missed.has_hit_row || self.writes > missed.writes {
            return Some(CellExpectation::only(text, Rule::MissedCellWritten));
        }
        // No repair is planned before the next read.
        if self.reads == missed.reads {
            return None;
        }
        row.typed_meanwhile.insert(column, (text.to_owned(), self.reads));
        let mut either = CellExpectation::only(job_value(key, name, missed.version), Rule::MissedCellWritten);
        either.allow(text, Rule::MissedCellWritten);
        Some(either)
    }

    /// A person has changed or cleared the key of a row: its cells are what they were, or the version in flight.
    fn change_key(&mut self, stamp: u32, key: &str, shown: &BTreeMap<u32, String>) {
        let presence = self.presence_without_row(key);
        let version = self.keys.get(key).and_then(|key| key.in_flight).map(|in_flight| in_flight.version);
        let values = self.value_columns();
        if let Some(row) = self.rows.get_mut(&stamp) {
            row.owner = RowOwner::Person;
            row.former_key = Some((key.to_owned(), self.runs));
            row.typed_meanwhile.clear();
            let before = row.hit.as_ref().map_or(shown, |hit| &hit.before).clone();
            for (column, name) in values {
                let is_in_flight =
                    version.is_some_and(|version| row.cell(column).allows(&job_value(key, name, version)));
                let Some(text) = before.get(&column).filter(|_| is_in_flight) else { continue };
                if row.hit.is_some() {
                    row.allow(column, text, Rule::ChangedKeyRowRestored);
                } else {
                    row.cells.insert(column, CellExpectation::only(text, Rule::UntouchedRowStays));
                }
            }
        }
        if let Some(key) = self.keys.get_mut(key) {
            (key.row, key.presence) = (None, presence);
        }
    }

    /// The job's cells of a row whose key was changed may show the version that was in flight.
    pub(super) fn allow_version(&mut self, stamp: u32, key: &str, version: u64) {
        for (column, name) in self.value_columns() {
            if let Some(row) = self.rows.get_mut(&stamp) {
                row.allow(column, &job_value(key, name, version), Rule::ChangedKeyRowRestored);
            }
        }
    }

    /// Whether a key whose row a person takes away gets a new one now, or with its next version.
    fn presence_without_row(&self, key: &str) -> RowPresence {
        let in_flight = self.keys.get(key).and_then(|key| key.in_flight);
        match in_flight {
            Some(in_flight) if in_flight.is_unsure => RowPresence::Either,
            // Rule::UnseenVersionCounts; a repair that was planned by then may have seen the row.
            Some(in_flight) if !in_flight.has_seen_row && self.reads == in_flight.reads => RowPresence::Present,
            Some(in_flight) if !in_flight.has_seen_row => RowPresence::Either,
            // Rule::DeletedRowStaysDeleted, Rule::MissingRowMadeAnew, Rule::ChangedKeyOfNone
            _ => RowPresence::Gone,
        }
    }

    /// A person deletes a row.
    pub fn delete_row(&mut self, snapshot: &TabSnapshot, stamp: u32) {
        let shown = self.texts_of(snapshot, stamp);
        let Some(row) = self.rows.remove(&stamp) else { return };
        if row.hit.is_some() {
            self.deleted_row_texts.insert(stamp, shown.clone());
        }
        if row.is_emptied(&shown) {
            let (owner, cells) = (row.owner.clone(), row.cells.clone());
            self.emptied_and_deleted.push(EmptiedRow { owner, cells, typed: BTreeSet::new() });
        }
        if let Some(column) = self.filled_column() {
            let text = shown.get(&column).map_or("", String::as_str);
            let was_filled =
                row.hit.as_ref().is_some_and(|hit| hit.before.get(&column).is_some_and(|text| text == FILLED));
            // Where it counts as gone, what was written over the formula is allowed there.
            let is_overwritten = row.cell(column).first() == FILLED && !["", FILLED].contains(&text);
            let is_filled = text == FILLED || was_filled || is_overwritten;
            self.filled_cell_count -= usize::from(is_filled && self.filled_cell_count > 0);
        }
        if let RowOwner::Key(key) = &row.owner {
            let presence = self.presence_without_row(key);
            if let Some(key) = self.keys.get_mut(key) {
                (key.row, key.presence) = (None, presence);
            }
            return;
        }
        // It showed a new key that was written into it by mistake.
        for (key, model) in &mut self.keys {
            if model.row.is_none() && shown.values().any(|text| text == key) {
                model.presence = RowPresence::Either;
            }
        }
    }

    /// A person inserts a row of their own: a total, a remark.
    pub fn insert_own_row(&mut self, stamp: u32, texts: impl IntoIterator<Item = (u32, String)>) {
        let cells =
            texts.into_iter().map(|(column, text)| (column, CellExpectation::only(text, Rule::RowsOfPersonStay)));
        self.rows.insert(stamp, RowModel::new(RowOwner::Person, cells.collect()));
    }

    /// A person fills a blank cell of a column of theirs; references are stamps of columns.
    pub fn fill_own_cell(&mut self, stamp: u32, column: u32, text: String) {
        if let Some(row) = self.rows.get_mut(&stamp) {
            row.cells.insert(column, CellExpectation::only(text, Rule::PersonsCellStays));
        }
    }

    /// A person fills a formula down a new column, over so many rows with the header.
    pub fn fill_down(&mut self, snapshot: &TabSnapshot, column: u32, deep: usize) {
        self.filled_cell_count = deep - 1;
        for row_snapshot in snapshot.rows.iter().take(deep).skip(1) {
            if let Some(stamp) = row_snapshot.stamp {
                self.fill_own_cell(stamp, column, FILLED.to_owned());
            }
        }
    }

    /// A person writes the key into a row that is of none, as a message asked.
    pub fn give_key(&mut self, stamp: u32, key: &str) {
        let Some(column) = self.job_column(JOB_COLUMNS[0]) else { return };
        if let Some(row) = self.rows.get_mut(&stamp) {
            row.owner = RowOwner::Key(key.to_owned());
            row.cells.insert(column, CellExpectation::only(key, Rule::RowFoundByItsKey));
        }
        if let Some(model) = self.keys.get_mut(key) {
            (model.row, model.presence) = (Some(stamp), RowPresence::Present);
        }
    }

    /// A person deletes rows of a key in `Processed`.
    pub fn delete_processed(&mut self, key: &str) {
        if let Some(key) = self.keys.get_mut(key) {
            key.must_be_done_again = true;
        }
    }

    pub(super) fn filled_column(&self) -> Option<u32> {
        self.columns.iter().find(|(_, column)| column.content == ColumnContent::FilledDown).map(|(stamp, _)| *stamp)
    }

    /// What was entered into a row, by the stamps of the columns.
    pub(super) fn texts_of(&self, snapshot: &TabSnapshot, stamp: u32) -> BTreeMap<u32, String> {
        snapshot.row(stamp).map(|at| self.texts_at(snapshot, at)).unwrap_or_default()
    }

    pub(super) fn texts_at(&self, snapshot: &TabSnapshot, at: usize) -> BTreeMap<u32, String> {
        let places = self.columns.keys().filter_map(|column| Some((*column, snapshot.column(*column)?)));
        places.map(|(column, position)| (column, snapshot.entered_text(at, position).to_owned())).collect()
    }

    /// Whether a row in which a write was wrong counts as gone by now, or may.
    pub(super) fn update_may_be_gone(&mut self, stamp: u32, shown: &BTreeMap<u32, String>) {
        let key_column = self.job_column(JOB_COLUMNS[0]);
        let Some(row) = self.rows.get_mut(&stamp) else { return };
        let Some(hit) = row.hit.clone() else { return };
        let text = |column: Option<u32>| column.and_then(|column| shown.get(&column)).map_or("", String::as_str);
        let is_gone = match &row.owner {
            // Rule::RowFoundByItsKey
            RowOwner::Key(key) if text(key_column) == key => false,
            // Rule::ChangedKeyRowRestored
            RowOwner::Person if row.former_key.is_some() => {
                hit.changed.iter().any(|column| Some(*column) != key_column)
            }
            // Rule::OverwrittenKeyReturned, Rule::RowWithoutKeyGone
            _ => !hit.changed.is_empty() && hit.changed.len() >= hit.count_unchanged_cells(shown),
        };
        if !(is_gone || row.may_be_gone) {
            return;
        }
        for (column, text) in shown.iter().filter(|(column, _)| !hit.changed.contains(column)) {
            row.allow(*column, text, Rule::GoneRowStays);
        }
        let is_news = !std::mem::replace(&mut row.may_be_gone, true);
        if let RowOwner::Key(key) = &row.owner
            && let Some(key) = self.keys.get_mut(key)
            && is_news
        {
            key.presence = RowPresence::Either;
        }
    }
}

impl RowHit {
    /// Cells of the row that are left: neither overwritten nor changed since.
    fn count_unchanged_cells(&self, shown: &BTreeMap<u32, String>) -> usize {
        let is_left = |(column, before): &(&u32, &String)| {
            !before.is_empty()
                && !before.starts_with('=')
                && !self.changed.contains(column)
                && shown.get(column) == Some(before)
        };
        self.before.iter().filter(is_left).count()
    }
}
