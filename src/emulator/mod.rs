//! An embedded server of the Google Sheets v4 REST API.
//!
//! In scope: what a job store and the usual clients ask of the API, kept in one local file.
//! Out of scope: formatting, charts and everything that only a person looks at; the client side (`google`).

pub mod a1;
pub mod fields;
pub mod formula;
pub mod pattern;
pub mod schema;
