//! A job runner that keeps its state in a Google Sheet.

pub mod config;
pub mod fault;
pub mod grid;
pub mod ledger;
pub mod port;
pub mod retry;
pub mod source;
pub mod step;
pub mod system;
pub mod time;
