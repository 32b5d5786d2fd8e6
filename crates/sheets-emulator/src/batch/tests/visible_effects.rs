//! Requests of people and other clients, and what `spreadsheets.get` returns after them.

use serde_json::{Value, json};

use crate::batch::tests::calls::{refusal, rows, send, store, texts};
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;
use crate::workbook::spreadsheet_json::get;

fn make_filled_store(lines: &[&[&str]]) -> SpreadsheetStore {
    let store = store();
    send(&store, json!([{"appendCells": {"rows": rows(lines), "fields": "userEnteredValue"}}])).unwrap();
    store
}

fn area(rows: (u32, u32), cols: (u32, u32)) -> Value {
    json!({"startRowIndex": rows.0, "endRowIndex": rows.1, "startColumnIndex": cols.0, "endColumnIndex": cols.1})
}

fn sheet(store: &SpreadsheetStore, includes_grid_data: bool) -> Value {
    get(store, "s", Vec::new(), includes_grid_data, &ResponseMask::All).unwrap()["sheets"][0].clone()
}

#[test]
fn sorting_takes_several_columns_and_leaves_what_lies_beside() {
    let store =
        make_filled_store(&[&["head", "", "x"], &["b", "2", "1"], &["a", "1", "2"], &["B", "1", "3"], &["", "9", "4"]]);
    let sort = json!([{"sortRange": {"range": area((1, 1000), (0, 2)), "sortSpecs": [
        {"dimensionIndex": 0, "sortOrder": "DESCENDING"}, {"dimensionIndex": 1, "sortOrder": "ASCENDING"}]}}]);
    send(&store, sort).unwrap();
    assert_eq!(
        texts(&store, 0),
        [vec!["head", "", "x"], vec!["B", "1", "1"], vec!["b", "2", "2"], vec!["a", "1", "3"], vec!["", "9", "4"]]
    );
}

#[test]
fn ranges_are_taken_out_and_put_in_without_changing_the_grid() {
    let store = make_filled_store(&[&["a", "b", "c"], &["d", "e", "f"], &["g", "h", "i"]]);
    send(&store, json!([{"deleteRange": {"range": area((0, 1), (1, 2)), "shiftDimension": "ROWS"}}])).unwrap();
    assert_eq!(texts(&store, 0), [vec!["a", "e", "c"], vec!["d", "h", "f"], vec!["g", "", "i"]]);
    send(&store, json!([{"insertRange": {"range": area((1, 2), (0, 1)), "shiftDimension": "COLUMNS"}}])).unwrap();
    assert_eq!(texts(&store, 0)[1], ["", "d", "h", "f"]);
    send(&store, json!([{"deleteRange": {"range": {"startRowIndex": 0, "endRowIndex": 1}, "shiftDimension": "ROWS"}}]))
        .unwrap();
    assert_eq!(texts(&store, 0), [vec!["", "d", "h", "f"], vec!["g", "", "i"]]);
    send(&store, json!([{"insertRange": {"range": area((0, 1), (0, 1)), "shiftDimension": "ROWS"}}])).unwrap();
    assert_eq!(texts(&store, 0), [vec!["", "d", "h", "f"], vec!["", "", "i"], vec!["g"]]);
    assert_eq!(sheet(&store, false)["properties"]["gridProperties"]["rowCount"], 1000);
}

#[test]
fn duplicates_go_whatever_their_case_and_are_counted() {
    let store = make_filled_store(&[&["a", "1"], &["A", "2"], &["b", "3"], &["a", "4"]]);
    let columns = json!([{"dimension": "COLUMNS", "startIndex": 0, "endIndex": 1}]);
    let reply =
        send(&store, json!([{"deleteDuplicates": {"range": area((0, 10), (0, 2)), "comparisonColumns": columns}}]));
    assert_eq!(reply.unwrap(), json!([{"deleteDuplicates": {"duplicatesRemovedCount": 2}}]));
    assert_eq!(texts(&store, 0), [vec!["a", "1"], vec!["b", "3"]]);
}

#[test]
fn texts_are_found_and_replaced() {
    let store = make_filled_store(&[&["cat", "Catcat"], &["dog", "x"]]);
    let replace = json!([{"findReplace": {"find": "cat", "replacement": "cow", "allSheets": true}}]);
    let counts = json!({"valuesChanged": 2, "rowsChanged": 1, "sheetsChanged": 1, "occurrencesChanged": 3});
    assert_eq!(send(&store, replace).unwrap(), json!([{"findReplace": counts}]));
    assert_eq!(texts(&store, 0)[0], ["cow", "cowcow"]);
}

#[test]
fn merges_keep_the_first_value_and_are_shown() {
    let store = make_filled_store(&[&["a", "b"], &["c", "d"]]);
    send(&store, json!([{"mergeCells": {"range": area((0, 2), (0, 2)), "mergeType": "MERGE_ROWS"}}])).unwrap();
    assert_eq!(texts(&store, 0), [vec!["a"], vec!["c"]]);
    assert_eq!(sheet(&store, false)["merges"], json!([area((0, 1), (0, 2)), area((1, 2), (0, 2))]));
    let part = json!([{"unmergeCells": {"range": area((0, 1), (0, 1))}}]);
    assert!(refusal(&store, part).contains("You must select all cells in a merged range"));
    send(&store, json!([{"unmergeCells": {"range": area((0, 2), (0, 2))}}])).unwrap();
    assert_eq!(sheet(&store, false).get("merges"), None);
}

#[test]
fn protections_and_filters_are_kept_and_shown() {
    let store = store();
    let protect = json!([{"addProtectedRange": {"protectedRange": {"range": area((0, 2), (0, 2)), "warningOnly": true}}},
        {"setBasicFilter": {"filter": {"range": area((0, 5), (0, 2))}}}]);
    let reply = send(&store, protect).unwrap();
    let id = reply[0]["addProtectedRange"]["protectedRange"]["protectedRangeId"].clone();
    send(&store, json!([
        {"updateProtectedRange": {"protectedRange": {"protectedRangeId": id, "description": "d"}, "fields": "description"}},
        {"insertDimension": {"range": {"dimension": "ROWS", "startIndex": 0, "endIndex": 1}}}])).unwrap();
    let shown = sheet(&store, false);
    assert_eq!(shown["protectedRanges"][0]["range"], area((1, 3), (0, 2)));
    assert_eq!(
        (&shown["protectedRanges"][0]["description"], &shown["protectedRanges"][0]["warningOnly"]),
        (&json!("d"), &json!(true))
    );
    assert_eq!(shown["basicFilter"]["range"], area((1, 6), (0, 2)));
    send(&store, json!([{"deleteProtectedRange": {"protectedRangeId": id}}, {"clearBasicFilter": {}}])).unwrap();
    let shown = sheet(&store, false);
    assert_eq!((shown.get("protectedRanges"), shown.get("basicFilter")), (None, None));
    refusal(&store, json!([{"deleteProtectedRange": {"protectedRangeId": id}}]));
}

#[test]
fn sizes_rules_and_formats_are_in_the_grid_data() {
    let store = store();
    let rule = json!({"condition": {"type": "ONE_OF_LIST", "values": [{"userEnteredValue": "retry"}]}});
    let format =
        json!({"numberFormat": {"type": "NUMBER", "pattern": "0.00"}, "backgroundColor": {"red": 0.5, "green": 0}});
    send(&store, json!([
        {"setDataValidation": {"range": area((0, 2), (1, 2)), "rule": rule}},
        {"repeatCell": {"range": area((0, 1), (0, 1)), "cell": {"userEnteredValue": {"numberValue": 1.5}, "userEnteredFormat": format}, "fields": "*"}},
        {"updateDimensionProperties": {"range": {"dimension": "COLUMNS", "startIndex": 1, "endIndex": 2},
            "properties": {"pixelSize": 7}, "fields": "pixelSize"}},
        {"insertDimension": {"range": {"dimension": "COLUMNS", "startIndex": 0, "endIndex": 1}}}])).unwrap();
    let data = sheet(&store, true)["data"][0].clone();
    let cells = &data["rowData"][0]["values"];
    assert_eq!(cells[1]["userEnteredFormat"]["backgroundColor"], json!({"red": 0.498_039_22}));
    assert_eq!(
        (&cells[1]["formattedValue"], &cells[1]["effectiveValue"]),
        (&json!("1.50"), &json!({"numberValue": 1.5}))
    );
    assert_eq!(
        cells[0]["userEnteredFormat"]["numberFormat"]["pattern"], "0.00",
        "a new column takes its neighbour's format"
    );
    assert_eq!(cells[2]["dataValidation"], rule);
    assert_eq!(data["columnMetadata"][2]["pixelSize"], 7);
    assert_eq!(
        (data["rowMetadata"].as_array().unwrap().len(), data["columnMetadata"].as_array().unwrap().len()),
        (1000, 27)
    );
    assert_eq!(store.read("s").unwrap().last_row_with_data(0).unwrap(), Some(0), "a rule is not data");
}

#[test]
fn a_copy_of_a_sheet_has_its_cells() {
    let store = make_filled_store(&[&["a"]]);
    let copy = json!([{"duplicateSheet": {"sourceSheetId": 0, "newSheetId": 4, "insertSheetIndex": 0}}]);
    let reply = send(&store, copy).unwrap();
    assert_eq!(reply[0]["duplicateSheet"]["properties"]["title"], "Copy of Sheet1");
    send(&store, json!([{"updateCells": {"start": {"sheetId": 0}, "rows": rows(&[&["b"]]), "fields": "*"}}])).unwrap();
    assert_eq!((texts(&store, 4), texts(&store, 0)), (vec![vec!["a".to_owned()]], vec![vec!["b".to_owned()]]));
}

#[test]
fn a_name_moves_and_is_renamed() {
    let store = store();
    let add =
        json!([{"addNamedRange": {"namedRange": {"namedRangeId": "7", "name": "a_b", "range": area((0, 1), (0, 1))}}}]);
    send(&store, add).unwrap();
    let update = json!([{"updateNamedRange": {"namedRange": {"namedRangeId": "7", "name": "A_B", "range": area((1, 2), (0, 1))}, "fields": "*"}}]);
    send(&store, update).unwrap();
    let named = store.read("s").unwrap().named_range_by_name("a_b").unwrap().unwrap();
    assert_eq!((named.name.as_str(), named.range.start_row), ("A_B", Some(1)));
    let lost = json!([{"updateNamedRange": {"namedRange": {"namedRangeId": "8"}, "fields": "range"}}]);
    assert_eq!(refusal(&store, lost), "Invalid requests[0].updateNamedRange: No named range with id: 8");
}

#[test]
fn a_mark_is_taken_once_moves_with_its_row_and_is_found() {
    let store = store();
    let mark = |id: u32, key: &str, location: Value| {
        json!({"createDeveloperMetadata": {"developerMetadata":
        {"metadataId": id, "metadataKey": key, "visibility": "DOCUMENT", "location": location}}})
    };
    let row = json!({"dimensionRange": {"sheetId": 0, "dimension": "ROWS", "startIndex": 4, "endIndex": 5}});
    let reply = send(&store, json!([mark(5, "k", row), mark(6, "k", json!({"spreadsheet": true}))])).unwrap();
    assert_eq!(reply[0]["createDeveloperMetadata"]["developerMetadata"]["location"]["locationType"], "ROW");
    assert_eq!(
        refusal(&store, json!([mark(5, "x", json!({"spreadsheet": true}))])),
        "Invalid requests[0].createDeveloperMetadata: Cannot add developer metadata with ID [5] because developer \
         metadata with that ID already exists."
    );
    send(&store, json!([{"insertDimension": {"range": {"dimension": "ROWS", "startIndex": 0, "endIndex": 2}}}]))
        .unwrap();
    let by_key = json!({"developerMetadataLookup": {"metadataKey": "k"}});
    let reply = send(&store, json!([{"deleteDeveloperMetadata": {"dataFilter": by_key}}])).unwrap();
    let gone = &reply[0]["deleteDeveloperMetadata"]["deletedDeveloperMetadata"];
    assert_eq!(gone[0]["location"]["dimensionRange"]["startIndex"], 6);
    assert_eq!(gone.as_array().unwrap().len(), 2);
    let reply = send(&store, json!([{"deleteDeveloperMetadata": {"dataFilter": by_key}}])).unwrap();
    assert_eq!(reply, json!([{"deleteDeveloperMetadata": {}}]));
}

#[test]
fn a_strategy_without_a_location_deletes_no_marks() {
    let store = store();
    let mark = json!({"metadataKey": "k", "visibility": "DOCUMENT", "location": {"spreadsheet": true}});
    send(&store, json!([{"createDeveloperMetadata": {"developerMetadata": mark}}])).unwrap();
    let filter = json!({"developerMetadataLookup": {"locationMatchingStrategy": "INTERSECTING_LOCATION"}});
    let update =
        json!({"dataFilters": [filter], "developerMetadata": {"metadataValue": "v"}, "fields": "metadataValue"});
    for request in
        [json!({"deleteDeveloperMetadata": {"dataFilter": filter}}), json!({"updateDeveloperMetadata": update})]
    {
        let got = refusal(&store, json!([request]));
        assert!(got.contains("locationMatchingStrategy was specified, but metadataLocation was not"), "{got}");
    }
    assert_eq!(store.read("s").unwrap().objects(None, "metadata").unwrap().len(), 1);
}

#[test]
fn a_merge_lies_on_one_side_of_the_frozen_edge() {
    let store = store();
    let frozen = json!({"gridProperties": {"frozenRowCount": 2, "frozenColumnCount": 1}});
    let fields = "gridProperties.frozenRowCount,gridProperties.frozenColumnCount";
    send(&store, json!([{"updateSheetProperties": {"properties": frozen, "fields": fields}}])).unwrap();
    let merge = |rows: (u32, u32), columns: (u32, u32), kind: &str| {
        let range = json!({"startRowIndex": rows.0, "endRowIndex": rows.1, "startColumnIndex": columns.0,
            "endColumnIndex": columns.1});
        json!([{"mergeCells": {"range": range, "mergeType": kind}}])
    };
    let columns = "Invalid requests[0].mergeCells: You can't merge frozen and non-frozen columns.";
    assert_eq!(refusal(&store, merge((0, 1), (0, 2), "MERGE_ALL")), columns);
    assert_eq!(refusal(&store, merge((0, 4), (0, 2), "MERGE_ROWS")), columns);
    let rows = "Invalid requests[0].mergeCells: You can't merge frozen and non-frozen rows.";
    assert_eq!(refusal(&store, merge((1, 4), (1, 3), "MERGE_ALL")), rows);
    assert_eq!(refusal(&store, merge((1, 4), (0, 2), "MERGE_COLUMNS")), rows);
    send(&store, merge((2, 4), (0, 2), "MERGE_COLUMNS")).unwrap();
    send(&store, merge((0, 2), (1, 3), "MERGE_ALL")).unwrap();
    let freeze = |rows: u32, columns: u32| {
        let frozen = json!({"gridProperties": {"frozenRowCount": rows, "frozenColumnCount": columns}});
        json!([{"updateSheetProperties": {"properties": frozen, "fields": fields}}])
    };
    let part = "which contain only part of a merged cell.";
    assert!(refusal(&store, freeze(2, 2)).ends_with(&format!("you can't freeze columns {part}")));
    assert!(refusal(&store, freeze(1, 1)).ends_with(&format!("you can't freeze rows {part}")));
    send(&store, freeze(0, 3)).unwrap();
}
