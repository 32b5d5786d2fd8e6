//! See `readers/records.rs`.
#![no_main]

#[path = "../readers/records.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reader::read_all(bytes));
