//! The probe: what the service does, asked of a spreadsheet in scratch names that go away again.
//!
//! In scope: the questions, asking them, reading the answers, sweeping up. Out of scope: what an answer means for a job
//! (`check`), and the proof that each first run makes by itself (`store::proof`).
//!
//! A probe writes to tabs and names of its own and to nothing else. Each question is one or two batches; where an answer is lost,
//! the question is asked again in fresh names, so that it never depends on what became of the first batch.

pub mod question;
pub mod scratch;
pub mod desk;
mod tabs;
mod names;
mod marks;
mod cells;
mod rows;
pub mod asking;
pub mod sweep;
