//! The path of every API call.
//!
//! | question | file |
//! |---|---|
//! | When is a call tried again, and what is counted? | `caller` |
//! | How long does a call wait so that the quota is kept? | `quota` |

pub mod caller;
pub mod quota;
