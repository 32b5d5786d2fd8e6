//! Events and reports, for people and for machines.
//!
//! In scope: progress bar, plain lines, summaries, JSON documents. Out of scope: tabs
//! (`cli::table`), errors (`cli::errors`), logs (`cli::logs`).
//!
//! - `reporter`: which form does an event of a run take?
//! - `progress`, `event_lines`: what does a run show while it runs?
//! - `summary`: what does it show at its end?
//! - `json`: what does `run --json` print, and which schema version?
//! - `status`, `check`, `late`: what do these commands print?
//! - `destination`: where are the rows, and which command shows them?
//! - `fixtures`: the report that the tests print.

pub mod check;
pub mod json;
pub mod event_lines;
pub mod destination;
pub mod progress;
pub mod reporter;
#[cfg(test)]
pub mod fixtures;
pub mod status;
pub mod summary;
pub mod late;
pub mod cell_value;
pub mod plan;
pub mod plan_comparison;
