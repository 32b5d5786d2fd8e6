//! The wiring: from settings to the parts of a run, and from a run to its result.
//!
//! In scope: which store, source, steps and client a job gets; this installation's id and lock;
//! reading a job's tabs for people. Out of scope: arguments (`cli`), decisions (`ledger`).
//!
//! - `single_run`: one run, from its settings.
//! - `run_request`: what is a run asked to do, and which configuration follows?
//! - `provided_parts`: which parts of a run does a program, a drill or a job of stages bring itself?
//! - `stages/`: which commands does a job of stages run, and what is kept of them?
//! - `plan/`: what would a run do, and has anything moved since?
//! - `schedule/`: what is due of a job, and which of its runs count for `late`?
//! - `daemon/`: when is `run --due` started for each of many jobs?
//! - `drill/`: does the job recover from everything that can go wrong?
//! - `inspect/`: what do the job's tabs contain, for people and for `maintain`?
//! - `local_state/`: what does this machine remember, and is another run alive on it?
//! - `connect`, `emulator`: which service or local file holds the job?
//! - `heartbeat`: to whom is the end of a run reported?
//! - `job_alerts`: what do people hear of the end of a run, and what became of the messages?
//! - `failed_start`: where is a start that failed recorded?
//! - `metrics/`: what is measured of a run, and who gets it?
//! - `error`: what can fail around a run?

pub mod connect;
pub mod daemon;
#[cfg(feature = "emulator")]
pub mod drill;
#[cfg(feature = "emulator")]
pub mod emulator;
pub mod error;
pub mod failed_start;
pub mod heartbeat;
pub mod job_alerts;
pub mod inspect;
pub mod single_run;
pub mod local_state;
pub mod metrics;
pub mod provided_parts;
pub mod plan;
pub mod run_request;
pub mod schedule;
pub mod stages;
