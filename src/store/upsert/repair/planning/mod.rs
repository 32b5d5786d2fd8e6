//! Which cells a repair writes, in view of what users edited meanwhile. Pure.
//!
//! In scope: the cells of each row, what stays as it is, and what users read about it.
//! Out of scope: where the rows are (`store::upsert::repair::location`).
//!
//! | question | file |
//! |---|---|
//! | Which repairs are made to which rows? | `plan` |
//! | Which repairs does a plan have so far? | `planned_repairs` |
//! | Which writes of the batch are repeated, and in which rows? | `repeated_writes` |
//! | Which cells that were overwritten by mistake come back? | `restore` |
//! | Which rows lose a key that a write put there by mistake? | `stray_keys` |
//! | Which cells of appended rows belong into other columns? | `appended_rows` |
//! | What does a user read about rows that could each be the one? | `ambiguity` |
//! | Did a repaired cell keep its contents? | `check` |

pub mod plan;
mod planned_repairs;
mod repeated_writes;
mod restore;
mod stray_keys;
mod appended_rows;
mod ambiguity;
pub mod check;
