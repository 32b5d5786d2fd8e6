//! Stores: where a job's state is kept.
//!
//! In scope: the reference store in memory, and the spreadsheet. Out of scope: the protocol itself (`ledger`).

pub mod guard;
pub mod tabs;
pub mod upsert;
pub mod commit;
pub mod session;
pub mod load;
pub mod spreadsheet;
pub mod scan;
pub mod probe;
pub mod memory;
