//! The path of every API call.
//!
//! | question | file |
//! |---|---|
//! | In which order is a call paced, tried, classified and counted? | `caller` |
//! | Which failures of which calls may be tried again? | `call_progress` |
//! | How long may one attempt take? | `deadline` |
//! | What is counted? | `call_counts` |
//! | How long does a call wait so that the quota is kept? | `quota` |

pub mod call_counts;
pub(crate) mod call_progress;
pub mod caller;
pub(crate) mod deadline;
pub mod quota;
