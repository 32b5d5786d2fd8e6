//! The forms of a report: for people, for machines, for CI.
//!
//! | question | file |
//! |---|---|
//! | What do people read in the terminal? | `text` |
//! | What is the hardening note, as Markdown? | `note` |
//! | What do machines read, and how is an earlier report read again? | `json` |
//! | How are control characters of names and texts shown? | `printable` |
//! | What do GitHub Actions and code scanning get? | `github`, `sarif` |

pub mod github;
pub mod json;
pub mod note;
mod printable;
pub mod sarif;
pub mod text;
