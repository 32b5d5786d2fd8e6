//! The wiring: settings become parts, and parts a run.
//!
//! In scope: which store, source, steps and client a job gets; this installation's id and lock; reading a job's tabs for people.
//! Out of scope: what was typed (`cli`), what is decided (`ledger`).

pub mod installation;
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
pub mod sheet;
pub mod job;
pub mod view;
