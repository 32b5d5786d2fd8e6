//! A reset: everything that the job has done is forgotten, and its failures are closed. Rows of data stay.
//!
//! In scope: what is appended for that. Out of scope: bringing it to the sheet.
//!
//! Rows are only appended, as everywhere in these tabs: a key's rows are taken back by as many that say forgotten, and a failure gets a row
//! that closes it. So a reset that vanishes in the middle is gone on with by asking for it again.

use std::collections::{HashMap, HashSet};

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::item::failure::Failure;
use crate::ledger::item::key::Fingerprint;
use crate::ledger::item::write_mode::ReprocessPolicy;
use crate::maintain::close_failure::closed;
use crate::maintain::version_counts::{VersionCount, VersionCounts};
use crate::store::scan::rows::ScannedTabs;
use crate::time::Timestamp;

/// What the row that closes a failure says.
const WHY: &str = "closed by sheetkeep reset; it was not done";

/// What a reset would do.
#[derive(Debug, Clone, PartialEq)]
pub struct ResetPlan {
    /// Keys that are forgotten.
    pub keys: u64,
    /// Failures that are closed.
    pub failures: u64,
    /// Rows that go to Processed.
    pub rows: u64,
    /// What is brought to the sheet.
    pub settled: Vec<ItemResult>,
}

/// Works it out from what is there; `now` is when the failures are closed.
pub fn resetting(listing: &ScannedTabs, again: ReprocessPolicy, now: Timestamp) -> ResetPlan {
    let tallies = VersionCounts::of(again, &listing.rows, &[], None);
    let done = tallies.done();
    let keys = done.iter().map(|told| &told.key).collect::<HashSet<_>>().len() as u64;
    let mut settled: Vec<ItemResult> = done.into_iter().flat_map(VersionCount::taken_back).collect();
    let rows = settled.len() as u64;
    let closing = closing(listing, again, now);
    let failures = closing.len() as u64;
    settled.extend(closing.into_iter().map(|failure| ItemResult::Failed(Box::new(failure))));
    ResetPlan { keys, failures, rows, settled }
}

/// A row for each failure that is not closed, later than its others.
fn closing(listing: &ScannedTabs, again: ReprocessPolicy, now: Timestamp) -> Vec<Failure> {
    let book = &listing.snapshot.book;
    let mut newest: HashMap<Fingerprint, &Failure> = HashMap::new();
    let counts = |failure: &&Failure| {
        book.tried(&failure.key).is_some_and(|tried| tried.version == again.mark(&failure.version))
    };
    for failure in listing.failures.iter().map(|(_, failure)| failure).filter(counts) {
        newest.insert(failure.key.fingerprint(), failure);
    }
    let open = book.failures().into_iter().filter_map(|(key, tried)| Some((*newest.get(&key)?, tried)));
    open.map(|(failure, tried)| closed(failure, tried, WHY, now)).collect()
}
