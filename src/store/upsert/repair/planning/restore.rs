//! Restores what a batch overwrote by mistake, cell by cell. Pure.
//!
//! In scope: rows that were found, and rows that are created anew because the batch emptied them.
//! Out of scope: repeating the intended writes (`store::upsert::repair::planning::plan`).

use crate::store::tabs::parse::format_cell;
use crate::store::upsert::repair::formulas::{FormulaMove, rewrite_references};
use crate::store::upsert::repair::location::column_search::read_cell;
use crate::store::upsert::repair::location::rows::has_left_nothing;
use crate::store::upsert::repair::planning::plan::RepairPlanner;
use crate::store::upsert::repair::planning::planned_repairs::PlannedRepairs;
use crate::store::upsert::repair::row_repair::{CellCopy, CellSource};
use crate::store::upsert::undo_log::MisplacedWrite;

impl RepairPlanner<'_> {
    /// Restores overwritten cells that still show the written value.
    pub(super) fn restore(&self, at: usize, misplaced: &MisplacedWrite, out: &mut PlannedRepairs) {
        let key = self.correspondence.find_key_before(misplaced);
        let source = CellSource::Undo(self.correspondence.finding.undo_log.pre_image_row(misplaced.index));
        let columns = &misplaced.target.columns;
        let Some(row) = self.correspondence.find_row_of_hit(at) else {
            self.restore_elsewhere(at, &key, misplaced, &source, out);
            return;
        };
        let is_elsewhere = row != misplaced.target.row && !self.correspondence.image.has_constants(row as usize);
        if is_elsewhere && misplaced.pre_image.iter().any(|cell| !format_cell(cell).is_empty()) {
            let (was, is) = (misplaced.target.row + 1, row + 1);
            out.unrepaired.push(format!(
                "a row was emptied by mistake, as row {was}, and its cells are in row {is} now; its notes and formats may be in another row"
            ));
        }
        let is_own = self.correspondence.is_own_row(at, misplaced);
        let mut copies = Vec::new();
        for &from in columns {
            let Some(to) = self.correspondence.columns_now.get(from) else {
                if read_cell(&misplaced.pre_image, from) != read_cell(&misplaced.post_image_values, from) {
                    out.record_lost_column(&self.correspondence.finding.header, from);
                }
                continue;
            };
            let written = CellCopy { source: source.clone(), from, to };
            if is_own
                && self.correspondence.find_intended_column(from) == Some(to)
                && self.is_as_planned(&misplaced.target, row, &written)
            {
                // This cell was written as intended, over nothing of a user's.
                continue;
            }
            if self.correspondence.is_as_written(at, from, row, to) {
                copies.push(self.make_restoring_copy(at, misplaced, &source, (from, to), row, out));
            } else {
                out.changed.insert((row, to));
            }
        }
        out.add(Some(row), &key, copies, Vec::new());
    }

    /// Handles a hit row that was not found.
    pub(super) fn restore_elsewhere(
        &self,
        at: usize,
        key: &str,
        misplaced: &MisplacedWrite,
        source: &CellSource,
        out: &mut PlannedRepairs,
    ) {
        let is_overwritten = misplaced.target.columns.contains(&self.correspondence.key);
        // Of a row that had lost its key before, the write intended for it reports.
        if key.is_empty() || !is_overwritten || self.correspondence.has_key_to_restore(at) {
            let is_blank = misplaced.pre_image.iter().all(|cell| format_cell(cell).is_empty());
            out.gone += usize::from(!is_blank);
            return;
        }
        if self.has_row(key) {
            out.gone += 1;
        } else if self.is_to_be_created(at) {
            let copy = |&from: &usize| {
                Some(CellCopy { source: source.clone(), from, to: self.correspondence.columns_now.get(from)? })
            };
            out.add_to_new_row(key, misplaced.target.columns.iter().filter_map(copy).collect());
        } else {
            out.unrepaired.push(format!(
                "the row of key \"{key}\", whose key was written over, is gone or was changed: the key gets a new row with its next version"
            ));
        }
    }

    /// Whether a row shows this key, or showed it before the batch.
    pub(super) fn has_row(&self, key: &str) -> bool {
        let hit = self.correspondence.find_hit_with_key(key);
        self.correspondence.find_row(key).is_some()
            || hit.is_some_and(|hit| self.correspondence.find_row_of_hit(hit).is_some())
    }

    /// Whether a hit row that was not found gets a new row. It had a key, and the write left
    /// nothing in it, so that users could not recognise it as a row.
    pub(super) fn is_to_be_created(&self, at: usize) -> bool {
        let Some(misplaced) = self.correspondence.finding.misplaced.get(at) else { return false };
        let key = self.correspondence.find_key_before(misplaced);
        let is_overwritten =
            misplaced.target.columns.contains(&self.correspondence.key) && !self.correspondence.has_key_to_restore(at);
        let is_lost = is_overwritten && !key.is_empty() && !self.has_row(&key);
        is_lost && has_left_nothing(misplaced, &self.correspondence.columns_now, self.correspondence.image)
    }

    /// Returns the copy that restores a cell. The service copies a formula and shifts its
    /// references. If columns moved, this function rewrites them.
    pub(super) fn make_restoring_copy(
        &self,
        at: usize,
        misplaced: &MisplacedWrite,
        source: &CellSource,
        (from, to): (usize, usize),
        row: u32,
        out: &mut PlannedRepairs,
    ) -> CellCopy {
        let Some(formula) = self.find_formula_before(at, misplaced, from) else {
            return CellCopy { source: source.clone(), from, to };
        };
        if self.correspondence.columns_now.is_identity() {
            out.record_lost_references(&formula, to, row);
            return CellCopy { source: source.clone(), from, to };
        }
        let undo_log = &self.correspondence.finding.undo_log;
        let formula_move = FormulaMove {
            title: &self.correspondence.image.tab.title,
            kept_row: undo_log.pre_image_row(misplaced.index),
            margin: undo_log.margin() as usize,
            row,
            columns: &self.correspondence.columns_now,
        };
        let formula = rewrite_references(&formula, formula_move);
        out.record_lost_references(&formula, to, row);
        CellCopy { source: CellSource::Formula(formula), from, to }
    }

    /// The formula of a cell before it was overwritten. A text that starts with `=` displays itself
    /// and is not a formula.
    pub(super) fn find_formula_before(&self, at: usize, misplaced: &MisplacedWrite, column: usize) -> Option<String> {
        let entered = read_cell(self.correspondence.image.undo.pre_images.get(at)?, column);
        (entered.starts_with('=') && entered != read_cell(&misplaced.pre_image, column)).then_some(entered)
    }
}
