//! Parses the cells that a batch's own response returns.
//!
//! In scope: parsing the response.
//! Out of scope: the ranges requested (`store::session::row_tracker`), and the conclusions.

use serde_json::Value;

use crate::ledger::values::columns::trim_header;
use crate::store::tabs::parse::format_cell;

/// Returns the header and the keys from a batch's response; both are empty if it has none.
pub fn parse_found_cells(updated: Option<&Value>) -> (Vec<String>, Vec<String>) {
    let grids = updated.into_iter().flat_map(|sheet| sheet["sheets"].as_array().into_iter().flatten());
    let grids = grids.flat_map(|sheet| sheet["data"].as_array().into_iter().flatten());
    let mut grids = grids.map(|grid| {
        let rows = grid["rowData"].as_array().into_iter().flatten();
        rows.map(|row| row["values"].as_array().into_iter().flatten().map(read_entered_text).collect())
            .collect::<Vec<Vec<String>>>()
    });
    let header = grids.next().and_then(|rows| rows.into_iter().next()).unwrap_or_default();
    let keys = grids.next().unwrap_or_default().into_iter().map(|row| row.into_iter().next().unwrap_or_default());
    (header.into_iter().map(|text: String| trim_header(&text).to_owned()).collect(), keys.collect())
}

/// The entered value of a cell in a response, as text. A formula yields no text.
fn read_entered_text(cell: &Value) -> String {
    let value = &cell["userEnteredValue"];
    let found = ["stringValue", "numberValue", "boolValue"].iter().find_map(|kind| value.get(kind));
    found.map(format_cell).unwrap_or_default()
}
