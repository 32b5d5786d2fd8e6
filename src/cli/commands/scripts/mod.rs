//! The commands for scripts that have no job file.
//!
//! | question | file |
//! |---|---|
//! | How far can scripts be left alone? | `lint` |
//! | How does a command run once for a date? | `once` (files), `once_in_sheet`, `once_lines` (its words) |
//! | How does a command run until it succeeds? | `retry` |
//!
//! Out of scope: attempts at a command (`command_retry`), findings (`lint`).

pub mod lint;
pub mod once;
mod once_in_sheet;
mod once_lines;
pub mod retry;
