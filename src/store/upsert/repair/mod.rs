//! Plans the repair of misplaced writes: which cells to rewrite, and from which source. Pure.
//!
//! In scope: restoring overwritten cells, and repeating the intended writes.
//! Out of scope: which rows were hit (`store::upsert::undo_log`), the requests
//! (`store::commit::row_writer`).
//!
//! | question | file |
//! |---|---|
//! | What does a repair do to one row? | `row_repair` |
//! | What does the tab contain now? | `image` |
//! | Where is a row of the batch now? | `rows` |
//! | Which of several equal rows is the one? | `equal_rows` |
//! | Which row is one in which users changed cells? | `changed_rows` |
//! | Which rows are none of those that were hit, and which keys are to come back? | `known_rows`, `claim` |
//! | For which row was a write of a repair intended? | `intended_rows` |
//! | Which repairs does a plan have so far? | `planned_repairs` |
//! | What does a user read about rows that could each be the one? | `ambiguity` |
//! | Where is a column whose header no longer names it? | `column_search` |
//! | Where are rows and columns together? | `correspondence` |
//! | How do references change in a formula that returns after columns moved? | `formulas` |
//! | Did a repaired cell keep its contents? | `check` |
//! | Which cells that were overwritten by mistake come back? | `restore` |
//! | Which rows lose a key that a write put there by mistake? | `stray_keys` |
//! | Which cells of appended rows belong into other columns? | `appended_rows` |
//! | Which repairs are made to which rows? | `plan` |
//!
//! `store::tabs::column_map` follows columns, and `store::tabs::row_fingerprint` identifies a row
//! by its contents. A repair does not need the items: the undo rows have the written and the
//! overwritten cells. A cell that a user has changed since stays. If two rows match equally,
//! nothing is written and the run stops.

pub mod row_repair;
pub mod image;
pub mod rows;
mod ambiguity;
mod equal_rows;
mod changed_rows;
mod claim;
mod known_rows;
mod intended_rows;
mod planned_repairs;
mod restore;
mod stray_keys;
mod appended_rows;
pub mod column_search;
pub mod correspondence;
pub mod formulas;
pub mod check;
pub mod plan;
