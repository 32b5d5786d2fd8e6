//! Runs: their rows, their events, and the results that they journal on this machine.
//!
//! | question | file |
//! |---|---|
//! | What is stored of a run? | `run` |
//! | What does a run say about the time after it? | `end_state` |
//! | What do people ask of a job? | `job_requests` |
//! | What does a run report? | `event` |
//! | Which messages about what lasts were reported? | `reported_messages` |
//! | What is a run expected to yield? | `expectation` |
//! | Which fields of the source are empty now? | `filled_fields` |
//! | What do runs usually yield? | `usual_counts` |
//! | When are changes of existing rows held back? | `held_changes` |
//! | Which items did the forecast of a run see? | `foreseen_items` |
//! | How are results journalled until they are on the sheet? | `journal` |
//! | What does a scheduled job remember of its occurrences? | `schedule_history` |
//! | When is a spreadsheet full? | `capacity` |

pub mod foreseen_items;
pub mod held_changes;
pub mod end_state;
pub mod run;
pub mod job_requests;
pub mod event;
pub mod reported_messages;
pub mod expectation;
pub mod filled_fields;
pub mod usual_counts;
pub mod journal;
pub mod schedule_history;
pub mod capacity;
