//! Runs by a schedule: several clocks, the tab `Jobs`, what is late, and who is alerted.
//!
//! The real client over the emulator, in process; a file a subject.

#![cfg(feature = "emulator")]

#[path = "scheduled_runs/alert_week.rs"]
mod alert_week;
#[path = "scheduled_runs/clocks.rs"]
mod clocks;
#[path = "scheduled_runs/due.rs"]
mod due;
#[path = "scheduled_runs/jobs_tab.rs"]
mod jobs_tab;
#[path = "support/scheduled_fixture.rs"]
mod scheduled_fixture;
#[path = "support/sheet_fixtures.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod sheet_fixtures;
#[path = "scheduled_runs/skewed_clock.rs"]
mod skewed_clock;

use crate::sheet_fixtures::{emulator_proxy, job_fixture, test_job};
