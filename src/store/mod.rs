//! State stores: where a job's state is kept. A spreadsheet, and a reference store in memory.
//!
//! | question | folder |
//! |---|---|
//! | How is a commit, load or head read carried out on a spreadsheet? | `spreadsheet` |
//! | Which reads does a load make, and when does it repeat them? | `load` |
//! | Which requests does a commit become? | `commit` |
//! | How does a commit apply only if the head has not moved? | `guard` |
//! | What if a write by position hits another row? | `upsert` |
//! | What does the store keep between calls? | `session` |
//! | How are tabs and cells parsed and formatted? | `tabs` |
//! | How are all rows of a job listed? | `scan` |
//! | Does the real service behave as assumed? | `probe` |
//! | What does the store contract look like without a service? | `memory` |
//!
//! Out of scope: the commit protocol itself (`ledger`), HTTP (`sheets_client`).

pub mod guard;
pub mod tabs;
pub mod upsert;
pub mod commit;
pub mod session;
pub mod load;
pub mod spreadsheet;
pub mod scan;
pub mod probe;
pub mod memory;
