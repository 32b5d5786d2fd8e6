//! `spreadsheets.create`.
//!
//! In scope: a new spreadsheet as the request describes it.
//! Out of scope: storage (`storage`).

use serde_json::{Map, Value, json};

use crate::batch::context::{Batch, UnknownBehaviors};
use crate::batch::objects::named_ranges;
use crate::batch::request_types::is_empty_value;
use crate::batch::sheets::regional_settings::check_regional_settings;
use crate::batch::sheets::sheet::{create_first_sheets, read_spreadsheet_properties};
use crate::batch::write_cells;
use crate::error::ApiError;
use crate::random::RandomSource;
use crate::schema::proto_json::{NOT_JSON, normalise};
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;
use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};
use crate::workbook::spreadsheet_json::{SpreadsheetView, render_spreadsheet};

/// Answers `spreadsheets.create`: creates the spreadsheet `id` and returns it.
pub(crate) fn create(
    store: &SpreadsheetStore,
    id: &str,
    body: &[u8],
    mask: &ResponseMask,
    random: &dyn RandomSource,
) -> Result<Value, ApiError> {
    let text = if body.trim_ascii().is_empty() { b"{}" } else { body };
    let not_json = |_| ApiError::invalid_argument(NOT_JSON);
    let described = normalise(serde_json::from_slice(text).map_err(not_json)?, "Spreadsheet", "")?;
    let none = Map::new();
    let properties = described.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let list = |name: &str| described.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let sheets: Vec<Map<String, Value>> = list("sheets")
        .iter()
        .map(|sheet| sheet.get("properties").and_then(Value::as_object).cloned().unwrap_or_default())
        .collect();
    refuse_unsupported(&described, list("sheets"))?;
    let properties = read_spreadsheet_properties(properties);
    check_regional_settings(&properties, &SpreadsheetProperties::default())
        .map_err(|error| error.within("Invalid properties: "))?;
    let tx = store.start(id, &properties)?;
    let batch = Batch::new(&tx, UnknownBehaviors::default(), random)?;
    create_first_sheets(&batch, &sheets)?;
    for (n, (sheet, row)) in list("sheets").iter().zip(tx.sheets()?).enumerate() {
        for data in sheet.get("data").and_then(Value::as_array).into_iter().flatten() {
            let error = |error: ApiError| error.within(&format!("Invalid sheets[{n}].data: "));
            write_grid_data(&batch, &row, data).map_err(error)?;
        }
    }
    for (n, name) in list("namedRanges").iter().enumerate() {
        let sent = serde_json::from_value(json!({ "namedRange": name }));
        let sent = sent.map_err(|error| ApiError::invalid_argument(format!("Invalid namedRanges[{n}]: {error}")))?;
        named_ranges::add(&batch, sent).map_err(|error| error.within(&format!("Invalid namedRanges[{n}]: ")))?;
    }
    drop(batch);
    let answer = render_spreadsheet(&tx, id, &SpreadsheetView::default())?;
    tx.commit()?;
    Ok(mask.apply(answer))
}

/// Rejects members of a description that would not be stored.
fn refuse_unsupported(described: &Value, sheets: &[Value]) -> Result<(), ApiError> {
    let members = |value: &Value, known: &[&str]| -> Option<String> {
        let mut own = value.as_object()?.iter().filter(|(_, value)| !is_empty_value(value));
        own.find(|(name, _)| !known.contains(&name.as_str())).map(|(name, _)| name.clone())
    };
    let top = ["spreadsheetId", "spreadsheetUrl", "properties", "sheets", "namedRanges"];
    let unkept = members(described, &top).or_else(|| {
        sheets.iter().find_map(|sheet| members(sheet, &["properties", "data"]).map(|name| format!("sheets.{name}")))
    });
    let error = |name| ApiError::unimplemented(format!("This emulator does not create a spreadsheet with {name}."));
    unkept.map_or(Ok(()), |name| Err(error(name)))
}

/// Writes the `GridData` of a new sheet. Sizes of rows and columns in it are ignored.
fn write_grid_data(batch: &Batch<'_, '_>, sheet: &SheetProperties, data: &Value) -> Result<(), ApiError> {
    let start = |name: &str| data.get(name).and_then(Value::as_i64).unwrap_or(0);
    let Some(rows) = data.get("rowData") else { return Ok(()) };
    let request = json!({
        "start": {"sheetId": sheet.id, "rowIndex": start("startRow"), "columnIndex": start("startColumn")},
        "rows": rows,
        "fields": "*"
    });
    let sent = serde_json::from_value(request).map_err(|error| ApiError::invalid_argument(error.to_string()))?;
    write_cells::update(batch, sent).map(|_| ())
}
