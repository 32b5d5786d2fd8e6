//! The steps of an item while a run executes them.
//!
//! | question | file |
//! |---|---|
//! | Which file runs the steps, and keeps their results? | `step_executor` |
//! | Which results of an earlier run are read from the journal? | `journal_replay` |
//!
//! Out of scope: the kinds of steps (`crate::step`).

pub mod step_executor;
pub mod journal_replay;
