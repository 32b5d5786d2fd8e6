//! Maintenance of what a job has stored: reprocessing, revoking, deleting, moving.
//!
//! In scope: which rows that takes, computed from the sheet's contents. Out of scope: writing them,
//! which a run does (`runner`), and confirmation by the user (`cli`).
//!
//! - `reprocess`: which keys does `run --force` revoke?
//! - `reset`: which rows revoke everything?
//! - `prune`, `row_age`: which rows are old or obsolete?
//! - `rollover`: can the job move, and which failures move with it?
//! - `version_counts`: how often is a version done, and how often revoked?
//! - `close_failure`: the row that closes a failure.

pub mod version_counts;
pub mod reprocess;
pub mod close_failure;
pub mod reset;
pub mod row_age;
pub mod prune;
pub mod rollover;
