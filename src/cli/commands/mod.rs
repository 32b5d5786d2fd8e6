//! The commands: each turns what was typed into a call of `app`, and its result into output and an exit.
//!
//! In scope: one file a command. Out of scope: the work itself (`app`).

pub mod error_report;
pub mod load_settings;
pub mod force;
pub mod reset;
pub mod prune;
pub mod rollover;
pub mod run;
pub mod status;
pub mod show;
pub mod check;
mod fields;
pub mod failures;
pub mod explain;
pub mod fsck;
#[cfg(feature = "emulator")]
pub mod emulate;
