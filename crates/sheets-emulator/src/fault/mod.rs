//! Faults on demand: what networks and services do to a call.
//!
//! | question | file |
//! |---|---|
//! | Which calls does a fault meet, and what happens to them? | `inject` |
//! | Which response does a fault make of another one? | `responses` |
//! | When do writes arrive that were lost? | `delayed` |
//!
//! Out of scope: whether the method runs before the fault (`emulator`).

pub(crate) mod delayed;
pub(crate) mod inject;
pub(crate) mod responses;
