//! Where an undo log and its row images are on the state tab. Pure.
//!
//! In scope: scratch rows by target, and the size of the state tab.
//! Out of scope: their texts (`store::upsert::undo_log::scratch_text`).

use serde_json::Value;

use crate::store::guard::head_guard::STATE_ROWS;
use crate::store::upsert::undo_log::UndoLog;
use crate::store::upsert::undo_log::header_formulas::format_formulas;

/// Columns that users may add between a read of the tab and a write, before the service refuses the
/// write and the store reads again.
pub const EXTRA_COLUMNS: usize = 16;
/// Scratch columns before the copied cells, if the tab leaves room for them.
pub(super) const MARGIN: u32 = 4;
/// The maximum number of columns of a tab.
pub(super) const MAX_COLUMNS: u32 = 18_278;
/// The scratch row with the header as found, 0-based.
pub const HEADER_ROW: u32 = STATE_ROWS + 2;
/// The first row that can hold a copied row.
pub(super) const FIRST_ROW: u32 = STATE_ROWS + 3;
/// Maximum number of cells of the state tab for keeping copied rows at or below their original row
/// number.
const MAX_ALIGNED_CELLS: u32 = 1_000_000;
/// The number of fixed cells in the log's own header.
pub(super) const FIXED_CELLS: u32 = 12;
/// Maximum characters of a list in one cell. The service accepts 50,000 per cell.
pub(super) const MAX_LIST: usize = 45_000;

impl UndoLog {
    /// The width of a copied row for a tab with this many columns.
    pub fn choose_width(tab: usize) -> usize {
        (tab + EXTRA_COLUMNS).min(MAX_COLUMNS as usize)
    }

    /// Scratch columns before the copied cells.
    pub fn margin(&self) -> u32 {
        if count(self.width) + MARGIN > MAX_COLUMNS { 0 } else { MARGIN }
    }

    /// The scratch row with the expectation for a target.
    pub(super) fn expectation_row(&self, index: usize) -> u32 {
        if self.margin() > 0 {
            self.pre_image_row(index)
        } else {
            self.first_target_row + self.copies() * count(self.targets.len()) + count(index)
        }
    }

    /// The first scratch row for copies: for writes up to `last_row` of a tab with `width` columns,
    /// and not above `lowest`.
    pub fn choose_base(last_row: u32, width: usize, lowest: u32) -> u32 {
        let width = u32::try_from(width).unwrap_or(u32::MAX).saturating_add(MARGIN);
        let aligned = last_row.saturating_add(1).min(MAX_ALIGNED_CELLS / width.max(1));
        FIRST_ROW.max(aligned).max(lowest)
    }

    /// The scratch row with a target's pre-image.
    pub fn pre_image_row(&self, index: usize) -> u32 {
        self.first_target_row + count(index)
    }

    /// The scratch row with a target's post-image.
    pub fn post_image_row(&self, index: usize) -> u32 {
        self.first_target_row + count(self.targets.len() + index)
    }

    /// The scratch row of a repair with a target's pre-image as values.
    pub fn pre_image_values_row(&self, index: usize) -> u32 {
        self.first_target_row + count(2 * self.targets.len() + index)
    }

    /// The scratch row of a repair with a target's post-image as values.
    pub fn post_image_values_row(&self, index: usize) -> u32 {
        self.first_target_row + count(3 * self.targets.len() + index)
    }

    /// The number of copies of each row.
    pub(super) fn copies(&self) -> u32 {
        if self.is_repair { 4 } else { 2 }
    }

    /// The number of rows that the state tab needs.
    pub fn count_needed_rows(&self) -> u32 {
        let copied = self.first_target_row + self.copies() * count(self.targets.len());
        let expectations = if self.margin() > 0 { 0 } else { count(self.targets.len()) };
        copied + expectations + if self.formulas_cell().is_some() { 2 } else { 0 }
    }

    /// The scratch row with the formulas of the header as found, if the batch keeps them. The row
    /// below is filled, so that no formula expands into other rows.
    pub fn formulas_row(&self) -> Option<u32> {
        self.formulas_cell().and_then(|_| self.count_needed_rows().checked_sub(2))
    }

    pub(super) fn formulas_cell(&self) -> Option<String> {
        format_formulas(&self.header_formulas)
    }

    /// The number of columns that the state tab needs.
    pub fn columns(&self) -> u32 {
        (count(self.width) + self.margin()).max(FIXED_CELLS + count(self.recreated_cells().len() + 1))
    }

    /// The keys of recreated rows, as lists that fit into a cell.
    pub(super) fn recreated_cells(&self) -> Vec<String> {
        let mut cells: Vec<Vec<&str>> = Vec::new();
        let mut chars = 0;
        for key in &self.recreated {
            // A character takes at most six characters in JSON.
            chars += 6 * key.chars().count() + 3;
            if let Some(cell) = cells.last_mut().filter(|_| chars < MAX_LIST) {
                cell.push(key);
            } else {
                chars = 6 * key.chars().count() + 3;
                cells.push(vec![key]);
            }
        }
        cells.into_iter().map(|cell| Value::from(cell).to_string()).collect()
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
