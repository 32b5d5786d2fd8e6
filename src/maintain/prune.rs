//! Obsolete rows: old runs, closed failures, rows of Processed without effect, blank rows; and old
//! keys on request.
//!
//! In scope: which rows are deleted. Out of scope: deleting them (`store::commit::deletion`),
//! confirmation by the user (`cli`).
//!
//! A key may be deleted only if the source can no longer yield it; otherwise its item is processed
//! again. No source reports how far it has got, so a person has to decide. `yielded` counts what
//! the source would yield today.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::commit::row_deletion::{HistoryLoss, RowDeletion, TabKind, hash_failure_row, hash_run_row};
use crate::ledger::items::failure::Failure;
use crate::ledger::items::key::{Fingerprint, Key};
use crate::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use crate::ledger::runs::run::{Run, RunStatus};
use crate::maintain::row_age::{AgedRow, order_rows};
use crate::port::source::{Source, SourceError};
use crate::port::step::KeyFinder;
use crate::store::commit::restore::PENDING_ROW;
use crate::store::scan::scanned_tabs::ScannedTabs;
use crate::store::scan::trailing_blanks::TabExtent;
use crate::time::Timestamp;

/// Blank rows that stay at a tab's end: as many as a new tab has.
const KEPT_BLANK: u32 = 100;
/// The trigger in Runs of runs that delete rows.
pub const TRIGGER: &str = "prune";
/// Rows that are deleted at a time, at most.
const MAX_ROWS_AT_ONCE: usize = 200_000;

/// How the job keeps its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrunePolicy {
    /// How rows are written to the tab.
    pub mode: WriteMode,
    /// When a done key is processed again.
    pub again: ReprocessPolicy,
}

/// Which rows are old enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowAge {
    /// Rows older than this are deleted.
    pub before: Timestamp,
    /// Whether keys are deleted, too.
    pub deletes_keys: bool,
}

/// The rows that would be deleted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PrunePlan {
    /// Rows of Runs.
    pub runs: u64,
    /// Numbers of closed failures and of their rows.
    pub failures: (u64, u64),
    /// Rows of Processed without effect: done and then revoked, or superseded by other versions.
    pub settled_rows: u64,
    /// Numbers of keys and of their rows in Processed.
    pub keys: (u64, u64),
    /// Old keys that are kept because `--delete-yielded` was not given.
    pub old_keys: u64,
    /// Blank rows at the ends of tabs.
    pub blank: u64,
    /// Cells of all these rows.
    pub cells: u64,
    /// The keys, by fingerprint.
    pub keys_to_delete: HashSet<Fingerprint>,
    /// Whether more rows are obsolete than are deleted at a time.
    pub has_more: bool,
    /// The changes that a run writes.
    pub changes: Vec<ItemResult>,
}

/// Rows that are deleted together or not at all.
type PruneGroup = Vec<RowDeletion>;

/// Computes the plan from the listing.
pub fn plan_prune(listing: &ScannedTabs, ends: &[TabExtent], policy: PrunePolicy, age: RowAge) -> PrunePlan {
    let mut found = PrunePlan::default();
    // A failure is deleted before the key that closes it.
    let mut groups = add_closed_failures(listing, age.before, &mut found);
    groups.extend(add_old_runs(listing, age.before, &mut found));
    groups.extend(add_old_keys(listing, policy, age, &mut found));
    // Other jobs append to Runs.
    for end in ends.iter().filter(|end| end.role != TabKind::Runs) {
        let blank = end.blank.saturating_sub(KEPT_BLANK);
        found.blank += u64::from(blank);
        let first = end.rows.saturating_sub(blank);
        groups.extend((first + 1..=end.rows).map(|row| {
            vec![RowDeletion { role: end.role, row, mark: None, key: None, gap: HistoryLoss::Nothing, bytes: 0 }]
        }));
    }
    for end in ends {
        keep_one_row(&mut groups, end);
    }
    let width = |role| ends.iter().find(|end| end.role == role).map_or(0, |end| u64::from(end.columns));
    found.cells = groups.iter().flatten().map(|removal| width(removal.role)).sum();
    let mut rows = 0;
    let fits = |group: &PruneGroup| {
        rows += group.len();
        rows <= MAX_ROWS_AT_ONCE
    };
    found.has_more = groups.iter().map(Vec::len).sum::<usize>() > MAX_ROWS_AT_ONCE;
    found.changes = groups.into_iter().take_while(fits).map(ItemResult::Removed).collect();
    found
}

/// Keeps one row below the header, which a tab needs.
fn keep_one_row(groups: &mut Vec<PruneGroup>, end: &TabExtent) {
    let of = |group: &PruneGroup| group.iter().filter(|removal| removal.role == end.role).count();
    let all: usize = groups.iter().map(of).sum();
    if all > 0 && all + 1 >= end.rows as usize {
        let last = groups.iter().rposition(|group| of(group) > 0);
        last.map(|at| groups.remove(at));
    }
}

/// Counts the keys to delete that the source yields today; the next run would process them again.
pub async fn count_yielded(
    found: &PrunePlan,
    source: &mut dyn Source,
    identify: &dyn KeyFinder,
) -> Result<u64, SourceError> {
    let mut met = HashSet::new();
    while let Some(record) = source.next().await? {
        let Ok(body) = record.body else { continue };
        let Ok((key, _)) = identify.identify(&body).await else { continue };
        if found.keys_to_delete.contains(&key.fingerprint()) {
            met.insert(key.fingerprint());
        }
    }
    Ok(met.len() as u64)
}

/// Adds all rows of closed failures.
fn add_closed_failures(listing: &ScannedTabs, before: Timestamp, found: &mut PrunePlan) -> Vec<PruneGroup> {
    let index = &listing.snapshot.processed_index;
    let mut newest: HashMap<Fingerprint, Timestamp> = HashMap::new();
    for (_, failure) in &listing.failures {
        let at = newest.entry(failure.key.fingerprint()).or_default();
        *at = (*at).max(failure.last_seen);
    }
    let is_old = |key: Fingerprint| newest.get(&key).is_some_and(|at| *at < before);
    let waiting: HashSet<_> =
        listing.failures.iter().filter(|(row, _)| !is_in_tab(*row)).map(|(_, one)| &one.key).collect();
    let is_closed = |failure: &Failure| index.prior_failure(&failure.key).is_none() && !waiting.contains(&failure.key);
    let goes = |failure: &Failure| is_old(failure.key.fingerprint()) && is_closed(failure);
    let mut groups: BTreeMap<&Key, PruneGroup> = BTreeMap::new();
    for (row, failure) in listing.failures.iter().filter(|(_, failure)| goes(failure)) {
        let bytes = failure.payload.iter().map(String::len).sum::<usize>() + failure.error.len();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let removal = RowDeletion {
            role: TabKind::Failures,
            row: *row,
            mark: Some(hash_failure_row(failure)),
            key: None,
            gap: HistoryLoss::Nothing,
            bytes,
        };
        groups.entry(&failure.key).or_default().push(removal);
    }
    found.failures = (groups.len() as u64, groups.values().map(Vec::len).sum::<usize>() as u64);
    groups.into_values().collect()
}

/// Adds runs of the job. The last run that was not a prune stays, however old.
fn add_old_runs(listing: &ScannedTabs, before: Timestamp, found: &mut PrunePlan) -> Vec<PruneGroup> {
    let job = &listing.snapshot.state.job;
    let own = || listing.runs.iter().filter(|(_, run)| run.job == *job && run.status != RunStatus::Running);
    let others = own().filter(|(_, run)| run.trigger.kind != TRIGGER);
    let last = others.max_by_key(|(_, run)| run.last_commit).map(|(row, _)| *row);
    let removal = |(row, run): &(u32, Run)| {
        vec![RowDeletion {
            role: TabKind::Runs,
            row: *row,
            mark: Some(hash_run_row(run)),
            key: None,
            gap: HistoryLoss::Nothing,
            bytes: 0,
        }]
    };
    let groups: Vec<_> =
        own().filter(|(row, run)| run.started < before && Some(*row) != last && is_in_tab(*row)).map(removal).collect();
    found.runs = groups.len() as u64;
    groups
}

/// Adds rows of Processed: all rows of keys to delete, and rows without effect of other keys.
fn add_old_keys(listing: &ScannedTabs, policy: PrunePolicy, age: RowAge, found: &mut PrunePlan) -> Vec<PruneGroup> {
    let mut by_key: BTreeMap<Fingerprint, Vec<AgedRow<'_>>> = BTreeMap::new();
    // In the order in which they were done, as a load has them, however people sorted the tab.
    for aged in order_rows(listing, age.before) {
        by_key.entry(aged.row.key.fingerprint()).or_default().push(aged);
    }
    // If a version may come back, each change is identified by what was done before it.
    let gap = if policy.again == ReprocessPolicy::OnChange { HistoryLoss::OfKey } else { HistoryLoss::OfAnyKey };
    let mut groups = Vec::new();
    for (key, mut rows) in by_key {
        if rows.first().is_some_and(|aged| is_in_progress(listing, &aged.row.key)) {
            continue;
        }
        // Rows in earlier spreadsheets can't be deleted, so rows that answer them stay, too.
        let old = rows.iter().all(is_deletable);
        found.old_keys += u64::from(old && !age.deletes_keys);
        if old && age.deletes_keys {
            found.keys = (found.keys.0 + 1, found.keys.1 + rows.len() as u64);
            found.keys_to_delete.insert(key);
            groups.push(rows.into_iter().map(|row| make_removal(row, HistoryLoss::Nothing)).collect());
            continue;
        }
        let pairs = find_revoked_pairs(&rows, policy);
        rows.retain(|aged| {
            !pairs.iter().any(|(one, other)| [one, other].map(|one| one.row.row).contains(&aged.row.row))
        });
        let superseded_rows = find_superseded_rows(&rows, policy.again);
        found.settled_rows += (2 * pairs.len() + superseded_rows.len()) as u64;
        groups.extend(pairs.into_iter().map(|(one, other)| vec![make_removal(one, gap), make_removal(other, gap)]));
        groups.extend(superseded_rows.into_iter().map(|row| vec![make_removal(row, gap)]));
    }
    groups
}

/// Returns whether a key has a failure that is not closed, or an item with a start marker. A retry
/// has to find the rows of its key as the first attempt did, or its idempotency key would change.
fn is_in_progress(listing: &ScannedTabs, key: &Key) -> bool {
    let snapshot = &listing.snapshot;
    snapshot.processed_index.prior_failure(key).is_some() || snapshot.state.begun.iter().any(|(begun, _)| begun == key)
}

/// Returns pairs of rows that mark the same version as done and as revoked, and so have no effect.
/// `rows` are in the order in which they were written. Of several done rows, the first ones are
/// revoked.
fn find_revoked_pairs<'l>(rows: &[AgedRow<'l>], policy: PrunePolicy) -> Vec<(AgedRow<'l>, AgedRow<'l>)> {
    // In append mode only these rows explain why a key has more data rows than done versions.
    if policy.mode == WriteMode::Append {
        return Vec::new();
    }
    let mut versions: BTreeMap<u64, [Vec<AgedRow<'_>>; 2]> = BTreeMap::new();
    for aged in rows {
        let [done, forgotten] = versions.entry(policy.again.version_hash(&aged.row.version)).or_default();
        if aged.row.is_revoked { forgotten.push(*aged) } else { done.push(*aged) }
    }
    let pairs = versions.into_values().flat_map(|[done, forgotten]| {
        let takers = forgotten.len();
        let taken_back = done.into_iter().take(takers).filter(is_deletable);
        taken_back.zip(forgotten.into_iter().filter(is_deletable)).collect::<Vec<_>>()
    });
    pairs.collect()
}

/// Returns rows of versions that another one has superseded, where one version counts.
fn find_superseded_rows<'l>(rows: &[AgedRow<'l>], again: ReprocessPolicy) -> Vec<AgedRow<'l>> {
    // A pending revocation decides which rows count.
    if again == ReprocessPolicy::EachVersion || rows.iter().any(|aged| aged.row.is_revoked) {
        return Vec::new();
    }
    let counts = match again {
        ReprocessPolicy::OnNewer => rows.iter().max_by_key(|aged| again.version_hash(&aged.row.version)),
        ReprocessPolicy::EachVersion | ReprocessPolicy::OnChange => rows.last(),
    };
    let Some(counts) = counts else { return Vec::new() };
    // Rows of two versions by one item count together.
    let is_one = |aged: &AgedRow<'_>| {
        let one = aged.row.order.is_some() && aged.row.order == counts.row.order && aged.row.run == counts.row.run;
        aged.row.row == counts.row.row || (again == ReprocessPolicy::OnChange && one)
    };
    rows.iter().copied().filter(|aged| !is_one(aged) && is_deletable(aged)).collect()
}

/// Returns whether a row is old, and in a place from which it can be deleted.
fn is_deletable(aged: &AgedRow<'_>) -> bool {
    aged.is_old && is_in_tab(aged.row.row)
}

/// Returns whether a row is in a tab of this spreadsheet.
fn is_in_tab(row: u32) -> bool {
    row > PENDING_ROW
}

fn make_removal(aged: AgedRow<'_>, gap: HistoryLoss) -> RowDeletion {
    let key = Some(aged.row.key.fingerprint().0);
    RowDeletion { role: TabKind::Processed, row: aged.row.row, mark: Some(aged.row.mark), key, gap, bytes: 0 }
}
