//! The job file as written: its keys, their types and their schema.
//!
//! | question | file |
//! |---|---|
//! | Which keys does a job file have, and where is each value in it? | `raw` |
//! | Where in the file is a value? | `at` |
//! | In which forms may `max_changed` be written? | `max_changed` |
//! | What is the JSON schema of a job file? | `schema` |
//! | Which keys are unknown, missing, or have a value of the wrong type? | `keys` |
//!
//! Out of scope: the meaning of values (`config::sections`).

pub(crate) mod at;
pub(crate) mod max_changed;
pub(crate) mod raw;
pub mod schema;
pub(crate) mod keys;
