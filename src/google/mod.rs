//! The Google side: one client of the Sheets API, with its packages' traps fenced in.
//!
//! In scope: HTTP, TLS, tokens, quotas, retries of calls that are safe to repeat, and what an answer means.
//! Out of scope: the ledger, tabs, keys and heads (the store knows those), reading the environment (`config` does),
//! and the emulator, with which this folder shares no types.
//!
//! Every call goes through `call`: pace, attempt under a deadline, classify, decide, count. A write whose answer was lost is
//! never sent again from here; it goes up as `sheets::Reply::Lost` and is judged.

pub mod address;
mod answer;
pub mod auth;
pub mod body;
pub mod call;
pub mod cell;
pub mod connect;
pub mod error;
mod forward;
mod hush;
mod mend;
pub mod options;
pub mod proxy;
pub mod quota;
pub mod shape;
pub mod sheets;
mod stream;
#[cfg(test)]
mod tests;
mod tokens;
mod tunnel;
