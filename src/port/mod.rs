//! The seams: what the engine asks of the world, as traits and nothing else.
//!
//! In scope: object-safe traits with the words they need. Out of scope: every implementation (floor 6).

pub mod chance;
pub mod clock;
pub mod error_document;
pub mod evaluator;
pub mod journal;
pub mod preview;
pub mod process;
pub mod source;
pub mod step;
pub mod store;
