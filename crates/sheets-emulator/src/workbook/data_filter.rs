//! `DataFilter`: cells named by A1 text, by grid range or by developer metadata.
//!
//! In scope: the cells of a filter, in every sheet of a spreadsheet. Out of scope: which metadata a
//! lookup matches (`storage::content::developer_metadata`), what is done with the cells.

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::grid::a1::CellSpan;
use crate::grid::area::GridRange;
use crate::storage::content::developer_metadata::{find, read_lookup};
use crate::workbook::ranges::{SheetRange, Workbook};

/// Returns the cells of a filter: one range, or with a lookup those of each matching row, column
/// and sheet.
pub(crate) fn find_filter(workbook: &Workbook<'_, '_>, filter: &Value) -> Result<Vec<SheetRange>, ApiError> {
    if let Some(text) = filter.get("a1Range").and_then(Value::as_str) {
        return Ok(vec![workbook.find_inside(text)?]);
    }
    if let Some(lookup) = filter.get("developerMetadataLookup") {
        let marks = find(workbook.transaction, &[read_lookup(lookup)?])?;
        return Ok(marks.iter().flat_map(|(_, metadata)| find_cells_of_metadata(workbook, metadata)).collect());
    }
    let Some(range) = filter.get("gridRange").filter(|range| range.is_object()) else {
        return Err(ApiError::invalid_argument("Must specify at least one DataFilter."));
    };
    let GridRange { sheet_id: id, start_row, end_row, start_col, end_col } = GridRange::from_json(range);
    let sheet = workbook.sheets.iter().find(|sheet| sheet.id == id);
    let sheet = sheet.ok_or_else(|| ApiError::invalid_argument(format!("No grid with id: {id}")))?;
    let span = CellSpan { start_row, end_row, start_column: start_col, end_column: end_col };
    let place = SheetRange { sheet: sheet.clone(), span };
    if span.starts_outside(sheet.row_count, sheet.column_count) {
        Err(place.make_outside_error())
    } else {
        Ok(vec![place])
    }
}

/// Returns the cells of a metadata location. Metadata of the spreadsheet covers every sheet.
fn find_cells_of_metadata(workbook: &Workbook<'_, '_>, metadata: &Value) -> Vec<SheetRange> {
    let Some(location) = metadata.get("location").and_then(Value::as_object) else { return Vec::new() };
    let range = location.get("dimensionRange").and_then(Value::as_object);
    let mut span = CellSpan::default();
    if let Some(range) = range {
        let (start, end) = (read_bound(range, "startIndex").or(Some(0)), read_bound(range, "endIndex"));
        if range.get("dimension").and_then(Value::as_str) == Some("COLUMNS") {
            (span.start_column, span.end_column) = (start, end);
        } else {
            (span.start_row, span.end_row) = (start, end);
        }
    }
    let id = range.unwrap_or(location).get("sheetId").and_then(Value::as_i64);
    let id = if range.is_some() { id.or(Some(0)) } else { id };
    let lies_on = |sheet: i32| id.is_none_or(|id| id == i64::from(sheet));
    let sheets = workbook.sheets.iter().filter(|sheet| lies_on(sheet.id));
    sheets.map(|sheet| SheetRange { sheet: sheet.clone(), span }).collect()
}

fn read_bound(range: &Map<String, Value>, name: &str) -> Option<u32> {
    range.get(name).and_then(Value::as_u64).and_then(|bound| u32::try_from(bound).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::storage::content::developer_metadata::KIND;
    use crate::storage::store::SpreadsheetStore;
    use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};

    #[test]
    fn cells_are_found_by_metadata_and_by_open_ranges() {
        let store = SpreadsheetStore::in_memory().unwrap();
        let sheets = [SheetProperties::new(0, "One", 0), SheetProperties::new(7, "Two", 1)];
        store.create("s", &SpreadsheetProperties::default(), &sheets).unwrap();
        let tx = store.write("s").unwrap();
        for (id, key, location) in [
            (1, "row", json!({"dimensionRange": {"dimension": "ROWS", "startIndex": 2, "endIndex": 3}})),
            (
                2,
                "column",
                json!({"dimensionRange": {"sheetId": 7, "dimension": "COLUMNS", "startIndex": 1, "endIndex": 2}}),
            ),
            (3, "sheet", json!({"sheetId": 7})),
        ] {
            tx.put_object(None, KIND, id, &json!({"metadataKey": key, "location": location})).unwrap();
        }
        let workbook = Workbook::open(&tx).unwrap();
        let found = |filter: Value| -> Vec<String> {
            find_filter(&workbook, &filter).unwrap().iter().map(SheetRange::print).collect()
        };
        let cells_of_metadata = |key: &str| found(json!({"developerMetadataLookup": {"metadataKey": key}}));
        assert_eq!(cells_of_metadata("row"), ["One!A3:Z3"]);
        assert_eq!(cells_of_metadata("column"), ["Two!B1:B1000"]);
        assert_eq!(cells_of_metadata("sheet"), ["Two!A1:Z1000"]);
        assert_eq!(cells_of_metadata("none"), [""; 0]);
        assert_eq!(found(json!({"gridRange": {"sheetId": 7, "startRowIndex": 5}})), ["Two!A6:Z1000"]);
        assert_eq!(find_filter(&workbook, &json!({"gridRange": {"startRowIndex": 1000}})).unwrap_err().code, 400);
        assert_eq!(find_filter(&workbook, &json!({})).unwrap_err().code, 400);
    }
}
