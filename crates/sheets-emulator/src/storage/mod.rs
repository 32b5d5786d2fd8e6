//! Spreadsheets in one `SQLite` file, or in memory.
//!
//! | question | file |
//! |---|---|
//! | How is a file opened, and who gets a connection? | `store`, `connection` |
//! | What does one read or write see? | `transaction`, `sheet_rows`, `named_ranges`, `developer_metadata` |
//! | When was the spreadsheet recalculated? | `recalculation` |
//! | How is a row encoded? | `row_blob` |
//! | Who may write next, and for how long? | `write_queue`, `work_limit` |
//! | How does a commit get into the file itself? | `checkpoint`, `group_commit`, `wal_copy` |
//! | Is the file still the one that was opened? | `database_file` |
//! | What can go wrong? | `error` |
//! | What runs around a commit? | `commit_hook` |
//!
//! Out of scope: what may be written (`batch`, `methods`).

pub(crate) mod checkpoint;
pub(crate) mod commit_hook;
pub(crate) mod connection;
pub(crate) mod database_file;
pub(crate) mod developer_metadata;
pub(crate) mod error;
pub(crate) mod group_commit;
pub(crate) mod named_ranges;
pub(crate) mod recalculation;
pub(crate) mod row_blob;
pub(crate) mod sheet_rows;
pub(crate) mod store;
pub(crate) mod transaction;
pub(crate) mod wal_copy;
pub(crate) mod work_limit;
pub(crate) mod write_queue;
