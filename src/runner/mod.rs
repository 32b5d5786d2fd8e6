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
//! | Which event is handled next; when is a batch due? | `run_loop` |
//! | How does a run load, check and prepare its lease? | `startup` |
//! | What configures a run, and what does it depend on? | `run_config` |
//! | Which input comes next: prepared changes, results, failures, records? | `input_queue` |
//! | When is the source read twice, and what is found then? | `source_passes`, `record_selection` |
//! | When are records of failures looked for in the source? | `keyed_records`, `failure_records` |
//! | Which of the kept failures are obsolete? | `superseded_failures` |
//! | When does a run stop because all first records fail alike? | `first_records` |
//! | How does a record become an item, a row or a failure? | `intake` |
//! | Which file runs the steps, and keeps their results? | `step_executor`, `journal_replay` |
//! | What waits for a commit; which drafts are in flight? | `commit_queue` |
//! | What does a commit carry, and what follows its end? | `committer` |
//! | Which calls bring one commit to a known outcome? | `commit_driver` |
//! | How is a refused batch bisected? | `bisect` |
//! | What happens after a concurrent commit? | `reload` |
//! | How is the lease released after an error? | `lease_release` |
//! | How are items marked before their steps, at most once? | `start_markers`, `in_doubt` |
//! | What does the state note about a running reprocess? | `reprocess_state` |
//! | How does a run stop early? | `shutdown` |
//! | Which checks concern the header row of a table? | `header_row` |
//! | Which columns would the first row of a new job have? | `preview` |

pub mod run_loop;
pub mod startup;
pub mod input_queue;
pub mod commit_queue;
pub mod commit_driver;
mod bisect;
mod in_doubt;
pub mod start_markers;
pub mod journal_replay;
pub mod reprocess_state;
pub mod step_executor;
pub mod run_config;
pub mod shutdown;
mod lease_release;
mod superseded_failures;
pub mod source_passes;
pub mod failure_records;
pub mod record_selection;
pub mod first_records;
pub mod committer;
pub mod header_row;
pub mod intake;
pub mod keyed_records;
pub mod preview;
mod reload;
