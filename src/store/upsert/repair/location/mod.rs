//! Where the rows and columns of a batch are now, after users moved them. Pure.
//!
//! In scope: following rows and columns, and rows that can't be located.
//! Out of scope: what is written to them (`store::upsert::repair::planning`).
//!
//! | question | file |
//! |---|---|
//! | What does the tab contain now? | `image` |
//! | Where is a row of the batch now? | `rows` |
//! | Which of several equal rows is the one? | `equal_rows` |
//! | Which row is one in which users changed cells? | `changed_rows` |
//! | Which rows did the batch certainly not hit, and which keys must it restore? | `known_rows`, `excluded_row` |
//! | For which row was a write of a repair intended? | `intended_rows` |
//! | Where is a column whose header no longer names it? | `column_search` |
//! | Where are rows and columns together? | `correspondence` |

pub mod image;
pub mod rows;
mod equal_rows;
mod changed_rows;
pub(crate) mod excluded_row;
mod known_rows;
mod intended_rows;
pub mod column_search;
pub mod correspondence;
