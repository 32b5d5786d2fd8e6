//! What users ask for by hand: forget, force, prune and rollover.
//!
//! The real client over the emulator, in process; a file a subject.

#![cfg(feature = "emulator")]

#[path = "maintenance/force.rs"]
mod force;
#[path = "maintenance/forget.rs"]
mod forget;
#[path = "maintenance/prune.rs"]
mod prune;
#[path = "maintenance/rollover.rs"]
mod rollover;
#[path = "support/sheet_fixtures.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod sheet_fixtures;

use crate::sheet_fixtures::{emulator_proxy, job_fixture, test_job};
