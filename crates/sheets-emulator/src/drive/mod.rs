//! The calls of Drive v3 by which clients make, find, share and remove spreadsheets.
//!
//! | question | file |
//! |---|---|
//! | `files.create`, `copy`, `get`, `list`, `update`, `delete` | `files` |
//! | the query `q` of `files.list` | `file_query`, `query_tokens` |
//! | its order and its pages | `file_list` |
//! | CSV and TSV: `files.export`, downloads, files that replace a spreadsheet | `export` |
//! | `/upload/drive/v3/files`: multipart, media, resumable | `upload` |
//! | errors in Drive's envelope | `error` |
//! | `permissions.*`, and who may read without a token | `permissions` |
//!
//! Out of scope: files that are not spreadsheets, except the root folder.

pub(crate) mod error;
pub(crate) mod export;
pub(crate) mod file_list;
pub(crate) mod file_query;
pub(crate) mod files;
pub(crate) mod permissions;
mod query_tokens;
pub(crate) mod upload;
