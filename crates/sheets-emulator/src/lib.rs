//! A Google Sheets v4 service in this process: spreadsheets kept in one `SQLite` file, answered in Google's words.
//!
//! In scope: storage, `batchUpdate`, reads, A1 notation, field masks, rendering, the HTTP routes, faults on demand.
//! Out of scope: clients. No type is shared with one: tests compare answers with the recorded exchanges in `fixtures/wire/`.

pub mod api;
pub mod auth;
pub mod batch;
pub mod dispatch;
pub mod drive;
pub mod emulator;
pub mod error;
pub mod fault;
pub mod format;
pub mod formula;
pub mod grid;
pub mod http;
pub mod input;
pub mod methods;
pub mod options;
pub mod random;
pub mod schema;
pub mod storage;
pub mod time;
pub mod workbook;
