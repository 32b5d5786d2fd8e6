//! The machine: kills, signals, several runs at once, refused resources.
//!
//! | question | file |
//! |---|---|
//! | What does a kill leave? | `crash` |
//! | What does a signal do? | `signals` |
//! | What if two runs overlap? | `overlap` |
//! | What if the machine refuses memory, disk or processes? | `refused_resources` |

mod crash;
mod overlap;
mod refused_resources;
mod signals;
