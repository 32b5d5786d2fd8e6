//! The spreadsheet store: implements `port::store::Store`, with the steps around each batch.
//!
//! | question | file |
//! |---|---|
//! | What does the store keep between calls? | `store` |
//! | Which calls does a commit make, in order? | `send_commit` |
//! | What does a refused batch mean? | `refusal` |
//! | What does a commit read before it is sent? | `commit_checks` |
//! | Does the guard work on this spreadsheet? (asked once, by its first run) | `capability` |
//! | Did a batch write the rows that it was meant for? | `verify` |
//! | What if tabs are renamed during a call? | `renamed_tabs` |
//! | What would commits do, without sending them? | `dry_run` |

pub mod store;
mod refusal;
mod send_commit;
pub mod verify;
pub mod capability;
pub mod commit_checks;
pub mod dry_run;
pub(crate) mod renamed_tabs;
