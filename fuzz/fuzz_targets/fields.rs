//! `fields` masks: no text makes reading or applying them panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use sheetkeep::emulator::fields::Mask;

fuzz_target!(|text: &str| {
    for root in ["Spreadsheet", "BatchUpdateSpreadsheetResponse", "CellData"] {
        let _ = Mask::parse(text, root).is_ok();
    }
    if let Ok(mask) = Mask::read(text) {
        let value = json!({"sheets": [{"properties": {"title": "a"}, "data": [{"rowData": [{"values": [{}]}]}]}], "a": {"b": 1}});
        let _ = (mask.covers("sheets.data.rowData"), mask.apply(value));
    }
});
