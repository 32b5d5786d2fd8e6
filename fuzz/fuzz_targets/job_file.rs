//! See `readers/job_file.rs`.
#![no_main]

#[path = "../readers/job_file.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reader::read_all(bytes));
