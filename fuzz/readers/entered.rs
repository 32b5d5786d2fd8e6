//! `USER_ENTERED`: no text makes the parser panic, and a parsed number is finite.
use sheetkeep::emulator::internals::{CellValue, EnteredValue};

/// Parses these bytes.
pub fn read_all(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let entry = EnteredValue::from_typed_text(text);
    if let Some(CellValue::Number(number)) = entry.value {
        assert!(number.is_finite(), "{text:?}");
        if let Some(format) = entry.format {
            let _ = format.show(number);
        }
    }
}
