//! A1 ranges, quoted titles and column letters: no text makes the parser panic, and a parsed range
//! prints to the same text.
use sheetkeep::emulator::internals::{A1Reference, CellSpan, parse_column, quote_title};

/// Parses these bytes.
pub fn read_all(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (A1Reference::parse(text), parse_column(text), quote_title(text));
    if let Some(span) = CellSpan::parse(text) {
        assert_eq!(CellSpan::parse(&span.print()), Some(span), "{text:?}");
    }
}
