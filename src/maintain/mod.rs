//! Upkeep of what a job remembers: doing things again, forgetting them, and tidying up.
//!
//! In scope: what is to be forgotten or kept, worked out from what the sheet shows. Out of scope: bringing it there, which is a run's
//! business (`runner`), and asking people first (`cli`).

pub mod version_counts;
pub mod reprocess;
pub mod close_failure;
pub mod reset;
pub mod lineup;
pub mod prune;
pub mod rollover;
