//! Mishaps: what goes wrong in a drill, when it is drawn, and where it happens.
//!
//! | question | file |
//! |---|---|
//! | What can go wrong? | `mishap` |
//! | Which mishap is due at this moment? | `mishap_queue` |
//! | How is a run killed? | `run_mishaps` |
//! | What goes wrong in a call of the store? | `mishap_store` |
//! | What goes wrong while records are read? | `watched_source` |

pub mod mishap;
pub mod run_mishaps;
pub mod mishap_queue;
pub mod mishap_store;
pub mod watched_source;
