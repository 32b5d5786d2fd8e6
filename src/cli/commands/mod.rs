//! The commands: each turns arguments into a call of `app`, and its result into output and an exit.
//!
//! In scope: one file for each command. Out of scope: the work itself (`app`).
//!
//! | question | file or folder |
//! |---|---|
//! | How is a job run, also by the commands in `maintain/`? | `run`, `run_options` |
//! | Who follows a run, and what stops it early? | `run_observers`, `run_interrupts` |
//! | How is a job of stages run, and done again? | `stage_run`, `stage_redo` |
//! | Which commands only read a job or its tabs? | `inspect/` |
//! | Which commands change what a job has stored? | `maintain/` |
//! | Which commands are about when a job runs? | `schedule/` |
//! | What can go wrong with a job, played? | `drill` |
//! | How far can scripts be left alone? | `lint` |
//! | How does a command run once for a date, or until it succeeds? | `once`, `once_in_sheet`, `once_lines`, `retry` |
//! | Who hears of a job? | `alert` (test messages), `alert_place` (how messages call it) |
//! | Who hears of a job file that can't be read? | `job_file_alert` |
//! | How is the emulator served? | `emulate` |
//! | What does every command about a job do first? | `load_settings` |
//! | Which exit and which help does an error get? | `error_report`, `fields` |

pub mod error_report;
pub mod job_file_alert;
pub mod load_settings;
pub mod run;
mod run_interrupts;
mod run_observers;
pub mod run_options;
pub mod inspect;
pub mod maintain;
pub mod schedule;
mod fields;
pub mod alert;
pub mod alert_place;
pub mod retry;
pub mod lint;
pub mod once;
mod once_in_sheet;
mod once_lines;
pub mod stage_redo;
mod stage_run;
#[cfg(feature = "emulator")]
pub mod drill;
#[cfg(feature = "emulator")]
pub mod emulate;
