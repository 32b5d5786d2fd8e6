//! Events and reports, for people and for machines.
//!
//! In scope: progress bar, plain lines, summaries, JSON documents. Out of scope: tabs
//! (`cli::table`), errors (`cli::errors`), logs (`cli::streams::logs`).
//!
//! - `run/`: what does a run show while it runs, and at its end?
//! - `json`: what does `run --json` print, and which schema version?
//! - `stages`: what do `plan` and `status` print about stages?
//! - `status`, `check`, `late`, `plan`, `plan_comparison`, `drill`: what do these commands print?
//! - `destination`: where are the rows, and which command shows them?
//! - `cell_value`: how is one cell shown?
//! - `fixtures`: the report that the tests print.

pub mod run;
pub mod check;
pub mod json;
pub mod destination;
#[cfg(feature = "emulator")]
pub mod drill;
#[cfg(test)]
pub mod fixtures;
pub mod stages;
pub mod status;
pub mod late;
pub mod cell_value;
pub mod plan;
pub mod plan_comparison;
