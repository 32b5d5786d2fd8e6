//! A job's schedule and its sheet: what is due, and which runs there were.
//!
//! Out of scope: the rules (`schedule`), and starting a process for each call (`app::daemon`).
//!
//! - `due`: what is due of a scheduled job, and what does its run claim?
//! - `run_history`: which runs had the job, on the sheet or in a heartbeat file?
//! - `latest_runs`: when did the job last succeed, and is a run of it unfinished?

pub mod due;
pub mod latest_runs;
pub mod run_history;
