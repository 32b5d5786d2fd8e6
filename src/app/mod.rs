//! The wiring: from settings to the parts of a run, and from a run to its result.
//!
//! In scope: which store, source, steps and client a job gets; this installation's id and lock;
//! reading a job's tabs for people. Out of scope: arguments (`cli`), decisions (`ledger`).
//!
//! - `job`: one run, from its settings.
//! - `due`: what is due of a scheduled job, and what does its run claim?
//! - `daemon/`: when is `run --due` started for each of many jobs?
//! - `heartbeat`: to whom is the end of a run reported?
//! - `plan`: what would a run do? `plan_file` stores the answer, `plan_comparison` compares two
//!   job files.
//! - `connect`: which service or local file holds the job?
//! - `instance_lock`, `processes`: is another run alive on this machine?
//! - `journal`, `request`: what does the state directory remember?
//! - `queries`, `failures`, `explain`: what do the tabs contain, for people?
//! - `run_history`: when did the job last succeed, and is a run of it unfinished?
//! - `listing`: the whole contents, for `maintain`.
//! - `fsck`: are rows and keys consistent, and how are they repaired?
//! - `error`: what can fail around a run?

pub mod instance_lock;
pub mod journal;
pub mod request;
#[cfg(feature = "emulator")]
pub mod emulator;
pub mod error;
pub mod failures;
pub mod listing;
pub mod fsck;
pub mod explain;
pub mod processes;
pub mod connect;
pub mod job;
pub mod due;
pub mod daemon;
pub mod heartbeat;
pub mod alerting;
pub mod plan;
pub mod plan_file;
pub mod plan_comparison;
pub mod queries;
pub mod run_history;
