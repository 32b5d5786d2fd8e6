//! Mishaps: what goes wrong in a drill, when it is drawn, and where it happens.
//!
//! | question | file |
//! |---|---|
//! | What can go wrong? | `mishap` |
//! | Which mishap is due at this moment? | `schedule` |
//! | How is a run killed? | `run_trouble` |
//! | What goes wrong in a call of the store? | `troubled_store` |
//! | What goes wrong while records are read? | `watched_source` |

pub mod mishap;
pub mod run_trouble;
pub mod schedule;
pub mod troubled_store;
pub mod watched_source;
