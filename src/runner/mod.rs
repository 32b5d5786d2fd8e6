//! The runner: one pass over a source, from load to the last commit.
//!
//! In scope: the order of events, and all waiting. Out of scope: decisions (`ledger`) and I/O
//! (`port` and its implementations).
//!
//! ```text
//!  load ─▶ admit ─▶ steps ─▶ queue ─▶ draft ─▶ send and resolve ─▶ applied ─▶ … ─▶ last commit: run, release
//!            ▲                 ▲                    │
//!            └─── source       └── reload, redraft ─┘
//! ```
//!
//! | question | file |
//! |---|---|
//! | Which event is handled next; when is a batch due? | `run_loop`; what follows an event in `run_loop/` |
//! | Which status and message does an ended run get? | `run_end` |
//! | How does a run load the job and build its context? | `startup` |
//! | May a run start here and now? | `startup/preconditions` |
//! | What does a run claim of its job's schedule? | `schedule_claim` |
//! | Which commit records it, and when is the next run due? | `schedule/` |
//! | What does a run record and report to people? | `alert_recorder` |
//! | What configures a run, and what does it depend on? | `run_config` |
//! | Does a run read the source, and which failures does it retry? | `run_scope` |
//! | What is taken in, in which order? | `input/` |
//! | What becomes of a record? | `records/` |
//! | How are the steps executed? | `steps/` |
//! | What waits for a commit? | `queue/` |
//! | What does a commit carry, and how does it come to a known outcome? | `commit/` |
//! | How does a run stop early? | `shutdown` |
//! | How does a source ask whether the run holds the lease? | `lease_questions` |
//! | Which warnings have people heard of before? | `warning_memory` |
//! | Which checks precede the first record? | `source_checks`; of a header row, `header_row` |
//! | What would steps make of a record, and which columns would a first row have? | `first_row` |

pub mod run_loop;
pub mod run_end;
pub mod startup;
pub mod alert_recorder;
pub mod run_config;
pub mod run_scope;
pub mod schedule_claim;
pub mod schedule;
pub mod input;
pub mod records;
pub mod steps;
pub mod queue;
pub mod commit;
pub mod shutdown;
pub mod lease_questions;
pub mod header_row;
mod source_checks;
pub mod warning_memory;
pub mod first_row;
