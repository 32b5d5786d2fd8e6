//! Who calls, and what that account may do.
//!
//! | question | file |
//! |---|---|
//! | Which token requests are granted, and which tokens are valid? | `tokens` |
//! | Which key file do clients sign with? | `test_credentials` |
//! | Which cells are protected against an account? | `protection` |
//!
//! Out of scope: with whom a spreadsheet is shared (`drive::permissions`).

pub(crate) mod protection;
pub(crate) mod test_credentials;
pub(crate) mod tokens;
