//! What nobody needs any more: old runs, closed failures, rows of Processed that change nothing, blank rows; and, where somebody says so,
//! old keys.
//!
//! In scope: which rows go. Out of scope: how they are taken out (`store::commit::deletion`), asking people first (`cli`).
//!
//! A key may go only if the source can no longer yield it, or else its item is done again. No source of this version tells how far it has
//! got, so that it is always for a person to say; `yielded` counts for them what the source would yield today.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::commit::row_deletion::{Gap, RowDeletion, TabKind, mark_of_failure, mark_of_run};
use crate::ledger::item::failure::Failure;
use crate::ledger::item::key::{Fingerprint, Key};
use crate::ledger::item::write_mode::{ReprocessPolicy, WriteMode};
use crate::ledger::run::run::{Run, RunStatus};
use crate::maintain::lineup::{Placed, line_up};
use crate::port::source::{Source, SourceError};
use crate::port::step::Identify;
use crate::store::commit::restore::PENDING_ROW;
use crate::store::scan::rows::ScannedTabs;
use crate::store::scan::trailing_blanks::TabExtent;
use crate::time::Timestamp;

/// Blank rows at a tab's end that stay: as many as a new tab has.
const KEPT_BLANK: u32 = 100;
/// What Runs says of runs that take rows out.
pub const TRIGGER: &str = "prune";
/// Rows that go at most at a time.
const MOST_ROWS: usize = 200_000;

/// How the job keeps its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrunePolicy {
    /// How they come to the tab.
    pub mode: WriteMode,
    /// When a done key is done again.
    pub again: ReprocessPolicy,
}

/// What is old enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowAge {
    /// What is from before this.
    pub before: Timestamp,
    /// Whether keys go too.
    pub keys: bool,
}

/// What would go.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PrunePlan {
    /// Rows of Runs.
    pub runs: u64,
    /// Failures that are closed, and how many rows they have.
    pub failures: (u64, u64),
    /// Rows of Processed that change nothing: what was done and forgotten again, and versions that others have followed.
    pub settled_rows: u64,
    /// Keys, and how many rows of Processed they have.
    pub keys: (u64, u64),
    /// Keys that are old and stay, because nobody has asked for keys.
    pub old_keys: u64,
    /// Blank rows at the ends of tabs.
    pub blank: u64,
    /// Cells of all these.
    pub cells: u64,
    /// The keys.
    pub forgotten: HashSet<Fingerprint>,
    /// Whether more would go than is taken out at a time.
    pub more: bool,
    /// What is brought to the sheet.
    pub settled: Vec<ItemResult>,
}

/// Rows that go together or not at all.
type PruneGroup = Vec<RowDeletion>;

/// Works it out from what is there.
pub fn pruning(listing: &ScannedTabs, ends: &[TabExtent], ways: PrunePolicy, age: RowAge) -> PrunePlan {
    let mut found = PrunePlan::default();
    // A failure goes before the key that closes it.
    let mut going = closed_failures(listing, age.before, &mut found);
    going.extend(old_runs(listing, age.before, &mut found));
    going.extend(old_keys(listing, ways, age, &mut found));
    // Other jobs append to Runs.
    for end in ends.iter().filter(|end| end.role != TabKind::Runs) {
        let blank = end.blank.saturating_sub(KEPT_BLANK);
        found.blank += u64::from(blank);
        let first = end.rows.saturating_sub(blank);
        going.extend(
            (first + 1..=end.rows).map(|row| {
                vec![RowDeletion { role: end.role, row, mark: None, key: None, gap: Gap::Nothing, bytes: 0 }]
            }),
        );
    }
    for end in ends {
        keep_one(&mut going, end);
    }
    let width = |role| ends.iter().find(|end| end.role == role).map_or(0, |end| u64::from(end.columns));
    found.cells = going.iter().flatten().map(|removal| width(removal.role)).sum();
    let mut rows = 0;
    let fits = |group: &PruneGroup| {
        rows += group.len();
        rows <= MOST_ROWS
    };
    found.more = going.iter().map(Vec::len).sum::<usize>() > MOST_ROWS;
    found.settled = going.into_iter().take_while(fits).map(ItemResult::Removed).collect();
    found
}

/// A tab has to keep a row below its header.
fn keep_one(going: &mut Vec<PruneGroup>, end: &TabExtent) {
    let of = |group: &PruneGroup| group.iter().filter(|removal| removal.role == end.role).count();
    let all: usize = going.iter().map(of).sum();
    if all > 0 && all + 1 >= end.rows as usize {
        let last = going.iter().rposition(|group| of(group) > 0);
        last.map(|at| going.remove(at));
    }
}

/// How many of the keys that would go the source yields today: the next run would do them again.
pub async fn yielded(found: &PrunePlan, source: &mut dyn Source, identify: &dyn Identify) -> Result<u64, SourceError> {
    let mut met = HashSet::new();
    while let Some(record) = source.next().await? {
        let Ok(body) = record.body else { continue };
        let Ok((key, _)) = identify.identify(&body).await else { continue };
        if found.forgotten.contains(&key.fingerprint()) {
            met.insert(key.fingerprint());
        }
    }
    Ok(met.len() as u64)
}

/// All rows of failures that are closed.
fn closed_failures(listing: &ScannedTabs, before: Timestamp, found: &mut PrunePlan) -> Vec<PruneGroup> {
    let book = &listing.snapshot.book;
    let mut newest: HashMap<Fingerprint, Timestamp> = HashMap::new();
    for (_, failure) in &listing.failures {
        let at = newest.entry(failure.key.fingerprint()).or_default();
        *at = (*at).max(failure.last_seen);
    }
    let is_old = |key: Fingerprint| newest.get(&key).is_some_and(|at| *at < before);
    let waiting: HashSet<_> =
        listing.failures.iter().filter(|(row, _)| !stands(*row)).map(|(_, one)| &one.key).collect();
    let is_closed = |failure: &Failure| book.prior_failure(&failure.key).is_none() && !waiting.contains(&failure.key);
    let goes = |failure: &Failure| is_old(failure.key.fingerprint()) && is_closed(failure);
    let mut going: BTreeMap<&Key, PruneGroup> = BTreeMap::new();
    for (row, failure) in listing.failures.iter().filter(|(_, failure)| goes(failure)) {
        let bytes = failure.payload.iter().map(String::len).sum::<usize>() + failure.error.len();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let removal = RowDeletion {
            role: TabKind::Failures,
            row: *row,
            mark: Some(mark_of_failure(failure)),
            key: None,
            gap: Gap::Nothing,
            bytes,
        };
        going.entry(&failure.key).or_default().push(removal);
    }
    found.failures = (going.len() as u64, going.values().map(Vec::len).sum::<usize>() as u64);
    going.into_values().collect()
}

/// Runs of the job; the last one that was not for this stays, however old.
fn old_runs(listing: &ScannedTabs, before: Timestamp, found: &mut PrunePlan) -> Vec<PruneGroup> {
    let job = &listing.snapshot.state.job;
    let own = || listing.runs.iter().filter(|(_, run)| run.job == *job && run.status != RunStatus::Running);
    let others = own().filter(|(_, run)| run.trigger.kind != TRIGGER);
    let last = others.max_by_key(|(_, run)| run.last_commit).map(|(row, _)| *row);
    let removal = |(row, run): &(u32, Run)| {
        vec![RowDeletion {
            role: TabKind::Runs,
            row: *row,
            mark: Some(mark_of_run(run)),
            key: None,
            gap: Gap::Nothing,
            bytes: 0,
        }]
    };
    let going: Vec<_> =
        own().filter(|(row, run)| run.started < before && Some(*row) != last && stands(*row)).map(removal).collect();
    found.runs = going.len() as u64;
    going
}

/// Rows of Processed: of keys that go, all; of others those that change nothing.
fn old_keys(listing: &ScannedTabs, ways: PrunePolicy, age: RowAge, found: &mut PrunePlan) -> Vec<PruneGroup> {
    let mut by_key: BTreeMap<Fingerprint, Vec<Placed<'_>>> = BTreeMap::new();
    // As a load has them: in the order in which they were done, whatever the order in which people have sorted the tab.
    for placed in line_up(listing, age.before) {
        by_key.entry(placed.row.key.fingerprint()).or_default().push(placed);
    }
    // Where a version may come back, each change is named by what was done before.
    let gap = if ways.again == ReprocessPolicy::OnChange { Gap::OfKey } else { Gap::OfAny };
    let mut going = Vec::new();
    for (key, mut rows) in by_key {
        if rows.first().is_some_and(|placed| is_under_way(listing, &placed.row.key)) {
            continue;
        }
        // What an earlier spreadsheet says of a key can't be taken out, so neither can what answers it here.
        let old = rows.iter().all(may_go);
        found.old_keys += u64::from(old && !age.keys);
        if old && age.keys {
            found.keys = (found.keys.0 + 1, found.keys.1 + rows.len() as u64);
            found.forgotten.insert(key);
            going.push(rows.into_iter().map(|row| removal_of(row, Gap::Nothing)).collect());
            continue;
        }
        let pairs = undone(&rows, ways);
        rows.retain(|placed| {
            !pairs.iter().any(|(one, other)| [one, other].map(|one| one.row.row).contains(&placed.row.row))
        });
        let followed = followed(&rows, ways.again);
        found.settled_rows += (2 * pairs.len() + followed.len()) as u64;
        going.extend(pairs.into_iter().map(|(one, other)| vec![removal_of(one, gap), removal_of(other, gap)]));
        going.extend(followed.into_iter().map(|row| vec![removal_of(row, gap)]));
    }
    going
}

/// Whether a key has a failure that is not closed, or one of its items has begun: what is tried again has to find the rows of its key as the
/// first try did, or it has another idempotency key.
fn is_under_way(listing: &ScannedTabs, key: &Key) -> bool {
    let snapshot = &listing.snapshot;
    snapshot.book.prior_failure(key).is_some() || snapshot.state.begun.iter().any(|(begun, _)| begun == key)
}

/// Pairs of rows that say done and forgotten of the same version, and together say nothing. `rows` in the order in which they were
/// written; of several that say done, the first ones are those that are taken back.
fn undone<'l>(rows: &[Placed<'l>], ways: PrunePolicy) -> Vec<(Placed<'l>, Placed<'l>)> {
    // Where rows are appended they tell why a key has more of them than times that it is done, and nothing else does.
    if ways.mode == WriteMode::Append {
        return Vec::new();
    }
    let mut versions: BTreeMap<u64, [Vec<Placed<'_>>; 2]> = BTreeMap::new();
    for placed in rows {
        let [done, forgotten] = versions.entry(ways.again.version_hash(&placed.row.version)).or_default();
        if placed.row.forgotten { forgotten.push(*placed) } else { done.push(*placed) }
    }
    let pairs = versions.into_values().flat_map(|[done, forgotten]| {
        let takers = forgotten.len();
        let taken_back = done.into_iter().take(takers).filter(may_go);
        taken_back.zip(forgotten.into_iter().filter(may_go)).collect::<Vec<_>>()
    });
    pairs.collect()
}

/// Rows of versions that another one has followed, where only one counts.
fn followed<'l>(rows: &[Placed<'l>], again: ReprocessPolicy) -> Vec<Placed<'l>> {
    // What is still to be taken back says which ones count.
    if again == ReprocessPolicy::EachVersion || rows.iter().any(|placed| placed.row.forgotten) {
        return Vec::new();
    }
    let counts = match again {
        ReprocessPolicy::OnNewer => rows.iter().max_by_key(|placed| again.version_hash(&placed.row.version)),
        ReprocessPolicy::EachVersion | ReprocessPolicy::OnChange => rows.last(),
    };
    let Some(counts) = counts else { return Vec::new() };
    // What one item did of two versions counts together.
    let is_one = |placed: &Placed<'_>| {
        let one =
            placed.row.order.is_some() && placed.row.order == counts.row.order && placed.row.run == counts.row.run;
        placed.row.row == counts.row.row || (again == ReprocessPolicy::OnChange && one)
    };
    rows.iter().copied().filter(|placed| !is_one(placed) && may_go(placed)).collect()
}

/// Whether a row is old, and stands where it can be taken out.
fn may_go(placed: &Placed<'_>) -> bool {
    placed.is_old && stands(placed.row.row)
}

/// Whether a row stands in a tab of this spreadsheet.
fn stands(row: u32) -> bool {
    row > PENDING_ROW
}

fn removal_of(placed: Placed<'_>, gap: Gap) -> RowDeletion {
    let key = Some(placed.row.key.fingerprint().0);
    RowDeletion { role: TabKind::Processed, row: placed.row.row, mark: Some(placed.row.mark), key, gap, bytes: 0 }
}
