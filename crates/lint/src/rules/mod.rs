//! The table of codes: severity, habit, reason, advice, and an example of both kinds for each.
//!
//! The pages in `docs/lint`, `lint explain` and the tests are made from it.

mod errors;
mod network;
mod operations;
mod places;
pub mod rule;
mod secrets;
mod state;
pub mod table;
