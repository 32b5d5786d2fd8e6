//! A1 ranges, quoted titles and column letters: no text makes reading them panic, and what was read prints to the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheetkeep::emulator::a1::{Reference, Span, column_index, quote_title};

fuzz_target!(|text: &str| {
    let _ = (Reference::parse(text), column_index(text), quote_title(text));
    if let Some(span) = Span::parse(text) {
        assert_eq!(Span::parse(&span.print()), Some(span), "{text:?}");
    }
});
