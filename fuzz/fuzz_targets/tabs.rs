//! See `readers/tabs.rs`.
#![no_main]

#[path = "../readers/tabs.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reader::read_all(bytes));
