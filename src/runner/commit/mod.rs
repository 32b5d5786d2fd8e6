//! The commits of a run: what they carry, and how each comes to a known outcome.
//!
//! | question | file |
//! |---|---|
//! | What does a commit carry, and what follows its end? | `committer` |
//! | Which calls bring one commit to a known outcome? | `commit_driver` |
//! | How is a refused batch bisected? | `bisect` |
//! | What happens after a concurrent commit? | `reload` |
//! | How is the lease released after an error? | `lease_release` |
//!
//! Out of scope: the rules of a commit (`ledger::commit`), and its requests (`store::commit`).

pub mod committer;
pub mod commit_driver;
mod bisect;
mod reload;
mod lease_release;
