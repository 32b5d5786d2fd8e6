//! The recovery drill: it runs a job on a throw-away sheet while everything goes wrong. Then it
//! compares what is on the sheet with an undisturbed run.
//!
//! In scope: drawing mishaps, playing them, counting. Out of scope: the command `drill` and its
//! output (`cli`), scenarios of tests (`job`).
//!
//! Nothing of the user's is touched. The sheet is in memory, lock and journal are in a temporary
//! folder, and outside effects are counted in place of being done. The engine is the one of
//! `sheetkeep run`, with the real client in front of the emulator. A kill drops the run in the
//! middle of a call with all its memory; what was on the sheet and in the journal stays. Time is
//! simulated, so leases end and delays pass immediately, and a seed always plays the same.
//!
//! | question | file |
//! |---|---|
//! | What is drilled? | `drill_job`, its records in `record_copy` |
//! | How is a seed played? | `active_drill` |
//! | What can go wrong, when and where? | `mishaps` |
//! | What is a run given, in place of the user's parts? | `run_parts` |
//! | What did the runs do? | `effects` |
//! | What is on the sheet? | `drill_sheet` |
//! | How is time simulated? | `drill_clock` |
//! | Does a program use its idempotency key? | `idempotency` |
//! | What came out? | `outcome` |

pub mod drill_clock;
pub mod drill_job;
pub mod drill_sheet;
pub mod effects;
pub mod active_drill;
pub mod idempotency;
pub mod mishaps;
pub mod outcome;
pub mod record_copy;
pub mod run_parts;
