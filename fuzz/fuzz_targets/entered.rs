//! `USER_ENTERED`: no text makes reading it as typed panic, and a number that is read is finite.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheetkeep::emulator::cell::CellValue;
use sheetkeep::emulator::entered::Entry;

fuzz_target!(|text: &str| {
    let entry = Entry::typed(text);
    if let Some(CellValue::Number(number)) = entry.value {
        assert!(number.is_finite(), "{text:?}");
        if let Some(format) = entry.format {
            let _ = format.show(number);
        }
    }
});
