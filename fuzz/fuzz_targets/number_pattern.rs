//! See `readers/number_pattern.rs`.
#![no_main]

#[path = "../readers/number_pattern.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reader::read_all(bytes));
