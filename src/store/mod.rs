//! Stores: where a job's state is kept.
//!
//! In scope: the reference store in memory, and the spreadsheet. Out of scope: the protocol itself (`ledger`).

pub mod guard;
pub mod stance;
