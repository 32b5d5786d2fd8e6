//! Programs and expressions that a job or the user runs.
//!
//! | question | file |
//! |---|---|
//! | How often does a program of a step run? | `steps` |
//! | How do programs end, with their processes? | `process_ends` |
//! | Which step would a crash run twice? | `drill` |
//! | What if an expression never ends? | `endless` |
//! | What do `retry` and `once` do? | `retry`, `once` |

mod drill;
mod endless;
mod once;
mod process_ends;
mod retry;
mod steps;
