//! Events and reports, as people and machines read them.
//!
//! In scope: a progress bar on a terminal, plain lines elsewhere, the summary, JSON documents. Out of scope: tabs (`cli::table`),
//! errors (`cli::errors`) and logs (`cli::logs`).

pub mod check;
pub mod json;
pub mod lines;
pub mod place;
pub mod progress;
pub mod reporter;
#[cfg(test)]
pub mod sample;
pub mod status;
pub mod summary;
