//! Stages: commands that run one after the other, each with a checkpoint on the sheet.
//!
//! A stage of a logical run is an item of the job: its key names both, its version describes the
//! artefact. The run loop therefore keeps every promise for stages that it keeps for records. These
//! are the lease before the work, the guarded commit after it, lost responses, journalled results,
//! one row in Runs, failures, and alerts.
//!
//! ```text
//!  claim ─▶ StageSource ─▶ artefact as its checkpoint says? ─▶ skip ─▶ record ─▶ (done already)
//!                 │                     └─▶ no checkpoint ─▶ command ─▶ rename ─▶ record ─▶ commit
//!                 └─▶ a delivery failed ─▶ dead letter ─▶ record ─▶ row in Failures
//!  failures retry ────────────────────────────────────▶ StageStep ─▶ command, with the dead letter
//! ```
//!
//! | question | file |
//! |---|---|
//! | What does a run of stages need to know? | `stage_plan` |
//! | Which parts does a run of stages have? | `stage_parts` |
//! | Which stage is next, and is it done? | `stage_source` |
//! | Is a stage done, and is its file what it was? | `stage_verdict` |
//! | What do people see of stages without running them? | `stage_state` |
//! | How is the command of one stage run, and its artefact written? | `stage_command` |
//! | What becomes of a record, and of a dead letter that is sent again? | `stage_step` |
//! | What is in a record: key, version, row? | `checkpoint` |
//! | Who takes part in the commands of a drill, and when? | `stage_watch` |
//! | What is an artefact, and how is it put in its place? | `artifact` |

pub mod artifact;
pub mod checkpoint;
pub mod stage_command;
pub mod stage_parts;
pub mod stage_plan;
pub mod stage_source;
pub mod stage_state;
pub mod stage_step;
pub mod stage_verdict;
pub mod stage_watch;
