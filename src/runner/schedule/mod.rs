//! A run and the schedule of its job.
//!
//! In scope: what a run claims, records and knows of its schedule. Out of scope: what is due
//! (`schedule::decision`).
//!
//! | question | file |
//! |---|---|
//! | What does a run claim and record? | `schedule_claim` |
//! | Which commit records it? | `schedule_recorder` |
//! | When is the next run due? | `next_due` |

pub mod schedule_claim;
pub mod schedule_recorder;
pub mod next_due;
