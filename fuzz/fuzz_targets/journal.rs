//! See `readers/journal.rs`.
#![no_main]

#[path = "../readers/journal.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reader::read_all(bytes));
