//! Repeats the writes of a batch that missed their rows. Pure.
//!
//! In scope: the row of each write now, and the cells of it that users left alone.
//! Out of scope: what the batch overwrote (`store::upsert::repair::planning::restore`).

use std::collections::HashSet;

use crate::store::tabs::row_fingerprint::{RowFingerprint, hash_contents};
use crate::store::upsert::repair::formulas::{FormulaMove, rewrite_references};
use crate::store::upsert::repair::location::column_search::read_cell;
use crate::store::upsert::repair::planning::ambiguity::AmbiguousRows;
use crate::store::upsert::repair::planning::plan::RepairPlanner;
use crate::store::upsert::repair::planning::planned_repairs::PlannedRepairs;
use crate::store::upsert::repair::row_repair::{CellCopy, CellSource};
use crate::store::upsert::undo_log::{MisplacedWrite, RowPredicate, RowWrite};

/// The target of an intended write.
enum IntendedRow<'t> {
    Row(u32),
    /// A new row of this key.
    New(&'t str),
    /// None: the row was deleted since.
    Gone,
}

impl RepairPlanner<'_> {
    /// Repeats the intended write in its row.
    pub(super) fn repeat_write(&self, at: usize, misplaced: &MisplacedWrite, out: &mut PlannedRepairs) {
        let target = &misplaced.target;
        let source = CellSource::Undo(self.correspondence.finding.undo_log.post_image_row(misplaced.index));
        let as_intended = |&from: &usize| {
            Some(CellCopy { source: source.clone(), from, to: self.correspondence.find_intended_column(from)? })
        };
        let copies: Vec<_> = target.columns.iter().filter_map(as_intended).collect();
        for &column in
            target.columns.iter().filter(|column| self.correspondence.find_intended_column(**column).is_none())
        {
            out.record_lost_column(&self.correspondence.finding.undo_log.header, column);
        }
        let intended = self.find_intended_row(at, misplaced, out);
        if let Some(key) = self.correspondence.find_key_of_write(misplaced)
            && !matches!(intended, IntendedRow::Gone)
        {
            out.owners.insert(key, if let IntendedRow::Row(row) = intended { Some(row) } else { None });
        }
        match intended {
            IntendedRow::Row(row) if target.moves.is_empty() => {
                let is_ours = |copy: &CellCopy| {
                    let is_done = self.correspondence.is_as_written(at, copy.from, row, copy.to);
                    self.is_as_planned(target, row, copy) && (is_done || self.correspondence.is_untouched(row, copy.to))
                };
                let (ours, theirs): (Vec<_>, Vec<_>) = copies.into_iter().partition(is_ours);
                let is_other = |copy: &&CellCopy| !self.correspondence.is_as_written(at, copy.from, row, copy.to);
                out.changed.extend(theirs.iter().filter(is_other).map(|copy| (row, copy.to)));
                let ours =
                    ours.into_iter().map(|copy| self.make_repeating_copy(at, misplaced, copy, row, out)).collect();
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
            RowPredicate::Row { .. } => target.is_rewrite,
            RowPredicate::Blank(_) => false,
        };
        is_keyed && self.correspondence.find_hit_at(row).is_none()
    }

    /// Returns the copy that repeats the write of a cell. A repair wrote a formula as of the columns
    /// that it expected. If they moved, its references follow them.
    fn make_repeating_copy(
        &self,
        at: usize,
        misplaced: &MisplacedWrite,
        copy: CellCopy,
        row: u32,
        out: &mut PlannedRepairs,
    ) -> CellCopy {
        let Some(formula) = self.correspondence.find_written_formula(at, copy.from) else { return copy };
        let columns = self.correspondence.make_intended_map();
        if columns.is_identity() && copy.from == copy.to {
            return copy;
        }
        let undo_log = &self.correspondence.finding.undo_log;
        let formula_move = FormulaMove {
            title: &self.correspondence.image.tab.title,
            kept_row: undo_log.post_image_row(misplaced.index),
            margin: undo_log.margin() as usize,
            row,
            columns: &columns,
        };
        let formula = rewrite_references(&formula, formula_move);
        out.record_lost_references(&formula, copy.to, row);
        CellCopy { source: CellSource::Formula(formula), ..copy }
    }

    /// Finds the row for which a write was intended.
    fn find_intended_row<'t>(
        &self,
        at: usize,
        misplaced: &'t MisplacedWrite,
        out: &mut PlannedRepairs,
    ) -> IntendedRow<'t> {
        let (undo_log, target) = (&self.correspondence.finding.undo_log, &misplaced.target);
        let writes_key = target.columns.contains(&undo_log.key);
        let hit = self.correspondence.find_row_of_hit(at);
        match &target.expect {
            RowPredicate::Key(key) | RowPredicate::Row { key: Some(key), .. } => {
                match self.correspondence.find_hit_with_key(key) {
                    // The batch found the row of this key. If it is gone now, or has another key, a user
                    // did that since.
                    Some(images) => {
                        // A repair restores a row's own cells, whatever its key is by now.
                        let is_restoring = undo_log.is_repair && !target.is_rewrite;
                        let is_its = |row: &u32| is_restoring || !self.correspondence.is_unkeyed(images, *row);
                        let row = self.correspondence.find_row_of_hit(images).filter(is_its);
                        let is_new = row.is_none() && target.moves.is_empty() && self.is_to_be_created(images);
                        let gone = if is_new { IntendedRow::New(key) } else { IntendedRow::Gone };
                        row.map_or(gone, IntendedRow::Row)
                    }
                    None => match self.correspondence.find_row(key) {
                        Some(row) => IntendedRow::Row(row),
                        // The repair had read all rows just before. So this row was deleted since.
                        None if !undo_log.is_repair && misplaced.target.moves.is_empty() && !writes_key => {
                            IntendedRow::New(key)
                        }
                        // The row has another key now: a user changed it, or wrote the right one back.
                        None => {
                            // A row whose own key a user changed belongs to no key.
                            let own =
                                if writes_key { self.correspondence.find_own_changed_row(at, misplaced) } else { None };
                            let own =
                                own.or_else(|| hit.filter(|_| self.correspondence.matches_except_key(at, misplaced)));
                            let row = own.or_else(|| self.correspondence.find_row_with_restored_key(misplaced));
                            // A version is written to the row of its key; this row has lost that key.
                            let row = row.or_else(|| {
                                self.correspondence.find_row_with_changed_key(misplaced).filter(|_| !target.is_rewrite)
                            });
                            if row.is_none() {
                                self.record_missing_row(misplaced, out);
                            }
                            row.map_or(IntendedRow::Gone, IntendedRow::Row)
                        }
                    },
                }
            }
            // The hit row was blank, so it belongs to the new row wherever its columns went. If it is
            // gone now, a user deleted or changed it since. A row that was not blank is restored.
            RowPredicate::Blank(key) if self.correspondence.was_free(misplaced) => {
                let row = hit.or_else(|| self.correspondence.find_lowest_row(key));
                if row.is_none() {
                    out.unrepaired.push(describe_gone_new_row(key));
                }
                row.map_or(IntendedRow::Gone, IntendedRow::Row)
            }
            RowPredicate::Blank(key) => IntendedRow::New(key),
            RowPredicate::Row { key: None, fingerprint } => self.find_row_by_contents(at, misplaced, fingerprint, out),
        }
    }

    /// Finds the row without a visible key for which a repair was intended.
    fn find_row_by_contents<'t>(
        &self,
        at: usize,
        misplaced: &MisplacedWrite,
        fingerprint: &RowFingerprint,
        out: &mut PlannedRepairs,
    ) -> IntendedRow<'t> {
        let hit = self.correspondence.find_row_of_hit(at);
        let held = self.correspondence.find_hits_with_contents(fingerprint);
        let own = held.contains(&at).then_some(hit).flatten();
        if own.is_none() && self.correspondence.has_rival(misplaced, fingerprint) {
            if let Some(row) = self.correspondence.find_row_with_restored_key(misplaced) {
                return IntendedRow::Row(row);
            }
            if let Some(rows) = self
                .correspondence
                .find_rival_rows(misplaced, fingerprint)
                .filter(|rows| self.correspondence.has_constants_in_either(*rows))
            {
                let key = self.correspondence.find_restored_key(misplaced);
                out.ambiguous.push(AmbiguousRows { rows, key, is_restorable: false });
            }
        }
        let others = held.iter().filter_map(|at| self.correspondence.find_row_of_hit(*at));
        let row = own.or_else(|| others.filter(|row| !out.has(*row)).min());
        // The repair found the row. If none is there now, it was deleted since.
        if !held.is_empty() && held.iter().all(|at| self.correspondence.find_row_of_hit(*at).is_none()) {
            self.record_missing_row(misplaced, out);
            return IntendedRow::Gone;
        }
        let row = row.or_else(|| self.correspondence.find_own_changed_row(at, misplaced));
        let row = row.or_else(|| self.correspondence.find_other_changed_hit(misplaced).filter(|row| !out.has(*row)));
        let row =
            row.or_else(|| self.correspondence.find_row_with_restored_key(misplaced).filter(|row| !out.has(*row)));
        let row = row.or_else(|| self.correspondence.find_row_with_cleared_key(misplaced).filter(|row| !out.has(*row)));
        let key = self.correspondence.find_restored_key(misplaced);
        // A row that was emptied does not come back once another row shows its key.
        if let Some(key) = key
            .as_deref()
            .filter(|key| row.is_none() && fingerprint.is_blank() && self.correspondence.is_shown_as_own(key))
        {
            out.unrepaired.push(describe_emptied_row(key));
            return IntendedRow::Gone;
        }
        let twins = if row.is_none() { self.correspondence.find_equal_rows(misplaced, fingerprint) } else { None };
        let twins = twins.filter(|rows| self.correspondence.has_constants_in_either(*rows));
        out.ambiguous.extend(twins.map(|rows| AmbiguousRows { rows, key, is_restorable: false }));
        let row =
            row.or_else(|| self.correspondence.find_row_with_contents(misplaced, fingerprint, |row| !out.has(row)));
        if row.is_none() {
            self.record_missing_row(misplaced, out);
        }
        row.map_or(IntendedRow::Gone, IntendedRow::Row)
    }

    /// Reports that the row is gone for which a repair was intended.
    fn record_missing_row(&self, misplaced: &MisplacedWrite, out: &mut PlannedRepairs) {
        let undo_log = &self.correspondence.finding.undo_log;
        let key = read_cell(&misplaced.post_image_values, undo_log.key);
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
        let held = match self.correspondence.find_hit_at(row) {
            Some(hit) => self
                .correspondence
                .columns_at_write
                .get(copy.from)
                .and_then(|column| hit.pre_image_values.get(column))
                .and_then(hash_contents),
            None => self.correspondence.image.cell(row as usize, copy.to).and_then(hash_contents),
        };
        // A cell that the fingerprint does not cover was computed then: a constant is a user's.
        let is_covered = fingerprint.is_covered(copy.from);
        if is_covered { held == fingerprint.hash_at(copy.from) } else { !self.is_constant(row, copy) }
    }

    /// Whether a user entered a constant into a cell, as the batch found it or as it is now.
    fn is_constant(&self, row: u32, copy: &CellCopy) -> bool {
        if self.correspondence.image.header_formula(copy.to).is_some() {
            return false;
        }
        let Some(hit) = self.correspondence.find_hit_index(row) else {
            let entered = self.correspondence.image.entered.get(row as usize).map(|cells| read_cell(cells, copy.to));
            return entered.is_some_and(|text| !text.is_empty())
                && self.correspondence.image.formula(row as usize, copy.to).is_none();
        };
        let Some(from) = self.correspondence.columns_at_write.get(copy.from) else { return false };
        let entered = self.correspondence.image.undo.pre_images.get(hit).map(|cells| read_cell(cells, from));
        let shown = self
            .correspondence
            .finding
            .misplaced
            .get(hit)
            .map(|misplaced| read_cell(&misplaced.pre_image_values, from));
        entered.is_some_and(|entered| !entered.is_empty() && Some(entered) == shown)
    }

    /// Repeats moves within a row. A row that was itself hit is moved from its pre-image.
    fn repeat_moves(&self, target: &RowWrite, row: u32, out: &mut PlannedRepairs) {
        let hit = self.correspondence.find_hit_at(row);
        let before = hit.map(|hit| CellSource::Undo(self.correspondence.finding.undo_log.pre_image_row(hit.index)));
        let moved = |&(from, to): &(usize, usize)| {
            let to = self.correspondence.find_intended_column(to)?;
            Some(match &before {
                Some(source) => {
                    CellCopy { source: source.clone(), from: self.correspondence.columns_at_write.get(from)?, to }
                }
                None => {
                    CellCopy { source: CellSource::SameRow, from: self.correspondence.find_intended_column(from)?, to }
                }
            })
        };
        let emptied = target.columns.iter().filter(|column| !target.moves.iter().any(|(_, to)| to == *column));
        let clears: Vec<_> = emptied.filter_map(|&column| self.correspondence.find_intended_column(column)).collect();
        let copies: Vec<_> = target.moves.iter().filter_map(moved).collect();
        // A cell that a user changed since the batch stays.
        let all = copies.iter().map(|copy| copy.to).chain(clears.iter().copied());
        let changed: HashSet<usize> = all.filter(|to| !self.correspondence.is_untouched(row, *to)).collect();
        out.changed.extend(changed.iter().map(|to| (row, *to)));
        let copies = copies.into_iter().filter(|copy| !changed.contains(&copy.to)).collect();
        out.add(Some(row), "", copies, clears.into_iter().filter(|to| !changed.contains(to)).collect());
    }
}

/// The message about a new row that was written while columns moved and is gone.
fn describe_gone_new_row(key: &str) -> String {
    format!(
        "the new row of key \"{key}\", which was written while columns moved, is gone or was changed: the key gets another with its next version"
    )
}

/// The message about a row that was emptied and whose key another row shows now.
fn describe_emptied_row(key: &str) -> String {
    format!(
        "a row of key \"{key}\" was emptied by mistake and does not come back, because another row shows the key now; restore what is missing there from the version history"
    )
}
