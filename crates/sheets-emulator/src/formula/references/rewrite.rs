//! Rewrites the formulas of a spreadsheet after an edit of one of its sheets.
//!
//! In scope: which rows and conditional formats have formulas, writing them again.
//! Out of scope: the new text of one formula (`shift`), other things that move with cells
//! (`batch::shift_cells`).
//!
//! The cost is proportional to the rows with formulas. A spreadsheet without formulas is not read.

use serde_json::Value;

use crate::formula::references::parse::{REF_ERROR, shift_formula};
use crate::formula::references::shift::{SheetEdit, adjust_formula};
use crate::grid::area::GridRange;
use crate::grid::cell::{Cell, CellValue};
use crate::storage::store::StorageError;
use crate::storage::transaction::Transaction;

/// Rows in memory at the same time.
const CHUNK: u32 = 4096;

/// Adjusts every formula of the spreadsheet to a completed edit of the sheet titled `on`.
pub(crate) fn rewrite_formulas(tx: &Transaction<'_>, on: &str, edit: &SheetEdit) -> Result<(), StorageError> {
    for sheet in tx.sheets()? {
        for spilling in [false, true] {
            let mut from = 0;
            loop {
                let rows = tx.formula_rows(sheet.id, spilling, from, CHUNK)?;
                let Some((last, _)) = rows.last() else { break };
                from = last.saturating_add(1);
                for (row, mut cells) in rows {
                    if rewrite_row(&mut cells, &sheet.title, on, edit) {
                        tx.rewrite_row(sheet.id, row, &cells)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Adjusts the formulas of a conditional format to a completed edit of the sheet titled `on`, which
/// is its own. They are relative to the first cell of its first range. Where the edit deleted a
/// cell that they refer to, they keep their distance from that cell, which was at `before`.
pub(crate) fn rewrite_rule(rule: &mut Value, before: &GridRange, on: &str, edit: &SheetEdit) -> bool {
    let after = rule.pointer("/ranges/0").map_or_else(|| before.clone(), GridRange::from_json);
    let distance = |from: Option<u32>, to: Option<u32>| i64::from(to.unwrap_or(0)) - i64::from(from.unwrap_or(0));
    let moved = (distance(before.start_row, after.start_row), distance(before.start_col, after.start_col));
    let mut changed = false;
    let values = rule.pointer_mut("/booleanRule/condition/values").and_then(Value::as_array_mut);
    for value in values.into_iter().flatten().filter_map(|value| value.get_mut("userEnteredValue")) {
        let Some(source) = value.as_str().filter(|source| source.starts_with('=')) else { continue };
        let Some(new) = adjust_formula(source, on, on, edit) else { continue };
        let new = if new.contains(REF_ERROR) { shift_formula(source, moved.0, moved.1) } else { new };
        changed |= new != source;
        *value = new.into();
    }
    changed
}

/// Adjusts the formulas of a row. Returns whether any changed.
fn rewrite_row(cells: &mut [Cell], home: &str, on: &str, edit: &SheetEdit) -> bool {
    let mut changed = false;
    for cell in cells {
        let Some(CellValue::Formula { source, .. }) = &cell.value else { continue };
        if let Some(source) = adjust_formula(source, home, on, edit) {
            cell.value = Some(CellValue::Formula { source, result: None });
            changed = true;
        }
    }
    changed
}
