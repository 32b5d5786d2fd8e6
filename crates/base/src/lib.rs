//! What the client and the rules share, so that neither knows the other.
//!
//! In scope: faults, timestamps, retry decisions, secrets in texts, trouble of this machine,
//! failpoints. Clock and random numbers are traits with the system's and a test's implementation.
//! Out of scope: everything that knows of items, sheets or HTTP.
//!
//! | question | file |
//! |---|---|
//! | What has to be done about an error? | `fault`, `machine` |
//! | What is a point in time, and how is it written? | `time` |
//! | What time is it, and which bits are random? | `clock`, `rng`, and their implementations in `system` |
//! | When is something tried again? | `retry` |
//! | How is a program ended with all processes that it started? | `process_group` |
//! | Which part of a text may be a secret? | `redact`, and those of this process `known_secrets` |
//! | At which moments may a test kill this process? | `failpoint` |

pub mod clock;
pub mod failpoint;
pub mod fault;
pub mod known_secrets;
pub mod machine;
pub mod process_group;
pub mod redact;
pub mod retry;
pub mod rng;
pub mod system;
pub mod time;
