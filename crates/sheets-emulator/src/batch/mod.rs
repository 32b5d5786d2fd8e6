//! `spreadsheets.batchUpdate`: a list of requests, applied in order, all of them or none.
//!
//! In scope: reading the body leanly, the rules of each request kind, Google's sentence for each refusal.
//! Out of scope: storage (`transaction`), the HTTP around it (`service`).

pub mod apply;
pub mod cells;
pub mod context;
pub mod dimensions;
pub mod drawn;
pub mod envelope;
pub mod filter;
pub mod marks;
pub mod masked;
pub mod named;
pub mod outline;
pub mod paste;
pub mod pour;
pub mod ranges;
pub mod sent;
pub mod series;
pub mod sheets;
pub mod shift;
pub mod sources;
pub mod tidy;
pub mod view;

#[cfg(test)]
mod tests;
