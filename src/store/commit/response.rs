//! What a batch's own answer shows of the cells that it asked about.
//!
//! In scope: reading the answer. Out of scope: asking (`store::session::row_tracker`), what is made of it.

use serde_json::Value;

use crate::ledger::columns::columns::header_text;
use crate::store::tabs::parse::text;

/// The header and the keys that a batch's own answer shows; nothing where it shows neither.
pub fn found_by(updated: Option<&Value>) -> (Vec<String>, Vec<String>) {
    let grids = updated.into_iter().flat_map(|sheet| sheet["sheets"].as_array().into_iter().flatten());
    let grids = grids.flat_map(|sheet| sheet["data"].as_array().into_iter().flatten());
    let mut grids = grids.map(|grid| {
        let rows = grid["rowData"].as_array().into_iter().flatten();
        rows.map(|row| row["values"].as_array().into_iter().flatten().map(entered).collect())
            .collect::<Vec<Vec<String>>>()
    });
    let header = grids.next().and_then(|rows| rows.into_iter().next()).unwrap_or_default();
    let keys = grids.next().unwrap_or_default().into_iter().map(|row| row.into_iter().next().unwrap_or_default());
    (header.into_iter().map(|text: String| header_text(&text).to_owned()).collect(), keys.collect())
}

/// What was entered into a cell of an answer, as a text; a formula is none.
fn entered(cell: &Value) -> String {
    let value = &cell["userEnteredValue"];
    let found = ["stringValue", "numberValue", "boolValue"].iter().find_map(|kind| value.get(kind));
    found.map(text).unwrap_or_default()
}
