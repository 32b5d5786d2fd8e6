//! Patterns of numbers and dates: no pattern and no value makes formatting panic.
use sheetkeep::emulator::internals::NumberFormat;

/// Parses these bytes.
pub fn read_all(bytes: &[u8]) {
    let Some((eight, rest)) = bytes.split_first_chunk::<8>() else { return };
    let Some((kind, pattern)) = rest.split_first() else { return };
    let (Ok(pattern), value) = (std::str::from_utf8(pattern), f64::from_le_bytes(*eight)) else { return };
    let kinds = ["NUMBER", "TEXT", "DATE", "TIME", "DATE_TIME", "PERCENT", "CURRENCY", "SCIENTIFIC"];
    let format = NumberFormat::new(kinds[usize::from(*kind) % kinds.len()], pattern);
    let _ = (format.is_time(), format.show_text(pattern));
    if value.is_finite() {
        let _ = format.show(value);
    }
}
