//! Writes to rows by position: their undo log, and the repair of misplaced writes. Pure.
//!
//! | question | file |
//! |---|---|
//! | What does a batch keep of the rows that it overwrites, and did it hit them? | `undo_log` |
//! | In which scratch rows is that, and as which texts? | `undo_log/scratch_rows`, `undo_log/scratch_text` |
//! | Which formulas did the header have? | `undo_log/header_formulas` |
//! | Where are the rows and columns of a batch now, and when is that unknown? | `repair/location` |
//! | Which cells does a repair write, in view of what users edited? | `repair/planning` |
//!
//! Out of scope: the requests (`store::commit::row_writer`), the reads (`store::load::reread`).

pub mod undo_log;
pub mod repair;
