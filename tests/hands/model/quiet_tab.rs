//! The verdict: the tab when all is quiet, compared with what the document allows.

use std::collections::BTreeMap;

use super::job_writes::is_blank;
use super::person_edits::FILLED;
use super::{CellExpectation, ColumnContent, JOB_COLUMNS, RowOwner, RowPresence, Rule, TabModel, is_key};
use crate::sight::{Sight, rows_of};

/// What is wrong, with the rule that it breaks.
fn broken(rule: Rule, what: &str) -> Result<(), String> {
    Err(format!("{what} ({rule})"))
}

impl TabModel {
    /// Compares the tab; then takes what it shows as right from now on.
    pub fn check_quiet_tab(&mut self, sight: &Sight) -> Result<(), String> {
        self.check_columns(sight)?;
        self.check_rows(sight)?;
        self.check_unknown_rows(sight)?;
        self.check_keys(sight)?;
        self.check_filled_cells(sight)?;
        self.check_arrays(sight)?;
        self.accept(sight);
        Ok(())
    }

    fn check_columns(&self, sight: &Sight) -> Result<(), String> {
        for (stamp, column) in &self.columns {
            let Some(place) = sight.column(*stamp) else {
                return broken(Rule::PersonsCellStays, &format!("column {:?} is lost", column.header));
            };
            let shown = sight.entered(0, place);
            if shown != column.header {
                let rule = match column.content {
                    ColumnContent::Job(_) => Rule::RenamedHeaderStays,
                    ColumnContent::Array(_) => Rule::ReferencesFollow,
                    _ => Rule::PersonsCellStays,
                };
                return broken(rule, &format!("header {shown:?} should be {:?}", column.header));
            }
        }
        match sight.columns.iter().enumerate().find(|(_, stamp)| stamp.is_none()) {
            Some((at, _)) => {
                broken(Rule::MovedColumnFollowed, &format!("column {at} with header {:?} is new", sight.entered(0, at)))
            }
            None => Ok(()),
        }
    }

    fn check_rows(&self, sight: &Sight) -> Result<(), String> {
        for (stamp, row) in &self.rows {
            let Some(at) = sight.row(*stamp) else {
                if row.owner == RowOwner::Blank {
                    continue;
                }
                return broken(Rule::RowsOfPersonStay, &format!("row {stamp} of {:?} is lost", row.owner));
            };
            for (column, text) in self.texts_at(sight, at) {
                let cell = row.cell(column);
                if !cell.allows(&text) {
                    let header = self.columns.get(&column).map_or("", |column| column.header.as_str());
                    let owner = &row.owner;
                    return Err(format!(
                        "row {} ({stamp}, {owner:?}), column {header:?} shows {text:?}; expected: {cell}",
                        at + 1
                    ));
                }
            }
        }
        Ok(())
    }

    /// Rows that the model does not follow are blank.
    fn check_unknown_rows(&self, sight: &Sight) -> Result<(), String> {
        for (at, line) in sight.lines.iter().enumerate().skip(1) {
            let is_known = line.stamp.is_some_and(|stamp| self.rows.contains_key(&stamp));
            let texts = self.texts_at(sight, at);
            if !is_known && !is_blank(&texts) {
                return broken(Rule::OverwrittenCellRestored, &format!("row {} should be blank: {texts:?}", at + 1));
            }
        }
        Ok(())
    }

    /// Each key's row is there once, in its row, or not at all where it counts as gone.
    fn check_keys(&self, sight: &Sight) -> Result<(), String> {
        let place = self.job_column(JOB_COLUMNS[0]).and_then(|column| sight.column(column));
        let Some(place) = place else { return Ok(()) };
        let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for at in 1..sight.lines.len() {
            let text = sight.entered(at, place);
            if is_key(text) {
                rows.entry(text).or_default().push(at);
            }
        }
        for (key, version) in &self.source {
            let Some(model) = self.keys.get(key) else {
                return broken(Rule::OneRowPerKey, &format!("{key} was never done"));
            };
            if model.finished != *version {
                let what = format!("{key} is done in version {}, and the source has {version}", model.finished);
                return broken(Rule::LastCommitCounts, &what);
            }
            if model.must_be_done_again {
                return broken(Rule::DeletedProcessedRowRepeated, &format!("{key} was not processed again"));
            }
            let there = rows.remove(key.as_str()).unwrap_or_default();
            match (model.presence, there.as_slice()) {
                (RowPresence::Present | RowPresence::Either, [_]) | (RowPresence::Gone | RowPresence::Either, []) => {}
                (RowPresence::Gone, [_]) => {
                    let what = format!("{key} has a row again, and no new version");
                    return broken(Rule::DeletedRowStaysDeleted, &what);
                }
                (RowPresence::Present, []) => return broken(Rule::OneRowPerKey, &format!("{key} has no row")),
                (_, many) => {
                    return broken(Rule::OneRowPerKey, &format!("{key} has rows {many:?} (from 0)"));
                }
            }
        }
        match rows.keys().next() {
            Some(key) => broken(Rule::OneRowPerKey, &format!("{key} has a row, and the source never had it")),
            None => Ok(()),
        }
    }

    fn check_filled_cells(&self, sight: &Sight) -> Result<(), String> {
        let Some(place) = self.filled_column().and_then(|column| sight.column(column)) else { return Ok(()) };
        let there = (1..sight.lines.len()).filter(|at| sight.entered(*at, place) == FILLED).count();
        let may_differ = self.rows.values().any(|row| row.may_be_gone);
        if there != self.filled && !may_differ {
            return broken(Rule::PreparedCellsStay, &format!("{there} of {} filled cells are there", self.filled));
        }
        Ok(())
    }

    /// The arrays of a person fill their columns.
    fn check_arrays(&self, sight: &Sight) -> Result<(), String> {
        for (stamp, column) in &self.columns {
            let ColumnContent::Array(of) = column.content else { continue };
            let (Some(place), Some(other)) = (sight.column(*stamp), sight.column(of)) else { continue };
            // A row that counts as gone may hold something that is in the way: Rule::GoneRowStays.
            if (1..sight.lines.len()).any(|at| !sight.entered(at, place).is_empty()) {
                continue;
            }
            let header = sight.view.text(0, place);
            let rows = rows_of(&header).ok_or_else(|| format!("no rows in {header:?}"))?;
            // The array begins below the header, with the first row that it refers to.
            for (at, from) in (1..sight.lines.len()).zip(rows.0 - 1..rows.1) {
                let (shown, expected) = (sight.shown(at, place), format!("x-{}", sight.shown(from, other)));
                if shown != expected {
                    let what = format!("row {} of array {header} shows {shown:?}, not {expected:?}", at + 1);
                    return broken(Rule::ReferencesFollow, &what);
                }
            }
        }
        Ok(())
    }

    /// Of what was allowed, what the tab shows is right from now on.
    fn accept(&mut self, sight: &Sight) {
        let keys = self.job_column(JOB_COLUMNS[0]);
        self.rows.retain(|_, row| row.owner != RowOwner::Blank || row.may_be_gone);
        let stamps: Vec<u32> = self.rows.keys().copied().collect();
        for stamp in stamps {
            let shown = self.texts_of(sight, stamp);
            // A row that is blank may get a new key: Rule::PreparedCellsStay.
            if is_blank(&shown) {
                self.rows.remove(&stamp);
                continue;
            }
            let Some(row) = self.rows.get_mut(&stamp) else { continue };
            for (column, text) in &shown {
                let is_job = self.columns.get(column).is_some_and(|it| matches!(it.content, ColumnContent::Job(_)));
                let rule = if is_job { Rule::JobCellStays } else { Rule::PersonsCellStays };
                row.cells.insert(*column, CellExpectation::only(text.clone(), rule));
            }
            (row.is_new, row.may_be_gone, row.hit, row.former_key) = (false, false, None, None);
            row.typed_meanwhile.clear();
            row.typed.clear();
            row.emptied = None;
            let text = keys.and_then(|column| shown.get(&column)).cloned().unwrap_or_default();
            row.owner = if is_key(&text) { RowOwner::Key(text) } else { RowOwner::Person };
        }
        for model in self.keys.values_mut() {
            (model.row, model.presence, model.in_flight) = (None, RowPresence::Gone, None);
        }
        for (stamp, row) in &self.rows {
            if let RowOwner::Key(key) = &row.owner
                && let Some(model) = self.keys.get_mut(key)
            {
                (model.row, model.presence) = (Some(*stamp), RowPresence::Present);
            }
        }
        self.same.clear();
        self.deleted.clear();
        self.emptied_and_deleted.clear();
    }
}
