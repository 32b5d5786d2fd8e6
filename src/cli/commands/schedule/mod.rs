//! The commands about when a job runs.
//!
//! Out of scope: which occurrence is due or late (`schedule`, `app::schedule`), and the run itself
//! (`cli::commands::run`).
//!
//! - `due`: runs what is due by the schedule, for any number of clocks (`run --due`).
//! - `daemon`: runs many jobs by their schedules (`schedule run`).
//! - `backfill`: runs past dates that have not run.
//! - `late`: which jobs are late, stuck or stale? `late_alert` reports that to people.
//! - `explain_and_export`: `schedule explain` and `schedule export`, which need no spreadsheet.

pub mod due;
pub mod daemon;
pub mod backfill;
pub mod late;
pub mod explain_and_export;
mod late_alert;
