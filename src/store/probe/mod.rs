//! The probe: checks on a real spreadsheet whether the service behaves as assumed.
//!
//! | question | file |
//! |---|---|
//! | Which assumptions are checked? | `assumption` |
//! | Which function checks an assumption, and when is it repeated? | `run` |
//! | How is each one checked? | `tabs`, `range_names`, `developer_metadata`, `cells`, `appended_rows`, `overdue` |
//! | How does a probe send and read? | `client` |
//! | How are a probe's tabs and names recognised, and deleted? | `scratch_names`, `cleanup` |
//! | Does the guard work on this spreadsheet? (once per spreadsheet, by each first run) | `capability` |
//!
//! Out of scope: the meaning of a result for a job (`check`). A probe writes only to tabs and names
//! of its own, except the recalculation interval, which it restores. Each check is one or two
//! batches. If a response is lost, the check is repeated with new names, so that it never depends on
//! the outcome of the first batch.

pub mod capability;
pub mod client;
pub mod cleanup;
pub mod assumption;
pub mod run;
mod range_names;
mod developer_metadata;
mod tabs;
mod cells;
mod appended_rows;
mod overdue;
pub mod scratch_names;
