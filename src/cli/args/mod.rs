//! The commands and flags that people type, with their help.
//!
//! In scope: parsing. Out of scope: what a command does (`cli::commands`), and settings from files
//! and the environment (`config`).
//!
//! | question | file or folder |
//! |---|---|
//! | Which commands are there, and which flags do all have? | `command_line` |
//! | Which flags has every command about a job? | `job` |
//! | Which flags has one command about a job? | `jobs` |
//! | Which flags has a command about scripts, without a job? | `scripts` |
//! | Which flags has `emulate`? | `emulate` |
//! | What does `--approve` approve? | `approval` |
//! | How is a duration, or a whole number, typed? | `duration`, `whole_number` |
//! | What is suggested after a usual mistake? | `usage_hints` |

pub mod approval;
pub mod command_line;
pub mod duration;
#[cfg(feature = "emulator")]
pub mod emulate;
pub mod job;
pub mod jobs;
pub mod scripts;
pub mod usage_hints;
pub mod whole_number;
