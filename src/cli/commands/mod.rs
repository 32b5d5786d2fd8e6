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
//! - `status`, `show`, `explain`, `check`, `late`: commands that only read; `late_alert` reports what is late.
//! - `schedule`: explains a schedule, and exports it for other schedulers.
//! - `schedule_run`: runs many jobs by their schedules.
//! - `alert`: sends a test message; `alert_place` words a job for all messages.
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
pub mod alert;
pub mod alert_place;
mod late_alert;
pub mod schedule;
pub mod schedule_run;
#[cfg(feature = "emulator")]
pub mod emulate;
