//! See `readers/fields.rs`.
#![no_main]

#[path = "../readers/fields.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reader::read_all(bytes));
