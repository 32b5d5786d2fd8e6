//! Spreadsheets in one `SQLite` file, or in memory.
//!
//! | question | file |
//! |---|---|
//! | How is a file opened, and who gets a connection? | `store`, `connection` |
//! | What does one read or write see? | `transaction`, `rows`, `named_ranges`, `developer_metadata` |
//! | How is a row encoded? | `row_blob` |
//! | Who may write next, and for how long? | `write_queue`, `work_limit` |
//! | How does a commit get into the file itself? | `checkpoint`, `group_commit`, `wal_copy` |
//! | Is the file still the one that was opened? | `database_file` |
//! | What can go wrong? | `error` |
//! | What runs around a commit? | `commit_hook` |
//!
//! Out of scope: what may be written (`batch`, `methods`).

pub mod checkpoint;
pub mod commit_hook;
pub mod connection;
pub mod database_file;
pub mod developer_metadata;
pub mod error;
pub mod group_commit;
pub mod named_ranges;
pub mod row_blob;
pub mod rows;
pub mod store;
pub mod transaction;
pub mod wal_copy;
pub mod work_limit;
pub mod write_queue;
