//! The rules of schedules: when a job is due, what it missed, and whether it is late.
//!
//! Pure: the present time and the history come in as values. In scope: cron expressions and
//! intervals in a time zone, clock changes, misfires, overlaps, pauses, blackout dates, deadlines
//! (`ready_by`), lateness, backfill. Out of scope: reading a job file, a clock or a sheet, and
//! starting a run.
//!
//! | question | file |
//! |---|---|
//! | Which expressions are accepted, and what does each field mean? | `cron`, `dialect` |
//! | Which time zones are accepted? | `zone` |
//! | At which instants does a recurrence fall, also when clocks change? | `recurrence`, `instants` |
//! | On which dates does a job not run? | `blackout` |
//! | What are the rules of one job, and when does each occurrence start? | `job_schedule` |
//! | What is due now, what was missed or skipped, and what is next? | `decision` |
//! | When does a daemon call each of its jobs? | `call_queue` |
//! | Is a job late, stuck, degraded, paused or stale? | `lateness` |
//! | Does a job outgrow its interval? Which dates have not run? | `cadence`, `backfill` |
//! | How is a schedule described in words? | `words`, `explanation` |
//! | How do other schedulers call the job? | `export/` |

pub mod backfill;
pub mod blackout;
pub mod cadence;
pub mod call_queue;
pub mod cron;
pub mod decision;
pub mod dialect;
pub mod explanation;
pub mod export;
pub mod instants;
pub mod job_schedule;
pub mod lateness;
pub mod recurrence;
pub mod words;
pub mod zone;

#[cfg(test)]
mod tests;
