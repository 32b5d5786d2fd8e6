//! A Google Sheets v4 service for tests; what follows is its README.
//!
#![doc = include_str!("../README.md")]
#![warn(unreachable_pub)]

// Which folder answers which question. Each imports only from those before it.
//
// - `grid`: cells, rectangles, A1 notation
// - `storage`: spreadsheets in one SQLite file
// - `auth`: tokens, the test key, protections
// - `format`: how values and sheets are displayed
// - `formula`: parsing and evaluating formulas
// - `schema`: message types, `fields`, enums
// - `workbook`: ranges and evaluated cells
// - `api`: calls, routes, quotas, statistics
// - `input`: typed values into cells
// - `fault`: failures on demand
// - `batch`: `spreadsheets.batchUpdate`
// - `methods`: the other methods of Sheets
// - `drive`: calls of Drive v3
// - `dispatch`: from a route to its method
// - `emulator`: from a call to its response
// - `http`: connections and servers
// - `builder`: the API that tests use
mod api;
mod auth;
mod batch;
mod builder;
mod dispatch;
mod drive;
mod emulator;
mod error;
mod fault;
mod format;
mod formula;
mod grid;
mod http;
mod input;
mod methods;
mod options;
mod random;
mod schema;
mod storage;
mod time;
mod workbook;

pub use crate::api::call::ConnectionDropped;
pub use crate::api::call::{ApiRequest, ApiResponse, ContentHeaders, QueryParams, ResponseContent};
pub use crate::api::quota::QuotaLimits;
pub use crate::api::stats::CallStats;
pub use crate::auth::test_credentials::TEST_ACCOUNT;
pub use crate::batch::context::{CallerIdBehavior, MissingIdBehavior, UnknownBehaviors, ValidationBehavior};
pub use crate::builder::{EmulatorBuilder, RunningEmulator};
pub use crate::emulator::{Emulator, StorageFailure};
pub use crate::error::FailureCause;
pub use crate::fault::inject::{FaultAction, FaultRule, FaultTarget};
pub use crate::http::launch::{LaunchError, LaunchOptions, ReadyServer, launch};
pub use crate::http::response_body::ResponseBody;
pub use crate::input::loaded_tab::{LoadedTab, LoadedTabError};
pub use crate::options::{EmulatorOptions, Latency};
pub use crate::random::{RandomSource, SeededRandom, SystemRandomSource};
pub use crate::schema::support::{REQUEST_SUPPORT, SUPPORTED_METHODS, SupportLevel, list_request_kinds};
pub use crate::storage::commit_hook::{CommitHook, CommitStage};
pub use crate::storage::error::StorageError;
pub use crate::time::{SimulatedTimeSource, SystemTimeSource, TimeSource};

/// Readers of untrusted text, for fuzzing. Not part of the API.
#[doc(hidden)]
pub mod internals {
    pub use crate::format::number_format::NumberFormat;
    pub use crate::formula::budget::EvalBudget;
    pub use crate::formula::evaluate::{FormulaCells, evaluate, link};
    pub use crate::formula::matrix::Matrix;
    pub use crate::grid::a1::{A1Reference, CellSpan, parse_column, quote_title};
    pub use crate::grid::area::Area;
    pub use crate::grid::cell::CellValue;
    pub use crate::grid::value::{EvalResult, Scalar};
    pub use crate::input::user_entered::EnteredValue;
    pub use crate::schema::response_mask::ResponseMask;
}
