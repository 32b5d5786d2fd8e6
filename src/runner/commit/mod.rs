//! The commits of a run: what they carry, and how each comes to a known outcome.
//!
//! | question | file |
//! |---|---|
//! | What does a commit carry? | `committer` |
//! | What follows the end of a commit? | `commit_end` |
//! | What will the run's row contain? | `run_row` |
//! | Which calls bring one commit to a known outcome? | `commit_driver` |
//! | When have repairs put all misplaced rows right? | `misplaced_rows` |
//! | With which error does a run end that can't commit any more? | `halt_errors` |
//! | How is a refused batch bisected? | `bisect` |
//! | What happens after a concurrent commit? | `reload` |
//! | What do commits record of the job's alerts? | `recorded_alerts` |
//! | Does the run still hold its lease? | `held_lease` |
//! | How is the lease released after an error? | `lease_release` |
//!
//! Out of scope: the rules of a commit (`ledger::commit`), and its requests (`store::commit`).

pub mod committer;
pub mod commit_driver;
mod commit_end;
mod run_row;
mod misplaced_rows;
mod halt_errors;
mod bisect;
mod reload;
mod held_lease;
mod lease_release;
mod recorded_alerts;
