//! Plans a repair: which cells to write to which rows. Pure.
//!
//! In scope: repeating the intended writes, then restoring the overwritten cells one by one.
//! Out of scope: mapping rows and columns (`store::upsert::repair::location::correspondence`), the requests
//! (`store::commit::row_writer`).

use std::collections::{BTreeMap, HashSet};

use crate::store::upsert::repair::location::column_search::read_cell;
use crate::store::upsert::repair::location::correspondence::Correspondence;
use crate::store::upsert::repair::location::image::TabImage;
use crate::store::upsert::repair::planning::ambiguity::{describe_groups, find_ambiguous_hits};
use crate::store::upsert::repair::planning::check::CellCheck;
use crate::store::upsert::repair::planning::planned_repairs::PlannedRepairs;
use crate::store::upsert::repair::row_repair::{CellCopy, CellSource, RowRepair};
use crate::store::upsert::undo_log::{RowPredicate, UndoFinding};

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
    let planner = RepairPlanner { correspondence: Correspondence::new(finding, image) };
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
    let shared: HashSet<String> =
        new.map(str::to_owned).chain(planner.correspondence.find_shared_keys().cloned()).collect();
    let mut ambiguous = find_ambiguous_hits(&planner.correspondence);
    ambiguous.append(&mut out.ambiguous);
    let repairs: Vec<_> = out.list.into_iter().map(|repair| planner.with_expectation(repair, &shared)).collect();
    let checks = repairs.iter().flat_map(|repair| planner.make_checks(repair)).collect();
    RepairPlan {
        repairs,
        unrepaired: out.unrepaired,
        ambiguous: describe_groups(&planner.correspondence, &ambiguous),
        checks,
    }
}

pub(super) struct RepairPlanner<'a> {
    pub(super) correspondence: Correspondence<'a>,
}

impl RepairPlanner<'_> {
    /// Sets the repair's expectation to the current contents of its row.
    fn with_expectation(&self, repair: RowRepair, shared: &HashSet<String>) -> RowRepair {
        let image = self.correspondence.image;
        let Some(row) = repair.row.map(|row| row as usize) else { return repair };
        let key = image.shown_text(row, image.key);
        // A key that the repair takes out of this row is another row's.
        let is_others = |key: &String| repair.columns().contains(&image.key) && self.correspondence.is_written_key(key);
        let key = Some(key).filter(|key| !key.is_empty() && !shared.contains(key) && !is_others(key));
        let fingerprint = image.fingerprint_with_columns(row, &repair.columns());
        RowRepair { expect: RowPredicate::Row { key, fingerprint }, ..repair }
    }

    /// What the row of a repair must show: constants from undo rows only.
    fn make_checks(&self, repair: &RowRepair) -> Vec<CellCheck> {
        let (Some(key), image) = (repair.key(), self.correspondence.image) else { return Vec::new() };
        let copies = repair.copies.iter().filter(|copy| copy.to != image.key).filter_map(|copy| {
            let column = image.tab.header.get(copy.to).filter(|text| !text.is_empty())?.clone();
            Some(CellCheck { key: key.to_owned(), column, text: self.find_copied_constant(copy)? })
        });
        copies.collect()
    }

    /// The constant that a copy writes; `None` for a formula, whose copy shows another value.
    fn find_copied_constant(&self, copy: &CellCopy) -> Option<String> {
        let CellSource::Undo(source) = copy.source else { return None };
        let (finding, undo_log) = (self.correspondence.finding, &self.correspondence.finding.undo_log);
        let index =
            |first: u32| usize::try_from(source.checked_sub(first)?).ok().filter(|at| *at < undo_log.targets.len());
        let at = |index: usize| finding.misplaced.binary_search_by_key(&index, |misplaced| misplaced.index).ok();
        if let Some(index) = index(undo_log.post_image_row(0)) {
            return finding
                .misplaced
                .get(at(index)?)
                .map(|misplaced| read_cell(&misplaced.post_image_values, copy.from));
        }
        let at = at(index(undo_log.pre_image_row(0))?)?;
        let misplaced = finding.misplaced.get(at)?;
        let is_read = self.correspondence.image.undo.pre_images.get(at).is_some();
        (is_read && self.find_formula_before(at, misplaced, copy.from).is_none())
            .then(|| read_cell(&misplaced.pre_image, copy.from))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
