//! Tabs that users change during every read: when to give up, and the errors.
//!
//! In scope: the limit, the errors.
//! Out of scope: which reads are repeated (`store::load::loader`,
//! `store::spreadsheet::renamed_tabs`).

use crate::fault::Fault;
use crate::port::store::StoreError;
use crate::store::tabs::error::LoadError;

/// Titles to try for one tab before the read fails.
pub const MAX_TITLES: u32 = 5;

/// Converts a load error to the store error that the user sees.
pub fn into_store_error(error: LoadError) -> StoreError {
    match error {
        LoadError::Failed(error) => error,
        LoadError::Stale(error) => describe_constant_changes("its tabs were", &error.describe_cause()),
    }
}

/// The error for a sheet that changes during every read. `what` is the subject ("tab Data was"),
/// `last` the last error.
pub fn describe_constant_changes(what: &str, last: &str) -> StoreError {
    let last = if last.is_empty() { String::new() } else { format!(" ({last})") };
    let why = format!(
        "read the spreadsheet: {what} edited as often as it was read; leave the tabs alone for a minute, then run again{last}"
    );
    StoreError::Unavailable { why, fault: Fault::Throttled }
}
