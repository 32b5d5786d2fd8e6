//! A Google Sheets v4 service in this process: spreadsheets kept in one `SQLite` file, answered in Google's words.
//!
//! In scope: storage, `batchUpdate`, reads, A1 notation, field masks, rendering, the HTTP routes, faults on demand.
//! Out of scope: everything the job runner knows. Nothing here imports `google`, and no type is shared with it:
//! both sides answer to the recorded exchanges in `fixtures/wire/`.

pub mod a1;
pub mod adjust;
pub mod batch;
pub mod block;
pub mod book;
pub mod call;
pub mod cell;
pub mod choices;
pub mod copies;
pub mod coverage;
pub mod create;
pub mod data_filter;
pub mod drive;
pub mod entered;
pub mod entered_moment;
pub mod error;
pub mod exchange;
pub mod fault;
pub mod fields;
pub mod follow;
pub mod formula;
pub mod functions;
pub mod get;
pub mod grid;
pub mod late;
pub mod launch;
pub mod metadata;
pub mod methods;
pub mod names;
pub mod options;
pub mod outcome;
pub mod outgoing;
pub mod packing;
pub mod pattern;
pub mod pattern_letters;
pub mod pattern_moment;
pub mod pattern_number;
pub mod present;
pub mod protection;
pub mod proto;
pub mod quota;
pub mod references;
pub mod render;
pub mod route;
pub mod row_blob;
pub mod rows;
pub mod schema;
pub mod server;
pub mod service;
pub mod sharing;
pub mod stats;
pub mod storage;
pub mod table;
pub mod test_key;
pub mod token;
pub mod transaction;
pub mod value_range;
pub mod values_append;
pub mod values_clear;
pub mod values_read;
pub mod values_write;
