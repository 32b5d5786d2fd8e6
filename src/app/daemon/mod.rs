//! The daemon of `sheetkeep schedule run`: it starts `run --due` for each of its jobs in time.
//!
//! In scope: when a process is started for a job, what it answers, changed job files, the end. Out
//! of scope: the rules (`schedule::call_queue`), and what is due (`app::schedule::due`): the sheet
//! decides that, so the daemon keeps no state of its own.
//!
//! ```text
//!  job files ─▶ forms and schedules ─▶ queue of calls ─▶ `run --due`, a process for each call
//!      ▲ polled                            ▲                  │
//!      └── the loop: one timer ────────────┴── exit, next ◀───┘
//! ```
//!
//! - `job_files`: what do the files say, and which of them have changed?
//! - `due_call`: one call, as a process of its own.
//! - `daemon_loop`: waits for whatever comes first, and stops in order.
//! - `notification`: what the service manager is notified of.

pub mod job_files;
pub mod due_call;
pub mod notification;
pub mod daemon_loop;
#[cfg(test)]
mod tests;
