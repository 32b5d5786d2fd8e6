//! A forced run: done keys that the source yields are revoked, so that the next run processes them
//! again.
//!
//! In scope: which keys, and how many. Out of scope: the marker in the state by which a later run
//! continues a forced run that died (`runner::input::reprocess_state`).

use std::collections::HashSet;

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::ledger::leases::row_order::RequestOrder;
use crate::maintain::version_counts::{VersionCount, VersionCounts};
use crate::port::source::{Source, SourceError};
use crate::port::step::KeyFinder;
use crate::store::scan::scanned_tabs::ScannedTabs;

/// The plan of a forced run.
#[derive(Debug, Clone, PartialEq)]
pub struct ReprocessPlan {
    /// Items of the source that are done and would be processed again.
    pub again: u64,
    /// Items that were never processed; any run would process them.
    pub fresh: u64,
    /// Items that an incomplete forced run has processed again already.
    pub over: u64,
    /// The run that began the incomplete one.
    pub begun_by: Option<String>,
    /// The rows that revoke keys.
    pub settled: Vec<ItemResult>,
}

/// Reads the source and computes the plan. Items without a key fail in every run and are not
/// counted.
pub async fn plan_reprocess(
    listing: &ScannedTabs,
    reprocess_policy: ReprocessPolicy,
    source: &mut dyn Source,
    key_finder: &dyn KeyFinder,
) -> Result<ReprocessPlan, SourceError> {
    plan_reprocess_since(listing, reprocess_policy, None, source, key_finder).await
}

/// Computes the plan for a forced run that was requested before, at `requested_at`, without a known end.
pub async fn plan_reprocess_since(
    listing: &ScannedTabs,
    reprocess_policy: ReprocessPolicy,
    requested_at: Option<RequestOrder>,
    source: &mut dyn Source,
    key_finder: &dyn KeyFinder,
) -> Result<ReprocessPlan, SourceError> {
    let noted = &listing.snapshot.state.reprocess_runs;
    let tallies = VersionCounts::new(reprocess_policy, &listing.rows, noted, requested_at);
    let mut found =
        ReprocessPlan { again: 0, fresh: 0, over: 0, begun_by: noted.first().cloned(), settled: Vec::new() };
    let (mut seen, mut taken) = (HashSet::new(), HashSet::new());
    while let Some(record) = source.next().await? {
        let Ok(body) = record.body else { continue };
        let Ok((key, version)) = key_finder.identify(&body).await else { continue };
        let of = (key.fingerprint(), reprocess_policy.version_hash(&version));
        if !reprocess_policy.accepts(&version) || !seen.insert(of) {
            continue;
        }
        let before = tallies.blocking_versions(of.0, of.1);
        let done = before.iter().any(|counted| counted.done_count() > 0);
        let forced =
            before.iter().any(|counted| counted.is_forced || (counted.was_done_since && counted.done_count() > 0));
        match (done, forced) {
            (true, true) => found.over += 1,
            (true, false) => {
                found.again += 1;
                let due =
                    before.into_iter().filter(|counted| taken.insert((counted.key.clone(), counted.version.clone())));
                found.settled.extend(due.flat_map(VersionCount::make_revoking_rows));
            }
            (false, true) => found.again += 1,
            (false, false) => found.fresh += 1,
        }
    }
    Ok(found)
}
