//! Stores: where a job's state is kept.
//!
//! In scope: the reference store in memory, and the spreadsheet. Out of scope: the protocol itself (`ledger`).

pub mod memory;
pub mod guard;
pub mod stance;
pub mod layout;
pub mod likeness;
pub mod cells;
pub mod requests;
pub mod columns;
pub mod below;
mod look_below;
pub mod headers;
pub mod encode;
pub mod index;
pub mod kept;
pub mod listing;
pub mod witness;
pub mod mend;
pub mod data_rows;
pub mod removed;
pub mod put_back;
pub mod upkeep;
pub mod restless;
mod retitled;
pub mod load;
pub mod laid;
pub mod processed;
pub mod reach;
pub mod room;
pub mod unread;
pub mod fetch;
mod gone_keys;
mod first_contact;
pub mod first_commits;
pub mod paging;
pub mod earlier;
pub mod answer;
pub mod ends;
pub mod positions;
pub mod proof;
pub mod probe;
pub mod known;
pub mod sheets;
pub mod readiness;
pub mod hindsight;
pub mod survey;
