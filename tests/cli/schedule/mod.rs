//! Runs by the clock.
//!
//! | question | file |
//! |---|---|
//! | When is a job due, late or missed? | `due`, `late` |
//! | How are past dates run? | `backfill` |
//! | What does the daemon do? | `daemon` |

mod backfill;
mod daemon;
mod due;
mod late;
