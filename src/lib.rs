//! A job runner that keeps its state in a Google Sheet. The README follows.
//!
#![doc = include_str!("../README.md")]

pub mod app;
pub mod check;
pub mod cli;
pub mod config;
#[cfg(feature = "emulator")]
pub use sheets_emulator as emulator;
pub mod failpoint;
pub mod fault;
pub mod google;
pub mod grid;
pub mod ledger;
pub mod machine;
pub mod maintain;
pub mod port;
pub mod private;
pub mod redact;
pub mod retry;
pub mod runner;
pub mod source;
pub mod step;
pub mod store;
pub mod system;
pub mod time;
