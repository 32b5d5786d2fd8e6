//! Compare-and-set on a spreadsheet: a commit is applied only if the head is the one from which it
//! starts.
//!
//! | question | file |
//! |---|---|
//! | Which kinds of guard are there? | `guard_kind` |
//! | Which requests guard a batch, and how is the head read back? | `head_guard` |
//! | Does the guard work on this spreadsheet? | `guard_probe` |
//! | Which kind of guard does a commit use after a refusal? | `strategy` |
//!
//! Out of scope: the capability probe's calls (`store::spreadsheet::capability`).

pub mod guard_kind;
pub mod guard_probe;
pub mod head_guard;
pub mod strategy;
