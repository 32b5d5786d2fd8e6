//! The commands: each turns arguments into a call of `app`, and its result into output and an exit.
//!
//! In scope: one file for each command. Out of scope: the work itself (`app`).
//!
//! | question | file or folder |
//! |---|---|
//! | How is a job run, also by the commands in `maintain/`? | `run`, `run_options` |
//! | Who follows a run, and what stops it early? | `run_observers`, `run_interrupts` |
//! | How is a job of stages run, and done again? | `stage_run`, `stage_reprocess` |
//! | Which commands only read a job or its tabs? | `inspect/` |
//! | Which commands change what a job has stored? | `maintain/` |
//! | Which commands are about when a job runs? | `schedule/` |
//! | What can go wrong with a job, played? | `drill` |
//! | Which commands are for scripts without a job file? | `scripts/` |
//! | Which commands are about alerts, and which alerts do commands send? | `alerts/` |
//! | How is the emulator served? | `emulate` |
//! | What does every command about a job do first? | `load_settings` |
//! | What do commands get beside their arguments? | `context` |
//! | Which exit and which help does an error get? | `error_report`, `fields` |

pub mod context;
pub mod error_report;
pub mod load_settings;
pub mod run;
mod run_interrupts;
mod run_observers;
pub mod run_options;
pub mod inspect;
pub mod maintain;
pub mod schedule;
mod fields;
pub mod alerts;
pub mod scripts;
pub mod stage_reprocess;
mod stage_run;
#[cfg(feature = "emulator")]
pub mod drill;
#[cfg(feature = "emulator")]
pub mod emulate;
