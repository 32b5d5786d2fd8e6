//! A job runner that keeps its state in a Google Sheet. The README follows.
//!
//! The rules are in `crates/ledger` (here `ledger`), `crates/schedule` (`schedule`) and
//! `crates/alerts` (`alerts`). The client of the Sheets API is in `crates/sheets-client`
//! (`sheets_client`), its emulator in `crates/sheets-emulator` (`emulator`). The readiness linter is in
//! `crates/lint` (`lint`), the retried command in `crates/command-retry` (`command_retry`). Clock,
//! randomness and faults are in `crates/base`. `docs/architecture.md` has the map.
//!
//! Programs use [`job`]; everything else is the engine, which may change with each release.
//!
#![doc = include_str!("../README.md")]

pub use sheetkeep_alerts as alerts;
pub use sheetkeep_base::{
    clock, failpoint, fault, known_secrets, machine, process_group, redact, retry, rng, system, time,
};
pub use sheetkeep_command_retry as command_retry;
pub use sheetkeep_ledger as ledger;
pub use sheetkeep_ledger::grid;
pub use sheetkeep_lint as lint;
pub use sheetkeep_schedule as schedule;
pub use sheets_client;

pub mod alert_delivery;
pub mod app;
pub mod check;
pub mod cli;
pub mod config;
#[cfg(feature = "emulator")]
pub use sheets_emulator as emulator;
pub mod job;
pub mod maintain;
pub mod port;
pub mod private_files;
pub mod program_file;
pub mod runner;
pub mod source;
pub mod step;
pub mod store;
pub mod telemetry;
