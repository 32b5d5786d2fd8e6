//! The commands that change what a job has stored: a dry run first, then runs that write.
//!
//! Out of scope: which rows and keys are changed (`maintain`, `app::inspect`), and the writes
//! themselves (`cli::commands::run`).
//!
//! - `failures`: lists failures, retries or skips them.
//! - `force`: processes done keys once more, for `run --force`.
//! - `fsck`: are rows and keys consistent? Repairs what is not.
//! - `prune`: deletes old rows.
//! - `reset`: revokes everything, so that the next run starts anew.
//! - `rollover`: moves the job to a new spreadsheet.

pub mod failures;
pub mod force;
pub mod fsck;
pub mod prune;
pub mod reset;
pub mod rollover;
