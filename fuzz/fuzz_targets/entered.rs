//! See `readers/entered.rs`.
#![no_main]

#[path = "../readers/entered.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reader::read_all(bytes));
