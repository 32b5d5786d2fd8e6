//! The fixtures of tests about a job on an emulated spreadsheet. It has sources and steps (`test_job`),
//! and the emulator behind a proxy (`emulator_proxy`). One job has all of it (`job_fixture`).
//!
//! A test file names the modules that it needs, so that paths in them begin at the crate:
//! `use sheet_fixtures::{emulator_proxy, test_job};`.

#[path = "emulator_proxy/mod.rs"]
pub mod emulator_proxy;
#[path = "job_fixture.rs"]
pub mod job_fixture;
#[path = "test_job.rs"]
pub mod test_job;
