//! What a run would do, without a write.
//!
//! Out of scope: output (`cli::output::plan`), the effects of a commit
//! (`store::spreadsheet::dry_run`).
//!
//! - `run_plan`: the engine of a real run over a dry-run store.
//! - `plan_file`: from what was a plan made, and has any of it moved since?
//! - `plan_comparison`: which rows would look different under another job file?

pub mod run_plan;
pub mod plan_file;
pub mod plan_comparison;
