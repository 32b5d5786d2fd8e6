//! Items that fail: what is kept of them, and how they are tried again.
//!
//! The real client over the emulator, in process; a file a subject.

#![cfg(feature = "emulator")]

#[path = "failures/journal.rs"]
mod journal;
#[path = "failures/rejected_records.rs"]
mod rejected_records;
#[path = "failures/retries.rs"]
mod retries;
#[path = "support/sheet_fixtures.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod sheet_fixtures;

use crate::sheet_fixtures::{emulator_proxy, test_job};
