//! The library: the runner of `sheetkeep run` for people who write their steps in Rust.
//!
//! A job has a source of records, steps and a sheet. The engine is that of the command line. Each
//! item is independent of the others, and failures go to a tab and are tried again. A run that was
//! killed continues where it stopped. Each key's rows are on the sheet exactly once. A step with an
//! outside effect runs at least once for each item, with the same idempotency key every time.
//!
//! ```
//! use serde_json::json;
//! use sheetkeep::job::{Job, StepError, memory_store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = memory_store();
//! let job = Job::builder("daily")
//!     .source([json!({"id": "a-1", "total": 12.5}), json!({"id": "a-2", "total": "?"})])
//!     .key(".id")
//!     .step(|order, ctx| async move {
//!         let total = order["total"].as_f64().ok_or_else(|| StepError::rejected("the total is not a number"))?;
//!         Ok(json!({"id": order["id"], "gross": total * 1.19, "sent_as": ctx.idempotency_key()}))
//!     })
//!     .in_memory(&store)
//!     .build()?;
//!
//! let first = job.run().await?;
//! assert_eq!((first.new, first.failed), (1, 1));
//! assert_eq!(store.rows("daily")[0]["id"], "a-1");
//!
//! // The second run skips what is done, and tries the failure again.
//! let second = job.run().await?;
//! assert_eq!((second.new, second.skipped, second.failed), (0, 1, 1));
//! # Ok(())
//! # }
//! ```
//!
//! In place of [`JobBuilder::in_memory`], [`JobBuilder::spreadsheet`] names a Google Sheet and
//! [`JobBuilder::embedded`] a local file; without any of them, `SHEETKEEP_SPREADSHEET_ID` counts.
//! [`Job::from_file`] takes all settings of a job file, and adds steps to its own.
//!
//! | question | file |
//! |---|---|
//! | How is a job built? | `builder` |
//! | Where do its records come from? | `source` |
//! | How does a closure become a step? | `closure_step` |
//! | How does a job run, and what does a run return? | `runner_job`, `report` |
//! | Why could it not be built or run? | `error` |
//! | How is a single operation tried again? | `retrying` |
//! | Which mishaps can a test inflict on a job? | `scenario` |
//!
//! The list of public items is in `docs/library-items.txt`; a test compares it with this module.
//! Every other module of the crate is the engine, which may change with each release.

mod builder;
mod closure_step;
mod error;
mod report;
mod retrying;
mod runner_job;
#[cfg(feature = "emulator")]
mod scenario;
mod source;

pub use builder::JobBuilder;
pub use closure_step::ItemContext;
pub use error::JobError;
pub use report::JobReport;
pub use retrying::{Retry, RetryClass, RetryError, RetryNotice, flaky, retry};
pub use runner_job::{Job, memory_store};
#[cfg(feature = "emulator")]
pub use scenario::Scenario;
pub use source::JobSource;

#[cfg(feature = "emulator")]
pub use crate::app::drill::outcome::{DrillOutcome, StepRuns};
pub use crate::fault::Fault;
pub use crate::ledger::runs::run::RunStatus;
pub use crate::port::step::StepError;
pub use crate::retry::RetryPolicy;
pub use crate::store::memory::MemoryStore;
