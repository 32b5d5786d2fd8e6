//! What was found, and what becomes of it.
//!
//! | question | file |
//! |---|---|
//! | How do rules add findings to a file? | `collector` |
//! | Which findings does a comment or a baseline ignore? | `suppression`, `baseline` |
//! | What was found in all files? | `report` |
//! | How ready are the scripts? | `readiness` |
//! | What can be fixed automatically? | `fixes` |

pub mod baseline;
pub(crate) mod collector;
pub mod fixes;
pub mod readiness;
pub mod report;
pub(crate) mod suppression;
