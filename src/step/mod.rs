//! What is done with an item: the jq expressions and the programs of a job.
//!
//! In scope: compiling and running jq, the steps `map` and `command`, finding an item's key
//! and version. Out of scope: reading the job file (`config`), making rows of the results
//! (`ledger::rows::row_builder`).
//!
//! | question | file or folder |
//! |---|---|
//! | How is the key or version of an item found? | `key_finder` |
//! | What does the step `map` do? | `map_step` |
//! | What does the step `command` do? | `command` |
//! | Where is an expression evaluated: in this process or in a worker? | `expression` |
//! | How is jq compiled, bounded and run? | `jq` |
//! | How does a worker process evaluate expressions? | `worker` |

pub mod command;
pub mod expression;
pub mod key_finder;
pub mod jq;
pub mod map_step;
pub mod worker;
