//! Programs and expressions that a job or the user runs.
//!
//! | question | file |
//! |---|---|
//! | How often does a program of a step run? | `steps` |
//! | How do programs end, with their processes? | `process_ends` |
//! | Which step or stage would a crash run twice? | `drill`, `drill_stages` |
//! | What if an expression never ends? | `endless` |
//! | What do stages do, and what do they leave? | `stages` |
//! | What if files or machines change under stages? | `stage_changes` |
//! | Which logical run do stages belong to, and who starts it? | `stage_runs` |
//! | What do `retry` and `once` do? | `retry`, `once`, `once_in_sheet` |

mod drill;
mod drill_stages;
mod endless;
mod once;
mod once_in_sheet;
mod process_ends;
mod retry;
mod stage_changes;
mod stage_runs;
mod stages;
mod steps;
