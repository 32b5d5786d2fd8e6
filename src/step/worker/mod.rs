//! Worker processes that evaluate expressions: a process can be ended, and its memory can be
//! limited.
//!
//! In scope: both sides, and their protocol. Out of scope: which expressions need a worker
//! (`step::jq::bounds::bounded`).
//!
//! | question | file |
//! |---|---|
//! | Who starts workers, and retries after one has ended? | `workers` |
//! | How are requests and replies exchanged with one worker? | `connection` |
//! | How is the program started? | `launch` |
//! | What does the worker process do? | `serve` |
//! | What is sent through the pipes? | `frame` |
//!
//! ```text
//!  Workers ─▶ driver ─▶ pipe ─▶ reading thread ─▶ evaluating thread
//!  ▲          ▲                                       │
//!  └─ replies ┴────────────── pipe ◀──────────────────┘   in order, many in flight
//! ```

mod frame;
pub(crate) mod launch;
pub mod serve;
mod connection;
pub mod workers;
