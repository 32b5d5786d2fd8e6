//! See `readers/lint.rs`.
#![no_main]

#[path = "../readers/lint.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reader::read_all(bytes));
