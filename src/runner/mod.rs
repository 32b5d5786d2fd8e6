//! The engine: one pass over a source, from load to the last commit.
//!
//! In scope: the order of things, and everything that waits. Out of scope: every decision (`ledger`), and the world (`port`).
//!
//! ```text
//!  load ─▶ admit ─▶ steps ─▶ batch ─▶ draft ─▶ settle ─▶ applied ─▶ … ─▶ last commit: run, release
//!            ▲                 ▲                   │
//!            └─── source       └── reload, redraft ┘
//! ```

pub mod replay;
pub mod marks;
pub mod forced;
pub mod header_row;
pub mod probation;
pub mod feed;
pub mod asked;
pub mod keyed_records;
pub mod passes;
pub mod sifting;
pub mod plan;
pub mod stop;
pub mod work;
pub mod settle;
pub mod batch;
pub mod intake;
pub mod opening;
mod overtaken;
pub mod preview;
pub mod committer;
mod reload;
mod suspect;
mod doubt;
mod give_back;
pub mod pass;
