//! The files that the linter reads.
//!
//! | question | file |
//! |---|---|
//! | Which files are at and below the given paths? | `discovery` |
//! | What is the text of a file, and in which language is it? | `source_text` |
//! | Does git ignore a file? | `git_ignores` |

pub mod discovery;
pub(crate) mod git_ignores;
pub mod source_text;
