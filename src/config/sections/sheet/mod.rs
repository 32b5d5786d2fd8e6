//! The sections about the sheet: which one it is, and what protects the rows there.
//!
//! | question | file |
//! |---|---|
//! | Which sheet does the job write to, with which credentials? | `target` |
//! | Which settings would send rows to an unintended place? | `wrong_place`, `linked` |
//! | What may a job and its data tab be called? | `names` |
//! | How are rows written? | `write_mode` |
//! | How many existing rows may a run change? | `max_changed` |
//! | How does the job appear in the tab Jobs? | `jobs` |

pub(crate) mod jobs;
mod linked;
pub(crate) mod max_changed;
pub(crate) mod names;
pub mod target;
pub(crate) mod write_mode;
pub(crate) mod wrong_place;
