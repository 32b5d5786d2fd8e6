//! The path of every API call.
//!
//! | question | file |
//! |---|---|
//! | In which order is a call paced, tried, classified and counted? | `caller` |
//! | Which failures of which calls may be tried again? | `call_progress` |
//! | What is counted? | `call_counts` |
//! | How long does a call wait so that the quota is kept? | `quota` |

pub mod call_counts;
pub(crate) mod call_progress;
pub mod caller;
pub mod quota;
