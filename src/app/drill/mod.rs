//! The recovery drill: a job is run on a throw-away sheet while everything goes wrong, and what is
//! on the sheet afterwards is compared with an undisturbed run.
//!
//! In scope: drawing mishaps, playing them, counting. Out of scope: the command `drill` and its
//! output (`cli`), scenarios of tests (`job`).
//!
//! Nothing of the user's is touched: the sheet is in memory, lock and journal are in a temporary
//! folder, and effects outside are counted in place of being done. The engine is the one of
//! `sheetkeep run`, with the real client in front of the emulator. A kill drops the run in the
//! middle of a call with all its memory; what was on the sheet and in the journal stays. Time is
//! simulated, so leases end and delays pass at once, and a seed always plays the same.
//!
//! | question | file |
//! |---|---|
//! | What can go wrong, and when? | `mishap`, `schedule` |
//! | How is a seed played? | `game` |
//! | What is read, and what became of it? | `replay_source`, `counted_step`, `counted_stages`, `sheet_rows` |
//! | Where do mishaps happen? | `troubled_store`, `counted_step`, `counted_stages`, `watched_source` |
//! | How is a run killed? | `run_trouble` |
//! | Where are the files of stages, in place of the user's? | `stage_folder` |
//! | How is time simulated? | `drill_clock` |
//! | Does a program use its idempotency key? | `idempotency` |
//! | What came out? | `outcome` |

pub mod counted_stages;
pub mod counted_step;
pub mod drill_clock;
pub mod game;
pub mod idempotency;
pub mod mishap;
pub mod outcome;
pub mod replay_source;
pub mod run_trouble;
pub mod schedule;
pub mod sheet_rows;
pub mod stage_folder;
pub mod troubled_store;
pub mod watched_source;
