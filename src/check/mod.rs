//! The check before a run: could it start, and does the service behave as the protocol assumes?
//!
//! In scope: preflight, which writes nothing; the probe, which writes to scratch names only; the
//! consequences for a job. Out of scope: the assumptions (`store::probe`), output and exit codes
//! (`cli`).
//!
//! - `source`: can the source be opened, and what are its first records like?
//! - `preflight`: what else does a run check before its first write?
//! - `programs`: can the steps' programs be run?
//! - `repeated`: does the source repeat keys?
//! - `rerun`: what happens if each step runs twice?
//! - `probing`, `consequences`: does the service behave as assumed, and what if not?
//! - `surroundings`: what else is in the job's folder? `git_index`: does git track a file?
//! - `clock`, `trash`, `write_access`: does the clock agree, is the file in the trash, may we
//!   write?
//! - `timetable`: the schedule in words, with its next times.
//! - `report`: the lines of a check.

pub mod report;
pub mod consequences;
pub mod programs;
pub mod repeated;
pub mod rerun;
pub mod source;
pub mod preflight;
pub mod probing;
pub mod timetable;
pub mod clock;
pub mod git_index;
pub mod surroundings;
pub mod trash;
pub mod write_access;
