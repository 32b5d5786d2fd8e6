//! Everything that moves when rows or columns are inserted, deleted or moved.
//!
//! In scope: cells, named ranges, protections, merges, sizes; formulas through `rewrite_formulas`.
//! Out of scope: which rows and columns may change (`sheets::dimensions`).

use std::ops::Range;

use serde_json::Value;

use crate::batch::context::{Batch, check_grid_range, count_lines};
use crate::batch::object_ranges::move_object_ranges;
use crate::batch::request_types::GridRangeMessage;
use crate::batch::write_cells::change_rows;
use crate::error::ApiError;
use crate::format::response_format::name_groups_kind;
use crate::formula::references::rewrite::{rewrite_formulas, rewrite_rule};
use crate::formula::references::shift::{SheetEdit, adjust_range};
use crate::grid::area::{Dimension, GridRange};
use crate::grid::cell::Cell;
use crate::storage::content::developer_metadata::{KIND, read_location_sheet};
use crate::storage::transaction::SheetProperties;

/// Stored objects whose body has a `range` that moves with the cells.
const OBJECTS_WITH_RANGE: [&str; 5] = ["merge", "protected", "filter", "banding", "filter view"];

/// Returns the kind of stored row or column properties, by index.
pub(crate) fn name_properties_kind(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Rows => "rows",
        Dimension::Columns => "columns",
    }
}

/// Inserts `count` rows or columns before `at`. They copy formats and sizes from `inherit_from` (an
/// index before the insertion), or from none.
pub(crate) fn insert(
    batch: &Batch<'_, '_>,
    sheet: &mut SheetProperties,
    dimension: Dimension,
    at: u32,
    count: u32,
    inherit_from: Option<u32>,
) -> Result<(), ApiError> {
    grow(sheet, dimension, i64::from(count));
    let frozen = frozen_count_mut(sheet, dimension);
    if at < *frozen {
        *frozen += count;
    }
    batch.tx.put_sheet(sheet)?;
    batch.check_size()?;
    match dimension {
        Dimension::Rows => insert_rows(batch, sheet, at, count, inherit_from)?,
        Dimension::Columns => insert_columns(batch, sheet, at, count, inherit_from)?,
    }
    shift_objects(batch, sheet.id, dimension, |index| Some(index + i64::from(count)), at)?;
    follow_moved_cells(batch, sheet, &SheetEdit::Insert { dimension, at, count, within: None })
}

/// Updates ranges and formulas after cells of a sheet moved.
pub(crate) fn follow_moved_cells(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    edit: &SheetEdit,
) -> Result<(), ApiError> {
    let rules = batch.tx.objects(Some(sheet.id), "rule")?;
    move_ranges(batch, sheet.id, |range| adjust_range(&range, edit))?;
    rewrite_rules(batch, sheet, &rules, edit)?;
    Ok(rewrite_formulas(batch.tx, &sheet.title, edit)?)
}

/// Adjusts the formulas of conditional formats after their ranges moved. `before` are all rules
/// before that; those without remaining cells are gone by now.
fn rewrite_rules(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    before: &[(i64, Value)],
    edit: &SheetEdit,
) -> Result<(), ApiError> {
    let ranges = |rule: &Value| -> Vec<GridRange> {
        let ranges = rule.get("ranges").and_then(Value::as_array).into_iter().flatten();
        ranges.map(GridRange::from_json).collect()
    };
    let kept = before
        .iter()
        .map(|(_, rule)| ranges(rule))
        .filter(|ranges| ranges.iter().any(|r| adjust_range(r, edit).is_some()));
    for ((index, mut rule), ranges) in batch.tx.objects(Some(sheet.id), "rule")?.into_iter().zip(kept) {
        let Some(anchor) = ranges.first() else { continue };
        if rewrite_rule(&mut rule, anchor, &sheet.title, edit) {
            batch.tx.put_object(Some(sheet.id), "rule", index, &rule)?;
        }
    }
    Ok(())
}

fn insert_rows(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    at: u32,
    count: u32,
    inherit_from: Option<u32>,
) -> Result<(), ApiError> {
    let like: Vec<Cell> = match inherit_from {
        Some(row) => batch.tx.row(sheet.id, row)?.iter().map(copy_format).collect(),
        None => Vec::new(),
    };
    batch.tx.shift_rows(sheet.id, at..u32::MAX, i64::from(count))?;
    if like.iter().any(|cell| !cell.is_blank()) {
        batch.tx.put_rows(sheet.id, (at..at + count).map(|row| (row, like.clone())))?;
    }
    Ok(())
}

fn insert_columns(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    at: u32,
    count: u32,
    inherit_from: Option<u32>,
) -> Result<(), ApiError> {
    let (at, count) = (at as usize, count as usize);
    change_rows(batch, sheet, &(0..sheet.row_count), |row| {
        let like = inherit_from.and_then(|col| row.get(col as usize)).map(copy_format).unwrap_or_default();
        if at < row.len() || (at == row.len() && !like.is_blank()) {
            row.splice(at..at, std::iter::repeat_n(like, count));
        }
    })
}

/// Returns a cell with the format of another one only.
fn copy_format(cell: &Cell) -> Cell {
    let mut like = Cell::default();
    if let Some(format) = cell.format() {
        like.set_member("userEnteredFormat", Some(format.clone()));
    }
    like
}

/// Deletes rows or columns. Those behind move up, and the grid shrinks.
pub(crate) fn delete(
    batch: &Batch<'_, '_>,
    sheet: &mut SheetProperties,
    dimension: Dimension,
    deleted: &Range<u32>,
) -> Result<(), ApiError> {
    let count = deleted.end - deleted.start;
    remove_lines(batch, sheet, dimension, deleted)?;
    if dimension == Dimension::Rows {
        batch.tx.shift_rows(sheet.id, deleted.end..u32::MAX, -i64::from(count))?;
    }
    grow(sheet, dimension, -i64::from(count));
    let frozen = frozen_count_mut(sheet, dimension);
    *frozen -= (*frozen).min(deleted.end).saturating_sub(deleted.start);
    Ok(batch.tx.put_sheet(sheet)?)
}

/// Shrinks a grid to `new` rows or columns. A larger number has no effect.
pub(crate) fn shrink_grid(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    dimension: Dimension,
    new: u32,
) -> Result<(), ApiError> {
    let old = count_lines(sheet, dimension);
    if new < old { remove_lines(batch, sheet, dimension, &(new..old)) } else { Ok(()) }
}

/// Empties rows, or deletes columns, and adjusts ranges.
fn remove_lines(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    dimension: Dimension,
    deleted: &Range<u32>,
) -> Result<(), ApiError> {
    match dimension {
        Dimension::Rows => batch.tx.delete_rows(sheet.id, deleted.clone())?,
        Dimension::Columns => change_rows(batch, sheet, &(0..sheet.row_count), |row| {
            let end = row.len().min(deleted.end as usize);
            row.drain((deleted.start as usize).min(end)..end);
        })?,
    }
    let count = i64::from(deleted.end - deleted.start);
    let (start, end) = (i64::from(deleted.start), i64::from(deleted.end));
    let moved = |index: i64| if index < start { Some(index) } else { (index >= end).then(|| index - count) };
    shift_objects(batch, sheet.id, dimension, moved, deleted.start)?;
    follow_moved_cells(batch, sheet, &SheetEdit::Delete { dimension, deleted: deleted.clone(), within: None })
}

/// Changes the index of stored row or column properties, or deletes them.
pub(crate) fn shift_objects(
    batch: &Batch<'_, '_>,
    sheet: i32,
    dimension: Dimension,
    moved: impl Fn(i64) -> Option<i64>,
    from: u32,
) -> Result<(), ApiError> {
    let first = i64::from(from);
    move_metadata(batch, sheet, dimension, |index| if index < first { Some(index) } else { moved(index) })?;
    move_groups(batch, sheet, dimension, |index| if index < first { Some(index) } else { moved(index) })?;
    let kind = name_properties_kind(dimension);
    let mut objects = batch.tx.objects(Some(sheet), kind)?;
    objects.retain(|(index, _)| *index >= first);
    for (index, _) in &objects {
        batch.tx.remove_object(Some(sheet), kind, *index)?;
    }
    for (index, body) in objects {
        if let Some(index) = moved(index) {
            batch.tx.put_object(Some(sheet), kind, index, &body)?;
        }
    }
    Ok(())
}

/// Moves every range of a sheet. A named range without cells stays and points nowhere; other
/// objects are deleted.
pub(crate) fn move_ranges(
    batch: &Batch<'_, '_>,
    sheet: i32,
    moved: impl Fn(GridRange) -> Option<GridRange>,
) -> Result<(), ApiError> {
    for mut named in batch.tx.named_ranges()? {
        if named.range.sheet_id != sheet {
            continue;
        }
        let range = moved(named.range.clone()).unwrap_or(GridRange::DELETED_RANGE);
        if range != named.range {
            batch.tx.remove_named_range(&named.id)?;
            named.range = range;
            batch.tx.add_named_range(&named)?;
        }
    }
    for kind in OBJECTS_WITH_RANGE {
        for (id, mut body) in batch.tx.objects(Some(sheet), kind)? {
            let Some(range) = read_body_range(&body) else { continue };
            match moved(range.clone()) {
                None => {
                    batch.tx.remove_object(Some(sheet), kind, id)?;
                }
                Some(new) if new != range => {
                    body["range"] = new.to_json();
                    batch.tx.put_object(Some(sheet), kind, id, &body)?;
                }
                Some(_) => {}
            }
        }
    }
    move_object_ranges(batch, sheet, &moved)
}

/// Moves the bounds of groups. A group without rows or columns is deleted.
fn move_groups(
    batch: &Batch<'_, '_>,
    sheet: i32,
    dimension: Dimension,
    moved: impl Fn(i64) -> Option<i64>,
) -> Result<(), ApiError> {
    let kind = name_groups_kind(dimension);
    for (id, mut group) in batch.tx.objects(Some(sheet), kind)? {
        let index = |name: &str| group["range"][name].as_i64().unwrap_or(0);
        let inside = index("startIndex")..index("endIndex");
        let (start, last) = (inside.clone().find_map(&moved), inside.rev().find_map(&moved));
        if let (Some(start), Some(last)) = (start, last) {
            group["range"]["startIndex"] = start.into();
            group["range"]["endIndex"] = (last + 1).into();
            batch.tx.put_object(Some(sheet), kind, id, &group)?;
        } else {
            batch.tx.remove_object(Some(sheet), kind, id)?;
        }
    }
    Ok(())
}

/// Moves the metadata of rows or columns. That of deleted ones is deleted.
fn move_metadata(
    batch: &Batch<'_, '_>,
    sheet: i32,
    dimension: Dimension,
    moved: impl Fn(i64) -> Option<i64>,
) -> Result<(), ApiError> {
    let word = if dimension == Dimension::Rows { "ROWS" } else { "COLUMNS" };
    for (id, mut body) in batch.tx.objects(None, KIND)? {
        let Some(range) = body.pointer_mut("/location/dimensionRange").and_then(Value::as_object_mut) else { continue };
        let on = range.get("sheetId").and_then(Value::as_i64).unwrap_or(0);
        if on != i64::from(sheet) || range.get("dimension").and_then(Value::as_str) != Some(word) {
            continue;
        }
        match moved(range.get("startIndex").and_then(Value::as_i64).unwrap_or(0)) {
            Some(start) => {
                range.insert("startIndex".to_owned(), start.into());
                range.insert("endIndex".to_owned(), (start + 1).into());
                batch.tx.put_object(None, KIND, id, &body)?;
            }
            None => {
                batch.tx.remove_object(None, KIND, id)?;
            }
        }
    }
    Ok(())
}

/// Returns the `range` of a stored object.
pub(crate) fn read_body_range(body: &Value) -> Option<GridRange> {
    let sent: GridRangeMessage = serde_json::from_value(body.get("range")?.clone()).ok()?;
    check_grid_range(&sent).ok()
}

/// Clears the named ranges of a sheet, and deletes its metadata.
pub(crate) fn detach_objects(batch: &Batch<'_, '_>, sheet: i32) -> Result<(), ApiError> {
    for (id, body) in batch.tx.objects(None, KIND)? {
        if body.get("location").and_then(Value::as_object).and_then(read_location_sheet) == Some(i64::from(sheet)) {
            batch.tx.remove_object(None, KIND, id)?;
        }
    }
    move_ranges(batch, sheet, |_| None)
}

fn grow(sheet: &mut SheetProperties, dimension: Dimension, by: i64) {
    let count = match dimension {
        Dimension::Rows => &mut sheet.row_count,
        Dimension::Columns => &mut sheet.column_count,
    };
    *count = u32::try_from(i64::from(*count) + by).unwrap_or(u32::MAX);
}

/// Returns the number of frozen rows or columns.
pub(crate) fn frozen_count_mut(sheet: &mut SheetProperties, dimension: Dimension) -> &mut u32 {
    match dimension {
        Dimension::Rows => &mut sheet.frozen_rows,
        Dimension::Columns => &mut sheet.frozen_columns,
    }
}
