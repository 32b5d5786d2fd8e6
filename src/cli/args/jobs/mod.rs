//! The flags of the commands about a job.
//!
//! | question | file |
//! |---|---|
//! | Which flags have `plan`, `backfill`, `drill`, `late`, `failures` and `alert test`? | the file so named |
//! | Which flags have `status` and `show`? | `inspect` |
//! | Which flags have `fsck`, `prune`, `reset` and `rollover`? | `maintenance` |
//! | Which flags have `schedule explain` and `schedule export`? | `schedule` |
//! | Which flags has `schedule run`? | `schedule_run` |

pub mod alert;
pub mod backfill;
#[cfg(feature = "emulator")]
pub mod drill;
pub mod failures;
pub mod inspect;
pub mod late;
pub mod maintenance;
pub mod plan;
pub mod schedule;
pub mod schedule_run;
