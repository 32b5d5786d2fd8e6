//! The sections about records: where they come from, what is done with them, and what they yield.
//!
//! | question | file |
//! |---|---|
//! | Where do records come from, and which are their keys? | `source` |
//! | Which steps does an item take? | `steps` |
//! | Which bounds apply to expressions? | `evaluation` |
//! | Which columns do rows have? | `columns` |
//! | What is a run expected to yield? | `expect` |

pub(crate) mod columns;
pub mod evaluation;
pub(crate) mod expect;
pub mod source;
pub mod steps;
