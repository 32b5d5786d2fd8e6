//! The file of spreadsheets on disk: one file, complete at any time.
//!
//! Out of scope: what is in it (`storage::content`), who may write (`storage::write_queue`).
//!
//! | question | file |
//! |---|---|
//! | How is a file opened, created or migrated? | `connection` |
//! | Is the file still the one that was opened? | `database_file` |
//! | Is the end of the file there? | `file_length` |
//! | How does a commit get from the write-ahead log into the file? | `checkpoint` |
//! | Who copies for several writers at the same time? | `group_commit` |
//! | How is a file restored that was copied without its log? | `wal_copy` |

pub(crate) mod checkpoint;
pub(crate) mod connection;
pub(crate) mod database_file;
pub(crate) mod file_length;
pub(crate) mod group_commit;
pub(crate) mod wal_copy;
