//! The parts of a run in a drill, in place of those that the job file asks for.
//!
//! | question | file |
//! |---|---|
//! | Which settings are changed? | `drill_settings` |
//! | Where do records come from? | `replay_source` |
//! | Where do stages run? | `drilled_stages` |
//! | Where is the journal of a machine? | `drill_journal` |

pub mod drill_journal;
pub mod drill_settings;
pub mod drilled_stages;
pub mod replay_source;
