//! The job file as written: its keys, their types and their schema.
//!
//! | question | file |
//! |---|---|
//! | Which keys does a job file have? | `raw`, for stages `stage_section` |
//! | In which two ways is a column written? | `column_entry` |
//! | Where in the file is a value? | `located` |
//! | How is a length of time written? | `duration` |
//! | In which forms may `max_changed` be written? | `max_changed` |
//! | What is the JSON schema of a job file? | `schema` |
//! | What does a job of stages have in place of source, item and sheet? | `stage_job` |
//! | Which keys are unknown, missing, or have a value of the wrong type? | `keys` |
//! | What should be written in place of a mistake? | `advice`; of a misspelt word, `closest_word` |
//!
//! Out of scope: the meaning of values (`config::sections`).

pub(crate) mod advice;
pub(crate) mod closest_word;
pub(crate) mod column_entry;
pub(crate) mod duration;
pub(crate) mod keys;
pub(crate) mod located;
pub(crate) mod max_changed;
pub(crate) mod raw;
pub mod schema;
pub(crate) mod stage_job;
pub(crate) mod stage_section;
