//! Items, their keys and their failures.
//!
//! | question | file |
//! |---|---|
//! | What enters a step, and what leaves it? | `item` |
//! | What makes two items the same one? | `key` |
//! | What is kept of an item that failed? | `failure` |
//! | Which keys look the same to people? | `lookalike_keys` |
//! | How are rows written, and when is a key processed again? | `write_mode` |
//! | Which record counts if a source repeats a key? | `source_survey`, `record_selection`, `repeated_keys` |

pub mod item;
pub mod key;
pub mod failure;
pub mod write_mode;
pub mod repeated_keys;
pub mod lookalike_keys;
pub mod record_selection;
pub mod source_survey;
