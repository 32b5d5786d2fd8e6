//! What a write of the job's changes in the model: versions that became done, rows that were hit, rows that are new.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::person_edits::FILLED;
use super::{
    CellExpectation, ColumnContent, EmptiedRow, JOB_COLUMNS, KeyModel, RowHit, RowModel, RowOwner, RowPresence, Rule,
    TabModel, VersionInFlight, is_key, job_value,
};
use crate::tab_snapshot::TabSnapshot;

/// Places of rows, and the stamps that they get.
type StampedRows = Vec<(usize, u32)>;

impl TabModel {
    /// A batch was applied: rows that the model follows from now on, with their stamps, and what happened.
    pub fn observe_write(
        &mut self,
        before: Option<&TabSnapshot>,
        after: &TabSnapshot,
        body: &Value,
    ) -> (StampedRows, String) {
        self.writes += 1;
        let hits = self.find_hit_rows(before, after);
        self.keep_typed_cells();
        let finished = finished_versions(body);
        for (key, version) in &finished {
            self.finish_version(key, *version, after, &hits);
        }
        self.note_seen_rows(&hits);
        let stamped = self.add_unknown_rows(before, after);
        self.move_emptied_rows(after, &stamped);
        self.clear_repaired_hits(after);
        self.note_alike_rows(after, &stamped);
        let description = format!("done {finished:?}, changed rows {hits:?}, new stamps {stamped:?}");
        (stamped, description)
    }

    /// Rows in which this write changed cells.
    fn find_hit_rows(&mut self, before: Option<&TabSnapshot>, after: &TabSnapshot) -> BTreeSet<u32> {
        let Some(before) = before else { return BTreeSet::new() };
        let stamps: Vec<u32> = self.rows.keys().copied().collect();
        let mut hits = BTreeSet::new();
        for stamp in stamps {
            let (was, is) = (self.texts_of(before, stamp), self.texts_of(after, stamp));
            if was == is {
                continue;
            }
            hits.insert(stamp);
            if let Some(row) = self.rows.get_mut(&stamp) {
                let hit = row.hit.get_or_insert_with(|| RowHit { before: was.clone(), ..RowHit::default() });
                // What a person had changed was overwritten, and is not changed since.
                for (column, text) in was.iter().filter(|(column, text)| is.get(*column) != Some(*text)) {
                    if hit.changed.remove(column) {
                        hit.before.insert(*column, text.clone());
                    }
                }
                row.typed.clear();
            }
        }
        hits
    }

    /// The next write is the repair: it was planned from the last read, and what was typed since then stays.
    fn keep_typed_cells(&mut self) {
        for row in self.rows.values_mut() {
            for (column, (text, reads)) in std::mem::take(&mut row.typed_meanwhile) {
                if reads == self.reads && row.cell(column).allows(&text) {
                    row.cells.insert(column, CellExpectation::only(text, Rule::MissedCellWritten));
                }
            }
        }
    }

    /// A version of a key became done: its row shows it from now on.
    fn finish_version(&mut self, key: &str, version: u64, after: &TabSnapshot, hits: &BTreeSet<u32>) {
        let values = self.value_columns();
        let (reads, writes) = (self.reads, self.writes);
        let model = self.keys.entry(key.to_owned()).or_insert(KeyModel {
            finished: version,
            row: None,
            presence: RowPresence::Present,
            must_be_done_again: false,
            in_flight: None,
        });
        (model.finished, model.must_be_done_again) = (version, false);
        model.presence = RowPresence::Present;
        let (mut has_hit_row, mut is_unsure) = (false, false);
        if let Some(stamp) = model.row
            && let Some(row) = self.rows.get_mut(&stamp)
        {
            // Rule::RowRewrittenInPlace
            for (column, name) in &values {
                let written = job_value(key, name, version);
                if row.may_be_gone {
                    row.allow(*column, &written, Rule::RowRewrittenInPlace);
                } else {
                    row.cells.insert(*column, CellExpectation::only(written, Rule::RowRewrittenInPlace));
                }
            }
            let at = after.row(stamp);
            let shows = |(column, name): &(u32, &str)| {
                let position = after.column(*column);
                at.zip(position)
                    .is_some_and(|(at, position)| after.entered_text(at, position) == job_value(key, name, version))
            };
            has_hit_row = hits.contains(&stamp) || values.iter().all(shows);
            is_unsure = !hits.contains(&stamp) && has_hit_row;
        }
        let has_seen_row = has_hit_row;
        model.in_flight = Some(VersionInFlight { version, has_hit_row, has_seen_row, is_unsure, reads, writes });
    }

    /// Rows that a batch or a repair has hit are rows that it has seen.
    fn note_seen_rows(&mut self, hits: &BTreeSet<u32>) {
        for stamp in hits {
            let Some(row) = self.rows.get(stamp) else { continue };
            let former = row.former_key.clone().filter(|(_, run)| *run == self.runs).map(|(key, _)| key);
            let key = match &row.owner {
                RowOwner::Key(key) => Some(key.clone()),
                _ => former.clone(),
            };
            let Some(key) = key else { continue };
            let Some(model) = self.keys.get_mut(&key) else { continue };
            let Some(in_flight) = &mut model.in_flight else { continue };
            (in_flight.has_seen_row, in_flight.is_unsure) = (true, false);
            let version = in_flight.version;
            // Its key was changed while this write was on its way.
            if former.is_some() {
                if model.row.is_none() {
                    let is_batch = in_flight.writes == self.writes;
                    // Rule::EarlierChangedKeyMadeAnew
                    model.presence = if is_batch { RowPresence::Present } else { RowPresence::Either };
                }
                self.allow_version(*stamp, &key, version);
            }
        }
    }

    /// Rows that show something and that the model does not know: the new row of a key, or a blank row that was hit.
    fn add_unknown_rows(&mut self, before: Option<&TabSnapshot>, after: &TabSnapshot) -> StampedRows {
        let mut found = Vec::new();
        for (at, row_snapshot) in after.rows.iter().enumerate().skip(1) {
            let known = row_snapshot.stamp.filter(|stamp| self.rows.contains_key(stamp));
            let texts = self.texts_at(after, at);
            let was_blank = known.is_none_or(|stamp| {
                let is_blank = before.is_some_and(|before| is_blank(&self.texts_of(before, stamp)));
                is_blank && self.rows.get(&stamp).is_some_and(|row| row.owner == RowOwner::Blank)
            });
            if was_blank && !is_blank(&texts) {
                found.push((at, known, texts));
            }
        }
        let mut stamped = Vec::new();
        for key in self.keys.keys().cloned().collect::<Vec<_>>() {
            let shows_key =
                |(_, _, texts): &&(usize, Option<u32>, BTreeMap<u32, String>)| texts.values().any(|text| *text == key);
            let right =
                |(_, _, texts): &&(usize, Option<u32>, BTreeMap<u32, String>)| self.count_right_values(&key, texts);
            if !self.is_waiting_for_row(&key, after) {
                continue;
            }
            let Some((at, known, texts)) = found.iter().filter(shows_key).max_by_key(right).cloned() else { continue };
            found.retain(|(other, ..)| *other != at);
            let stamp = known.unwrap_or_else(|| self.stamp());
            if known.is_none() {
                stamped.push((at, stamp));
            }
            let is_over_filled = self
                .texts_before(before, after, at)
                .iter()
                .any(|(column, was)| was == FILLED && texts.get(column).is_some_and(|is| is != FILLED));
            self.add_new_row(&key, stamp, RowHit { before: texts, is_over_filled, ..RowHit::default() });
        }
        for (at, known, _) in found {
            if known.is_none() {
                let stamp = self.stamp();
                let mut row = RowModel::new(RowOwner::Blank, self.make_blank_row_cells());
                let before = self.texts_before(before, after, at);
                row.hit = Some(RowHit { before, ..RowHit::default() });
                self.rows.insert(stamp, row);
                stamped.push((at, stamp));
            }
        }
        stamped
    }

    /// What a row without a stamp showed before a write; nothing where the write may have moved it.
    fn texts_before(&self, before: Option<&TabSnapshot>, after: &TabSnapshot, at: usize) -> BTreeMap<u32, String> {
        let is_still = |before: &&TabSnapshot| {
            self.rows.keys().all(|stamp| before.row(*stamp).is_none() || before.row(*stamp) == after.row(*stamp))
        };
        let before = before.filter(is_still).filter(|before| at < before.rows.len());
        before.map(|before| self.texts_at(before, at)).unwrap_or_default()
    }

    /// Whether a key has no row, and may get one.
    fn is_waiting_for_row(&self, key: &str, after: &TabSnapshot) -> bool {
        let Some(model) = self.keys.get(key) else { return false };
        let Some(stamp) = model.row else { return model.presence != RowPresence::Gone };
        let Some(row) = self.rows.get(&stamp) else { return true };
        let keys = self.job_column(JOB_COLUMNS[0]);
        let shows_key = self.texts_of(after, stamp).iter().any(|(column, text)| Some(*column) == keys && text == key);
        // Rule::NewRowOverOwnCell: it gets another row.
        if row.is_new && row.has_hit_own_cell() {
            return true;
        }
        // A misplaced repair shows the key elsewhere, too: only a version makes a new row.
        let is_rewrite = model.in_flight.is_some_and(|in_flight| in_flight.writes == self.writes);
        is_rewrite && row.may_be_gone && !shows_key
    }

    fn count_right_values(&self, key: &str, texts: &BTreeMap<u32, String>) -> usize {
        let version = self.keys.get(key).map_or(0, |key| key.finished);
        let is_right = |(column, text): &(&u32, &String)| match self.columns.get(column).map(|column| &column.content) {
            Some(ColumnContent::Job(name)) => **text == job_value(key, name, version),
            _ => false,
        };
        texts.iter().filter(is_right).count()
    }

    fn add_new_row(&mut self, key: &str, stamp: u32, hit: RowHit) {
        let Some(model) = self.keys.get_mut(key) else { return };
        let version = model.finished;
        let former = model.row.replace(stamp);
        model.presence = RowPresence::Present;
        if let Some(in_flight) = &mut model.in_flight {
            (in_flight.has_hit_row, in_flight.has_seen_row, in_flight.is_unsure) = (true, true, false);
        }
        let mut cells = self.make_blank_row_cells();
        if let Some(row) = former.and_then(|former| self.rows.get_mut(&former)) {
            if row.is_new && row.has_hit_own_cell() {
                // Rule::NewRowOverOwnCell: what was overwritten comes back.
                (row.owner, row.is_new, row.cells) = (RowOwner::Blank, false, cells.clone());
            } else {
                // The row that it had counts as gone.
                row.owner = RowOwner::Person;
            }
        }
        for (column, content) in self.columns.iter().map(|(column, model)| (*column, &model.content)) {
            if let ColumnContent::Job(name) = content {
                cells.insert(column, CellExpectation::only(job_value(key, name, version), Rule::OneRowPerKey));
            }
        }
        let mut row = RowModel::new(RowOwner::Key(key.to_owned()), cells);
        row.is_new = true;
        row.hit = Some(hit);
        self.rows.insert(stamp, row);
    }

    /// A blank row may have a formula that was filled down, or none; how many there are is counted.
    fn make_blank_row_cells(&self) -> BTreeMap<u32, CellExpectation> {
        let mut cells = BTreeMap::new();
        if let Some(column) = self.filled_column() {
            let mut cell = CellExpectation::only(FILLED, Rule::PreparedCellsStay);
            cell.allow("", Rule::PreparedCellsStay);
            cells.insert(column, cell);
        }
        cells
    }

    /// A row that was emptied by mistake comes back in its place, or in a blank row.
    fn move_emptied_rows(&mut self, after: &TabSnapshot, stamped: &StampedRows) {
        let of = |stamp: u32| after.row(stamp).or_else(|| stamped.iter().find(|new| new.1 == stamp).map(|new| new.0));
        let texts: BTreeMap<u32, _> =
            self.rows.keys().filter_map(|stamp| Some((*stamp, self.texts_at(after, of(*stamp)?)))).collect();
        // Rule::EmptiedRowReturned, also of a row that was deleted while it was blank.
        for emptied in std::mem::take(&mut self.emptied_and_deleted) {
            let returned = RowModel::new(emptied.owner.clone(), emptied.cells.clone());
            let shows_it = |(other, texts): &(&u32, &BTreeMap<u32, String>)| {
                let is_blank_row = self.rows.get(other).is_some_and(|other| other.owner == RowOwner::Blank);
                let is_it = texts.iter().all(|(column, text)| returned.cell(*column).allows(text));
                is_blank_row && !is_blank(texts) && is_it
            };
            match texts.iter().find(shows_it).map(|(other, _)| *other) {
                Some(other) => _ = self.rows.insert(other, returned),
                None => self.emptied_and_deleted.push(emptied),
            }
        }
        for (stamp, shown) in &texts {
            let Some(row) = self.rows.get(stamp) else { continue };
            let (owner, cells) = (row.owner.clone(), row.cells.clone());
            let emptied = row.is_emptied(shown).then_some(EmptiedRow { owner, cells, typed: BTreeSet::new() });
            let Some(emptied) = row.emptied.clone().or(emptied) else { continue };
            let mut returned = RowModel::new(emptied.owner, emptied.cells);
            let is_it = |(other, texts): &(&u32, &BTreeMap<u32, String>)| {
                let is_blank_row = self.rows.get(other).is_some_and(|other| other.owner == RowOwner::Blank);
                is_blank_row
                    && !is_blank(texts)
                    && texts.iter().all(|(column, text)| returned.cell(*column).allows(text))
            };
            let Some((other, _)) = texts.iter().find(is_it) else { continue };
            // Rule::EmptiedRowReturned; what a person typed into its place stays there.
            let mut left = RowModel::new(RowOwner::Blank, self.make_blank_row_cells());
            if row.emptied.is_some() {
                left.owner = RowOwner::Person;
                let typed = row.cells.iter().filter(|(column, _)| emptied.typed.contains(column));
                left.cells.extend(typed.map(|(column, cell)| (*column, cell.clone())));
            }
            (left.hit, left.may_be_gone) = (row.hit.clone(), row.may_be_gone);
            returned.former_key.clone_from(&row.former_key);
            if let RowOwner::Key(key) = &returned.owner
                && let Some(key) = self.keys.get_mut(key)
            {
                (key.row, key.presence) = (Some(*other), RowPresence::Present);
            }
            self.rows.insert(*other, returned);
            self.rows.insert(*stamp, left);
        }
    }

    /// Where nothing is wrong any more, nothing waits for a repair.
    fn clear_repaired_hits(&mut self, after: &TabSnapshot) {
        let stamps: Vec<u32> = self.rows.keys().copied().collect();
        for stamp in stamps {
            let shown = self.texts_of(after, stamp);
            self.update_may_be_gone(stamp, &shown);
            let Some(row) = self.rows.get_mut(&stamp) else { continue };
            let is_right = !shown.is_empty() && shown.iter().all(|(column, text)| row.cell(*column).allows(text));
            if is_right && !row.may_be_gone {
                row.hit = None;
            }
        }
    }
}

impl RowModel {
    /// Whether a write put it over a cell that was filled down.
    fn has_hit_own_cell(&self) -> bool {
        self.hit.as_ref().is_some_and(|hit| hit.is_over_filled)
    }

    /// Whether it shows nothing, and should.
    pub(super) fn is_emptied(&self, shown: &BTreeMap<u32, String>) -> bool {
        let is_owned = self.owner != RowOwner::Blank;
        // Where it may count as gone, it may stay blank, too: what it showed may come back all the same.
        let is_nothing = |cell: &CellExpectation| {
            if self.may_be_gone { ["", FILLED].contains(&cell.first()) } else { cell.allows("") || cell.allows(FILLED) }
        };
        is_owned && is_blank(shown) && !self.cells.values().all(is_nothing)
    }
}

/// Whether nothing distinguishes a row from blank ones; formulas that were filled down do not.
pub(super) fn is_blank(texts: &BTreeMap<u32, String>) -> bool {
    texts.values().all(|text| text.is_empty() || text == FILLED)
}

/// Keys and versions for which the batch appends a row to `Processed`.
fn finished_versions(body: &Value) -> Vec<(String, u64)> {
    let requests = body["requests"].as_array().into_iter().flatten();
    let rows = requests.filter_map(|request| request["appendCells"]["rows"].as_array()).flatten();
    let text =
        |row: &Value, at: usize| row["values"][at]["userEnteredValue"]["stringValue"].as_str().map(str::to_owned);
    let done = rows.filter(|row| text(row, 2).as_deref() == Some("done"));
    done.filter_map(|row| Some((text(row, 0).filter(|key| is_key(key))?, text(row, 1)?.parse().ok()?))).collect()
}
