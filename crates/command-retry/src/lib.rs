//! `sheetkeep retry`: runs a command until it succeeds, with exponential backoff and jitter.
//!
//! In scope: which end of a command is tried again, the delays, and the report. One attempt is a
//! process group with its standard streams, signals and time limits. Out of scope: flags, and
//! writing the report (`src/cli`); the curve of the delays is `sheetkeep_base::retry`'s.
//!
//! | question | file |
//! |---|---|
//! | Which settings are there, and which are refused? | `policy` |
//! | Which exit codes are tried again? | `retryable_codes` |
//! | When does it end, and how? | `retry_loop` |
//! | How is a command run once? | `attempt` |
//! | How are signals passed on to the command and its children? | `signals`, and `sheetkeep_base::process_group` |
//! | How does standard input reach each attempt? | `stdin_copy` |
//! | What is reported? | `report` |

pub mod attempt;
pub mod policy;
pub mod report;
pub mod retry_loop;
pub mod retryable_codes;
pub mod signals;
pub mod stdin_copy;
