//! Python scripts.
//!
//! | question | file |
//! |---|---|
//! | What does the script call, assign, catch? | `facts`, filled by `walk` |
//! | What does a name mean? | `names` |
//! | Which node is what? | `nodes` |
//! | What is wrong with it? | `check`, and `secrets`, `places`, `network`, `retries`, `errors`, `state`, `operations`, `service` |

pub(crate) mod check;
mod errors;
mod facts;
mod names;
mod network;
mod nodes;
mod operations;
mod places;
mod retries;
mod secrets;
mod service;
mod state;
mod walk;
