//! Requests about whole rows and columns: append, insert, delete, move, properties.
//!
//! In scope: valid indices, with Google's errors.
//! Out of scope: what moves with them (`batch::shift_cells`).

use std::ops::Range;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::batch::context::{Batch, count_lines, refuse};
use crate::batch::field_mask;
use crate::batch::request_types::{DimensionName, DimensionRange};
use crate::batch::shift_cells::{self, frozen_count_mut, name_properties_kind};
use crate::batch::write_cells::change_rows;
use crate::error::ApiError;
use crate::formula::references::shift::SheetEdit;
use crate::grid::area::Dimension;
use crate::storage::transaction::SheetProperties;

/// `AppendDimensionRequest`: a number of rows or columns for the end of a sheet.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct AppendDimension {
    sheet_id: i32,
    dimension: Option<DimensionName>,
    length: i32,
}

/// `InsertDimensionRequest`: the rows or columns that will be new and empty.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct InsertDimension {
    range: DimensionRange,
    inherit_from_before: bool,
}

/// `DeleteDimensionRequest`: the rows or columns that are to go, with their cells.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DeleteDimension {
    range: DimensionRange,
}

/// `MoveDimensionRequest`: rows or columns, and the index before which they go, from 0.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct MoveDimension {
    source: DimensionRange,
    destination_index: i32,
}

/// `UpdateDimensionPropertiesRequest`: sizes in pixels, or hiding, for rows or columns.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct UpdateDimensionProperties {
    range: DimensionRange,
    properties: Value,
    fields: String,
}

/// Adds rows or columns at the end of the grid.
pub(crate) fn append(batch: &Batch<'_, '_>, request: &AppendDimension) -> Result<Value, ApiError> {
    let mut sheet = batch.grid(request.sheet_id)?;
    let Some(dimension) = request.dimension.and_then(DimensionName::specified) else {
        return refuse("No dimension was specified.");
    };
    let Some(count) = u32::try_from(request.length).ok().filter(|count| *count > 0) else {
        return refuse("length must be greater than 0");
    };
    match dimension {
        Dimension::Rows => sheet.row_count = sheet.row_count.saturating_add(count),
        Dimension::Columns => sheet.column_count = sheet.column_count.saturating_add(count),
    }
    batch.tx.put_sheet(&sheet)?;
    batch.check_size()?;
    Ok(json!({}))
}

/// Inserts rows or columns. They inherit the format of the ones before or, by default, behind.
pub(crate) fn insert(batch: &Batch<'_, '_>, request: &InsertDimension) -> Result<Value, ApiError> {
    let (mut sheet, dimension, span) = batch.span(&request.range)?;
    let size = count_lines(&sheet, dimension);
    if span.start > size {
        return refuse(format!("range.startIndex is larger than current grid size ({size})"));
    }
    if span.start == size && !request.inherit_from_before {
        return refuse(format!(
            "range.startIndex must be less than the grid size ({size}) if inheritFromBefore is false."
        ));
    }
    if span.start == 0 && request.inherit_from_before {
        return refuse("inheritFromBefore cannot be true if inserting at index 0.");
    }
    let neighbour = if request.inherit_from_before { span.start - 1 } else { span.start };
    shift_cells::insert(batch, &mut sheet, dimension, span.start, span.end - span.start, Some(neighbour))?;
    Ok(json!({}))
}

/// Deletes rows or columns; the grid shrinks.
pub(crate) fn delete(batch: &Batch<'_, '_>, request: &DeleteDimension) -> Result<Value, ApiError> {
    let (mut sheet, dimension, deleted) = batch.span(&request.range)?;
    let size = count_lines(&sheet, dimension);
    let (one, many) = find_dimension_words(dimension);
    if deleted.end > size {
        let index = deleted.start.max(size);
        return refuse(format!(
            "Cannot delete a {one} that doesn't exist. Tried to delete {one} index {index} but there are only {size} \
             {many}."
        ));
    }
    let left = size - (deleted.end - deleted.start);
    if left == 0 {
        return refuse(format!("You can't delete all the {many} on the sheet."));
    }
    let frozen = *frozen_count_mut(&mut sheet, dimension);
    if frozen > 0 && deleted.start <= frozen && deleted.end == size {
        return refuse(format!("Sorry, it is not possible to delete all non-frozen {many}."));
    }
    shift_cells::delete(batch, &mut sheet, dimension, &deleted)?;
    Ok(json!({}))
}

fn find_dimension_words(dimension: Dimension) -> (&'static str, &'static str) {
    match dimension {
        Dimension::Rows => ("row", "rows"),
        Dimension::Columns => ("column", "columns"),
    }
}

/// Moves rows or columns in front of the current destination.
pub(crate) fn relocate(batch: &Batch<'_, '_>, request: &MoveDimension) -> Result<Value, ApiError> {
    let (sheet, dimension, span) = batch.span(&request.source)?;
    let size = count_lines(&sheet, dimension);
    let to = u32::try_from(request.destination_index).unwrap_or(u32::MAX);
    if span.end > size || to > size {
        return refuse(format!("The move reaches beyond the grid size ({size})"));
    }
    if span.contains(&to) || to == span.end {
        return Ok(json!({}));
    }
    match dimension {
        Dimension::Rows => move_rows(batch, &sheet, &span, to)?,
        Dimension::Columns => {
            let turn = find_affected_span(&span, to);
            change_rows(batch, &sheet, &(0..sheet.row_count), |row| {
                row.resize_with(row.len().max(turn.end as usize), Default::default);
                row[turn.start as usize..turn.end as usize].rotate_left(count_rotation(&span, to) as usize);
            })?;
        }
    }
    let moved = |index: i64| Some(new_index(&span, to, index));
    shift_cells::shift_objects(batch, sheet.id, dimension, moved, 0)?;
    shift_cells::follow_moved_cells(batch, &sheet, &SheetEdit::Move { dimension, span, to })?;
    Ok(json!({}))
}

/// Returns all rows or columns that a move affects.
fn find_affected_span(span: &Range<u32>, to: u32) -> Range<u32> {
    span.start.min(to)..span.end.max(to)
}

/// Returns how far the affected ones rotate to the left.
fn count_rotation(span: &Range<u32>, to: u32) -> u32 {
    if to < span.start { span.start - to } else { span.end - span.start }
}

/// Returns an index after the move.
fn new_index(span: &Range<u32>, to: u32, index: i64) -> i64 {
    let turn = find_affected_span(span, to);
    let (start, length) = (i64::from(turn.start), i64::from(turn.end - turn.start));
    if index < start || index >= start + length {
        return index;
    }
    start + (index - start - i64::from(count_rotation(span, to))).rem_euclid(length)
}

fn move_rows(batch: &Batch<'_, '_>, sheet: &SheetProperties, span: &Range<u32>, to: u32) -> Result<(), ApiError> {
    let moving = batch.tx.rows(sheet.id, span.clone())?;
    batch.tx.delete_rows(sheet.id, span.clone())?;
    let count = i64::from(span.end - span.start);
    if to < span.start {
        batch.tx.shift_rows(sheet.id, to..span.start, count)?;
    } else {
        batch.tx.shift_rows(sheet.id, span.end..to, -count)?;
    }
    for (row, cells) in moving {
        let row = u32::try_from(new_index(span, to, i64::from(row))).unwrap_or(u32::MAX);
        batch.tx.put_row(sheet.id, row, cells)?;
    }
    Ok(())
}

/// Removes false members, and the body if nothing else is left.
fn remove_false_flags(mut body: Value) -> Option<Value> {
    let members = body.as_object_mut()?;
    members.retain(|_, value| *value != Value::Bool(false));
    (!members.is_empty()).then_some(body)
}

/// Sets sizes and visibility of rows or columns.
pub(crate) fn update_properties(batch: &Batch<'_, '_>, request: &UpdateDimensionProperties) -> Result<Value, ApiError> {
    let (sheet, dimension, span) = batch.span(&request.range)?;
    let mask = field_mask::read(&request.fields, "DimensionProperties")?;
    let end = span.end.min(count_lines(&sheet, dimension));
    let kind = name_properties_kind(dimension);
    let mut objects: std::collections::HashMap<i64, Value> =
        batch.tx.objects(Some(sheet.id), kind)?.into_iter().collect();
    for index in (span.start..end).map(i64::from) {
        let old = objects.remove(&index);
        match field_mask::merge(old.as_ref(), Some(&request.properties), &mask).and_then(remove_false_flags) {
            Some(body) => batch.tx.put_object(Some(sheet.id), kind, index, &body)?,
            None => {
                batch.tx.remove_object(Some(sheet.id), kind, index)?;
            }
        }
    }
    Ok(json!({}))
}
