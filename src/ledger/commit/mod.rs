//! The exactly-once protocol: a chain of atomic, guarded commits.
//!
//! | question | file |
//! |---|---|
//! | What does a commit carry? | `changes` |
//! | Which commit is drafted next, and what follows its end? | `commit_chain` |
//! | Which steps lead to a known outcome of one commit? | `commit_machine` |
//! | What does the head prove about commits in doubt? | `commit_resolution` |
//! | Which item makes the service refuse a batch? | `bisection` |
//! | How is a row deletion described? | `row_deletion` |

pub mod changes;
pub mod commit_chain;
pub mod commit_machine;
pub mod commit_resolution;
pub mod bisection;
pub mod row_deletion;
