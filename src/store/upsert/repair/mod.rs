//! Plans the repair of misplaced writes: which cells to rewrite, and from which source. Pure.
//!
//! In scope: restoring overwritten cells, and repeating the intended writes.
//! Out of scope: which rows were hit (`store::upsert::undo_log`), the requests
//! (`store::commit::row_writer`).
//!
//! | question | where |
//! |---|---|
//! | What was moved: where are the rows and columns of a batch now? | `location` |
//! | What was edited: which cells are restored or repeated, and which stay? | `planning` |
//! | What does a repair do to one row? | `row_repair` |
//! | How do references change in a formula that returns after columns moved? | `formulas` |
//!
//! `store::tabs::column_map` follows columns, and `store::tabs::row_fingerprint` identifies a row
//! by its contents. A repair does not need the items: the undo rows have the written and the
//! overwritten cells. A cell that a user has changed since stays. If two rows match equally,
//! nothing is written and the run stops.

pub mod row_repair;
pub mod formulas;
pub mod location;
pub mod planning;
