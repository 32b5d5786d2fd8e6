//! The probe: what the service does, asked of a spreadsheet in scratch names that go away again.
//!
//! In scope: the questions, asking them, reading the answers, sweeping up. Out of scope: what an answer means for a job
//! (`check`), and the proof that each first run makes by itself (`store::probe::capability`).
//!
//! A probe writes to tabs and names of its own and to nothing else. Each question is one or two batches; where an answer is lost,
//! the question is asked again in fresh names, so that it never depends on what became of the first batch.

pub mod capability;
pub mod client;
pub mod cleanup;
pub mod assumption;
pub mod run;
mod range_names;
mod developer_metadata;
mod tabs;
mod cells;
mod rows;
pub mod scratch_names;
