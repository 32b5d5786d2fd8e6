//! Formulas that follow moved cells, and formulas that fill several cells, through requests.

use serde_json::{Value, json};

use crate::batch::tests::calls::{send, store, texts};
use crate::drive::export::export;
use crate::methods::values_append::append;
use crate::methods::values_read;
use crate::methods::values_write::update;
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;
use crate::workbook::spreadsheet_json::get;

#[expect(clippy::needless_pass_by_value, reason = "a test hands over what `json!` made")]
fn put(store: &SpreadsheetStore, range: &str, values: Value) {
    let words = json!({"valueInputOption": "USER_ENTERED"});
    let body = json!({ "values": values });
    update(store, "s", range, words.as_object().unwrap(), body.as_object().unwrap()).unwrap();
}

fn read(store: &SpreadsheetStore, range: &str, render: &str) -> Value {
    let words = json!({ "valueRenderOption": render });
    let answer = values_read::get(store, "s", range, words.as_object().unwrap(), false).unwrap();
    serde_json::from_slice::<Value>(&answer).unwrap()["values"].clone()
}

fn span(dimension: &str, start: u32, end: u32) -> Value {
    json!({"sheetId": 0, "dimension": dimension, "startIndex": start, "endIndex": end})
}

#[test]
fn formulas_of_every_sheet_follow_rows_columns_and_sheets() {
    let store = store();
    send(&store, json!([{"addSheet": {"properties": {"sheetId": 5, "title": "Own"}}}])).unwrap();
    put(&store, "Sheet1!A1", json!([["n", "m"], [1, "=A2*2"], [2, "=A3*2"], [3, "=SUM(A2:A4)"]]));
    put(&store, "Own!A1", json!([["=Sheet1!A3+$A$9", "=SUM(Sheet1!A2:A)"]]));
    send(&store, json!([{"insertDimension": {"range": span("ROWS", 2, 4)}}])).unwrap();
    assert_eq!(texts(&store, 0)[5], ["3", "=SUM(A2:A6)"]);
    assert_eq!(texts(&store, 5)[0], ["=Sheet1!A5+$A$9", "=SUM(Sheet1!A2:A)"]);
    send(&store, json!([{"deleteDimension": {"range": span("ROWS", 4, 5)}}])).unwrap();
    assert_eq!(texts(&store, 0)[4], ["3", "=SUM(A2:A5)"]);
    assert_eq!(texts(&store, 5)[0], ["=#REF!+$A$9", "=SUM(Sheet1!A2:A)"]);
    send(&store, json!([{"moveDimension": {"source": span("COLUMNS", 0, 1), "destinationIndex": 3}}])).unwrap();
    assert_eq!(texts(&store, 0)[1], ["=C2*2", "", "1"]);
    let from = json!({"startRowIndex": 1, "endRowIndex": 2, "startColumnIndex": 2, "endColumnIndex": 3});
    let to = json!({"sheetId": 5, "rowIndex": 4, "columnIndex": 4});
    send(&store, json!([{"cutPaste": {"source": from, "destination": to, "pasteType": "PASTE_NORMAL"}}])).unwrap();
    assert_eq!(texts(&store, 0)[1], ["=Own!E5*2"]);
    let renamed = json!({"properties": {"sheetId": 5, "title": "My own"}, "fields": "title"});
    send(&store, json!([{"updateSheetProperties": renamed}])).unwrap();
    assert_eq!(texts(&store, 0)[1], ["='My own'!E5*2"]);
    assert_eq!(read(&store, "Sheet1!A2", "UNFORMATTED_VALUE"), json!([[2]]));
    send(&store, json!([{"deleteSheet": {"sheetId": 5}}])).unwrap();
    assert_eq!(texts(&store, 0)[1], ["=#REF!*2"]);
    assert_eq!(read(&store, "Sheet1!A2", "FORMATTED_VALUE"), json!([["#REF!"]]));
}

#[test]
fn cells_that_make_room_take_the_references_to_them_along() {
    let store = store();
    put(&store, "A1", json!([[1, 2, "=A2+B2"], [3, 4, "=SUM(A1:A2)"]]));
    let range = json!({"startRowIndex": 0, "endRowIndex": 1, "startColumnIndex": 0, "endColumnIndex": 1});
    send(&store, json!([{"insertRange": {"range": range, "shiftDimension": "ROWS"}}])).unwrap();
    assert_eq!(texts(&store, 0), [vec!["", "2", "=A3+B2"], vec!["1", "4", "=SUM(A2:A3)"], vec!["3"]]);
    send(&store, json!([{"deleteRange": {"range": range, "shiftDimension": "ROWS"}}])).unwrap();
    assert_eq!(texts(&store, 0), [["1", "2", "=A2+B2"], ["3", "4", "=SUM(A1:A2)"]]);
}

#[test]
fn filled_cells_look_alike_to_every_kind_of_read() {
    let store = store();
    let grid = json!({"properties": {"gridProperties": {"rowCount": 5, "columnCount": 4}}, "fields": "gridProperties"});
    send(&store, json!([{"updateSheetProperties": grid}])).unwrap();
    put(&store, "A1", json!([["n", "={\"twice\";ARRAYFORMULA(IF(A2:A=\"\",\"\",A2:A*2))}"], [3], [1]]));
    let filled = json!([["n", "twice"], [3, 6], [1, 2], ["", ""], ["", ""]]);
    assert_eq!(read(&store, "A1:D", "UNFORMATTED_VALUE"), filled);
    assert_eq!(read(&store, "B2:B3", "FORMULA"), json!([[6], [2]]));
    assert_eq!(export(&store, "s", "text/csv").unwrap().0, b"n,twice\r\n3,6\r\n1,2\r\n,\r\n,");
    let cells = get(&store, "s", vec!["B2".to_owned()], true, &ResponseMask::All).unwrap();
    let cell = cells["sheets"][0]["data"][0]["rowData"][0]["values"][0].clone();
    assert_eq!((&cell["effectiveValue"], &cell["formattedValue"]), (&json!({"numberValue": 6}), &json!("6")));
    assert_eq!(cell.get("userEnteredValue"), None);
    let area = json!({"startRowIndex": 1, "endRowIndex": 3, "startColumnIndex": 1, "endColumnIndex": 2});
    let at = json!({"startRowIndex": 1, "endRowIndex": 3, "startColumnIndex": 3, "endColumnIndex": 4});
    send(&store, json!([{"copyPaste": {"source": area, "destination": at, "pasteType": "PASTE_VALUES"}}])).unwrap();
    assert_eq!(texts(&store, 0)[1..], [["3", "", "", "6"], ["1", "", "", "2"]]);
    let rows = json!({"startRowIndex": 1, "endRowIndex": 5, "startColumnIndex": 0, "endColumnIndex": 2});
    send(&store, json!([{"sortRange": {"range": rows, "sortSpecs": [{"dimensionIndex": 1}]}}])).unwrap();
    assert_eq!(read(&store, "A2:B3", "UNFORMATTED_VALUE"), json!([[1, 2], [3, 6]]));
    let words = json!({"valueInputOption": "RAW"});
    let body = json!({"values": [["last"]]});
    let got = append(&store, "s", "A1", words.as_object().unwrap(), body.as_object().unwrap()).unwrap();
    assert_eq!(got["updates"]["updatedRange"], "Sheet1!A6", "an empty text that a formula fills in is a value");
    put(&store, "B4", json!([["in the way"]]));
    assert_eq!(read(&store, "B1:B4", "FORMATTED_VALUE"), json!([["#REF!"], [], [], ["in the way"]]));
}

#[test]
fn rules_and_the_sources_of_charts_follow_their_cells() {
    let store = store();
    let range = |start: u32, end: u32| json!({"startRowIndex": start, "endRowIndex": end, "startColumnIndex": 0, "endColumnIndex": 1});
    let rule = json!({"ranges": [range(4, 6)], "booleanRule": {"condition": {"type": "BLANK"}, "format": {}}});
    let series = json!([{"series": {"sourceRange": {"sources": [range(1, 9)]}}}]);
    let chart = json!({"chartId": 7, "spec": {"basicChart": {"series": series}}});
    let requests = json!([
        {"addConditionalFormatRule": {"rule": rule, "index": 0}},
        {"addChart": {"chart": chart}},
        {"insertDimension": {"range": span("ROWS", 2, 4)}}
    ]);
    send(&store, requests).unwrap();
    let sheet = || get(&store, "s", Vec::new(), false, &ResponseMask::All).unwrap()["sheets"][0].clone();
    let rows = |range: &Value| (range["startRowIndex"].as_u64(), range["endRowIndex"].as_u64());
    assert_eq!(rows(&sheet()["conditionalFormats"][0]["ranges"][0]), (Some(6), Some(8)));
    let source = sheet()["charts"][0]["spec"]["basicChart"]["series"][0]["series"]["sourceRange"]["sources"][0].clone();
    assert_eq!(rows(&source), (Some(1), Some(11)));
    send(&store, json!([{"deleteDimension": {"range": span("ROWS", 6, 8)}}])).unwrap();
    assert_eq!(sheet().get("conditionalFormats"), None);
}
