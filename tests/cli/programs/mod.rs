//! Programs and expressions that a job or the user runs.
//!
//! | question | file |
//! |---|---|
//! | How often does a program of a step run? | `steps` |
//! | How do programs end, with their processes? | `process_ends` |
//! | Which step would a crash run twice? | `drill` |
//! | What if an expression never ends? | `endless` |
//! | What do stages do, and what do they leave? | `stages` |
//! | What do `retry` and `once` do? | `retry`, `once`, `once_in_sheet` |

mod drill;
mod endless;
mod once;
mod once_in_sheet;
mod process_ends;
mod retry;
mod stages;
mod steps;
