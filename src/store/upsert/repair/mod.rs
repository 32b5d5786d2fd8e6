//! Repair of writes that hit other rows or columns than they were meant for: which cells go where. Pure.
//!
//! In scope: restoring what was written over, cell by cell, and doing again what was meant. Out of scope: what was hit
//! (`store::upsert::undo_log`), the requests (`store::commit::row_writer`).
//!
//! ```text
//!  row_repair       what is done to one row
//!  image            the tab as it is now
//!  rows             which row of then is which one of now
//!  correspondence   rows and columns together
//!  formulas         references of a formula that goes back after columns moved
//!  check            a second look at a repaired cell
//!  plan             what is done to which row
//! ```
//!
//! Which column is which one of now is `store::tabs::column_map`; what a row holds, so that it can be known again, `store::tabs::row_fingerprint`.
//! Nothing here needs the items: what was written and what it was written over are both in the undo rows. A cell that people have
//! changed since is theirs. Where two rows could be the one, nothing is written, and the run stops.

pub mod row_repair;
pub mod image;
pub mod rows;
pub mod correspondence;
pub mod formulas;
pub mod check;
pub mod plan;
