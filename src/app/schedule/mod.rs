//! A job's schedule and its sheet: what is due, and which runs there were.
//!
//! Out of scope: the rules (`schedule`), and starting a process for each call (`app::daemon`).
//!
//! - `due`: what is due of a scheduled job, and what does its run claim?
//! - `run_history`: when did the job last succeed, and is a run of it unfinished?

pub mod due;
pub mod run_history;
