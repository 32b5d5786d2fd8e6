//! Requests that common clients send, with the recorded responses of Google.

use serde_json::{Value, json};

use crate::batch::tests::calls::{refusal, send, store, texts};
use crate::format::response_format::render_stored_object;
use crate::methods::create::create;
use crate::random::SeededRandom;
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;
use crate::workbook::spreadsheet_json::get;

fn first_sheet(store: &SpreadsheetStore, fields: &str) -> Value {
    let mask = ResponseMask::parse(fields, "Spreadsheet").unwrap();
    get(store, "s", Vec::new(), false, &mask).unwrap()["sheets"][0].clone()
}

fn write(store: &SpreadsheetStore, rows: &[&[&str]]) {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let values: Vec<Value> =
                row.iter().map(|text| json!({"userEnteredValue": {"stringValue": text}})).collect();
            json!({ "values": values })
        })
        .collect();
    let write = json!({"start": {"sheetId": 0}, "rows": rows, "fields": "userEnteredValue"});
    send(store, json!([{ "updateCells": write }])).unwrap();
}

#[test]
fn groups_come_and_go_as_recorded() {
    let store = store();
    let range = json!({"sheetId": 0, "dimension": "COLUMNS", "startIndex": 0, "endIndex": 2});
    let group = json!({"range": {"dimension": "COLUMNS", "startIndex": 0, "endIndex": 2}, "depth": 1});
    let added = send(&store, json!([{"addDimensionGroup": {"range": range}}])).unwrap();
    assert_eq!(added[0], json!({"addDimensionGroup": {"dimensionGroups": [group]}}));
    let sheet = first_sheet(&store, "sheets(columnGroups,properties.gridProperties)");
    assert_eq!(sheet["columnGroups"], json!([group]));
    let grid = json!({"rowCount": 1000, "columnCount": 26, "columnGroupControlAfter": true});
    assert_eq!(sheet["properties"]["gridProperties"], grid);
    let insert = json!({"sheetId": 0, "dimension": "COLUMNS", "startIndex": 1, "endIndex": 2});
    send(&store, json!([{"insertDimension": {"range": insert}}, {"deleteDimension": {"range": insert}}])).unwrap();
    let gone = send(&store, json!([{"deleteDimensionGroup": {"range": range}}])).unwrap();
    assert_eq!(gone[0], json!({"deleteDimensionGroup": {}}));
    let sheet = first_sheet(&store, "sheets(columnGroups,properties.gridProperties)");
    assert_eq!((sheet.get("columnGroups"), &sheet["properties"]["gridProperties"]), (None, &grid));
    assert_eq!(
        refusal(&store, json!([{"deleteDimensionGroup": {"range": range}}])),
        "Invalid requests[0].deleteDimensionGroup: There is no group in the range."
    );
}

#[test]
fn a_column_is_made_as_wide_as_its_text_as_recorded() {
    let store = store();
    write(&store, &[&["A".repeat(1024).as_str(), "short"]]);
    let span = json!({"sheetId": 0, "dimension": "COLUMNS", "startIndex": 0, "endIndex": 1});
    send(&store, json!([{"autoResizeDimensions": {"dimensions": span}}])).unwrap();
    let columns = first_sheet(&store, "sheets.data.columnMetadata")["data"][0]["columnMetadata"].clone();
    assert_eq!((&columns[0], &columns[1]), (&json!({"pixelSize": 9483}), &json!({"pixelSize": 100})));
}

#[test]
fn what_is_cut_is_pasted_and_gone() {
    let store = store();
    write(&store, &[&["A1"], &["A2"]]);
    let source =
        json!({"sheetId": 0, "startRowIndex": 0, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": 1});
    let cut = |row: u32, col: u32| {
        json!([{"cutPaste": {"source": source, "pasteType": "PASTE_NORMAL",
        "destination": {"sheetId": 0, "rowIndex": row, "columnIndex": col}}}])
    };
    send(&store, cut(0, 2)).unwrap();
    assert_eq!(texts(&store, 0), [["", "", "A1"], ["", "", "A2"]]);
    let got = "Invalid requests[0].cutPaste: Range (Sheet1!A1000:A1001) exceeds grid limits. Max rows: 1000, max \
                columns: 26";
    assert_eq!(refusal(&store, cut(999, 0)), got);
    write(&store, &[&["x"], &["y"]]);
    send(&store, cut(1, 0)).unwrap();
    assert_eq!(texts(&store, 0), [vec!["", "", "A1"], vec!["x", "", "A2"], vec!["y"]]);
}

#[test]
fn a_colour_that_is_written_in_one_form_replaces_the_other() {
    let store = store();
    let colour = |properties: Value, fields: &str| {
        send(&store, json!([{"updateSheetProperties": {"properties": properties, "fields": fields}}])).unwrap();
        first_sheet(&store, "sheets.properties(tabColor,tabColorStyle)")["properties"].clone()
    };
    let red = colour(json!({"sheetId": 0, "tabColor": {"red": 1}}), "tabColor");
    assert_eq!(red, json!({"tabColor": {"red": 1}, "tabColorStyle": {"rgbColor": {"red": 1}}}));
    let blue = colour(json!({"sheetId": 0, "tabColorStyle": {"rgbColor": {"blue": 1}}}), "tabColorStyle");
    assert_eq!(blue, json!({"tabColorStyle": {"rgbColor": {"blue": 1}}, "tabColor": {"blue": 1}}));
    assert_eq!(colour(json!({"sheetId": 0, "tabColorStyle": {"rgbColor": null}}), "tabColorStyle"), json!({}));
}

#[test]
fn rows_that_are_shown_again_say_nothing_of_hiding() {
    let store = store();
    let hide_rows = |hidden: bool| {
        let range = json!({"sheetId": 0, "dimension": "ROWS", "startIndex": 0, "endIndex": 1});
        let request = json!({"range": range, "properties": {"hiddenByUser": hidden}, "fields": "hiddenByUser"});
        send(&store, json!([{ "updateDimensionProperties": request }])).unwrap();
        first_sheet(&store, "sheets.data.rowMetadata")["data"][0]["rowMetadata"][0].clone()
    };
    assert_eq!(hide_rows(true), json!({"pixelSize": 21, "hiddenByUser": true}));
    assert_eq!(hide_rows(false), json!({"pixelSize": 21}));
}

#[test]
fn borders_white_space_and_rules_are_kept_in_order() {
    let store = store();
    write(&store, &[&["  a  b ", "c"]]);
    let range = json!({"sheetId": 0, "startRowIndex": 0, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": 2});
    let rule = |kind: &str| json!({"ranges": [range], "booleanRule": {"condition": {"type": kind}, "format": {}}});
    let replies = send(
        &store,
        json!([
            {"trimWhitespace": {"range": range}},
            {"updateBorders": {"range": range, "top": {"style": "SOLID"}, "innerVertical": {"style": "NONE"}}},
            {"addConditionalFormatRule": {"rule": rule("BLANK"), "index": 0}},
            {"addConditionalFormatRule": {"rule": rule("NOT_BLANK"), "index": 0}},
            {"deleteConditionalFormatRule": {"sheetId": 0, "index": 1}}
        ]),
    );
    let replies = replies.unwrap();
    assert_eq!(replies[0], json!({"trimWhitespace": {"cellsChangedCount": 1}}));
    assert_eq!(replies[4]["deleteConditionalFormatRule"]["rule"], render_stored_object("rule", &rule("BLANK")));
    assert_eq!(texts(&store, 0), [["a b", "c"]]);
    let sheet = first_sheet(&store, "sheets(conditionalFormats,data.rowData.values.userEnteredFormat)");
    assert_eq!(sheet["conditionalFormats"], json!([render_stored_object("rule", &rule("NOT_BLANK"))]));
    let top = json!([{"values": [{"userEnteredFormat": {"borders": {"top": {"style": "SOLID"}}}},
        {"userEnteredFormat": {"borders": {"top": {"style": "SOLID"}}}}]}]);
    assert_eq!(sheet["data"][0]["rowData"], top);
}

#[test]
fn a_spreadsheet_is_made_with_its_cells_and_names_or_not_at_all() {
    let store = SpreadsheetStore::in_memory().unwrap();
    let ask = |body: Value| create(&store, "s", body.to_string().as_bytes(), &ResponseMask::All, &SeededRandom::new(1));
    let refused = ask(json!({"sheets": [{"merges": [{"sheetId": 0, "endRowIndex": 1}]}]})).unwrap_err();
    assert_eq!((refused.code, refused.status), (422, "UNIMPLEMENTED"));
    let cell = json!({"userEnteredValue": {"stringValue": "hi"}});
    let data = json!([{"startRow": 1, "startColumn": 1, "rowData": [{"values": [cell]}]}]);
    let name = json!({"name": "N", "namedRangeId": "n", "range": {"sheetId": 5, "endRowIndex": 1}});
    let sheet = json!({"properties": {"sheetId": 5, "title": "A"}, "data": data});
    let made = ask(json!({"sheets": [sheet], "namedRanges": [name]})).unwrap();
    assert_eq!(made["namedRanges"], json!([name]));
    assert_eq!(texts(&store, 5), [vec![], vec!["", "hi"]]);
}

#[test]
fn a_duplicate_has_merges_filter_groups_and_rules_of_its_own() {
    let store = store();
    let range = json!({"sheetId": 0, "startRowIndex": 0, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": 2});
    let rows = json!({"sheetId": 0, "dimension": "ROWS", "startIndex": 0, "endIndex": 2});
    let rule = json!({"ranges": [range], "booleanRule": {"condition": {"type": "BLANK"}}});
    let requests = json!([
        {"mergeCells": {"range": range, "mergeType": "MERGE_ALL"}},
        {"setBasicFilter": {"filter": {"range": range}}},
        {"addDimensionGroup": {"range": rows}},
        {"addConditionalFormatRule": {"rule": rule, "index": 0}},
        {"duplicateSheet": {"sourceSheetId": 0, "newSheetId": 7, "insertSheetIndex": 0}}
    ]);
    send(&store, requests).unwrap();
    let mut copy = first_sheet(&store, "sheets(merges,basicFilter,rowGroups,conditionalFormats)");
    for pointer in ["/merges/0", "/basicFilter/range", "/rowGroups/0/range", "/conditionalFormats/0/ranges/0"] {
        let range = copy.pointer_mut(pointer).unwrap();
        assert_eq!(range["sheetId"], 7, "{pointer}");
    }
}

#[test]
fn a_protected_range_is_answered_and_listed_as_recorded() {
    let store = store();
    let range = json!({"startRowIndex": 0, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": 2});
    let sent = json!({"range": range, "protectedRangeId": 9, "description": "", "warningOnly": false,
        "requestingUserCanEdit": false, "editors": {"users": [], "groups": []}});
    let reply = send(&store, json!([{"addProtectedRange": {"protectedRange": sent}}])).unwrap();
    let mut got = json!({"protectedRangeId": 9, "range": range, "requestingUserCanEdit": true, "editors": {}});
    assert_eq!(reply[0], json!({"addProtectedRange": {"protectedRange": got}}));
    got["editors"] = json!({"users": [crate::auth::test_credentials::TEST_ACCOUNT]});
    assert_eq!(first_sheet(&store, "sheets.protectedRanges")["protectedRanges"], json!([got]));
}
