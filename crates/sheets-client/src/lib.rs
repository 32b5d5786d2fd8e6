//! Google Sheets API client: typed calls, retries, pacing, tokens and error classification.
//!
//! In scope: HTTP, TLS, tokens, quotas, retries of calls that are safe to repeat, and what a
//! response means. It works around known pitfalls of the packages that it builds on. Out of scope:
//! the ledger, tabs, keys and heads (`store`), reading the environment (`config`), and the
//! emulator, with which this folder shares no types.
//!
//! | question | file or folder |
//! |---|---|
//! | Which API methods are there? | `sheets` |
//! | How is a client configured? | `options` |
//! | When is a call paced, retried and counted? | `calls` |
//! | What does a response or a failure mean? | `errors` |
//! | Where do credentials and tokens come from? | `auth` |
//! | How does a request leave: TLS, proxies, in process? | `transport` |
//! | What do requests and responses look like? | `types` |
//!
//! The client never repeats a write whose response was lost. It returns
//! `sheets::BatchResult::OutcomeUnknown`, and the ledger resolves whether the write was applied.

pub mod auth;
pub mod calls;
pub mod errors;
pub mod options;
pub mod sheets;
#[cfg(test)]
mod tests;
pub mod transport;
pub mod types;
