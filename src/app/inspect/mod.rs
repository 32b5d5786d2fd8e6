//! Reads a job's tabs. Nothing is written.
//!
//! In scope: connecting for reading, and what is made of the rows. Out of scope: output (`cli`),
//! what `late` reads (`app::schedule::run_history`).
//!
//! - `job_overview`: how is the job, in one page?
//! - `last_rows`: the last rows of a tab.
//! - `failures`: which failures are open, with their records?
//! - `explain`: what happened to one item, and what will the next run do with it?
//! - `fsck`, `fsck_report`: are rows and keys consistent, and what would repair them?
//! - `listing`: the whole contents, for `maintain`.

pub mod job_overview;
pub mod last_rows;
pub mod failures;
pub mod explain;
pub mod fsck;
pub mod fsck_report;
pub mod listing;
