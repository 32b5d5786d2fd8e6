//! A reset: everything that the job has done is revoked, and its failures are closed. Data rows
//! stay.
//!
//! In scope: the rows to append. Out of scope: writing them.
//!
//! Rows are only appended, as in all machine tabs. Each done row of a key is revoked by a row, and
//! each failure is closed by a row. So a repeated request completes a reset that died.

use std::collections::{HashMap, HashSet};

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::items::failure::Failure;
use crate::ledger::items::key::{Fingerprint, Key};
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::maintain::close_failure::make_closing_row;
use crate::maintain::version_counts::{VersionCount, VersionCounts};
use crate::store::scan::scanned_tabs::ScannedTabs;
use crate::time::Timestamp;

/// The error text of the row that closes a failure.
const RESET_ERROR: &str = "closed by sheetkeep reset; it was not done";

/// The plan of a reset.
#[derive(Debug, Clone, PartialEq)]
pub struct ResetPlan {
    /// Keys that are revoked.
    pub keys: u64,
    /// Failures that are closed.
    pub failures: u64,
    /// Rows appended to Processed.
    pub rows: u64,
    /// The changes that a run writes.
    pub settled: Vec<ItemResult>,
}

/// Computes the plan from the listing; failures are closed at `now`.
pub fn plan_reset(listing: &ScannedTabs, again: ReprocessPolicy, now: Timestamp) -> ResetPlan {
    plan_reset_of(listing, again, now, |_| true)
}

/// Computes the plan for the keys that `is_one` selects.
pub fn plan_reset_of(
    listing: &ScannedTabs,
    again: ReprocessPolicy,
    now: Timestamp,
    is_one: impl Fn(&Key) -> bool,
) -> ResetPlan {
    let tallies = VersionCounts::new(again, &listing.rows, &[], None);
    let done: Vec<_> = tallies.done_versions().into_iter().filter(|counted| is_one(&counted.key)).collect();
    let keys = done.iter().map(|counted| &counted.key).collect::<HashSet<_>>().len() as u64;
    let mut settled: Vec<ItemResult> = done.into_iter().flat_map(VersionCount::make_revoking_rows).collect();
    let rows = settled.len() as u64;
    let mut closing = make_closing_rows(listing, again, now);
    closing.retain(|failure| is_one(&failure.key));
    let failures = closing.len() as u64;
    settled.extend(closing.into_iter().map(|failure| ItemResult::Failed(Box::new(failure))));
    ResetPlan { keys, failures, rows, settled }
}

/// Returns a row for each failure that is not closed, later than its other rows.
fn make_closing_rows(listing: &ScannedTabs, again: ReprocessPolicy, now: Timestamp) -> Vec<Failure> {
    let index = &listing.snapshot.processed_index;
    let mut newest: HashMap<Fingerprint, &Failure> = HashMap::new();
    let counts = |failure: &&Failure| {
        index.prior_failure(&failure.key).is_some_and(|prior| prior.version == again.version_hash(&failure.version))
    };
    for failure in listing.failures.iter().map(|(_, failure)| failure).filter(counts) {
        newest.insert(failure.key.fingerprint(), failure);
    }
    let open = index.failures().into_iter().filter_map(|(key, prior)| Some((*newest.get(&key)?, prior)));
    open.map(|(failure, prior)| make_closing_row(failure, prior, RESET_ERROR, now)).collect()
}
