//! Events and reports, as people and machines read them.
//!
//! In scope: a progress bar on a terminal, plain lines elsewhere, the summary, JSON documents. Out of scope: tabs (`cli::table`),
//! errors (`cli::errors`) and logs (`cli::logs`).

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
