//! Where records come from: files and standard input, as CSV, JSON lines or JSON.
//!
//! In scope: reading with flat memory, telling one bad record from a broken source, the place of every record.
//! Out of scope: keys and versions (`step::identify`), what is done with a record (`step`).

pub mod csv;
pub mod input;
pub mod json;
pub mod jsonl;
mod damage;
mod head;
mod magic;
mod rows;
pub mod skim;
mod splitter;
mod spool;
mod text;
