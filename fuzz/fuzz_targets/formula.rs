//! See `readers/formula.rs`.
#![no_main]

#[path = "../readers/formula.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reader::read_all(bytes));
