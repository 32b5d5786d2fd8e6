//! `fields` masks: no text makes parsing or applying them panic.
use serde_json::json;
use sheetkeep::emulator::internals::ResponseMask;

/// Parses these bytes.
pub fn read_all(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for root in ["Spreadsheet", "BatchUpdateSpreadsheetResponse", "CellData"] {
        let _ = ResponseMask::parse(text, root).is_ok();
    }
    if let Ok(mask) = ResponseMask::read(text) {
        let value = json!({"sheets": [{"properties": {"title": "a"}, "data": [{"rowData": [{"values": [{}]}]}]}], "a": {"b": 1}});
        let _ = (mask.covers("sheets.data.rowData"), mask.apply(value));
    }
}
