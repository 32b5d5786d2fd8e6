//! The state of a job: as loaded, and as stored in the state tab.
//!
//! | question | file |
//! |---|---|
//! | What does a load contain, and is it consistent? | `snapshot` |
//! | How is the state stored as names and texts? | `state_codec` |
//! | How does a job move to a new spreadsheet? | `rollover` |

pub mod snapshot;
pub mod state_codec;
pub mod rollover;
