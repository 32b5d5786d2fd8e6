//! The formulas of a spreadsheet follow an edit of one of its sheets.
//!
//! In scope: which rows hold formulas, writing them anew. Out of scope: what the edit makes of one formula (`adjust`), and what else
//! moves with cells (`batch::shift`).
//!
//! It costs what the rows with formulas cost: a spreadsheet without any is not read.

use crate::formula::references::shift::{SheetEdit, adjust_formula};
use crate::grid::cell::{Cell, CellValue};
use crate::storage::store::StorageError;
use crate::storage::transaction::Transaction;

/// Rows that are in memory at once.
const CHUNK: u32 = 4096;

/// Adjusts every formula of the spreadsheet to an edit of the sheet titled `on`, which is done.
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

/// Adjusts the formulas of a row; tells whether any reads otherwise.
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
