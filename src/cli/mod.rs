//! The command line: what is typed, what is shown, and how the process ends.
//!
//! In scope: arguments, output for people and for machines, logs, signals, the table of exit codes.
//! Out of scope: what a run does, and how it is put together (`app`).
//!
//! ```text
//! argv ─▶ args ─▶ commands ─▶ app ─▶ events ─▶ output ─▶ terminal ─▶ stdout: what was asked for
//!                     │                errors ─┘              └────▶ stderr: progress, messages, logs
//!                     └─▶ exit ─▶ the process's code
//! ```

pub mod main;
pub mod session;
pub mod duration;
pub mod job_args;
pub mod plan_args;
pub mod failures_args;
pub mod late_args;
pub mod alert_args;
pub mod backfill_args;
pub mod maintenance_args;
pub mod schedule_args;
pub mod schedule_run_args;
#[cfg(feature = "emulator")]
pub mod emulate_args;
pub mod args;
pub mod commands;
pub mod errors;
pub mod exit;
pub mod format;
pub mod logs;
pub mod log_file;
pub mod output;
pub mod provisions;
pub mod signals;
pub mod table;
pub mod terminal;
