//! The check: the tab when all is quiet, compared with what the document allows.

use std::collections::BTreeMap;

use super::job_writes::is_blank;
use super::person_edits::FILLED;
use super::{CellExpectation, ColumnContent, JOB_COLUMNS, RowOwner, RowPresence, Rule, TabModel, is_key};
use crate::tab_snapshot::{TabSnapshot, referenced_rows};

/// What is wrong, with the rule that it breaks.
fn rule_error(rule: Rule, what: &str) -> Result<(), String> {
    Err(format!("{what} ({rule})"))
}

impl TabModel {
    /// Compares the tab; then takes what it shows as right from now on.
    pub fn check_quiet_tab(&mut self, snapshot: &TabSnapshot) -> Result<(), String> {
        self.check_columns(snapshot)?;
        self.check_rows(snapshot)?;
        self.check_unknown_rows(snapshot)?;
        self.check_keys(snapshot)?;
        self.check_filled_cells(snapshot)?;
        self.check_arrays(snapshot)?;
        self.accept_shown_tab(snapshot);
        Ok(())
    }

    fn check_columns(&self, snapshot: &TabSnapshot) -> Result<(), String> {
        for (stamp, column) in &self.columns {
            let Some(position) = snapshot.column(*stamp) else {
                return rule_error(Rule::PersonsCellStays, &format!("column {:?} is lost", column.header));
            };
            let shown = snapshot.entered_text(0, position);
            if shown != column.header {
                let rule = match column.content {
                    ColumnContent::Job(_) => Rule::RenamedHeaderStays,
                    ColumnContent::Array(_) => Rule::ReferencesFollow,
                    _ => Rule::PersonsCellStays,
                };
                return rule_error(rule, &format!("header {shown:?} should be {:?}", column.header));
            }
        }
        match snapshot.columns.iter().enumerate().find(|(_, stamp)| stamp.is_none()) {
            Some((at, _)) => rule_error(
                Rule::MovedColumnFollowed,
                &format!("column {at} with header {:?} is new", snapshot.entered_text(0, at)),
            ),
            None => Ok(()),
        }
    }

    fn check_rows(&self, snapshot: &TabSnapshot) -> Result<(), String> {
        for (stamp, row) in &self.rows {
            let Some(at) = snapshot.row(*stamp) else {
                if row.owner == RowOwner::Blank {
                    continue;
                }
                return rule_error(Rule::RowsOfPersonStay, &format!("row {stamp} of {:?} is lost", row.owner));
            };
            for (column, text) in self.texts_at(snapshot, at) {
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
    fn check_unknown_rows(&self, snapshot: &TabSnapshot) -> Result<(), String> {
        for (at, row_snapshot) in snapshot.rows.iter().enumerate().skip(1) {
            let is_known = row_snapshot.stamp.is_some_and(|stamp| self.rows.contains_key(&stamp));
            let texts = self.texts_at(snapshot, at);
            if !is_known && !is_blank(&texts) {
                return rule_error(
                    Rule::OverwrittenCellRestored,
                    &format!("row {} should be blank: {texts:?}", at + 1),
                );
            }
        }
        Ok(())
    }

    /// Each key's row is there once, in its row, or not at all where it counts as gone.
    fn check_keys(&self, snapshot: &TabSnapshot) -> Result<(), String> {
        let position = self.job_column(JOB_COLUMNS[0]).and_then(|column| snapshot.column(column));
        let Some(position) = position else { return Ok(()) };
        let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for at in 1..snapshot.rows.len() {
            let text = snapshot.entered_text(at, position);
            if is_key(text) {
                rows.entry(text).or_default().push(at);
            }
        }
        for (key, version) in &self.source {
            let Some(model) = self.keys.get(key) else {
                return rule_error(Rule::OneRowPerKey, &format!("{key} was never done"));
            };
            if model.finished != *version {
                let what = format!("{key} is done in version {}, and the source has {version}", model.finished);
                return rule_error(Rule::LastCommitCounts, &what);
            }
            if model.must_be_done_again {
                return rule_error(Rule::DeletedProcessedRowRepeated, &format!("{key} was not processed again"));
            }
            let there = rows.remove(key.as_str()).unwrap_or_default();
            match (model.presence, there.as_slice()) {
                (RowPresence::Present | RowPresence::Either, [_]) | (RowPresence::Gone | RowPresence::Either, []) => {}
                (RowPresence::Gone, [_]) => {
                    let what = format!("{key} has a row again, and no new version");
                    return rule_error(Rule::DeletedRowStaysDeleted, &what);
                }
                (RowPresence::Present, []) => return rule_error(Rule::OneRowPerKey, &format!("{key} has no row")),
                (_, many) => {
                    return rule_error(Rule::OneRowPerKey, &format!("{key} has rows {many:?} (from 0)"));
                }
            }
        }
        match rows.keys().next() {
            Some(key) => rule_error(Rule::OneRowPerKey, &format!("{key} has a row, and the source never had it")),
            None => Ok(()),
        }
    }

    fn check_filled_cells(&self, snapshot: &TabSnapshot) -> Result<(), String> {
        let Some(position) = self.filled_column().and_then(|column| snapshot.column(column)) else { return Ok(()) };
        let there = (1..snapshot.rows.len()).filter(|at| snapshot.entered_text(*at, position) == FILLED).count();
        let may_differ = self.rows.values().any(|row| row.may_be_gone);
        if there != self.filled_cell_count && !may_differ {
            return rule_error(
                Rule::PreparedCellsStay,
                &format!("{there} of {} filled cells are there", self.filled_cell_count),
            );
        }
        Ok(())
    }

    /// The arrays of a person fill their columns.
    fn check_arrays(&self, snapshot: &TabSnapshot) -> Result<(), String> {
        for (stamp, column) in &self.columns {
            let ColumnContent::Array(of) = column.content else { continue };
            let (Some(position), Some(other)) = (snapshot.column(*stamp), snapshot.column(of)) else { continue };
            // A row that counts as gone may hold something that is in the way: Rule::GoneRowStays.
            if (1..snapshot.rows.len()).any(|at| !snapshot.entered_text(at, position).is_empty()) {
                continue;
            }
            let header = snapshot.data_tab.text(0, position);
            let rows = referenced_rows(&header).ok_or_else(|| format!("no rows in {header:?}"))?;
            // The array begins below the header, with the first row that it refers to.
            for (at, from) in (1..snapshot.rows.len()).zip(rows.0 - 1..rows.1) {
                let (shown, expected) =
                    (snapshot.shown_text(at, position), format!("x-{}", snapshot.shown_text(from, other)));
                if shown != expected {
                    let what = format!("row {} of array {header} shows {shown:?}, not {expected:?}", at + 1);
                    return rule_error(Rule::ReferencesFollow, &what);
                }
            }
        }
        Ok(())
    }

    /// Of what was allowed, what the tab shows is right from now on.
    fn accept_shown_tab(&mut self, snapshot: &TabSnapshot) {
        let keys = self.job_column(JOB_COLUMNS[0]);
        self.rows.retain(|_, row| row.owner != RowOwner::Blank || row.may_be_gone);
        let stamps: Vec<u32> = self.rows.keys().copied().collect();
        for stamp in stamps {
            let shown = self.texts_of(snapshot, stamp);
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
        self.alike_rows.clear();
        self.deleted_row_texts.clear();
        self.emptied_and_deleted.clear();
    }
}
