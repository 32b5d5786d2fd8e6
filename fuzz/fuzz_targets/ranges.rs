//! See `readers/ranges.rs`.
#![no_main]

#[path = "../readers/ranges.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reader::read_all(bytes));
