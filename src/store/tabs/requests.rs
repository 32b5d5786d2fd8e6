//! Requests that several parts of a batch share. Pure.
//!
//! In scope: writing cells, copying rows, resizing a tab, columns after its last header.
//! Out of scope: their purpose.

use std::ops::Range;

use crate::sheets_client::types::cell::{self, CellData, CellFormat};
use crate::sheets_client::types::request_objects::{
    Dimension, DimensionRange, GridCoordinate, GridProperties, GridRange, PasteOrientation, PasteType, SheetProperties,
};
use crate::sheets_client::types::requests::Request;
use crate::store::tabs::cells::VALUE_AND_FORMAT;
use crate::store::tabs::schema::Tab;

/// Writes rows, starting at this cell.
pub fn put(
    sheet_id: i32,
    row_index: u32,
    column_index: u32,
    rows: Vec<cell::CellRow>,
    fields: &'static str,
) -> Request {
    let start = GridCoordinate { sheet_id, row_index, column_index };
    Request::UpdateCells { rows, fields: fields.into(), start: Some(start), range: None }
}

/// Resizes a tab's grid.
pub fn resize_grid(tab: i32, rows: u32, columns: u32) -> Request {
    let grid = GridProperties { row_count: Some(rows), column_count: Some(columns), frozen_row_count: None };
    let properties = SheetProperties { sheet_id: Some(tab), grid_properties: Some(grid), ..SheetProperties::default() };
    Request::UpdateSheetProperties { properties, fields: "gridProperties(rowCount,columnCount)".into() }
}

/// Makes room for `count` columns to the right of the tab's last header. An inserted column is new,
/// so nothing of the user's is overwritten; where the grid ends there, columns are appended.
pub fn make_room_after_header(tab: &Tab, count: usize) -> Request {
    let (sheet_id, dimension, length) = (tab.id, Dimension::Columns, convert_index(count));
    if tab.header.len() >= tab.width {
        return Request::AppendDimension { sheet_id, dimension, length };
    }
    let start_index = convert_index(tab.header.len());
    let range = DimensionRange { sheet_id, dimension, start_index, end_index: start_index.saturating_add(length) };
    Request::InsertDimension { range, inherit_from_before: true }
}

/// Writes these names behind the last header, in bold. The columns have to be there.
pub fn write_header_after_last(tab: &Tab, names: &[&str]) -> Request {
    let cells: Vec<_> = names.iter().map(|name| CellData::text(*name).with_format(CellFormat::bold())).collect();
    put(tab.id, 0, convert_index(tab.header.len()), vec![cells.into()], VALUE_AND_FORMAT)
}

/// Copies cells to a target of the same size; `to` is its tab, first row and column.
pub fn copy_cells(from: (i32, Range<u32>, Range<u32>), to: (i32, u32, u32), paste_type: PasteType) -> Request {
    let (tab, rows, columns) = from;
    let (to_tab, to_row, to_column) = to;
    let height = rows.end - rows.start;
    let width = columns.end - columns.start;
    Request::CopyPaste {
        source: make_grid_range(tab, rows, columns),
        destination: make_grid_range(to_tab, to_row..to_row + height, to_column..to_column + width),
        paste_type,
        paste_orientation: PasteOrientation::Normal,
    }
}

/// Copies whole rows; `to` is the tab, row and column of the target's first cell. The service
/// extends the target as needed.
pub fn copy_rows(from: (i32, &Range<u32>), to: (i32, u32, u32), paste_type: PasteType) -> Request {
    let source = GridRange {
        sheet_id: from.0,
        start_row_index: Some(from.1.start),
        end_row_index: Some(from.1.end),
        ..GridRange::default()
    };
    let (tab, row, column) = to;
    let destination = make_grid_range(tab, row..row + 1, column..column + 1);
    Request::CopyPaste { source, destination, paste_type, paste_orientation: PasteOrientation::Normal }
}

/// Rows of a tab as a dimension range.
pub fn make_row_range(tab: i32, rows: Range<u32>) -> DimensionRange {
    DimensionRange { sheet_id: tab, dimension: Dimension::Rows, start_index: rows.start, end_index: rows.end }
}

/// Cells of a tab as a grid range.
pub fn make_grid_range(sheet_id: i32, rows: Range<u32>, columns: Range<u32>) -> GridRange {
    GridRange {
        sheet_id,
        start_row_index: Some(rows.start),
        end_row_index: Some(rows.end),
        start_column_index: Some(columns.start),
        end_column_index: Some(columns.end),
    }
}

/// Converts a count to the API's index type.
pub fn convert_index(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
