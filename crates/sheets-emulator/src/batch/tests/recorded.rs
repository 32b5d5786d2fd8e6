//! Replays recorded responses of the real service to batches and `spreadsheets.get`.

use serde_json::{Value, json};

use crate::batch::apply::batch_update;
use crate::batch::context::UnknownBehaviors;
use crate::batch::tests::calls::{send, store};
use crate::error::ApiError;
use crate::methods::create::create;
use crate::random::SeededRandom;
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;
use crate::workbook::spreadsheet_json::get;

const ID: &str = "1SampleSpreadsheetId000000000000000000000000";

fn sample(text: &str) -> (Value, Value) {
    let sample: Value = serde_json::from_str(text).unwrap();
    (sample["request"].clone(), sample["response"].clone())
}

fn spreadsheet(title: &str) -> SpreadsheetStore {
    let store = SpreadsheetStore::in_memory().unwrap();
    let body = json!({"properties": {"title": title}}).to_string();
    create(&store, ID, body.as_bytes(), &ResponseMask::All, &SeededRandom::new(1)).unwrap();
    store
}

/// Compares numbers by value, because the recordings write 1 where JSON may have 1.0.
fn is_same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| is_same(a, b)))
        }
        (a, b) => a == b,
    }
}

fn check(answer: Result<Value, ApiError>, expected: &Value) {
    let (status, body) = match answer {
        Ok(body) => (200, body),
        Err(error) => (error.code, error.to_json()),
    };
    assert!(is_same(&body, &expected["body"]), "{body:#}\n is not\n{:#}", expected["body"]);
    assert_eq!(expected["status"], status);
}

fn batch(store: &SpreadsheetStore, request: &Value) -> Result<Value, ApiError> {
    let body = request["body"].to_string();
    batch_update(store, ID, body.as_bytes(), &ResponseMask::All, UnknownBehaviors::default(), &SeededRandom::new(3))
}

fn read(store: &SpreadsheetStore, request: &Value) -> Result<Value, ApiError> {
    let id = request["path"].as_str().unwrap().rsplit('/').next().unwrap();
    let query: Vec<(String, String)> = serde_json::from_value(request["query"].clone()).unwrap();
    let all = |name: &str| query.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect::<Vec<_>>();
    let fields = all("fields").pop().unwrap_or_default();
    let mask = ResponseMask::parse(&fields, "Spreadsheet").map_err(|bad| ApiError::bad_mask(&bad.path))?;
    get(store, id, all("ranges"), all("includeGridData") == ["true"], &mask)
}

#[test]
fn a_sheet_is_added_as_recorded() {
    let (request, mut response) = sample(include_str!("../../../../../fixtures/wire/batch-update-add-sheet.json"));
    let answer = batch(&spreadsheet("t"), &request).unwrap();
    let id = &mut response["body"]["replies"][0]["addSheet"]["properties"]["sheetId"];
    *id = answer["replies"][0]["addSheet"]["properties"]["sheetId"].clone();
    assert!(id.as_i64().is_some_and(|id| id > 0));
    check(Ok(answer), &response);
}

#[test]
fn the_last_sheet_is_not_hidden_as_recorded() {
    let (request, response) = sample(include_str!("../../../../../fixtures/wire/batch-update-error-400.json"));
    check(batch(&spreadsheet("t"), &request), &response);
}

#[test]
fn notes_are_written_and_read_as_recorded() {
    let store = spreadsheet("t");
    let (request, response) = sample(include_str!("../../../../../fixtures/wire/batch-update-update-cells.json"));
    check(batch(&store, &request), &response);
    let (request, response) = sample(include_str!("../../../../../fixtures/wire/spreadsheets-get-fields.json"));
    check(read(&store, &request), &response);
}

#[test]
fn a_new_spreadsheet_is_shown_as_recorded() {
    let (request, response) = sample(include_str!("../../../../../fixtures/wire/spreadsheets-get.json"));
    let store = spreadsheet(response["body"]["properties"]["title"].as_str().unwrap());
    check(read(&store, &request), &response);
}

#[test]
fn refusals_of_a_read_are_as_recorded() {
    let store = spreadsheet("t");
    for text in [
        include_str!("../../../../../fixtures/wire/error-400-fields-mask.json"),
        include_str!("../../../../../fixtures/wire/error-400-unknown-sheet.json"),
        include_str!("../../../../../fixtures/wire/error-404.json"),
    ] {
        let (request, response) = sample(text);
        check(read(&store, &request), &response);
    }
}

#[test]
fn a_missing_spreadsheet_is_not_found() {
    let answer =
        batch_update(&store(), "none", b"{}", &ResponseMask::All, UnknownBehaviors::default(), &SeededRandom::new(1));
    assert_eq!(answer.unwrap_err().code, 404);
}

#[test]
fn a_mask_into_cells_asks_for_them_and_leaves_empty_objects() {
    let store = store();
    let mask = ResponseMask::parse("sheets.data.rowData.values.note", "Spreadsheet").unwrap();
    assert_eq!(get(&store, "s", Vec::new(), false, &mask).unwrap(), json!({"sheets": [{"data": [{}]}]}));
    send(&store, json!([{"addNamedRange": {"namedRange": {"name": "head", "range": {"endRowIndex": 1}}}}])).unwrap();
    let mask = ResponseMask::parse("namedRanges", "Spreadsheet").unwrap();
    let named = get(&store, "s", Vec::new(), false, &mask).unwrap();
    assert_eq!(named["namedRanges"][0]["range"], json!({"endRowIndex": 1}));
}
