//! The engine: one pass over a source, from load to the last commit.
//!
//! In scope: the order of things, and everything that waits. Out of scope: every decision (`ledger`), and the world (`port`).
//!
//! ```text
//!  load ─▶ admit ─▶ steps ─▶ batch ─▶ draft ─▶ settle ─▶ applied ─▶ … ─▶ last commit: run, release
//!            ▲                 ▲                   │
//!            └─── source       └── reload, redraft ┘
//! ```

pub mod run_loop;
pub mod startup;
pub mod input_queue;
pub mod commit_queue;
pub mod commit_driver;
mod bisect;
mod in_doubt;
pub mod start_markers;
pub mod journal_replay;
pub mod reprocess_state;
pub mod step_executor;
pub mod run_config;
pub mod shutdown;
mod lease_release;
mod superseded_failures;
pub mod source_passes;
pub mod failure_records;
pub mod record_selection;
pub mod first_records;
pub mod committer;
pub mod header_row;
pub mod intake;
pub mod keyed_records;
pub mod preview;
mod reload;
