//! Faults on demand: what networks and services do to a call.
//!
//! | question | file |
//! |---|---|
//! | Which calls does a fault meet, and what happens to them? | `inject` |
//! | When do writes arrive that were lost? | `delayed` |
//!
//! Out of scope: carrying a fault out (`emulator`).

pub(crate) mod delayed;
pub(crate) mod inject;
