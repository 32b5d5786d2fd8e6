//! Tests of the rules: tables, drawn schedules, and a simulated year.

mod calls;
mod clock_changes;
mod deciding;
mod exports;
mod expressions;
mod lateness;
mod properties;
mod year;

use sheetkeep_base::time::Timestamp;

use crate::job_schedule::JobSchedule;
use crate::recurrence::Recurrence;
use crate::zone::parse_zone;

/// The timestamp of an RFC 3339 text.
fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a valid timestamp")
}

/// A schedule with every policy at its default.
fn schedule(recurrence: &str, zone: &str) -> JobSchedule {
    JobSchedule::new(Recurrence::parse(recurrence).expect("a recurrence"), parse_zone(zone).expect("a zone"))
}

/// The timestamp with minutes and `Z`.
fn short(at: Timestamp) -> String {
    at.to_string()[..16].to_owned() + "Z"
}
