//! The check before a run: would it stop, and on what; and whether the service is as the protocol assumes.
//!
//! In scope: preflight, which writes nothing; the probe, which writes to scratch names only; what each answer means for a job.
//! Out of scope: the questions themselves (`store::probe`), how it is shown and which exit code it is (`cli`).

pub mod report;
pub mod consequences;
pub mod programs;
pub mod repeated;
pub mod preflight;
pub mod probing;
