//! The job file as written: its keys, their types and their schema.
//!
//! | question | file |
//! |---|---|
//! | Which keys does a job file have? | `raw` |
//! | In which two ways is a column written? | `column_entry` |
//! | Where in the file is a value? | `located` |
//! | In which forms may `max_changed` be written? | `max_changed` |
//! | What is the JSON schema of a job file? | `schema` |
//! | Which keys are unknown, missing, or have a value of the wrong type? | `keys` |
//!
//! Out of scope: the meaning of values (`config::sections`).

pub(crate) mod max_changed;
pub(crate) mod raw;
pub(crate) mod column_entry;
pub(crate) mod located;
pub mod schema;
pub(crate) mod keys;
