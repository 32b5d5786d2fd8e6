//! Compare-and-set on a spreadsheet: how a commit is applied only if the head is still the one that it was made from.
//!
//! | question | file |
//! |---|---|
//! | Which requests guard a batch, and how is the head read back? | `head_guard` |
//! | Which kind of guard does a commit use after a refusal? | `strategy` |

pub mod head_guard;
pub mod strategy;
