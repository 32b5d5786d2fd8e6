//! Requests that move cells inside a sheet: sort, insert and delete ranges, remove duplicates.
//!
//! In scope: the range itself and the cells behind it.
//! Out of scope: whole rows and columns (`batch::sheets`), which change the grid.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::batch::cells::paste::{move_references, read_block};
use crate::batch::context::{Batch, refuse};
use crate::batch::field_mask::CellMask;
use crate::batch::request_types::{DimensionName, DimensionRange, GridRangeMessage};
use crate::batch::shift_cells::follow_moved_cells;
use crate::batch::write_cells::{change_rows, write_block};
use crate::error::ApiError;
use crate::formula::references::shift::SheetEdit;
use crate::grid::area::{Area, Dimension};
use crate::grid::cell::Cell;
use crate::grid::value::Scalar;
use crate::input::value_matrix::read_merges;
use crate::storage::transaction::SheetProperties;
use crate::workbook::ranges::Workbook;

/// `SortRangeRequest`: a range, and the columns by which its rows are sorted.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct SortRange {
    range: GridRangeMessage,
    sort_specs: Vec<SortSpec>,
}

/// `SortSpec`, limited to values.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct SortSpec {
    dimension_index: u32,
    sort_order: SortOrder,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum SortOrder {
    #[serde(alias = "SORT_ORDER_UNSPECIFIED")]
    #[default]
    Ascending,
    Descending,
}

/// `InsertRangeRequest` and `DeleteRangeRequest`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct InsertOrDeleteRange {
    range: GridRangeMessage,
    shift_dimension: Option<DimensionName>,
}

/// `DeleteDuplicatesRequest`: a range, and the columns in which rows are compared.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct DeleteDuplicates {
    range: GridRangeMessage,
    comparison_columns: Vec<DimensionRange>,
}

/// Sorts the rows of a range; other columns stay. Blanks are last in both orders, and equal rows
/// keep their order.
pub(crate) fn sort(batch: &Batch<'_, '_>, request: &SortRange) -> Result<Value, ApiError> {
    let (sheet, area) = batch.area(&request.range)?;
    sort_rows(batch, &sheet, area, &request.sort_specs)?;
    Ok(json!({}))
}

/// Sorts the rows of an area. Relative references of formulas move with their rows.
pub(crate) fn sort_rows(
    batch: &Batch<'_, '_>,
    sheet: &SheetProperties,
    area: Area,
    sort_specs: &[SortSpec],
) -> Result<(), ApiError> {
    let is_vertical = |merge: &Area| merge.height() > 1 && !merge.intersect(&area).is_empty();
    if !sort_specs.is_empty() && read_merges(batch.tx, sheet)?.iter().any(is_vertical) {
        return refuse("You can't sort a range containing vertical merges.");
    }
    let used = find_row_after_last(batch, sheet)?.min(area.rows.end);
    let area = Area::new(area.rows.start..used.max(area.rows.start), area.cols);
    let columns: Vec<usize> = sort_specs
        .iter()
        .map(|spec| {
            let inside = area.cols.contains(&spec.dimension_index);
            let outside = || ApiError::invalid_argument("The sort column is not in the range.");
            inside.then(|| (spec.dimension_index - area.cols.start) as usize).ok_or_else(outside)
        })
        .collect::<Result<_, _>>()?;
    let workbook = Workbook::open(batch.tx)?;
    let key = |row: u32, column: usize, cell: &Cell| {
        workbook.value_at(sheet.id, row, area.cols.start + to_line_count(column), cell)
    };
    let mut lines: Vec<(Vec<Scalar>, u32, Vec<Cell>)> = read_block(batch, sheet, &area)?
        .into_iter()
        .zip(area.rows.clone())
        .map(|(row, at)| (columns.iter().map(|column| key(at, *column, &row[*column])).collect(), at, row))
        .collect();
    lines.sort_by(|(a, ..), (b, ..)| {
        let orders = a.iter().zip(b).zip(sort_specs);
        orders.map(|((a, b), spec)| compare(a, b, spec.sort_order)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    });
    let rows = lines.into_iter().zip(area.rows.clone()).map(|((_, from, mut row), to)| {
        move_references(&mut row, i64::from(to) - i64::from(from), 0);
        row
    });
    Ok(write_block(batch, sheet, area.rows.start, area.cols.start, rows.collect(), &CellMask::ALL)?)
}

/// Orders numbers, texts, booleans, errors, or the reverse; blanks are last.
fn compare(a: &Scalar, b: &Scalar, order: SortOrder) -> Ordering {
    let rank = |scalar: &Scalar| match scalar {
        Scalar::Number(_) => 0,
        Scalar::Text(_) => 1,
        Scalar::Bool(_) => 2,
        Scalar::Error(_) => 3,
        Scalar::Blank => 4,
    };
    let ordering = match (a, b) {
        (Scalar::Blank, _) | (_, Scalar::Blank) => return rank(a).cmp(&rank(b)),
        (Scalar::Number(a), Scalar::Number(b)) => a.total_cmp(b),
        (Scalar::Text(a), Scalar::Text(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
        (Scalar::Bool(a), Scalar::Bool(b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)),
    };
    if order == SortOrder::Descending { ordering.reverse() } else { ordering }
}

/// Returns the row after the last stored one.
fn find_row_after_last(batch: &Batch<'_, '_>, sheet: &SheetProperties) -> Result<u32, ApiError> {
    Ok(batch.tx.last_row(sheet.id)?.map_or(0, |row| row + 1))
}

/// Deletes cells. Those behind move up or left. The grid keeps its size.
pub(crate) fn delete(batch: &Batch<'_, '_>, request: &InsertOrDeleteRange) -> Result<Value, ApiError> {
    let (sheet, area) = batch.area(&request.range)?;
    let dimension = read_direction(request.shift_dimension);
    match dimension {
        Dimension::Columns => change_rows(batch, &sheet, &area.rows, |row| {
            let end = row.len().min(area.cols.end as usize);
            row.drain((area.cols.start as usize).min(end)..end);
        })?,
        Dimension::Rows if area.cols == (0..sheet.column_count) => {
            batch.tx.delete_rows(sheet.id, area.rows.clone())?;
            batch.tx.shift_rows(sheet.id, area.rows.end..u32::MAX, -i64::from(area.height()))?;
        }
        Dimension::Rows => {
            let end = find_row_after_last(batch, &sheet)?.max(area.rows.end);
            let below = read_block(batch, &sheet, &Area::new(area.rows.end..end, area.cols.clone()))?;
            let gap = make_blank_rows(area.height(), area.width());
            let rows = below.into_iter().chain(gap).collect();
            write_block(batch, &sheet, area.rows.start, area.cols.start, rows, &CellMask::ALL)?;
        }
    }
    let (deleted, within) = split_area(&sheet, &area, dimension);
    follow_moved_cells(batch, &sheet, &SheetEdit::Delete { dimension, deleted, within })?;
    Ok(json!({}))
}

/// Returns the span of an area in a dimension, and its bounds across; `None` if it reaches from
/// edge to edge.
fn split_area(sheet: &SheetProperties, area: &Area, dimension: Dimension) -> (Range<u32>, Option<Range<u32>>) {
    let (span, across, size) = match dimension {
        Dimension::Rows => (&area.rows, &area.cols, sheet.column_count),
        Dimension::Columns => (&area.cols, &area.rows, sheet.row_count),
    };
    (span.clone(), (*across != (0..size)).then(|| across.clone()))
}

/// Inserts cells. Those behind move down or right. The grid grows only if they would leave it.
pub(crate) fn insert(batch: &Batch<'_, '_>, request: &InsertOrDeleteRange) -> Result<Value, ApiError> {
    let (mut sheet, area) = batch.area(&request.range)?;
    let dimension = read_direction(request.shift_dimension);
    let (span, within) = split_area(&sheet, &area, dimension);
    match dimension {
        Dimension::Columns => {
            let (at, count) = (area.cols.start as usize, area.width() as usize);
            let mut widest = 0;
            change_rows(batch, &sheet, &area.rows, |row| {
                if at < row.len() {
                    row.splice(at..at, std::iter::repeat_n(Cell::default(), count));
                }
                widest = widest.max(row.len());
            })?;
            sheet.column_count = sheet.column_count.max(u32::try_from(widest).unwrap_or(u32::MAX));
        }
        Dimension::Rows => {
            let end = find_row_after_last(batch, &sheet)?.max(area.rows.start);
            if area.cols == (0..sheet.column_count) {
                batch.tx.shift_rows(sheet.id, area.rows.start..u32::MAX, i64::from(area.height()))?;
            } else {
                let below = read_block(batch, &sheet, &Area::new(area.rows.start..end, area.cols.clone()))?;
                let rows = make_blank_rows(area.height(), area.width()).chain(below).collect();
                write_block(batch, &sheet, area.rows.start, area.cols.start, rows, &CellMask::ALL)?;
            }
            sheet.row_count = sheet.row_count.max(find_row_after_last(batch, &sheet)?);
        }
    }
    batch.tx.put_sheet(&sheet)?;
    batch.check_size()?;
    let (at, count) = (span.start, span.end - span.start);
    follow_moved_cells(batch, &sheet, &SheetEdit::Insert { dimension, at, count, within })?;
    Ok(json!({}))
}

fn to_line_count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn read_direction(sent: Option<DimensionName>) -> Dimension {
    sent.and_then(DimensionName::specified).unwrap_or(Dimension::Rows)
}

fn make_blank_rows(rows: u32, columns: u32) -> impl Iterator<Item = Vec<Cell>> {
    std::iter::repeat_n(vec![Cell::default(); columns as usize], rows as usize)
}

/// Deletes rows of a range whose values equal those of an earlier row, regardless of case. The rows
/// below move up.
pub(crate) fn delete_duplicates(batch: &Batch<'_, '_>, request: &DeleteDuplicates) -> Result<Value, ApiError> {
    let (sheet, area) = batch.area(&request.range)?;
    let used = find_row_after_last(batch, &sheet)?.min(area.rows.end).max(area.rows.start);
    let area = Area::new(area.rows.start..used, area.cols);
    let compared = find_compared_columns(batch, &request.comparison_columns, &area)?;
    let workbook = Workbook::open(batch.tx)?;
    let mut seen = HashSet::new();
    let mut removed = 0_u32;
    let mut remaining: Vec<Vec<Cell>> = Vec::new();
    for (at, row) in area.rows.clone().zip(read_block(batch, &sheet, &area)?) {
        let key: Vec<String> = compared
            .iter()
            .map(|column| {
                let cell = &row[*column];
                let scalar = workbook.value_at(sheet.id, at, area.cols.start + to_line_count(*column), cell);
                format!("{scalar:?}").to_lowercase()
            })
            .collect();
        // Blank rows are not duplicates of each other (recorded).
        let blank = compared.iter().all(|column| row[*column].value.is_none());
        if blank || seen.insert(key) {
            remaining.push(row);
        } else {
            removed += 1;
        }
    }
    if removed == 0 {
        return Ok(json!({"deleteDuplicates": {}}));
    }
    remaining.extend(make_blank_rows(removed, area.width()));
    write_block(batch, &sheet, area.rows.start, area.cols.start, remaining, &CellMask::ALL)?;
    Ok(json!({"deleteDuplicates": {"duplicatesRemovedCount": removed}}))
}

/// Returns the compared columns, counted from the left of the range; all if the request names none.
fn find_compared_columns(batch: &Batch<'_, '_>, spans: &[DimensionRange], area: &Area) -> Result<Vec<usize>, ApiError> {
    let mut columns: Vec<u32> = Vec::new();
    for span in spans {
        let (_, dimension, span): (_, _, Range<u32>) = batch.span(span)?;
        if dimension != Dimension::Columns || span.start < area.cols.start || span.end > area.cols.end {
            return refuse("The comparison columns must be columns of the range.");
        }
        columns.extend(span);
    }
    if columns.is_empty() {
        columns.extend(area.cols.clone());
    }
    Ok(columns.into_iter().map(|column| (column - area.cols.start) as usize).collect())
}
