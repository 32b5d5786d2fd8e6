//! What is done with an item: the jq expressions and the programs of a job.
//!
//! In scope: compiling and running jq, the steps `map` and `command`, finding an item's key and version.
//! Out of scope: reading the job file (`config`), making rows of what a step yields (`ledger::rows::row_builder`).

pub mod command;
pub mod expression;
pub mod group;
pub mod identify;
pub mod jq;
pub mod map;
mod bounded;
mod brackets;
mod cost;
mod fed;
mod filters;
mod nesting;
mod numbers;
mod paths;
mod rewrite;
mod texts;
pub mod syntax;
pub mod talk;
mod value;
pub mod worker;
