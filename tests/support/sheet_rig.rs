//! The rig of tests about a job on an emulated spreadsheet. It has sources and steps (`support`),
//! the emulator behind a proxy (`front`), and a user who edits (`person`). One job has all of it
//! (`job_fixture`).
//!
//! A test file names the modules that it needs, so that paths in them begin at the crate:
//! `use sheet_rig::{front, person, support};`.

#[path = "../hands/front.rs"]
pub mod front;
#[path = "../job_fixture/mod.rs"]
pub mod job_fixture;
#[path = "../hands/person.rs"]
pub mod person;
#[path = "mod.rs"]
pub mod support;
