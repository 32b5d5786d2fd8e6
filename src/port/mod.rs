//! The ports: what the runner needs from the outside, as traits and nothing else.
//!
//! In scope: object-safe traits with their types. Out of scope: every implementation.
//!
//! | question | file |
//! |---|---|
//! | Where is the job's state kept? | `store`; a store around another one: `store_layer` |
//! | Where do records come from? | `source`, `error_document`; a source around another one: `source_layer` |
//! | What processes an item, and finds its key? | `step`, `evaluator` |
//! | Where are results kept until they are committed? | `journal` |
//! | Which columns will a new job's first row have? | `preview` |
//! | Which processes are active? | `process` |
//! | Does the run still hold the lease? | `lease_check` |

pub mod error_document;
pub mod evaluator;
pub mod journal;
pub mod lease_check;
pub mod preview;
pub mod process;
pub mod source;
pub(crate) mod source_layer;
pub mod step;
pub mod store;
pub mod store_layer;
