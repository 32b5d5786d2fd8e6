//! Calls of the other tests: a store in memory, batches for it, and what is stored afterwards.

use serde_json::{Value, json};

use crate::batch::apply::batch_update;
use crate::batch::context::UnknownBehaviors;
use crate::error::ApiError;
use crate::methods::create::create;
use crate::random::SeededRandom;
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;

/// Returns a store with one spreadsheet, `s`, as `spreadsheets.create` makes it.
pub(super) fn store() -> SpreadsheetStore {
    let store = SpreadsheetStore::in_memory().unwrap();
    create(&store, "s", b"", &ResponseMask::All, &SeededRandom::new(1)).unwrap();
    store
}

/// Sends requests under these behaviours.
#[expect(clippy::needless_pass_by_value, reason = "a test hands over what `json!` made")]
pub(super) fn send_with(
    store: &SpreadsheetStore,
    behaviors: UnknownBehaviors,
    requests: Value,
) -> Result<Value, ApiError> {
    let body = json!({"requests": requests}).to_string();
    let answer = batch_update(store, "s", body.as_bytes(), &ResponseMask::All, behaviors, &SeededRandom::new(7))?;
    Ok(answer["replies"].clone())
}

/// Sends requests.
pub(super) fn send(store: &SpreadsheetStore, requests: Value) -> Result<Value, ApiError> {
    send_with(store, UnknownBehaviors::default(), requests)
}

/// Returns the message of a rejected batch.
pub(super) fn refusal(store: &SpreadsheetStore, requests: Value) -> String {
    let error = send(store, requests).unwrap_err();
    assert_eq!((error.code, error.status), (400, "INVALID_ARGUMENT"), "{error}");
    error.message
}

/// Returns the texts of the stored cells from A1 on; blanks are empty texts.
pub(super) fn texts(store: &SpreadsheetStore, sheet: i32) -> Vec<Vec<String>> {
    let tx = store.read("s").unwrap();
    let mut rows = Vec::new();
    for (row, cells) in tx.rows(sheet, 0..u32::MAX).unwrap() {
        rows.resize(row as usize, Vec::new());
        rows.push(cells.iter().map(|cell| show_value(cell.value.as_ref())).collect());
    }
    rows
}

fn show_value(value: Option<&crate::grid::cell::CellValue>) -> String {
    use crate::grid::cell::CellValue::{Bool, Formula, Number, Text};
    match value {
        None | Some(crate::grid::cell::CellValue::Spilled(_)) => String::new(),
        Some(Text(text) | Formula { source: text, .. }) => text.clone(),
        Some(Number(number)) => number.to_string(),
        Some(Bool(truth)) => truth.to_string(),
    }
}

/// Returns `RowData` of texts; an empty text is an empty cell.
pub(super) fn rows(texts: &[&[&str]]) -> Value {
    let cell =
        |text: &&str| if text.is_empty() { json!({}) } else { json!({"userEnteredValue": {"stringValue": text}}) };
    texts.iter().map(|row| json!({"values": row.iter().map(cell).collect::<Vec<_>>()})).collect()
}
