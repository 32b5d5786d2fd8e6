//! The commands: each turns arguments into a call of `app`, and its result into output and an exit.
//!
//! In scope: one file for each command. Out of scope: the work itself (`app`).
//!
//! - `load_settings`: what every command about a job does first.
//! - `error_report`: which exit and which help does an error get?
//! - `fields`: help for records without the job's fields.
//! - `run`: also the runs by which `force`, `reset`, `prune`, `rollover`, `fsck` and `failures`
//!   write.
//! - `due`: runs what the schedule says, for any number of clocks.
//! - `backfill`: runs past dates that have not run.
//! - `plan`: prints what a run would do.
//! - `status`, `show`, `explain`, `check`, `late`: commands that only read.
//! - `schedule`: explains a schedule, and exports it for other schedulers.
//! - `schedule_run`: runs many jobs by their schedules.
//! - `lint`: checks how far scripts can be left alone.
//! - `retry`: runs any command until it succeeds.
//! - `emulate`: serves the emulator.

pub mod error_report;
pub mod load_settings;
pub mod force;
pub mod reset;
pub mod prune;
pub mod rollover;
pub mod run;
pub mod due;
pub mod backfill;
pub mod plan;
pub mod status;
pub mod late;
pub mod show;
pub mod check;
mod check_lines;
mod fields;
pub mod failures;
pub mod explain;
pub mod fsck;
pub mod schedule;
pub mod schedule_run;
pub mod retry;
pub mod lint;
#[cfg(feature = "emulator")]
pub mod emulate;
