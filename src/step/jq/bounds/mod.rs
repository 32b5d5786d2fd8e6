//! An upper bound on the cost of an expression, for any input.
//!
//! | question | file |
//! |---|---|
//! | What is the bound of a term, or has it none? | `bounded` |
//! | How many results does a part have, and how large are they? | `result_bounds` |
//! | How are costs added, multiplied and evaluated? | `cost` |
//! | Which variables are there, and how large? | `variables` |
//! | Which texts and numbers does an expression write out? | `literals` |

pub(crate) mod bounded;
pub(crate) mod cost;
mod literals;
mod result_bounds;
mod variables;
