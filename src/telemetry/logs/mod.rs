//! Log lines and their formats.
//!
//! | question | file |
//! |---|---|
//! | Which formats are there, and which one does an environment ask for? | `log_format` |
//! | What does a line consist of, and how long may it be? | `log_line` |
//! | Which keys does a line get in a format? | `rendering` |
//! | Which metrics does a line carry for CloudWatch? | `embedded_metrics` |

pub mod embedded_metrics;
pub mod log_format;
pub mod log_line;
pub mod rendering;
