//! The commands: each turns arguments into a call of `app`, and its result into output and an exit.
//!
//! In scope: one file for each command. Out of scope: the work itself (`app`).
//!
//! - `run`: one run; `maintain/` uses it, too, for the runs by which its commands write.
//! - `inspect/`: commands that only read a job or its tabs.
//! - `maintain/`: commands that change what a job has stored.
//! - `schedule/`: commands about when a job runs.
//! - `drill`: plays what can go wrong with a job.
//! - `lint`: checks how far scripts can be left alone.
//! - `once`: runs a command unless it is done for a date.
//! - `retry`: runs any command until it succeeds.
//! - `alert`: sends a test message; `alert_place` words a job for all messages.
//! - `job_file_alert`: who hears of a job file that can't be read?
//! - `emulate`: serves the emulator.
//! - `load_settings`: what every command about a job does first.
//! - `error_report`: which exit and which help does an error get?
//! - `fields`: help for records without the job's fields.

pub mod error_report;
pub mod job_file_alert;
pub mod load_settings;
pub mod run;
pub mod inspect;
pub mod maintain;
pub mod schedule;
mod fields;
pub mod alert;
pub mod alert_place;
pub mod retry;
pub mod lint;
pub mod once;
#[cfg(feature = "emulator")]
pub mod drill;
#[cfg(feature = "emulator")]
pub mod emulate;
