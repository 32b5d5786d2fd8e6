//! Spreadsheets in one `SQLite` file, or in memory.
//!
//! | question | file |
//! |---|---|
//! | Who gets a connection, and what does one read or write see? | `store`, `transaction` |
//! | Which contents has a spreadsheet, and when was it recalculated? | `content/` |
//! | How is a row encoded? | `row_blob` |
//! | How is the file opened, and how does a commit get into the file itself? | `file/` |
//! | Who may write next, and for how long? | `write_queue`, `work_limit` |
//! | What can go wrong? | `error` |
//! | What runs around a commit? | `commit_hook` |
//!
//! Out of scope: what may be written (`batch`, `methods`).

pub(crate) mod commit_hook;
pub(crate) mod content;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod row_blob;
pub(crate) mod store;
pub(crate) mod transaction;
pub(crate) mod work_limit;
pub(crate) mod write_queue;
