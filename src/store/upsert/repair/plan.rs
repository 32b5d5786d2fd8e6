//! Plans a repair: which cells to write to which rows. Pure.
//!
//! In scope: repeating the intended writes, then restoring the overwritten cells one by one.
//! Out of scope: mapping rows and columns (`store::upsert::repair::correspondence`), the requests
//! (`store::commit::row_writer`).

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use crate::store::tabs::parse::text;
use crate::store::tabs::row_fingerprint::{RowFingerprint, mark_of};
use crate::store::upsert::repair::ambiguity::{AmbiguousRows, ambiguous_hits, messages};
use crate::store::upsert::repair::check::CellCheck;
use crate::store::upsert::repair::correspondence::Correspondence;
use crate::store::upsert::repair::formulas::{FormulaMove, rewrite_references};
use crate::store::upsert::repair::image::TabImage;
use crate::store::upsert::repair::planned_repairs::PlannedRepairs;
use crate::store::upsert::repair::row_repair::{CellCopy, CellSource, RowRepair};
use crate::store::upsert::undo_log::{MisplacedWrite, RowPredicate, RowWrite, UndoFinding};

/// The plan that repairs a finding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepairPlan {
    /// The repairs, one per row.
    pub repairs: Vec<RowRepair>,
    /// Messages for the user: what the repair leaves as it is.
    pub unrepaired: Vec<String>,
    /// Messages for the user: rows that can't be identified. If there are any, nothing may be
    /// written.
    pub ambiguous: Vec<String>,
    /// What the rows must show after the repair, as far as known.
    pub checks: Vec<CellCheck>,
}

/// Plans the repair of a finding in the current tab.
pub fn plan(finding: &UndoFinding, image: &TabImage<'_>) -> RepairPlan {
    let planner = RepairPlanner { map: Correspondence::new(finding, image) };
    let mut out = PlannedRepairs::default();
    for (at, misplaced) in finding.misplaced.iter().enumerate() {
        planner.repeat_write(at, misplaced, &mut out);
    }
    for (at, misplaced) in finding.misplaced.iter().enumerate() {
        planner.restore(at, misplaced, &mut out);
    }
    let mut shifted_appends: BTreeMap<&str, usize> = BTreeMap::new();
    for key in &finding.shifted_appends {
        *shifted_appends.entry(key).or_default() += 1;
    }
    for (key, rows) in shifted_appends {
        planner.move_appended_cells(key, rows, &mut out);
    }
    planner.clear_stray_keys(&mut out);
    if out.missing > 0 {
        out.unrepaired.push(format!(
            "{} rows that were to be repaired were not found again: they were deleted, or people changed them",
            out.missing
        ));
    }
    if out.gone > 0 {
        out.unrepaired.push(format!(
            "{} rows that a write hit by mistake were not found again: they were deleted, or people changed them",
            out.gone
        ));
    }
    for (column, cells) in &out.lost_columns {
        out.unrepaired.push(format!(
            "column \"{column}\" was not found again: {cells} cells that a write hit there, or that belong there, are left as they are"
        ));
    }
    if !out.changed.is_empty() {
        out.unrepaired.push(format!("{} cells that people changed meanwhile are left as they are", out.changed.len()));
    }
    let new = out.list.iter().filter(|repair| repair.row.is_none()).filter_map(RowRepair::key);
    let shared: HashSet<String> = new.map(str::to_owned).chain(planner.map.shared_keys().cloned()).collect();
    let mut ambiguous = ambiguous_hits(&planner.map);
    ambiguous.append(&mut out.ambiguous);
    let repairs: Vec<_> = out.list.into_iter().map(|repair| planner.with_expectation(repair, &shared)).collect();
    let checks = repairs.iter().flat_map(|repair| planner.checks(repair)).collect();
    RepairPlan { repairs, unrepaired: out.unrepaired, ambiguous: messages(&planner.map, &ambiguous), checks }
}

/// The target of an intended write.
enum IntendedRow<'t> {
    Row(u32),
    /// A new row of this key.
    New(&'t str),
    /// None: the row was deleted since.
    Gone,
}

pub(super) struct RepairPlanner<'a> {
    pub(super) map: Correspondence<'a>,
}

impl RepairPlanner<'_> {
    /// Repeats the intended write in its row.
    fn repeat_write(&self, at: usize, misplaced: &MisplacedWrite, out: &mut PlannedRepairs) {
        let target = &misplaced.target;
        let source = CellSource::Undo(self.map.finding.undo_log.after_row(misplaced.index));
        let as_intended = |&from: &usize| Some(CellCopy { source: source.clone(), from, to: self.map.intended(from)? });
        let copies: Vec<_> = target.columns.iter().filter_map(as_intended).collect();
        for &column in target.columns.iter().filter(|column| self.map.intended(**column).is_none()) {
            out.note_lost_column(&self.map.finding.undo_log.header, column);
        }
        let intended = self.intended_row(at, misplaced, out);
        if let Some(key) = self.map.key_of_write(misplaced)
            && !matches!(intended, IntendedRow::Gone)
        {
            out.owners.insert(key, if let IntendedRow::Row(row) = intended { Some(row) } else { None });
        }
        match intended {
            IntendedRow::Row(row) if target.moves.is_empty() => {
                let is_ours = |copy: &CellCopy| {
                    let is_done = self.map.is_as_written(at, copy.from, row, copy.to);
                    self.is_as_planned(target, row, copy) && (is_done || self.map.is_untouched(row, copy.to))
                };
                let (ours, theirs): (Vec<_>, Vec<_>) = copies.into_iter().partition(is_ours);
                let is_other = |copy: &&CellCopy| !self.map.is_as_written(at, copy.from, row, copy.to);
                out.changed.extend(theirs.iter().filter(is_other).map(|copy| (row, copy.to)));
                let ours = ours.into_iter().map(|copy| self.repeating_copy(at, misplaced, copy, row, out)).collect();
                out.add_version(row, ours, !self.lacks_only_its_version(target, row));
            }
            IntendedRow::Row(row) => self.repeat_moves(target, row, out),
            IntendedRow::New(key) => out.add(None, key, copies, Vec::new()),
            IntendedRow::Gone => {
                out.without_row.insert(at);
            }
        }
    }

    /// Whether a row shows its key and nothing by mistake, so that it lacks the version in flight only.
    fn lacks_only_its_version(&self, target: &RowWrite, row: u32) -> bool {
        let is_keyed = match &target.expect {
            RowPredicate::Key(_) => true,
            RowPredicate::Row { .. } => target.is_version,
            RowPredicate::Blank(_) => false,
        };
        is_keyed && self.map.hit_at(row).is_none()
    }

    /// Returns the copy that repeats the write of a cell. A repair wrote a formula as of the columns
    /// that it expected. If they moved, its references follow them.
    fn repeating_copy(
        &self,
        at: usize,
        misplaced: &MisplacedWrite,
        copy: CellCopy,
        row: u32,
        out: &mut PlannedRepairs,
    ) -> CellCopy {
        let Some(formula) = self.map.formula_written(at, copy.from) else { return copy };
        let columns = self.map.intended_map();
        if columns.is_identity() && copy.from == copy.to {
            return copy;
        }
        let undo_log = &self.map.finding.undo_log;
        let formula_move = FormulaMove {
            title: &self.map.image.tab.title,
            kept_row: undo_log.after_row(misplaced.index),
            margin: undo_log.margin() as usize,
            row,
            columns: &columns,
        };
        let formula = rewrite_references(&formula, formula_move);
        out.note_lost_references(&formula, copy.to, row);
        CellCopy { source: CellSource::Formula(formula), ..copy }
    }

    /// Finds the row for which a write was intended.
    fn intended_row<'t>(&self, at: usize, misplaced: &'t MisplacedWrite, out: &mut PlannedRepairs) -> IntendedRow<'t> {
        let (undo_log, target) = (&self.map.finding.undo_log, &misplaced.target);
        let writes_key = target.columns.contains(&undo_log.key);
        let hit = self.map.row_of_hit(at);
        match &target.expect {
            RowPredicate::Key(key) | RowPredicate::Row { key: Some(key), .. } => match self.map.hit_with_key(key) {
                // The batch found the row of this key. If it is gone now, or has another key, a user
                // did that since.
                Some(images) => {
                    // A repair restores a row's own cells, whatever its key is by now.
                    let is_restoring = undo_log.is_repair && !target.is_version;
                    let is_its = |row: &u32| is_restoring || !self.map.is_unkeyed(images, *row);
                    let row = self.map.row_of_hit(images).filter(is_its);
                    let is_new = row.is_none() && target.moves.is_empty() && self.is_to_be_created(images);
                    let gone = if is_new { IntendedRow::New(key) } else { IntendedRow::Gone };
                    row.map_or(gone, IntendedRow::Row)
                }
                None => match self.map.row_of(key) {
                    Some(row) => IntendedRow::Row(row),
                    // The repair had read all rows just before. So this row was deleted since.
                    None if !undo_log.is_repair && misplaced.target.moves.is_empty() && !writes_key => {
                        IntendedRow::New(key)
                    }
                    // The row has another key now: a user changed it, or wrote the right one back.
                    None => {
                        // A row whose own key a user changed belongs to no key.
                        let own = if writes_key { self.map.own_row_changed(at, misplaced) } else { None };
                        let own = own.or_else(|| hit.filter(|_| self.map.is_own_but_for_its_key(at, misplaced)));
                        let row = own.or_else(|| self.map.row_with_its_key_again(misplaced));
                        // A version is for the row of its key, which that row is no longer.
                        let row = row
                            .or_else(|| self.map.row_whose_key_was_changed(misplaced).filter(|_| !target.is_version));
                        if row.is_none() {
                            self.note_missing_row(misplaced, out);
                        }
                        row.map_or(IntendedRow::Gone, IntendedRow::Row)
                    }
                },
            },
            // The hit row was blank, so it belongs to the new row wherever its columns went. If it is
            // gone now, a user deleted or changed it since. A row that was not blank is restored.
            RowPredicate::Blank(key) if self.map.was_free(misplaced) => {
                let row = hit.or_else(|| self.map.lowest_row_showing(key));
                if row.is_none() {
                    out.unrepaired.push(gone_new_row(key));
                }
                row.map_or(IntendedRow::Gone, IntendedRow::Row)
            }
            RowPredicate::Blank(key) => IntendedRow::New(key),
            RowPredicate::Row { key: None, fingerprint } => self.row_by_contents(at, misplaced, fingerprint, out),
        }
    }

    /// Finds the row without a visible key for which a repair was intended.
    fn row_by_contents<'t>(
        &self,
        at: usize,
        misplaced: &MisplacedWrite,
        fingerprint: &RowFingerprint,
        out: &mut PlannedRepairs,
    ) -> IntendedRow<'t> {
        let hit = self.map.row_of_hit(at);
        let held = self.map.hits_with_contents(fingerprint);
        let own = held.contains(&at).then_some(hit).flatten();
        if own.is_none() && self.map.has_rival(misplaced, fingerprint) {
            if let Some(row) = self.map.row_with_its_key_again(misplaced) {
                return IntendedRow::Row(row);
            }
            if let Some(rows) =
                self.map.rival_rows(misplaced, fingerprint).filter(|rows| self.map.is_either_filled(*rows))
            {
                let key = self.map.restored_key(misplaced);
                out.ambiguous.push(AmbiguousRows { rows, key, is_restorable: false });
            }
        }
        let others = held.iter().filter_map(|at| self.map.row_of_hit(*at));
        let row = own.or_else(|| others.filter(|row| !out.has(*row)).min());
        // The repair found the row. If none is there now, it was deleted since.
        if !held.is_empty() && held.iter().all(|at| self.map.row_of_hit(*at).is_none()) {
            self.note_missing_row(misplaced, out);
            return IntendedRow::Gone;
        }
        let row = row.or_else(|| self.map.own_row_changed(at, misplaced));
        let row = row.or_else(|| self.map.other_hit_changed(misplaced).filter(|row| !out.has(*row)));
        let row = row.or_else(|| self.map.row_with_its_key_again(misplaced).filter(|row| !out.has(*row)));
        let row = row.or_else(|| self.map.row_whose_key_was_cleared(misplaced).filter(|row| !out.has(*row)));
        let key = self.map.restored_key(misplaced);
        // A row that was emptied does not come back once another row shows its key.
        if let Some(key) =
            key.as_deref().filter(|key| row.is_none() && fingerprint.is_blank() && self.map.is_shown_as_own(key))
        {
            out.unrepaired.push(emptied_row_elsewhere(key));
            return IntendedRow::Gone;
        }
        let twins = if row.is_none() { self.map.equal_rows(misplaced, fingerprint) } else { None };
        let twins = twins.filter(|rows| self.map.is_either_filled(*rows));
        out.ambiguous.extend(twins.map(|rows| AmbiguousRows { rows, key, is_restorable: false }));
        let row = row.or_else(|| self.map.row_with_contents(misplaced, fingerprint, |row| !out.has(row)));
        if row.is_none() {
            self.note_missing_row(misplaced, out);
        }
        row.map_or(IntendedRow::Gone, IntendedRow::Row)
    }

    /// Reports that the row is gone for which a repair was intended.
    fn note_missing_row(&self, misplaced: &MisplacedWrite, out: &mut PlannedRepairs) {
        let undo_log = &self.map.finding.undo_log;
        let key = cell(&misplaced.after, undo_log.key);
        if misplaced.target.columns.contains(&undo_log.key) && !key.is_empty() {
            out.unrepaired.push(format!(
                "the row of key \"{key}\", which had lost its key, is gone or was changed: the key gets a new row with its next version"
            ));
        } else if undo_log.is_repair {
            out.missing += 1;
        }
    }

    /// Whether the cell of a row intended for a repair had the planned contents. If not, a user
    /// changed it before the repair.
    pub(super) fn is_as_planned(&self, target: &RowWrite, row: u32, copy: &CellCopy) -> bool {
        let RowPredicate::Row { fingerprint, .. } = &target.expect else { return true };
        let held = match self.map.hit_at(row) {
            Some(hit) => self.map.found.get(copy.from).and_then(|column| hit.shown.get(column)).and_then(mark_of),
            None => self.map.image.cell(row as usize, copy.to).and_then(mark_of),
        };
        // A cell that the fingerprint does not cover was computed then: a constant is a user's.
        let is_covered = fingerprint.is_covered(copy.from);
        if is_covered { held == fingerprint.mark(copy.from) } else { !self.is_constant(row, copy) }
    }

    /// Whether a user entered a constant into a cell, as the batch found it or as it is now.
    fn is_constant(&self, row: u32, copy: &CellCopy) -> bool {
        if self.map.image.header_formula(copy.to).is_some() {
            return false;
        }
        let Some(hit) = self.map.hit_index(row) else {
            let entered = self.map.image.entered.get(row as usize).map(|cells| cell(cells, copy.to));
            return entered.is_some_and(|text| !text.is_empty())
                && self.map.image.formula(row as usize, copy.to).is_none();
        };
        let Some(from) = self.map.found.get(copy.from) else { return false };
        let entered = self.map.image.undo.before.get(hit).map(|cells| cell(cells, from));
        let shown = self.map.finding.misplaced.get(hit).map(|misplaced| cell(&misplaced.shown, from));
        entered.is_some_and(|entered| !entered.is_empty() && Some(entered) == shown)
    }

    /// Repeats moves within a row. A row that was itself hit is moved from its pre-image.
    fn repeat_moves(&self, target: &RowWrite, row: u32, out: &mut PlannedRepairs) {
        let hit = self.map.hit_at(row);
        let before = hit.map(|hit| CellSource::Undo(self.map.finding.undo_log.before_row(hit.index)));
        let moved = |&(from, to): &(usize, usize)| {
            let to = self.map.intended(to)?;
            Some(match &before {
                Some(source) => CellCopy { source: source.clone(), from: self.map.found.get(from)?, to },
                None => CellCopy { source: CellSource::Itself, from: self.map.intended(from)?, to },
            })
        };
        let emptied = target.columns.iter().filter(|column| !target.moves.iter().any(|(_, to)| to == *column));
        let clears: Vec<_> = emptied.filter_map(|&column| self.map.intended(column)).collect();
        let copies: Vec<_> = target.moves.iter().filter_map(moved).collect();
        // A cell that a user changed since the batch stays.
        let all = copies.iter().map(|copy| copy.to).chain(clears.iter().copied());
        let changed: HashSet<usize> = all.filter(|to| !self.map.is_untouched(row, *to)).collect();
        out.changed.extend(changed.iter().map(|to| (row, *to)));
        let copies = copies.into_iter().filter(|copy| !changed.contains(&copy.to)).collect();
        out.add(Some(row), "", copies, clears.into_iter().filter(|to| !changed.contains(to)).collect());
    }

    /// Sets the repair's expectation to the current contents of its row.
    fn with_expectation(&self, repair: RowRepair, shared: &HashSet<String>) -> RowRepair {
        let image = self.map.image;
        let Some(row) = repair.row.map(|row| row as usize) else { return repair };
        let key = image.shown(row, image.key);
        // A key that the repair takes out of this row is another row's.
        let is_others = |key: &String| repair.columns().contains(&image.key) && self.map.is_written_key(key);
        let key = Some(key).filter(|key| !key.is_empty() && !shared.contains(key) && !is_others(key));
        let fingerprint = image.fingerprint_covering(row, &repair.columns());
        RowRepair { expect: RowPredicate::Row { key, fingerprint }, ..repair }
    }

    /// What the row of a repair must show: constants from undo rows only.
    fn checks(&self, repair: &RowRepair) -> Vec<CellCheck> {
        let (Some(key), image) = (repair.key(), self.map.image) else { return Vec::new() };
        let copies = repair.copies.iter().filter(|copy| copy.to != image.key).filter_map(|copy| {
            let column = image.tab.header.get(copy.to).filter(|text| !text.is_empty())?.clone();
            Some(CellCheck { key: key.to_owned(), column, text: self.copied_constant(copy)? })
        });
        copies.collect()
    }

    /// The constant that a copy writes; `None` for a formula, whose copy shows another value.
    fn copied_constant(&self, copy: &CellCopy) -> Option<String> {
        let CellSource::Undo(source) = copy.source else { return None };
        let (finding, undo_log) = (self.map.finding, &self.map.finding.undo_log);
        let index =
            |first: u32| usize::try_from(source.checked_sub(first)?).ok().filter(|at| *at < undo_log.targets.len());
        let at = |index: usize| finding.misplaced.binary_search_by_key(&index, |misplaced| misplaced.index).ok();
        if let Some(index) = index(undo_log.after_row(0)) {
            return finding.misplaced.get(at(index)?).map(|misplaced| cell(&misplaced.after, copy.from));
        }
        let at = at(index(undo_log.before_row(0))?)?;
        let misplaced = finding.misplaced.get(at)?;
        let is_read = self.map.image.undo.before.get(at).is_some();
        (is_read && self.formula_before(at, misplaced, copy.from).is_none()).then(|| cell(&misplaced.before, copy.from))
    }
}

/// The message about a new row that was written while columns moved and is gone.
fn gone_new_row(key: &str) -> String {
    format!(
        "the new row of key \"{key}\", which was written while columns moved, is gone or was changed: the key gets another with its next version"
    )
}

/// The message about a row that was emptied and whose key another row shows now.
fn emptied_row_elsewhere(key: &str) -> String {
    format!(
        "a row of key \"{key}\" was emptied by mistake and does not come back, because another row shows the key now: restore what is missing there from the version history"
    )
}

fn cell(row: &[Value], column: usize) -> String {
    row.get(column).map(text).unwrap_or_default()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
