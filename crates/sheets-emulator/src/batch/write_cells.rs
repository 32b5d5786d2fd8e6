//! Requests that write cells: append, update, repeat, data validation.
//!
//! In scope: positions of cells, masks, limits of the grid and of one cell. The cost is
//! proportional to the affected rows.
//! Out of scope: copying (`cells::paste`), moving rows (`shift_cells`).

use std::ops::Range;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::batch::context::{Batch, refuse};
use crate::batch::field_mask::CellMask;
use crate::batch::request_types::{CellData, GridCoordinate, GridRangeMessage, RowData};
use crate::error::ApiError;
use crate::grid::area::Area;
use crate::grid::cell::{Cell, CellValue, put};
use crate::storage::store::StorageError;
use crate::storage::transaction::SheetProperties;
use crate::workbook::ranges::Workbook;

/// The most characters of one cell (Sheets API limits), in UTF-16 units.
const CELL_CHARACTERS: usize = 50_000;

/// Rows in memory at the same time while a whole sheet is rewritten.
pub(crate) const CHUNK: u32 = 4096;

/// `AppendCellsRequest`: rows of cells for below the last row with data.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct AppendCells {
    sheet_id: i32,
    rows: Vec<RowData>,
    fields: String,
    table_id: Option<String>,
}

/// `UpdateCellsRequest`: cells, each with its own contents, for an area or from a cell on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UpdateCells {
    rows: Vec<RowData>,
    fields: String,
    start: Option<GridCoordinate>,
    range: Option<GridRangeMessage>,
}

/// `RepeatCellRequest`: the contents of one cell for every cell of a range.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RepeatCell {
    range: GridRangeMessage,
    cell: CellData,
    fields: String,
}

/// `SetDataValidationRequest`: one validation rule for a range, or none.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct SetDataValidation {
    range: GridRangeMessage,
    rule: Option<Value>,
    filtered_rows_included: bool,
}

/// Writes rows from column A on, after the last row with data in the sheet. The grid grows as
/// needed.
pub(crate) fn append(batch: &Batch<'_, '_>, request: AppendCells) -> Result<Value, ApiError> {
    if request.table_id.is_some() {
        return Err(ApiError::unimplemented("This emulator has no tables; appendCells takes a sheetId."));
    }
    let mut sheet = batch.grid(request.sheet_id)?;
    let mask = CellMask::read(&request.fields)?;
    let start = Workbook::open(batch.tx)?.last_row_with_data(sheet.id)?.map_or(0, |row| row + 1);
    let rows = read_checked_cells(request.rows, &mask)?;
    let end = start.saturating_add(count_cells(rows.len()));
    let width = count_cells(rows.iter().map(Vec::len).max().unwrap_or(0));
    if end > sheet.row_count || width > sheet.column_count {
        sheet.row_count = sheet.row_count.max(end);
        sheet.column_count = sheet.column_count.max(width);
        batch.tx.put_sheet(&sheet)?;
        batch.check_size()?;
    }
    write_block(batch, &sheet, start, 0, rows, &mask)?;
    Ok(json!({}))
}

/// Writes cells from a coordinate on, or over a range whose other cells lose the masked members.
/// The grid never grows.
pub(crate) fn update(batch: &Batch<'_, '_>, request: UpdateCells) -> Result<Value, ApiError> {
    let (sheet, area, clear) = match (&request.start, &request.range) {
        (Some(start), None) => {
            let (sheet, row, col) = batch.place(start)?;
            let area = Area::new(row..sheet.row_count, col..sheet.column_count);
            (sheet, area, false)
        }
        (None, Some(range)) => {
            let (sheet, area) = batch.area(range)?;
            (sheet, area, true)
        }
        (None, None) => return refuse("No area was specified."),
        (Some(_), Some(_)) => return refuse("Only one of start and range may be specified."),
    };
    let mask = CellMask::read(&request.fields)?;
    let rows = read_checked_cells(request.rows, &mask)?;
    check_fit(&rows, &area)?;
    let covered = area.rows.start + count_cells(rows.len());
    if clear {
        let blank = |row: &Vec<Cell>| {
            let missing = usize::try_from(area.width()).unwrap_or(usize::MAX).saturating_sub(row.len());
            row.iter().cloned().chain(std::iter::repeat_n(Cell::default(), missing)).collect()
        };
        let padded = rows.iter().map(blank).collect();
        write_block(batch, &sheet, area.rows.start, area.cols.start, padded, &mask)?;
        clear_area(batch, &sheet, &Area::new(covered..area.rows.end, area.cols.clone()), &mask)?;
    } else {
        write_block(batch, &sheet, area.rows.start, area.cols.start, rows, &mask)?;
    }
    Ok(json!({}))
}

/// Fails with Google's error for rows or cells beyond the range or the grid (reported word for
/// word).
fn check_fit(rows: &[Vec<Cell>], area: &Area) -> Result<(), ApiError> {
    let last = |end: u32| i64::from(end) - 1;
    if count_cells(rows.len()) > area.height() {
        let (row, end) = (area.rows.end, last(area.rows.end));
        return refuse(format!("Attempting to write row: {row}, beyond the last requested row of: {end}"));
    }
    if rows.iter().any(|row| count_cells(row.len()) > area.width()) {
        let (col, end) = (area.cols.end, last(area.cols.end));
        return refuse(format!("Attempting to write column: {col}, beyond the last requested column of: {end}"));
    }
    Ok(())
}

/// Writes the masked members of one cell to every cell of a range.
pub(crate) fn repeat(batch: &Batch<'_, '_>, request: RepeatCell) -> Result<Value, ApiError> {
    let (sheet, area) = batch.area(&request.range)?;
    let mask = CellMask::read(&request.fields)?;
    let CellData(cell) = request.cell;
    check_cell(&cell, &mask)?;
    fill(batch, &sheet, &area, &cell, &mask)?;
    Ok(json!({}))
}

/// Sets or removes the validation rule of every cell of a range.
pub(crate) fn set_validation(batch: &Batch<'_, '_>, request: SetDataValidation) -> Result<Value, ApiError> {
    let (sheet, area) = batch.area(&request.range)?;
    let mut cell = Cell::default();
    cell.set_member("dataValidation", request.rule.filter(|rule| !rule.is_null()));
    fill(batch, &sheet, &area, &cell, &CellMask::member("dataValidation"))?;
    Ok(json!({}))
}

fn fill(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    area: &Area,
    cell: &Cell,
    mask: &CellMask,
) -> Result<(), ApiError> {
    if cell.is_blank() {
        return clear_area(batch, sheet, area, mask);
    }
    let width = usize::try_from(area.width()).unwrap_or(usize::MAX);
    for chunk in split_into_chunks(&area.rows) {
        let rows = vec![vec![cell.clone(); width]; chunk.len()];
        write_block(batch, sheet, chunk.start, area.cols.start, rows, mask)?;
    }
    Ok(())
}

/// Splits a range into chunks that fit in memory.
pub(crate) fn split_into_chunks(rows: &Range<u32>) -> impl Iterator<Item = Range<u32>> + use<> {
    let end = rows.end;
    (rows.start..end).step_by(CHUNK as usize).map(move |start| start..start.saturating_add(CHUNK).min(end))
}

/// Writes a block of cells through a mask. It must lie inside the grid.
pub(crate) fn write_block(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    top: u32,
    left: u32,
    rows: Vec<Vec<Cell>>,
    mask: &CellMask,
) -> Result<(), StorageError> {
    let end = top.saturating_add(count_cells(rows.len()));
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    let mut stored = batch.tx.rows(sheet.id, top..end)?.into_iter().peekable();
    for (at, cells) in (top..).zip(rows) {
        let old = stored.next_if(|(row, _)| *row == at).map(|(_, old)| old);
        let (known, mut row) = (old.is_some(), old.unwrap_or_default());
        if cells.is_empty() {
            continue;
        }
        for (col, cell) in (left..).zip(cells) {
            let before = row.get_mut(col).map(std::mem::take).unwrap_or_default();
            let cell = mask.write(before, cell);
            if col < row.len() || !cell.is_blank() {
                put(&mut row, col, cell);
            }
        }
        if known {
            batch.tx.put_row(sheet.id, at, row)?;
        } else {
            batch.tx.put_new_row(sheet.id, at, row)?;
        }
    }
    Ok(())
}

/// Clears the masked members of every cell of an area. The cost is proportional to the stored
/// cells.
pub(crate) fn clear_area(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    area: &Area,
    mask: &CellMask,
) -> Result<(), ApiError> {
    if area.is_empty() {
        return Ok(());
    }
    if mask.is_all() && area.cols == (0..sheet.column_count) {
        return Ok(batch.tx.delete_rows(sheet.id, area.rows.clone())?);
    }
    change_rows(batch, sheet, &area.rows, |row| {
        for (_, cell) in (0..).zip(row.iter_mut()).filter(|(col, _)| area.cols.contains(col)) {
            *cell = mask.write(std::mem::take(cell), Cell::default());
        }
    })
}

/// Rewrites the stored rows of a range, in chunks.
pub(crate) fn change_rows(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    rows: &Range<u32>,
    mut change: impl FnMut(&mut Vec<Cell>),
) -> Result<(), ApiError> {
    let mut from = rows.start;
    loop {
        let stored = batch.tx.some_rows(sheet.id, from..rows.end, CHUNK)?;
        let Some((last, _)) = stored.last() else { return Ok(()) };
        from = last + 1;
        for (at, mut row) in stored {
            change(&mut row);
            batch.tx.put_row(sheet.id, at, row)?;
        }
    }
}

/// Returns the cells of request rows, after a check of their lengths.
fn read_checked_cells(rows: Vec<RowData>, mask: &CellMask) -> Result<Vec<Vec<Cell>>, ApiError> {
    let unwrap = |CellData(cell)| check_cell(&cell, mask).map(|()| cell);
    rows.into_iter().map(|row| row.values.into_iter().map(unwrap).collect()).collect()
}

/// Refuses a number format whose type is not set, and text that is turned further than 90 degrees.
/// The field texts of the discovery document exclude both.
fn check_format(format: &Value, mask: &CellMask) -> Result<(), ApiError> {
    if mask.covers_format("numberFormat.type")
        && let Some(members) = format.get("numberFormat").and_then(Value::as_object).filter(|own| !own.is_empty())
        && matches!(members.get("type").and_then(Value::as_str), None | Some("" | "NUMBER_FORMAT_TYPE_UNSPECIFIED"))
    {
        return refuse("userEnteredFormat.numberFormat.type must be set.");
    }
    let angle = format.pointer("/textRotation/angle").and_then(Value::as_i64);
    if let Some(angle) = angle.filter(|angle| mask.covers_format("textRotation.angle") && !(-90..=90).contains(angle)) {
        return refuse(format!("userEnteredFormat.textRotation.angle[{angle}] must be between -90 and 90."));
    }
    Ok(())
}

fn check_cell(cell: &Cell, mask: &CellMask) -> Result<(), ApiError> {
    if let Some(format) = cell.format() {
        check_format(format, mask)?;
    }
    let Some(CellValue::Text(text) | CellValue::Formula { source: text, .. }) = &cell.value else { return Ok(()) };
    if text.len() > CELL_CHARACTERS && text.encode_utf16().count() > CELL_CHARACTERS {
        return refuse(format!(
            "Your input contains more than the maximum of {CELL_CHARACTERS} characters in a single cell."
        ));
    }
    Ok(())
}

/// Converts a length into a number of rows or columns.
fn count_cells(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
