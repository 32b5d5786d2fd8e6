//! What waits for a commit.
//!
//! | question | file |
//! |---|---|
//! | What waits for a commit; which drafts are in flight? | `commit_queue` |
//! | When does a run stop because all first records fail alike? | `first_records` |
//! | How are items marked before their steps, at most once? | `start_markers` |
//!
//! Out of scope: sending what waits (`runner::commit`).

pub mod commit_queue;
pub mod first_records;
pub mod start_markers;
