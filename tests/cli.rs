//! The real binary, from its command line to its exit code: what the first issue promises, shown on the outside.
//!
//! Each test has a folder of its own with copies of the fixtures, a state directory of its own and an empty environment.
//! What is on a sheet is read back by a plain HTTP client that shares no code with the product (`cli/wire.rs`).

#![cfg(all(unix, feature = "emulator"))]

#[path = "cli/workshop.rs"]
mod workshop;

#[path = "cli/live.rs"]
mod live;

#[path = "cli/wire.rs"]
mod wire;

#[path = "cli/main_job.rs"]
mod main_job;

#[path = "cli/anew.rs"]
mod anew;

#[path = "cli/upsert.rs"]
mod upsert;

#[path = "cli/hard_records.rs"]
mod hard_records;

#[path = "cli/answers.rs"]
mod answers;

#[path = "cli/steps.rs"]
mod steps;

#[path = "cli/upkeep.rs"]
mod upkeep;

#[path = "cli/service.rs"]
mod service;

#[path = "cli/overlap.rs"]
mod overlap;

#[path = "cli/crash.rs"]
mod crash;

#[path = "cli/signals.rs"]
mod signals;

#[path = "cli/output.rs"]
mod output;

#[path = "cli/check.rs"]
mod check;

#[path = "cli/refusals.rs"]
mod refusals;

#[path = "cli/secrets.rs"]
mod secrets;

#[path = "cli/endless.rs"]
mod endless;

#[path = "cli/rowless.rs"]
mod rowless;
