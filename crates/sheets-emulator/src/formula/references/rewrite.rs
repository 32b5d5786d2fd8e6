//! Rewrites the formulas of a spreadsheet after an edit of one of its sheets.
//!
//! In scope: which rows have formulas, writing them again.
//! Out of scope: the new text of one formula (`shift`), other things that move with cells
//! (`batch::shift_cells`).
//!
//! The cost is proportional to the rows with formulas. A spreadsheet without formulas is not read.

use crate::formula::references::shift::{SheetEdit, adjust_formula};
use crate::grid::cell::{Cell, CellValue};
use crate::storage::store::StorageError;
use crate::storage::transaction::Transaction;

/// Rows in memory at once.
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
