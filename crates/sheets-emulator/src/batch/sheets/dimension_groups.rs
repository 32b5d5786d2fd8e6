//! Row and column groups, and automatic sizes.
//!
//! In scope: groups by depth as the API describes them, widths as recorded for one font.
//! Out of scope: real font metrics.

use std::ops::Range;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::batch::context::{Batch, count_lines, refuse};
use crate::batch::request_types::{DimensionName, DimensionRange};
use crate::batch::shift_cells::name_properties_kind;
use crate::error::ApiError;
use crate::format::render::{format_cell, read_effective_value};
use crate::format::response_format::name_groups_kind;
use crate::grid::area::{Area, Dimension};
use crate::storage::store::StorageError;
use crate::storage::transaction::SheetProperties;
use crate::workbook::ranges::Workbook;

/// The deepest nesting of groups (Sheets API reference).
const DEPTH_LIMIT: u8 = 8;

/// Pixels of one letter: 1,024 letters `A` were recorded as 9,483.
const LETTER_PIXELS: f64 = 9.26;

/// Pixels of one line of text.
const LINE_PIXELS: usize = 21;

/// `AddDimensionGroupRequest` and `DeleteDimensionGroupRequest`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DimensionGroup {
    range: DimensionRange,
}

/// `AutoResizeDimensionsRequest`: rows or columns that get the size of their contents.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct AutoResizeDimensions {
    dimensions: Option<DimensionRange>,
    data_source_sheet_dimensions: Option<Value>,
}

/// Nests rows or columns one level deeper. The reply contains all groups of the dimension
/// (recorded).
pub(crate) fn add(batch: &Batch<'_, '_>, request: &DimensionGroup) -> Result<Value, ApiError> {
    let groups = change_depth(batch, &request.range, 1)?;
    Ok(json!({"addDimensionGroup": {"dimensionGroups": groups}}))
}

/// Moves rows or columns one level up. The reply contains the remaining groups, if any (recorded).
pub(crate) fn delete(batch: &Batch<'_, '_>, request: &DimensionGroup) -> Result<Value, ApiError> {
    let groups = change_depth(batch, &request.range, -1)?;
    let inner = if groups.is_empty() { json!({}) } else { json!({ "dimensionGroups": groups }) };
    Ok(json!({ "deleteDimensionGroup": inner }))
}

fn change_depth(batch: &Batch<'_, '_>, range: &DimensionRange, by: i8) -> Result<Vec<Value>, ApiError> {
    let (mut sheet, dimension, span) = batch.span(range)?;
    let room = count_lines(&sheet, dimension);
    if span.end > room {
        return refuse(format!("range.endIndex[{}] is beyond the grid size ({room})", span.end));
    }
    let kind = name_groups_kind(dimension);
    let objects = batch.tx.objects(Some(sheet.id), kind)?;
    let mut depths = vec![0_u8; room as usize];
    for (start, end) in objects.iter().filter_map(|(_, body)| read_bounds(body)) {
        depths.get_mut(start..end).into_iter().flatten().for_each(|depth| *depth += 1);
    }
    let inside = &mut depths[span.start as usize..span.end as usize];
    if by < 0 && inside.iter().all(|depth| *depth == 0) {
        return refuse("There is no group in the range.");
    }
    for depth in inside {
        *depth = depth.saturating_add_signed(by);
    }
    if depths.iter().any(|depth| *depth > DEPTH_LIMIT) {
        return refuse(format!("Groups may not be deeper than {DEPTH_LIMIT}."));
    }
    for (id, _) in &objects {
        batch.tx.remove_object(Some(sheet.id), kind, *id)?;
    }
    let groups = build_groups(&depths, sheet.id, dimension);
    for (id, group) in (0..).zip(&groups) {
        batch.tx.put_object(Some(sheet.id), kind, id, group)?;
    }
    place_control(&mut sheet, dimension);
    batch.tx.put_sheet(&sheet)?;
    Ok(groups)
}

fn read_bounds(group: &Value) -> Option<(usize, usize)> {
    let index = |name: &str| usize::try_from(group.get("range")?.get(name)?.as_u64()?).ok();
    Some((index("startIndex")?, index("endIndex")?))
}

/// Returns the runs of at least each depth, from left to right and from the outside in.
fn build_groups(depths: &[u8], sheet: i32, dimension: Dimension) -> Vec<Value> {
    let deepest = depths.iter().copied().max().unwrap_or(0);
    let mut groups: Vec<(Range<usize>, u8)> = Vec::new();
    for depth in 1..=deepest {
        let mut start = None;
        for at in 0..=depths.len() {
            match (depths.get(at).is_some_and(|own| *own >= depth), start) {
                (true, None) => start = Some(at),
                (false, Some(from)) => {
                    groups.push((from..at, depth));
                    start = None;
                }
                _ => {}
            }
        }
    }
    groups.sort_by_key(|(run, depth)| (run.start, *depth));
    groups.into_iter().map(|(run, depth)| write_group(&run, depth, sheet, dimension)).collect()
}

fn write_group(run: &Range<usize>, depth: u8, sheet: i32, dimension: Dimension) -> Value {
    let mut range = Map::new();
    if sheet != 0 {
        range.insert("sheetId".to_owned(), sheet.into());
    }
    range.insert("dimension".to_owned(), if dimension == Dimension::Rows { "ROWS" } else { "COLUMNS" }.into());
    range.insert("startIndex".to_owned(), run.start.into());
    range.insert("endIndex".to_owned(), run.end.into());
    json!({"range": range, "depth": depth})
}

/// Sets the position of the group button. A sheet keeps it after its last group is gone (recorded).
fn place_control(sheet: &mut SheetProperties, dimension: Dimension) {
    let name = if dimension == Dimension::Rows { "rowGroupControlAfter" } else { "columnGroupControlAfter" };
    let grid = sheet.extra.entry("gridProperties").or_insert_with(|| json!({}));
    if let Some(grid) = grid.as_object_mut() {
        grid.entry(name).or_insert(Value::Bool(true));
    }
}

/// Resizes columns to their longest text, and rows to their number of lines.
pub(crate) fn auto_resize(batch: &Batch<'_, '_>, request: &AutoResizeDimensions) -> Result<Value, ApiError> {
    if request.data_source_sheet_dimensions.is_some() {
        return Err(ApiError::unimplemented("This emulator has no data source sheets."));
    }
    let Some(range) = &request.dimensions else { return refuse("No dimensions were specified.") };
    let unsaid = range.dimension.and_then(DimensionName::specified).is_none();
    let (sheet, dimension, span) = batch.span(range)?;
    let span = span.start..span.end.min(count_lines(&sheet, dimension));
    if unsaid || span.is_empty() {
        return refuse("The range lies outside the grid.");
    }
    let mut pixels = vec![0; span.len()];
    let workbook = Workbook::open(batch.tx)?;
    let whole = Area::new(0..sheet.row_count, 0..sheet.column_count);
    workbook.visit(sheet.id, &whole, |row, cells| {
        for (column, cell) in (0_u32..).zip(&cells) {
            let index = if dimension == Dimension::Rows { row } else { column };
            if !span.contains(&index) || cell.value.is_none() {
                continue;
            }
            let needed = measure_text(&format_cell(cell, read_effective_value(cell)), dimension);
            let place = &mut pixels[(index - span.start) as usize];
            *place = needed.max(*place);
        }
        Ok::<(), StorageError>(())
    })?;
    let kind = name_properties_kind(dimension);
    let known: Map<String, Value> =
        batch.tx.objects(Some(sheet.id), kind)?.into_iter().map(|(index, body)| (index.to_string(), body)).collect();
    for (index, pixels) in span.map(i64::from).zip(pixels).filter(|(_, pixels)| *pixels > 0) {
        let mut body = known.get(&index.to_string()).cloned().unwrap_or_else(|| json!({}));
        body["pixelSize"] = pixels.into();
        batch.tx.put_object(Some(sheet.id), kind, index, &body)?;
    }
    Ok(json!({}))
}

/// Returns the pixels of a text, across or down.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "at most 50,000 letters"
)]
fn measure_text(text: &str, dimension: Dimension) -> usize {
    match dimension {
        Dimension::Rows => text.split('\n').count() * LINE_PIXELS,
        Dimension::Columns => {
            let letters = text.split('\n').map(|line| line.chars().count()).max().unwrap_or(0);
            (letters as f64 * LETTER_PIXELS).ceil() as usize
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_runs_by_depth_as_the_reference_draws_them() {
        let ranges = |depths: &[u8]| -> Vec<(u64, u64, u64)> {
            let number = |value: &Value| value.as_u64().unwrap();
            let got = build_groups(depths, 0, Dimension::Rows);
            got.iter()
                .map(|g| (number(&g["range"]["startIndex"]), number(&g["range"]["endIndex"]), number(&g["depth"])))
                .collect()
        };
        assert_eq!(ranges(&[1, 2, 2, 1, 1, 0]), [(0, 5, 1), (1, 3, 2)]);
        assert_eq!(ranges(&[0, 0]), []);
        assert_eq!(ranges(&[2]), [(0, 1, 1), (0, 1, 2)]);
    }

    #[test]
    fn a_thousand_letters_are_as_wide_as_recorded() {
        assert_eq!(measure_text(&"A".repeat(1024), Dimension::Columns), 9483);
        assert_eq!(measure_text("a\nb", Dimension::Rows), 42);
    }
}
