//! People edit a sheet before, during and between runs: what the next run reads, repairs and leaves.
//!
//! The real client over the emulator, in process; a file a subject.

#![cfg(feature = "emulator")]

#[path = "edits/during_runs.rs"]
mod during_runs;
#[path = "edits/held_changes.rs"]
mod held_changes;
#[path = "edits/manual_edits.rs"]
mod manual_edits;
#[path = "edits/repaired.rs"]
mod repaired;
#[path = "edits/reverted_sources.rs"]
mod reverted_sources;
#[path = "support/sheet_fixtures.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod sheet_fixtures;

use crate::sheet_fixtures::{emulator_proxy, job_fixture, test_job};
