//! What moves when rows or columns come, go or change place: cells, named ranges, protections, merges, sizes.
//!
//! In scope: the consequences, shared by every request that shifts something; formulas follow through `rewrite_formulas`. Out of scope: which
//! rows and columns may come and go (`dimensions`).

use std::ops::Range;

use serde_json::Value;

use crate::batch::context::{Batch, grid_range, size};
use crate::batch::object_ranges::move_object_ranges;
use crate::batch::request_types::GridRangeMessage;
use crate::batch::write_cells::change_rows;
use crate::error::ApiError;
use crate::format::response_format::outline_kind;
use crate::formula::references::rewrite::rewrite_formulas;
use crate::formula::references::shift::{SheetEdit, after};
use crate::grid::area::{Dimension, GridRange};
use crate::grid::cell::Cell;
use crate::storage::developer_metadata::{KIND, sheet_of};
use crate::storage::transaction::SheetProperties;

/// Kept things of a sheet whose body has a `range` that moves with the cells.
const RANGED: [&str; 5] = ["merge", "protected", "filter", "banding", "filter view"];

/// The kind under which properties of rows or columns are kept, by their index.
pub(crate) fn kept_kind(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Rows => "rows",
        Dimension::Columns => "columns",
    }
}

/// Makes room for `count` rows or columns before `at`. The new ones take formats and sizes from the neighbour that
/// `inherit_from` names (an index before the insertion), or from none.
pub(crate) fn insert(
    batch: &Batch<'_, '_>,
    sheet: &mut SheetProperties,
    dimension: Dimension,
    at: u32,
    count: u32,
    inherit_from: Option<u32>,
) -> Result<(), ApiError> {
    grow(sheet, dimension, i64::from(count));
    let frozen = frozen_mut(sheet, dimension);
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
    on_cells_moved(batch, sheet, &SheetEdit::Insert { dimension, at, count, within: None })
}

/// Lets ranges and formulas follow an edit that moved cells of a sheet.
pub(crate) fn on_cells_moved(batch: &Batch<'_, '_>, sheet: &SheetProperties, edit: &SheetEdit) -> Result<(), ApiError> {
    move_ranges(batch, sheet.id, |range| after(&range, edit))?;
    Ok(rewrite_formulas(batch.tx, &sheet.title, edit)?)
}

fn insert_rows(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    at: u32,
    count: u32,
    inherit_from: Option<u32>,
) -> Result<(), ApiError> {
    let like: Vec<Cell> = match inherit_from {
        Some(row) => batch.tx.row(sheet.id, row)?.iter().map(format_of).collect(),
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
        let like = inherit_from.and_then(|col| row.get(col as usize)).map(format_of).unwrap_or_default();
        if at < row.len() || (at == row.len() && !like.is_blank()) {
            row.splice(at..at, std::iter::repeat_n(like, count));
        }
    })
}

/// A cell with the format of another and nothing else.
fn format_of(cell: &Cell) -> Cell {
    let mut like = Cell::default();
    if let Some(format) = cell.format() {
        like.set_member("userEnteredFormat", Some(format.clone()));
    }
    like
}

/// Takes rows or columns out; what lies behind moves up, the grid shrinks.
pub(crate) fn delete(
    batch: &Batch<'_, '_>,
    sheet: &mut SheetProperties,
    dimension: Dimension,
    gone: &Range<u32>,
) -> Result<(), ApiError> {
    let count = gone.end - gone.start;
    remove(batch, sheet, dimension, gone)?;
    if dimension == Dimension::Rows {
        batch.tx.shift_rows(sheet.id, gone.end..u32::MAX, -i64::from(count))?;
    }
    grow(sheet, dimension, -i64::from(count));
    let frozen = frozen_mut(sheet, dimension);
    *frozen -= (*frozen).min(gone.end).saturating_sub(gone.start);
    Ok(batch.tx.put_sheet(sheet)?)
}

/// Cuts a grid down to `new` rows or columns; a larger one costs nothing.
pub(crate) fn cut(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    dimension: Dimension,
    new: u32,
) -> Result<(), ApiError> {
    let old = size(sheet, dimension);
    if new < old { remove(batch, sheet, dimension, &(new..old)) } else { Ok(()) }
}

/// Empties rows, or takes columns out, and adjusts the ranges that knew them.
fn remove(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    dimension: Dimension,
    gone: &Range<u32>,
) -> Result<(), ApiError> {
    match dimension {
        Dimension::Rows => batch.tx.delete_rows(sheet.id, gone.clone())?,
        Dimension::Columns => change_rows(batch, sheet, &(0..sheet.row_count), |row| {
            let end = row.len().min(gone.end as usize);
            row.drain((gone.start as usize).min(end)..end);
        })?,
    }
    let count = i64::from(gone.end - gone.start);
    let (start, end) = (i64::from(gone.start), i64::from(gone.end));
    let moved = |index: i64| if index < start { Some(index) } else { (index >= end).then(|| index - count) };
    shift_objects(batch, sheet.id, dimension, moved, gone.start)?;
    on_cells_moved(batch, sheet, &SheetEdit::Delete { dimension, gone: gone.clone(), within: None })
}

/// Gives kept properties of rows or columns from `from` on their new index, or forgets them.
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
    let kind = kept_kind(dimension);
    let mut kept = batch.tx.kept(Some(sheet), kind)?;
    kept.retain(|(index, _)| *index >= first);
    for (index, _) in &kept {
        batch.tx.forget(Some(sheet), kind, *index)?;
    }
    for (index, body) in kept {
        if let Some(index) = moved(index) {
            batch.tx.keep(Some(sheet), kind, index, &body)?;
        }
    }
    Ok(())
}

/// Moves every range of a sheet; a name whose cells are gone stays and points nowhere, other things go.
pub(crate) fn move_ranges(
    batch: &Batch<'_, '_>,
    sheet: i32,
    moved: impl Fn(GridRange) -> Option<GridRange>,
) -> Result<(), ApiError> {
    for mut named in batch.tx.named_ranges()? {
        if named.range.sheet_id != sheet {
            continue;
        }
        let range = moved(named.range.clone()).unwrap_or(GridRange::NOWHERE);
        if range != named.range {
            batch.tx.remove_named_range(&named.id)?;
            named.range = range;
            batch.tx.add_named_range(&named)?;
        }
    }
    for kind in RANGED {
        for (id, mut body) in batch.tx.kept(Some(sheet), kind)? {
            let Some(range) = body_range(&body) else { continue };
            match moved(range.clone()) {
                None => {
                    batch.tx.forget(Some(sheet), kind, id)?;
                }
                Some(new) if new != range => {
                    body["range"] = new.to_json();
                    batch.tx.keep(Some(sheet), kind, id, &body)?;
                }
                Some(_) => {}
            }
        }
    }
    move_object_ranges(batch, sheet, &moved)
}

/// Moves the ends of groups; a group whose every row or column is gone goes too.
fn move_groups(
    batch: &Batch<'_, '_>,
    sheet: i32,
    dimension: Dimension,
    moved: impl Fn(i64) -> Option<i64>,
) -> Result<(), ApiError> {
    let kind = outline_kind(dimension);
    for (id, mut group) in batch.tx.kept(Some(sheet), kind)? {
        let index = |name: &str| group["range"][name].as_i64().unwrap_or(0);
        let inside = index("startIndex")..index("endIndex");
        let (start, last) = (inside.clone().find_map(&moved), inside.rev().find_map(&moved));
        if let (Some(start), Some(last)) = (start, last) {
            group["range"]["startIndex"] = start.into();
            group["range"]["endIndex"] = (last + 1).into();
            batch.tx.keep(Some(sheet), kind, id, &group)?;
        } else {
            batch.tx.forget(Some(sheet), kind, id)?;
        }
    }
    Ok(())
}

/// Moves the marks on rows or columns of a sheet; those on what is gone go too.
fn move_metadata(
    batch: &Batch<'_, '_>,
    sheet: i32,
    dimension: Dimension,
    moved: impl Fn(i64) -> Option<i64>,
) -> Result<(), ApiError> {
    let word = if dimension == Dimension::Rows { "ROWS" } else { "COLUMNS" };
    for (id, mut body) in batch.tx.kept(None, KIND)? {
        let Some(range) = body.pointer_mut("/location/dimensionRange").and_then(Value::as_object_mut) else { continue };
        let on = range.get("sheetId").and_then(Value::as_i64).unwrap_or(0);
        if on != i64::from(sheet) || range.get("dimension").and_then(Value::as_str) != Some(word) {
            continue;
        }
        match moved(range.get("startIndex").and_then(Value::as_i64).unwrap_or(0)) {
            Some(start) => {
                range.insert("startIndex".to_owned(), start.into());
                range.insert("endIndex".to_owned(), (start + 1).into());
                batch.tx.keep(None, KIND, id, &body)?;
            }
            None => {
                batch.tx.forget(None, KIND, id)?;
            }
        }
    }
    Ok(())
}

/// The `range` of a kept thing.
pub(crate) fn body_range(body: &Value) -> Option<GridRange> {
    let sent: GridRangeMessage = serde_json::from_value(body.get("range")?.clone()).ok()?;
    grid_range(&sent).ok()
}

/// Lets the names that point into a sheet point nowhere, and takes the marks off it.
pub(crate) fn orphan(batch: &Batch<'_, '_>, sheet: i32) -> Result<(), ApiError> {
    for (id, body) in batch.tx.kept(None, KIND)? {
        if body.get("location").and_then(Value::as_object).and_then(sheet_of) == Some(i64::from(sheet)) {
            batch.tx.forget(None, KIND, id)?;
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

/// The number of frozen rows or columns.
pub(crate) fn frozen_mut(sheet: &mut SheetProperties, dimension: Dimension) -> &mut u32 {
    match dimension {
        Dimension::Rows => &mut sheet.frozen_rows,
        Dimension::Columns => &mut sheet.frozen_columns,
    }
}
