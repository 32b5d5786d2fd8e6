//! Patterns of numbers and moments: no pattern and no value makes showing panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheetkeep::emulator::pattern::NumberFormat;

fuzz_target!(|input: (f64, u8, &str)| {
    let (value, kind, pattern) = input;
    let kinds = ["NUMBER", "TEXT", "DATE", "TIME", "DATE_TIME", "PERCENT", "CURRENCY", "SCIENTIFIC"];
    let format = NumberFormat::new(kinds[usize::from(kind) % kinds.len()], pattern);
    let _ = (format.is_time(), format.show_text(pattern));
    if value.is_finite() {
        let _ = format.show(value);
    }
});
