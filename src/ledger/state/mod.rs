//! The state of a job, as one load reads it and as the state tab keeps it.
//!
//! | question | file |
//! |---|---|
//! | What does a load find, and may it be used? | `snapshot` |
//! | How is the state written as names and texts? | `state_codec` |
//! | How does a job move to a new spreadsheet? | `rollover` |

pub mod snapshot;
pub mod state_codec;
pub mod rollover;
