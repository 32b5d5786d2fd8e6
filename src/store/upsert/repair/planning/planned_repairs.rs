//! The repairs of a plan while it is made: one for each row. Pure.
//!
//! In scope: joining repairs of one row, counting what is left as it is.
//! Out of scope: which repairs are made (`store::upsert::repair::planning::plan`).

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::grid::format_column_letters;
use crate::store::upsert::repair::planning::ambiguity::AmbiguousRows;
use crate::store::upsert::repair::row_repair::{CellCopy, RowRepair};
use crate::store::upsert::undo_log::RowPredicate;

/// Repairs, one per row. A second repair of a row adds the cells that the first does not write.
#[derive(Default)]
pub(super) struct PlannedRepairs {
    pub(super) list: Vec<RowRepair>,
    pub(super) by_row: HashMap<u32, usize>,
    /// Cells that users changed since and that stay: row and column.
    pub(super) changed: HashSet<(u32, usize)>,
    /// The number of rows for which a repair was intended and that were not found.
    pub(super) missing: usize,
    /// The number of hit rows that were not found.
    pub(super) gone: usize,
    /// Columns that were not found, by header, with the number of cells left out.
    pub(super) lost_columns: BTreeMap<String, usize>,
    pub(super) unrepaired: Vec<String>,
    /// The rows that the intended writes chose, by key; `None` for a new row.
    pub(super) owners: HashMap<String, Option<u32>>,
    /// The writes whose intended rows are gone: indices of the finding.
    pub(super) without_row: HashSet<usize>,
    /// Rows of which two could be the one for which a repair was intended.
    pub(super) ambiguous: Vec<AmbiguousRows>,
}

impl PlannedRepairs {
    /// Adds copies to a row, or to a new row of this key.
    pub(super) fn add(&mut self, row: Option<u32>, key: &str, copies: Vec<CellCopy>, clears: Vec<usize>) {
        let known = row.and_then(|row| self.by_row.get(&row).copied());
        self.add_to(known, row, key, copies, clears);
    }

    /// Adds copies that bring the version in flight to a row. `was_hit`: the row needs a repair besides.
    pub(super) fn add_version(&mut self, row: u32, copies: Vec<CellCopy>, was_hit: bool) {
        let is_first = !self.has(row);
        self.add(Some(row), "", copies, Vec::new());
        if let Some(repair) = self.by_row.get(&row).copied().and_then(|at| self.list.get_mut(at)) {
            repair.is_rewrite = !was_hit && (is_first || repair.is_rewrite);
        }
    }

    /// Adds copies to the new row of this key, also if that is planned already.
    pub(super) fn add_to_new_row(&mut self, key: &str, copies: Vec<CellCopy>) {
        let is_it = |repair: &RowRepair| repair.row.is_none() && repair.key() == Some(key);
        let known = self.list.iter().position(is_it);
        self.add_to(known, None, key, copies, Vec::new());
    }

    fn add_to(&mut self, known: Option<usize>, row: Option<u32>, key: &str, copies: Vec<CellCopy>, clears: Vec<usize>) {
        if let Some(there) = known.and_then(|at| self.list.get_mut(at)) {
            let is_taken = |to: usize| there.clears.contains(&to) || there.copies.iter().any(|copy| copy.to == to);
            let more: Vec<_> = copies.into_iter().filter(|copy| !is_taken(copy.to)).collect();
            there.copies.extend(more);
            there.is_rewrite = false;
        } else if !copies.is_empty() || !clears.is_empty() {
            self.by_row.extend(row.map(|row| (row, self.list.len())));
            let expect = RowPredicate::Key(key.to_owned());
            self.list.push(RowRepair { row, expect, copies, clears, is_rewrite: false });
        }
    }

    /// Clears a cell, unless a repair of its row writes it.
    pub(super) fn clear(&mut self, row: u32, column: usize) {
        let Some(repair) = self.by_row.get(&row).copied().and_then(|at| self.list.get_mut(at)) else {
            self.add(Some(row), "", Vec::new(), vec![column]);
            return;
        };
        if !repair.columns().contains(&column) {
            repair.clears.push(column);
            repair.is_rewrite = false;
        }
    }

    /// Reports a formula that lost references.
    pub(super) fn record_lost_references(&mut self, formula: &str, column: usize, row: u32) {
        if formula.contains("#REF!") {
            let cell = format!("{}{}", format_column_letters(column), row + 1);
            self.unrepaired.push(format!("the formula of cell {cell} refers to cells that are gone: check {formula}"));
        }
    }

    /// Counts a cell of a column that can't be followed.
    pub(super) fn record_lost_column(&mut self, header: &[String], column: usize) {
        let name = header.get(column).filter(|text| !text.is_empty()).cloned();
        *self.lost_columns.entry(name.unwrap_or_else(|| format_column_letters(column))).or_default() += 1;
    }

    pub(super) fn has(&self, row: u32) -> bool {
        self.by_row.contains_key(&row)
    }
}
