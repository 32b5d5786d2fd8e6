//! The commands that only read: they write nothing, on the spreadsheet or on this machine.
//!
//! Out of scope: reading the tabs (`app::inspect`), words for people (`cli::output`).
//!
//! - `status`: how is the job, in one page?
//! - `show`: the last rows of a tab.
//! - `explain`: what happened to one item, and what will the next run do with it?
//! - `plan`: what would a run do? With `--out` it writes the plan to a file.
//! - `check`, `check_lines`: has a run all that it needs?

pub mod status;
pub mod show;
pub mod explain;
pub mod plan;
pub mod check;
mod check_lines;
