//! The calls of Drive v3 by which clients make, find, share and remove spreadsheets.
//!
//! | question | file |
//! |---|---|
//! | `files.create`, `copy`, `get`, `list`, `update`, `delete` | `files` |
//! | CSV and TSV: `files.export`, downloads, uploads | `export` |
//! | `permissions.*`, and who may read without a token | `permissions` |
//!
//! Out of scope: files that are not spreadsheets.

pub(crate) mod export;
pub(crate) mod files;
pub(crate) mod permissions;
