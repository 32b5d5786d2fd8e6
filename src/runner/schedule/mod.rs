//! A run and the schedule of its job.
//!
//! In scope: what a run records and knows of its schedule. Out of scope: what it claims
//! (`runner::schedule_claim`), what is due (`schedule::decision`).
//!
//! | question | file |
//! |---|---|
//! | Which commit records a run in the history of its schedule? | `schedule_recorder` |
//! | When is the next run due? | `next_due` |

pub mod schedule_recorder;
pub mod next_due;
