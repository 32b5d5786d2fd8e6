//! Tabs that people change as fast as they are read: when to give up, and what is said then.
//!
//! In scope: the bound, the errors. Out of scope: which reads are made again (`store::load::loader`, `store::spreadsheet::renamed_tabs`).

use crate::fault::Fault;
use crate::port::store::StoreError;
use crate::store::tabs::error::LoadError;

/// Titles of one tab that are tried before it counts as changed as often as it is read.
pub const MAX_TITLES: u32 = 5;

/// What is said where tabs can't be read because people change them.
pub fn settled(error: LoadError) -> StoreError {
    match error {
        LoadError::Failed(error) => error,
        LoadError::Stale(error) => restless("its tabs were", &error.to_string()),
    }
}

/// The error of a sheet that people change as fast as it is read; `what` was, such as "tab Data was", with the last trouble.
pub fn restless(what: &str, last: &str) -> StoreError {
    let last = if last.is_empty() { String::new() } else { format!(" ({last})") };
    let why = format!(
        "read the spreadsheet: {what} edited as often as it was read; leave the tabs alone for a minute, then run again{last}"
    );
    StoreError::Unavailable { why, fault: Fault::Throttled }
}
