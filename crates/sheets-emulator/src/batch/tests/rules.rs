//! Rules of batches against a spreadsheet in memory, with Google's messages.

use serde_json::{Value, json};

use crate::batch::apply::batch_update;
use crate::batch::context::{CallerIdBehavior, MissingIdBehavior, UnknownBehaviors, ValidationBehavior};
use crate::batch::tests::calls::{refusal, rows, send, send_with, store, texts};
use crate::random::SeededRandom;
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;
use crate::workbook::spreadsheet_json::get;

fn append(texts: &[&[&str]]) -> Value {
    json!({"appendCells": {"sheetId": 0, "rows": rows(texts), "fields": "userEnteredValue"}})
}

fn properties(store: &SpreadsheetStore) -> Value {
    get(store, "s", Vec::new(), false, &ResponseMask::All).unwrap()["sheets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sheet| sheet["properties"].clone())
        .collect()
}

#[test]
fn rows_are_appended_after_the_last_data_and_grow_the_grid() {
    let store = store();
    let at = |row: u32, col: u32| {
        json!({"updateCells": {"start": {"rowIndex": row, "columnIndex": col},
        "rows": rows(&[&["x"]]), "fields": "userEnteredValue"}})
    };
    send(&store, json!([at(0, 9), at(10, 9), append(&[&["a", "", "=1+1"], &[], &["b"]])])).unwrap();
    let seen = texts(&store, 0);
    assert_eq!(seen[11], ["a", "", "=1+1"]);
    assert_eq!(seen[13], ["b"]);
    let full = json!({"updateSheetProperties": {"properties": {"gridProperties": {"rowCount": 14, "columnCount": 10}},
        "fields": "gridProperties/rowCount,gridProperties/columnCount"}});
    send(&store, json!([full, append(&[&["c"]])])).unwrap();
    assert_eq!(properties(&store)[0]["gridProperties"], json!({"rowCount": 15, "columnCount": 10}));
}

#[test]
fn a_bad_request_undoes_the_batch_and_is_named_by_its_index() {
    let store = store();
    let lost = json!({"updateCells": {"start": {"sheetId": 999_999}, "rows": rows(&[&["x"]]), "fields": "*"}});
    let batch = json!([append(&[&["a"]]), {"addSheet": {"properties": {"title": "B"}}}, lost]);
    assert_eq!(refusal(&store, batch), "Invalid requests[2].updateCells: No grid with id: 999999");
    assert!(texts(&store, 0).is_empty());
    assert_eq!(properties(&store).as_array().unwrap().len(), 1);
}

#[test]
fn titles_are_unique_whatever_their_case_and_ids_too() {
    let store = store();
    let add = |title: &str, id: i32| json!([{"addSheet": {"properties": {"title": title, "sheetId": id}}}]);
    let reply = send(&store, add("Head", 7001)).unwrap();
    assert_eq!(reply[0]["addSheet"]["properties"]["sheetId"], 7001);
    assert_eq!(
        refusal(&store, add("HEAD", 7002)),
        "Invalid requests[0].addSheet: A sheet with the name \"HEAD\" already exists. Please enter another name."
    );
    assert_eq!(refusal(&store, add("Other", 7001)), "Invalid requests[0].addSheet: Sheet with id 7001 already exists.");
    assert_eq!(refusal(&store, add("Other", -1)), "Invalid requests[0].addSheet: Sheet id must be non-negative.");
}

#[test]
fn the_last_sheet_can_be_neither_removed_nor_hidden() {
    let store = store();
    assert_eq!(
        refusal(&store, json!([{"deleteSheet": {"sheetId": 0}}])),
        "Invalid requests[0].deleteSheet: You can't remove all the sheets in a document."
    );
    assert_eq!(
        refusal(&store, json!([{"deleteSheet": {"sheetId": 5}}])),
        "Invalid requests[0].deleteSheet: No sheet with id: 5"
    );
    let hide_rows =
        json!([{"updateSheetProperties": {"properties": {"sheetId": 0, "hidden": true}, "fields": "hidden"}}]);
    assert_eq!(
        refusal(&store, hide_rows),
        "Invalid requests[0].updateSheetProperties: You can't hide all the sheets in a document."
    );
}

#[test]
fn a_new_sheet_takes_its_place_and_the_others_make_room() {
    let store = store();
    let add = |title: &str, index: u32| json!({"addSheet": {"properties": {"title": title, "index": index}}});
    send(&store, json!([add("B", 0), add("C", 1), {"addSheet": {}}])).unwrap();
    let order = |store: &SpreadsheetStore| -> Vec<String> {
        properties(store)
            .as_array()
            .unwrap()
            .iter()
            .map(|p| format!("{} {}", p["index"], p["title"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(order(&store), ["0 B", "1 C", "2 Sheet1", "3 Sheet2"]);
    let to = |index: u32| json!([{"updateSheetProperties": {"properties": {"sheetId": 0, "index": index}, "fields": "index"}}]);
    send(&store, to(0)).unwrap();
    assert_eq!(order(&store), ["0 Sheet1", "1 B", "2 C", "3 Sheet2"]);
    send(&store, to(1)).unwrap();
    assert_eq!(order(&store)[0], "0 Sheet1", "one further is where it is: places count before the move");
    send(&store, to(2)).unwrap();
    assert_eq!(order(&store), ["0 B", "1 Sheet1", "2 C", "3 Sheet2"]);
    send(&store, json!([{"deleteSheet": {"sheetId": 0}}])).unwrap();
    assert_eq!(order(&store), ["0 B", "1 C", "2 Sheet2"]);
}

#[test]
fn a_masked_property_that_is_false_or_absent_is_reset() {
    let store = store();
    send(
        &store,
        json!([{"addSheet": {"properties": {"sheetId": 1, "hidden": true, "tabColor": {"red": 0.5},
        "gridProperties": {"rowCount": 5, "columnCount": 4, "frozenRowCount": 1, "hideGridlines": true}}}}]),
    )
    .unwrap();
    let shown = properties(&store)[1].clone();
    assert_eq!(shown["tabColor"], json!({"red": 0.498_039_22}));
    assert_eq!(
        shown["gridProperties"],
        json!({"rowCount": 5, "columnCount": 4, "frozenRowCount": 1, "hideGridlines": true})
    );
    send(
        &store,
        json!([{"updateSheetProperties": {"properties": {"sheetId": 1, "gridProperties": {}},
        "fields": "hidden,gridProperties(frozenRowCount,hideGridlines)"}}]),
    )
    .unwrap();
    let shown = properties(&store)[1].clone();
    assert_eq!((shown.get("hidden"), &shown["gridProperties"]), (None, &json!({"rowCount": 5, "columnCount": 4})));
    assert_eq!(
        refusal(&store, json!([{"updateSheetProperties": {"properties": {"sheetId": 1}, "fields": "title"}}])),
        "Invalid requests[0].updateSheetProperties: The sheet name cannot be empty."
    );
}

#[test]
fn update_cells_never_grows_the_grid() {
    let store = store();
    let update = |row: u32, col: u32, cells: Value| json!([{"updateCells": {"start": {"rowIndex": row, "columnIndex": col}, "rows": cells, "fields": "userEnteredValue"}}]);
    assert_eq!(
        refusal(&store, update(1000, 0, rows(&[&["x"]]))),
        "Invalid requests[0].updateCells: GridCoordinate.rowIndex[1000] is after last row in grid[999]"
    );
    assert_eq!(
        refusal(&store, update(0, 25, rows(&[&["x", "y"]]))),
        "Invalid requests[0].updateCells: Attempting to write column: 26, beyond the last requested column of: 25"
    );
    assert_eq!(
        refusal(&store, update(999, 0, rows(&[&["x"], &["y"]]))),
        "Invalid requests[0].updateCells: Attempting to write row: 1000, beyond the last requested row of: 999"
    );
}

#[test]
fn the_range_form_clears_what_its_rows_do_not_cover() {
    let store = store();
    send(&store, json!([append(&[&["a", "b", "c"], &["d", "e", "f"], &["g", "h", "i"]])])).unwrap();
    let range = json!({"startRowIndex": 0, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": 2});
    send(&store, json!([{"updateCells": {"range": range, "rows": rows(&[&["A"]]), "fields": "userEnteredValue"}}]))
        .unwrap();
    assert_eq!(texts(&store, 0), [vec!["A", "", "c"], vec!["", "", "f"], vec!["g", "h", "i"]]);
    send(&store, json!([{"updateCells": {"range": {"sheetId": 0}, "fields": "*"}}])).unwrap();
    assert!(texts(&store, 0).is_empty());
}

#[test]
fn a_cell_and_a_spreadsheet_have_their_limits() {
    let store = store();
    let long = "x".repeat(50_001);
    assert_eq!(
        refusal(&store, json!([append(&[&[&long]])])),
        "Invalid requests[0].appendCells: Your input contains more than the maximum of 50000 characters in a single cell."
    );
    send(&store, json!([append(&[&[&long[1..]]])])).unwrap();
    assert_eq!(
        refusal(&store, json!([{"appendDimension": {"dimension": "ROWS", "length": 400_000}}])),
        "Invalid requests[0].appendDimension: This action would increase the number of cells in the workbook above the \
         limit of 10000000 cells."
    );
    assert_eq!(refusal(&store, json!([])), "Must specify at least one request.");
    assert_eq!(
        refusal(&store, json!([{"appendCells": {"rows": rows(&[&["x"]])}}])),
        "Invalid requests[0].appendCells: At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)"
    );
}

#[test]
fn every_kind_of_the_api_is_known() {
    let store = store();
    let line = include_str!("../../schema/schema.txt").lines().find(|line| line.starts_with("Request ")).unwrap();
    let kinds: Vec<&str> = line.split(' ').skip(1).map(|word| word.split(':').next().unwrap()).collect();
    assert_eq!(kinds.len(), 74);
    for kind in kinds {
        match send(&store, json!([{kind: {}}])) {
            Ok(_) => {}
            Err(error) => assert!([400, 422].contains(&error.code), "{kind}: {error}"),
        }
    }
    let error = send(&store, json!([{"addTable": {}}])).unwrap_err();
    assert_eq!((error.code, error.status), (422, "UNIMPLEMENTED"));
}

#[test]
fn unknown_fields_are_refused_deep_inside() {
    let store = store();
    let deep = json!([{"updateCells": {"start": {}, "fields": "*", "rows": [{"values": [{"userEnteredFormat": {"bold": true}}]}]}}]);
    assert_eq!(
        refusal(&store, deep),
        "Invalid JSON payload received. Unknown name \"bold\" at \
         'requests[0].update_cells.rows[0].values[0].user_entered_format': Cannot find field."
    );
}

fn name(id: &str, name: &str) -> Value {
    json!({"addNamedRange": {"namedRange": {"namedRangeId": id, "name": name,
        "range": {"startRowIndex": 2, "endRowIndex": 4, "startColumnIndex": 0, "endColumnIndex": 1}}}})
}

#[test]
fn a_name_and_an_id_are_taken_once() {
    let store = store();
    let reply = send(&store, json!([name("1", "head")])).unwrap();
    assert_eq!(reply[0]["addNamedRange"]["namedRange"]["namedRangeId"], "1");
    assert_eq!(reply[0]["addNamedRange"]["namedRange"]["range"].get("sheetId"), None);
    assert_eq!(
        refusal(&store, json!([name("2", "HEAD")])),
        "Invalid requests[0].addNamedRange: Cannot add named range with name: HEAD, a named range with that name already exists."
    );
    assert!(refusal(&store, json!([name("1", "other")])).starts_with("Invalid requests[0].addNamedRange: "));
    for bad in ["", "A1", "R1C1", "1st", "a b", "true"] {
        refusal(&store, json!([name("3", bad)]));
    }
    send(&store, json!([{"deleteNamedRange": {"namedRangeId": "1"}}, name("2", "Head")])).unwrap();
}

#[test]
fn the_three_doubts_are_switches() {
    let store = store();
    send(&store, json!([name("1", "head")])).unwrap();
    let swap = json!([{"deleteNamedRange": {"namedRangeId": "1"}}, name("2", "head")]);
    let snapshot = UnknownBehaviors { validate: ValidationBehavior::Snapshot, ..UnknownBehaviors::default() };
    assert_eq!(send_with(&store, snapshot, swap.clone()).unwrap_err().code, 400);
    let titles = json!([{"addSheet": {"properties": {"sheetId": 5, "title": "T"}}}]);
    send(&store, titles).unwrap();
    let again = json!([{"deleteSheet": {"sheetId": 5}}, {"addSheet": {"properties": {"sheetId": 6, "title": "t"}}}]);
    assert_eq!(send_with(&store, snapshot, again.clone()).unwrap_err().code, 400);
    send(&store, again).unwrap();
    send(&store, swap.clone()).unwrap();
    let error = send(&store, swap.clone()).unwrap_err();
    assert!(error.message.starts_with("Invalid requests[0].deleteNamedRange: "), "{error}");
    let lenient = UnknownBehaviors { missing_id: MissingIdBehavior::Ignore, ..UnknownBehaviors::default() };
    assert_eq!(send_with(&store, lenient, json!([{"deleteNamedRange": {"namedRangeId": "1"}}])).unwrap(), json!([{}]));
    let own = UnknownBehaviors { caller_ids: CallerIdBehavior::Ignore, ..UnknownBehaviors::default() };
    let reply = send_with(&store, own, json!([name("2", "next")])).unwrap();
    assert_ne!(reply[0]["addNamedRange"]["namedRange"]["namedRangeId"], "2");
}

#[test]
fn names_move_with_their_rows() {
    let store = store();
    send(&store, json!([name("1", "head"), append(&[&["a"], &["b"], &["c"]])])).unwrap();
    let span = |start: u32, end: u32| json!({"dimension": "ROWS", "startIndex": start, "endIndex": end});
    send(&store, json!([{"insertDimension": {"range": span(1, 3)}}])).unwrap();
    assert_eq!(texts(&store, 0), [vec!["a"], vec![], vec![], vec!["b"], vec!["c"]]);
    let head = || store.read("s").unwrap().named_range("1").unwrap().unwrap().range;
    assert_eq!((head().start_row, head().end_row), (Some(4), Some(6)));
    send(&store, json!([{"deleteDimension": {"range": span(0, 3)}}])).unwrap();
    assert_eq!(texts(&store, 0), [vec!["b"], vec!["c"]]);
    assert_eq!((head().start_row, head().end_row), (Some(1), Some(3)));
    assert_eq!(properties(&store)[0]["gridProperties"]["rowCount"], 999);
    send(&store, json!([{"deleteDimension": {"range": span(1, 3)}}])).unwrap();
    assert_eq!(head(), crate::grid::area::GridRange::DELETED_RANGE);
    assert_eq!(
        refusal(&store, json!([{"deleteDimension": {"range": {"dimension": "ROWS"}}}])),
        "Invalid requests[0].deleteDimension: You can't delete all the rows on the sheet."
    );
    assert_eq!(
        refusal(&store, json!([{"insertDimension": {"range": span(997, 998)}}])),
        "Invalid requests[0].insertDimension: range.startIndex must be less than the grid size (997) if inheritFromBefore is false."
    );
}

#[test]
fn copied_cells_keep_what_the_paste_type_says() {
    let store = store();
    let cells = json!([{"values": [{"userEnteredValue": {"formulaValue": "=1+1"}, "note": "n"}, {"userEnteredValue": {"boolValue": true}}]}]);
    send(
        &store,
        json!([{"addSheet": {"properties": {"sheetId": 9, "gridProperties": {"rowCount": 4, "columnCount": 4}}}},
        {"updateCells": {"start": {}, "rows": cells, "fields": "*"}}]),
    )
    .unwrap();
    let source = json!({"startRowIndex": 0, "endRowIndex": 1, "startColumnIndex": 0, "endColumnIndex": 2});
    let paste = |kind: &str, top: u32, bottom: u32| {
        json!([{"copyPaste": {"source": source, "pasteType": kind,
        "destination": {"sheetId": 9, "startRowIndex": top, "endRowIndex": bottom, "startColumnIndex": 1, "endColumnIndex": 2}}}])
    };
    send(&store, paste("PASTE_VALUES", 0, 2)).unwrap();
    assert_eq!(texts(&store, 9), [vec!["", "2", "true"], vec!["", "2", "true"]]);
    send(&store, paste("PASTE_NORMAL", 3, 4)).unwrap();
    let tx = store.read("s").unwrap();
    assert_eq!(tx.row(9, 3).unwrap()[1].note(), Some("n"));
    drop(tx);
    let wide = json!([{"copyPaste": {"source": {"endColumnIndex": 26}, "destination": {"sheetId": 9}}}]);
    assert!(refusal(&store, wide).contains("exceeds grid limits. Max rows: 4, max columns: 4"));
}

#[test]
fn the_answer_carries_the_spreadsheet_when_asked() {
    let store = store();
    let body = json!({"requests": [append(&[&["a", "b"]])], "includeSpreadsheetInResponse": true,
        "responseIncludeGridData": true, "responseRanges": ["Sheet1!A1:A2"]});
    let answer = batch_update(
        &store,
        "s",
        body.to_string().as_bytes(),
        &ResponseMask::All,
        UnknownBehaviors::default(),
        &SeededRandom::new(1),
    )
    .unwrap();
    let data = &answer["updatedSpreadsheet"]["sheets"][0]["data"][0];
    assert_eq!(data["rowData"][0]["values"].as_array().unwrap().len(), 1);
    assert_eq!(data["rowData"][0]["values"][0]["formattedValue"], "a");
    assert_eq!(
        (data["rowMetadata"].as_array().unwrap().len(), data["columnMetadata"].as_array().unwrap().len()),
        (2, 1)
    );
}

#[test]
fn a_malformed_request_is_reported_before_one_that_misfits() {
    let store = store();
    let batch = json!([{"deleteSheet": {"sheetId": 5}}, {"deleteSheet": {"id": 5}}]);
    assert_eq!(
        refusal(&store, batch),
        "Invalid JSON payload received. Unknown name \"id\" at 'requests[1].delete_sheet': Cannot find field."
    );
    assert_eq!(send(&store, json!([{"deleteSheet": {"sheetId": 5}}, {"addTable": {}}])).unwrap_err().code, 422);
}

#[test]
fn a_sheet_has_no_more_columns_than_letters_name() {
    let store = store();
    let grid = |columns: u32| json!({"gridProperties": {"rowCount": 1, "columnCount": columns}});
    let add = |columns: u32| json!({"addSheet": {"properties": grid(columns)}});
    let mut wide = grid(18_278);
    wide["sheetId"] = 7.into();
    send(&store, json!([{"addSheet": {"properties": wide}}])).unwrap();
    let set = json!({"updateSheetProperties": {"properties": grid(18_279), "fields": "gridProperties"}});
    let more = json!({"appendDimension": {"sheetId": 7, "dimension": "COLUMNS", "length": 1}});
    let one = json!({"sheetId": 7, "dimension": "COLUMNS", "startIndex": 3, "endIndex": 4});
    let insert = json!({"insertDimension": {"range": one}});
    for request in [add(18_279), set, more, insert] {
        let words = "This action would increase the number of columns in the sheet above the limit of 18278 columns.";
        let got = refusal(&store, json!([request]));
        assert!(got.ends_with(words), "{got}");
    }
}

#[test]
fn a_format_that_cannot_be_is_refused() {
    let store = store();
    let repeat = |format: Value, fields: &str| {
        json!([{"repeatCell": {"range": {"sheetId": 0, "endRowIndex": 1}, "cell": {"userEnteredFormat": format},
            "fields": fields}}])
    };
    let pattern = json!({"numberFormat": {"pattern": "0.00"}});
    let got = refusal(&store, repeat(pattern.clone(), "userEnteredFormat"));
    assert_eq!(got, "Invalid requests[0].repeatCell: userEnteredFormat.numberFormat.type must be set.");
    send(&store, repeat(pattern, "userEnteredFormat.numberFormat.pattern")).unwrap();
    let turned = |angle: i32| repeat(json!({"textRotation": {"angle": angle}}), "userEnteredFormat.textRotation");
    send(&store, turned(-90)).unwrap();
    assert!(refusal(&store, turned(91)).ends_with("textRotation.angle[91] must be between -90 and 90."));
}

#[test]
fn a_sheet_is_a_grid_or_refused() {
    let store = store();
    let add = |kind: &str| json!([{"addSheet": {"properties": {"sheetType": kind}}}]);
    assert_eq!(
        refusal(&store, add("FOO")),
        "Invalid value at 'requests[0].add_sheet.properties.sheet_type' \
         (type.googleapis.com/google.apps.sheets.v4.SheetType), \"FOO\""
    );
    assert!(refusal(&store, add("OBJECT")).ends_with("sheetType must be GRID."));
    send(&store, add("GRID")).unwrap();
}
