//! Compares the lean requests with the client package's own structs: both produce the same JSON.

use google_sheets4::api;
use serde_json::Value;

use crate::types::cell::{CellData, CellFormat, CellRow, NumberKind};
use crate::types::request_objects::{
    Dimension, DimensionProperties, DimensionRange, GridCoordinate, GridProperties, GridRange, NamedRange,
    PasteOrientation, PasteType, SheetProperties,
};
use crate::types::requests::{Batch, Request};

/// The package's deep types overflow a test thread's stack in a debug build.
const STACK: usize = 8 << 20;

fn lean() -> Batch {
    let area = GridRange { sheet_id: 7, start_row_index: Some(0), end_row_index: Some(1), ..GridRange::default() };
    let moment = CellFormat::number(NumberKind::DateTime, Some("yyyy-mm-dd hh:mm:ss"));
    let cells = vec![
        CellData::text("=1+1"),
        CellData::blank(),
        CellData::number(43_831.25).expect("finite").with_format(moment),
        CellData::bool(false),
        CellData::formula("=SUM(A1:A2)"),
        CellData::blank().with_format(CellFormat::bold()),
    ];
    let rows = vec![CellRow::from(cells)];
    let grid = GridProperties { row_count: Some(2), column_count: Some(6), frozen_row_count: Some(1) };
    let tab = SheetProperties {
        sheet_id: Some(7),
        title: Some("T".to_owned()),
        index: Some(0),
        hidden: Some(true),
        grid_properties: Some(grid),
    };
    let renamed = SheetProperties { sheet_id: Some(0), title: Some("U".to_owned()), ..SheetProperties::default() };
    let head = NamedRange { named_range_id: "123".to_owned(), name: "n".to_owned(), range: area.clone() };
    let columns = DimensionRange { sheet_id: 7, dimension: Dimension::Columns, start_index: 0, end_index: 2 };
    let start = GridCoordinate { sheet_id: 7, row_index: 0, column_index: 3 };
    Batch::new(vec![
        Request::AddSheet { properties: tab },
        Request::DeleteSheet { sheet_id: 0 },
        Request::UpdateSheetProperties { properties: renamed, fields: "title".into() },
        Request::UpdateCells { rows: rows.clone(), fields: "*".into(), start: Some(start), range: None },
        Request::UpdateCells {
            rows: rows.clone(),
            fields: "userEnteredValue".into(),
            start: None,
            range: Some(area.clone()),
        },
        Request::AppendCells { sheet_id: 7, rows, fields: "userEnteredValue,userEnteredFormat.numberFormat".into() },
        Request::AddNamedRange { named_range: head },
        Request::DeleteNamedRange { named_range_id: "122".to_owned() },
        Request::CopyPaste {
            source: area.clone(),
            destination: area,
            paste_type: PasteType::Values,
            paste_orientation: PasteOrientation::Normal,
        },
        Request::AppendDimension { sheet_id: 7, dimension: Dimension::Rows, length: 500 },
        Request::UpdateDimensionProperties {
            range: columns,
            properties: DimensionProperties { pixel_size: 120 },
            fields: "pixelSize".into(),
        },
    ])
    .with_response_ranges(vec!["'T'!A1:B2".to_owned()])
}

fn typed_area() -> api::GridRange {
    api::GridRange { sheet_id: Some(7), start_row_index: Some(0), end_row_index: Some(1), ..Default::default() }
}

fn typed_rows() -> Vec<api::RowData> {
    let value = |value: api::ExtendedValue| api::CellData { user_entered_value: Some(value), ..Default::default() };
    let moment = api::NumberFormat { type_: Some("DATE_TIME".into()), pattern: Some("yyyy-mm-dd hh:mm:ss".into()) };
    let number = api::ExtendedValue { number_value: Some(43_831.25), ..Default::default() };
    let bold = api::TextFormat { bold: Some(true), ..Default::default() };
    let cells = vec![
        value(api::ExtendedValue { string_value: Some("=1+1".into()), ..Default::default() }),
        api::CellData::default(),
        api::CellData {
            user_entered_format: Some(api::CellFormat { number_format: Some(moment), ..Default::default() }),
            ..value(number)
        },
        value(api::ExtendedValue { bool_value: Some(false), ..Default::default() }),
        value(api::ExtendedValue { formula_value: Some("=SUM(A1:A2)".into()), ..Default::default() }),
        api::CellData {
            user_entered_format: Some(api::CellFormat { text_format: Some(bold), ..Default::default() }),
            ..Default::default()
        },
    ];
    vec![api::RowData { values: Some(cells) }]
}

fn typed_tabs() -> Vec<api::Request> {
    let grid = api::GridProperties {
        row_count: Some(2),
        column_count: Some(6),
        frozen_row_count: Some(1),
        ..Default::default()
    };
    let tab = api::SheetProperties {
        sheet_id: Some(7),
        title: Some("T".into()),
        index: Some(0),
        hidden: Some(true),
        grid_properties: Some(grid),
        ..Default::default()
    };
    let renamed = api::SheetProperties { sheet_id: Some(0), title: Some("U".into()), ..Default::default() };
    let rename = api::UpdateSheetPropertiesRequest { properties: Some(renamed), fields: "title".parse().ok() };
    vec![
        api::Request { add_sheet: Some(api::AddSheetRequest { properties: Some(tab) }), ..Default::default() },
        api::Request { delete_sheet: Some(api::DeleteSheetRequest { sheet_id: Some(0) }), ..Default::default() },
        api::Request { update_sheet_properties: Some(rename), ..Default::default() },
    ]
}

fn typed_cells() -> Vec<api::Request> {
    let start = api::GridCoordinate { sheet_id: Some(7), row_index: Some(0), column_index: Some(3) };
    let at =
        api::UpdateCellsRequest { rows: Some(typed_rows()), fields: "*".parse().ok(), start: Some(start), range: None };
    let over = api::UpdateCellsRequest {
        rows: Some(typed_rows()),
        fields: "userEnteredValue".parse().ok(),
        start: None,
        range: Some(typed_area()),
    };
    let append = api::AppendCellsRequest {
        sheet_id: Some(7),
        rows: Some(typed_rows()),
        fields: "userEnteredValue,userEnteredFormat.numberFormat".parse().ok(),
        ..Default::default()
    };
    vec![
        api::Request { update_cells: Some(at), ..Default::default() },
        api::Request { update_cells: Some(over), ..Default::default() },
        api::Request { append_cells: Some(append), ..Default::default() },
    ]
}

fn typed_rest() -> Vec<api::Request> {
    let named =
        api::NamedRange { named_range_id: Some("123".into()), name: Some("n".into()), range: Some(typed_area()) };
    let copy = api::CopyPasteRequest {
        source: Some(typed_area()),
        destination: Some(typed_area()),
        paste_type: Some("PASTE_VALUES".into()),
        paste_orientation: Some("NORMAL".into()),
    };
    let longer = api::AppendDimensionRequest { sheet_id: Some(7), dimension: Some("ROWS".into()), length: Some(500) };
    let columns = api::DimensionRange {
        sheet_id: Some(7),
        dimension: Some("COLUMNS".into()),
        start_index: Some(0),
        end_index: Some(2),
    };
    let wide = api::UpdateDimensionPropertiesRequest {
        range: Some(columns),
        properties: Some(api::DimensionProperties { pixel_size: Some(120), ..Default::default() }),
        fields: "pixelSize".parse().ok(),
        ..Default::default()
    };
    let remove = api::DeleteNamedRangeRequest { named_range_id: Some("122".into()) };
    vec![
        api::Request {
            add_named_range: Some(api::AddNamedRangeRequest { named_range: Some(named) }),
            ..Default::default()
        },
        api::Request { delete_named_range: Some(remove), ..Default::default() },
        api::Request { copy_paste: Some(copy), ..Default::default() },
        api::Request { append_dimension: Some(longer), ..Default::default() },
        api::Request { update_dimension_properties: Some(wide), ..Default::default() },
    ]
}

fn make_typed_request() -> api::BatchUpdateSpreadsheetRequest {
    let requests = typed_tabs().into_iter().chain(typed_cells()).chain(typed_rest()).collect();
    api::BatchUpdateSpreadsheetRequest {
        requests: Some(requests),
        include_spreadsheet_in_response: Some(true),
        response_include_grid_data: Some(true),
        response_ranges: Some(vec!["'T'!A1:B2".into()]),
    }
}

/// Removes nulls, as the package does before it sends.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

#[test]
fn the_lean_batch_and_the_typed_one_are_the_same_json() {
    let compare = || {
        let lean: Value = serde_json::from_slice(&lean().encode()).expect("JSON");
        let typed = without_nulls(serde_json::to_value(make_typed_request()).expect("JSON"));
        for (lean, typed) in
            lean["requests"].as_array().expect("a list").iter().zip(typed["requests"].as_array().expect("a list"))
        {
            assert_eq!(lean, typed);
        }
        assert_eq!(lean, typed);
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(compare).expect("a thread");
    thread.join().expect("both are the same");
}

#[test]
fn what_we_send_is_what_the_typed_structs_read() {
    let read = || {
        let bytes = lean().encode();
        let typed: api::BatchUpdateSpreadsheetRequest = serde_json::from_slice(&bytes).expect("the package reads it");
        let again = without_nulls(serde_json::to_value(typed).expect("JSON"));
        assert_eq!(again, serde_json::from_slice::<Value>(&bytes).expect("JSON"));
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(read).expect("a thread");
    thread.join().expect("nothing is lost");
}
