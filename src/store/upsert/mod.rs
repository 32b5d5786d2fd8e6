//! Writes to rows by position: their undo log, and the repair of misplaced writes. Pure.
//!
//! | question | file |
//! |---|---|
//! | What does a batch keep of the rows that it overwrites? | `undo_log` |
//! | Which cells does a repair restore, and from which source? | `repair/` |
//!
//! Out of scope: the requests (`store::commit::row_writer`), the reads (`store::load::reread`).

pub mod undo_log;
pub mod repair;
