//! The exactly-once protocol: one atomic, guarded commit after the other.
//!
//! | question | file |
//! |---|---|
//! | What does a commit carry? | `changes` |
//! | Which commit is drafted next, and what follows its end? | `commit_chain` |
//! | What is done until the outcome of a commit is known? | `commit_machine` |
//! | What does the head say of commits in doubt? | `commit_resolution` |
//! | Which item makes the service refuse a batch? | `bisection` |
//! | How is a row deleted? | `row_deletion` |

pub mod changes;
pub mod commit_chain;
pub mod commit_machine;
pub mod commit_resolution;
pub mod bisection;
pub mod row_deletion;
