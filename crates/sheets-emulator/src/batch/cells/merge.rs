//! Merged cells.
//!
//! In scope: merges that are stored and returned.
//! Out of scope: how merges move with rows and columns (`batch::shift_cells`).

use std::ops::Range;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::batch::context::{Batch, refuse};
use crate::batch::field_mask::CellMask;
use crate::batch::request_types::GridRangeMessage;
use crate::batch::shift_cells::read_body_range;
use crate::batch::write_cells::clear_area;
use crate::error::ApiError;
use crate::grid::area::{Area, GridRange};
use crate::input::value_matrix::read_merges;
use crate::storage::transaction::SheetProperties;

/// `MergeCellsRequest` and `UnmergeCellsRequest`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct MergeCells {
    range: GridRangeMessage,
    merge_type: MergeType,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
enum MergeType {
    #[default]
    #[serde(rename = "MERGE_ALL")]
    All,
    #[serde(rename = "MERGE_COLUMNS")]
    Columns,
    #[serde(rename = "MERGE_ROWS")]
    Rows,
}

/// Merges cells. Each merge keeps the value of its first cell only.
pub(crate) fn merge(batch: &Batch<'_, '_>, request: &MergeCells) -> Result<Value, ApiError> {
    let (sheet, area) = batch.area(&request.range)?;
    release(batch, &sheet, &area)?;
    let parts: Vec<Area> = match request.merge_type {
        MergeType::All => vec![area],
        MergeType::Columns => area.cols.clone().map(|col| Area::new(area.rows.clone(), col..col + 1)).collect(),
        MergeType::Rows => area.rows.clone().map(|row| Area::new(row..row + 1, area.cols.clone())).collect(),
    };
    check_frozen_edges(&sheet, &parts)?;
    let next = batch.tx.objects(Some(sheet.id), "merge")?.last().map_or(0, |(id, _)| id + 1);
    for (id, part) in (next..).zip(parts) {
        let rest = CellMask::read("userEnteredValue")?;
        let (top, left) = (part.rows.start, part.cols.start);
        clear_area(batch, &sheet, &Area::new(top..top + 1, left + 1..part.cols.end), &rest)?;
        clear_area(batch, &sheet, &Area::new(top + 1..part.rows.end, part.cols.clone()), &rest)?;
        let body = json!({"range": GridRange::from_area(sheet.id, &part).to_json()});
        batch.tx.put_object(Some(sheet.id), "merge", id, &body)?;
    }
    Ok(json!({}))
}

/// Refuses a merge with frozen and other rows or columns.
fn check_frozen_edges(sheet: &SheetProperties, parts: &[Area]) -> Result<(), ApiError> {
    if parts.iter().any(|part| crosses(&part.cols, sheet.frozen_columns)) {
        return refuse("You can't merge frozen and non-frozen columns.");
    }
    if parts.iter().any(|part| crosses(&part.rows, sheet.frozen_rows)) {
        return refuse("You can't merge frozen and non-frozen rows.");
    }
    Ok(())
}

/// Refuses a frozen edge through a merge (reported by users of the service).
pub(crate) fn check_merges_at_edges(batch: &Batch<'_, '_>, sheet: &SheetProperties) -> Result<(), ApiError> {
    let merges = read_merges(batch.tx, sheet)?;
    if merges.iter().any(|merge| crosses(&merge.cols, sheet.frozen_columns)) {
        return refuse("Sorry, you can't freeze columns which contain only part of a merged cell.");
    }
    if merges.iter().any(|merge| crosses(&merge.rows, sheet.frozen_rows)) {
        return refuse("Sorry, you can't freeze rows which contain only part of a merged cell.");
    }
    Ok(())
}

/// Returns whether the edge of this many frozen rows or columns lies inside a span.
fn crosses(span: &Range<u32>, frozen: u32) -> bool {
    span.start < frozen && frozen < span.end
}

/// Removes the merges of a range.
pub(crate) fn unmerge(batch: &Batch<'_, '_>, request: &MergeCells) -> Result<Value, ApiError> {
    let (sheet, area) = batch.area(&request.range)?;
    release(batch, &sheet, &area)?;
    Ok(json!({}))
}

fn release(batch: &Batch<'_, '_>, sheet: &SheetProperties, area: &Area) -> Result<(), ApiError> {
    for (id, body) in batch.tx.objects(Some(sheet.id), "merge")? {
        let Some(range) = read_body_range(&body) else { continue };
        let merged = range.resolve(sheet.row_count, sheet.column_count);
        let common = merged.intersect(area);
        if common.is_empty() {
            continue;
        }
        if common != merged {
            return refuse("You must select all cells in a merged range to merge or unmerge them.");
        }
        batch.tx.remove_object(Some(sheet.id), "merge", id)?;
    }
    Ok(())
}
