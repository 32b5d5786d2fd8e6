//! The syntax of a script, as a tree.
//!
//! | question | file |
//! |---|---|
//! | Which nodes are there, and what is below each? | `tree` |
//! | How is a script parsed, a long one in parts? | `parse` |

pub(crate) mod parse;
pub(crate) mod tree;
