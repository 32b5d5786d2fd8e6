//! Expressions evaluated by a process of their own, which can be ended and has bounds of memory.
//!
//! In scope: the two sides and what they say to each other. Out of scope: which expressions need it (`step::jq::bounded`).
//!
//! ```text
//!  Workers ─▶ driver ─▶ pipe ─▶ reading thread ─▶ evaluating thread
//!     ▲          ▲                                       │
//!     └─ answers ┴────────────── pipe ◀──────────────────┘   in order, many on their way at once
//! ```

mod frame;
mod launch;
pub mod serve;
mod session;
pub mod workers;
