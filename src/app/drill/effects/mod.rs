//! Effects: what the runs of a drill did, counted, in place of what they would do outside.
//!
//! | question | file |
//! |---|---|
//! | How often did a step run for each item? | `counted_step` |
//! | How often did the command of a stage run, and what did it make? | `counted_stages` |
//! | Where are the files of stages, in place of the user's? | `stage_folder` |

pub mod counted_stages;
pub mod counted_step;
pub mod stage_folder;
