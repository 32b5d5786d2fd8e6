//! A1 ranges, quoted titles and column letters: no text makes reading them panic, and what was read prints to the same again.
use sheetkeep::emulator::grid::a1::{Reference, Span, column_index, quote_title};

/// Reads these bytes.
pub fn read_all(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (Reference::parse(text), column_index(text), quote_title(text));
    if let Some(span) = Span::parse(text) {
        assert_eq!(Span::parse(&span.print()), Some(span), "{text:?}");
    }
}
