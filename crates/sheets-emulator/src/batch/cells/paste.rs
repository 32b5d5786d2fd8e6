//! `copyPaste` and `cutPaste`: cells copied or moved within a sheet or to another.
//!
//! In scope: all paste types, repetition to fill the destination, transposing.
//! Out of scope: the text of formulas (`formula::references`).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::batch::context::{Batch, check_grid_range, make_outside_grid_error};
use crate::batch::field_mask::CellMask;
use crate::batch::request_types::{GridCoordinate, GridRangeMessage};
use crate::batch::write_cells::{clear_area, write_block};
use crate::error::ApiError;
use crate::formula::references::parse::shift_formula;
use crate::formula::references::rewrite::rewrite_formulas;
use crate::formula::references::shift::{SheetEdit, move_to_sheet};
use crate::grid::area::{Area, GridRange};
use crate::grid::cell::{Cell, CellValue};
use crate::grid::value::Scalar;
use crate::storage::transaction::SheetProperties;
use crate::workbook::ranges::Workbook;

/// `CopyPasteRequest`: a range that is copied into another, as often as it fits.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct CopyPaste {
    source: GridRangeMessage,
    destination: GridRangeMessage,
    paste_type: PasteType,
    paste_orientation: Orientation,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
enum PasteType {
    #[default]
    #[serde(rename = "PASTE_NORMAL")]
    Normal,
    #[serde(rename = "PASTE_VALUES")]
    Values,
    #[serde(rename = "PASTE_FORMAT")]
    Format,
    #[serde(rename = "PASTE_NO_BORDERS")]
    NoBorders,
    #[serde(rename = "PASTE_FORMULA")]
    Formula,
    #[serde(rename = "PASTE_DATA_VALIDATION")]
    DataValidation,
    #[serde(rename = "PASTE_CONDITIONAL_FORMATTING")]
    ConditionalFormatting,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Orientation {
    #[default]
    Normal,
    Transpose,
}

/// Copies a range. The source is read completely before the first write, so the ranges may overlap.
pub(crate) fn copy(batch: &Batch<'_, '_>, request: &CopyPaste) -> Result<Value, ApiError> {
    let (source, from) = batch.area(&request.source)?;
    let (target, requested) = batch.area(&request.destination)?;
    let mut cells = read_block(batch, &source, &from)?;
    if request.paste_type == PasteType::Values {
        to_plain_values(batch, &source, &from, &mut cells)?;
    }
    if request.paste_orientation == Orientation::Transpose {
        cells = transpose(cells);
    }
    let mask = prepare(request.paste_type, &mut cells)?;
    let Some(mask) = mask.filter(|_| !from.is_empty()) else { return Ok(json!({})) };
    let height = cells.len();
    let width = cells.first().map_or(0, Vec::len);
    let down = count_repeats(requested.height(), height);
    let across = count_repeats(requested.width(), width);
    let area = Area::new(
        requested.rows.start..requested.rows.start.saturating_add(to_line_count(height * down)),
        requested.cols.start..requested.cols.start.saturating_add(to_line_count(width * across)),
    );
    if area.rows.end > target.row_count || area.cols.end > target.column_count {
        let mut range = check_grid_range(&request.destination)?;
        range = GridRange { sheet_id: range.sheet_id, ..GridRange::from_area(target.id, &area) };
        return Err(make_outside_grid_error(&target, &range));
    }
    let turned = request.paste_orientation == Orientation::Transpose;
    for n in 0..down {
        let top = requested.rows.start + to_line_count(n * height);
        let mut lines = Vec::with_capacity(height);
        for row in &cells {
            let mut line = Vec::with_capacity(width * across);
            for m in 0..across {
                let mut part = row.clone();
                if !turned {
                    let left = requested.cols.start + to_line_count(m * width);
                    move_references(
                        &mut part,
                        i64::from(top) - i64::from(from.rows.start),
                        i64::from(left) - i64::from(from.cols.start),
                    );
                }
                line.extend(part);
            }
            lines.push(line);
        }
        write_block(batch, &target, top, requested.cols.start, lines, &mask)?;
    }
    Ok(json!({}))
}

/// Moves the relative references of cells that are copied this many rows down and columns right.
pub(crate) fn move_references(cells: &mut [Cell], down: i64, right: i64) {
    if (down, right) == (0, 0) {
        return;
    }
    for cell in cells {
        rewrite_formula(cell, |source| shift_formula(source, down, right));
    }
}

fn rewrite_formula(cell: &mut Cell, new: impl Fn(&str) -> String) {
    if let Some(CellValue::Formula { source, .. }) = &cell.value {
        cell.value = Some(CellValue::Formula { source: new(source), result: None });
    }
}

/// `CutPasteRequest`: a range that moves to another place; references to it follow.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct CutPaste {
    source: GridRangeMessage,
    destination: GridCoordinate,
    paste_type: PasteType,
}

/// Moves a range; the ranges may overlap.
pub(crate) fn cut(batch: &Batch<'_, '_>, request: &CutPaste) -> Result<Value, ApiError> {
    let (source, from) = batch.area(&request.source)?;
    let (target, top, left) = batch.place(&request.destination)?;
    let area = Area::new(top..top.saturating_add(from.height()), left..left.saturating_add(from.width()));
    if area.rows.end > target.row_count || area.cols.end > target.column_count {
        return Err(make_outside_grid_error(&target, &GridRange::from_area(target.id, &area)));
    }
    let mut cells = read_block(batch, &source, &from)?;
    if request.paste_type == PasteType::Values {
        to_plain_values(batch, &source, &from, &mut cells)?;
    }
    let Some(mask) = prepare(request.paste_type, &mut cells)? else { return Ok(json!({})) };
    let moves = matches!(request.paste_type, PasteType::Normal | PasteType::NoBorders | PasteType::Formula);
    if moves && source.id != target.id {
        cells
            .iter_mut()
            .flatten()
            .for_each(|cell| rewrite_formula(cell, |formula| move_to_sheet(formula, &source.title)));
    }
    clear_area(batch, &source, &from, &mask)?;
    write_block(batch, &target, top, left, cells, &mask)?;
    if moves {
        rewrite_formulas(batch.tx, &source.title, &SheetEdit::Cut { from, top, left, title: target.title })?;
    }
    Ok(json!({}))
}

/// Returns how often the source fits into the destination, if it fills it exactly; otherwise 1.
fn count_repeats(room: u32, size: usize) -> usize {
    let room = room as usize;
    if size > 0 && room > size && room.is_multiple_of(size) { room / size } else { 1 }
}

/// Returns the cells of an area, including blank ones.
pub(crate) fn read_block(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    area: &Area,
) -> Result<Vec<Vec<Cell>>, ApiError> {
    let width = area.width() as usize;
    let mut cells = vec![vec![Cell::default(); width]; area.height() as usize];
    for (row, stored) in batch.tx.rows(sheet.id, area.rows.clone())? {
        let line = &mut cells[(row - area.rows.start) as usize];
        for (place, cell) in line.iter_mut().zip(stored.into_iter().skip(area.cols.start as usize)) {
            *place = cell;
        }
    }
    Ok(cells)
}

/// Swaps rows and columns.
pub(crate) fn transpose(cells: Vec<Vec<Cell>>) -> Vec<Vec<Cell>> {
    let width = cells.first().map_or(0, Vec::len);
    let mut turned: Vec<Vec<Cell>> = (0..width).map(|_| Vec::with_capacity(cells.len())).collect();
    for row in cells {
        for (line, cell) in turned.iter_mut().zip(row) {
            line.push(cell);
        }
    }
    turned
}

/// Reduces the source cells to what is pasted. Returns the members to write; `None` if there are
/// none.
fn prepare(kind: PasteType, cells: &mut [Vec<Cell>]) -> Result<Option<CellMask>, ApiError> {
    Ok(Some(match kind {
        PasteType::Normal => CellMask::ALL,
        PasteType::NoBorders => {
            for cell in cells.iter_mut().flatten() {
                if let Some(Value::Object(format)) = cell.format() {
                    let mut format = format.clone();
                    format.shift_remove("borders");
                    cell.set_member("userEnteredFormat", Some(Value::Object(format)).filter(|f| *f != json!({})));
                }
            }
            CellMask::ALL
        }
        PasteType::Values | PasteType::Formula => CellMask::read("userEnteredValue")?,
        PasteType::Format => CellMask::read("userEnteredFormat,textFormatRuns")?,
        PasteType::DataValidation => CellMask::member("dataValidation"),
        PasteType::ConditionalFormatting => return Ok(None),
    }))
}

/// Replaces every cell of an area by its effective value. An error stays as its text.
fn to_plain_values(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    area: &Area,
    cells: &mut [Vec<Cell>],
) -> Result<(), ApiError> {
    let workbook = Workbook::open(batch.tx)?;
    for (row, line) in area.rows.clone().zip(cells) {
        for (column, cell) in area.cols.clone().zip(line) {
            cell.value = match workbook.value_at(sheet.id, row, column, cell) {
                Scalar::Blank => None,
                Scalar::Number(number) => Some(CellValue::Number(number)),
                Scalar::Text(text) => Some(CellValue::Text(text)),
                Scalar::Bool(truth) => Some(CellValue::Bool(truth)),
                Scalar::Error(error) => Some(CellValue::Text(error.to_owned())),
            };
        }
    }
    Ok(())
}

fn to_line_count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
