//! The commands and flags that people type, with their help.
//!
//! In scope: parsing. Out of scope: what a command does (`cli::commands`), and settings from files
//! and the environment (`config`).
//!
//! - `command_line`: which commands are there, and which flags do all have?
//! - `job`: which flags has every command about a job?
//! - `plan`, `backfill`, `late`, `failures`, `lint`, `once`, `retry`, `emulate`: the flags of the command of that name.
//! - `maintenance`: the flags of `fsck`, `prune`, `reset` and `rollover`.
//! - `schedule`, `schedule_run`: the flags of `schedule explain`, `export` and `run`.
//! - `alert`: the flags of `alert test`.
//! - `approval`: what does `--approve` approve?
//! - `duration`: how is a duration typed?

pub mod command_line;
pub mod job;
pub mod plan;
pub mod failures;
pub mod late;
pub mod backfill;
pub mod maintenance;
pub mod schedule;
pub mod schedule_run;
pub mod lint;
pub mod once;
pub mod retry;
#[cfg(feature = "emulator")]
pub mod emulate;
pub mod alert;
pub mod approval;
pub mod duration;
