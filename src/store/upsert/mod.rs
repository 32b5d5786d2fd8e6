//! Writes to rows by position: the undo log that goes with them, and the repair of misplaced writes. Pure.
//!
//! | question | file |
//! |---|---|
//! | What does a batch keep of the rows that it writes over? | `undo_log` |
//! | Which cells does a repair restore, and from where? | `repair/` |

pub mod undo_log;
pub mod repair;
