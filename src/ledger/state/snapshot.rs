//! The state as read at one moment, and whether what was read belongs together.
//!
//! In scope: the state's fields, the count and sum over Processed, the check of a load. Out of scope: how a state is written
//! down (`ledger::state::state_codec`), and reading it (`store`).

use crate::ledger::item::key::{Key, Version, digest_of};
use crate::ledger::item::write_mode::ReprocessPolicy;
use crate::ledger::lease::head::HeadId;
use crate::ledger::lease::lease::{Fence, Lease};
use crate::ledger::processed::key_sums::KeySums;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::processed::redo_keys::Redo;
use crate::ledger::processed::row_gaps::Gaps;
use crate::ledger::processed::suppressed_failures::SuppressedFailureCounts;
use crate::ledger::rows::header_search::FirstRows;
use crate::ledger::run::run::Run;
use crate::time::Timestamp;

/// The number of this form of the state; a larger one was written by a newer tool.
pub const SCHEMA: u32 = 1;

/// The number of rows in Processed and a sum of their hashes that does not depend on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RowChecksum {
    /// Rows.
    pub count: u64,
    /// The wrapping sum of 64-bit hashes of the rows.
    pub sum: u64,
}

impl RowChecksum {
    /// Counts one row in.
    pub fn add(&mut self, row: &[&str]) {
        self.add_hash(Self::hash(row));
    }

    /// Counts a row in of which only the hash is known.
    pub fn add_hash(&mut self, hash: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(hash);
    }

    /// Counts in the rows of another.
    pub fn add_all(&mut self, other: Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Counts a row out.
    pub fn take_hash(&mut self, hash: u64) {
        self.count = self.count.saturating_sub(1);
        self.sum = self.sum.wrapping_sub(hash);
    }

    /// The hash of a row.
    pub fn hash(row: &[&str]) -> u64 {
        digest_of(row).iter().take(8).fold(0_u64, |acc, &byte| (acc << 8) | u64::from(byte))
    }
}

/// What the job is, as the state remembers it: changing it would process everything again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Definition {
    /// The spreadsheet's id, so that a copied spreadsheet is noticed.
    pub spreadsheet: String,
    /// The data tab's title.
    pub tab: String,
    /// `append`.
    pub mode: String,
    /// The key expression.
    pub key: String,
    /// A hash of source kind, key and step expressions.
    pub hash: String,
}

impl Definition {
    /// The hash of a job's parts: the kind of its source, its key expression and its steps in order.
    pub fn hash_of(source: &str, key: &str, steps: &[String]) -> String {
        let mut parts = vec![source, key];
        parts.extend(steps.iter().map(String::as_str));
        let digest = digest_of(&parts);
        data_encoding::HEXLOWER.encode(digest.get(..8).unwrap_or(&digest))
    }

    /// What of it is different from `kept` in a way that would process items again; the words are for people.
    pub fn moved_from(&self, kept: &Self) -> Vec<&'static str> {
        let mut moved = Vec::new();
        if self.key != kept.key {
            moved.push("key");
        }
        if self.tab != kept.tab {
            moved.push("tab");
        }
        if self.spreadsheet != kept.spreadsheet {
            moved.push("spreadsheet");
        }
        if self.mode != kept.mode {
            moved.push("mode");
        }
        moved
    }
}

/// Everything that a job keeps between runs beside its rows, keys and failures.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct State {
    /// The job's name.
    pub job: String,
    /// The head that the commit which wrote this state set.
    pub head: Option<HeadId>,
    /// Who runs, and the fence.
    pub lease: Lease,
    /// Rows in Processed as of this head.
    pub processed: RowChecksum,
    /// Where the source was.
    pub cursor: Option<String>,
    /// What the job is.
    pub definition: Definition,
    /// The column of the data tab that carries the key.
    pub key_column: Option<String>,
    /// The job's own columns of the data tab, in the order in which they became so.
    pub columns: Vec<String>,
    /// Those of them that people had deleted when this state was written.
    pub deleted: Vec<String>,
    /// The time zone of data moments, an IANA name.
    pub timezone: Option<String>,
    /// The run that holds the lease, as it was at this commit: what a later run tells of it if it vanishes.
    pub run: Option<Run>,
    /// What alerts remember between runs; opaque here.
    pub alerts: Option<String>,
    /// How often failures that stay the same have failed since they were told.
    pub tries: SuppressedFailureCounts,
    /// Runs that forgot keys for a forced run which has not come to its end yet.
    pub forced: Vec<String>,
    /// Spreadsheets that the job has left behind, the last one first: their keys count.
    pub previous: Vec<String>,
    /// The spreadsheet in which the job goes on; none where that is this one.
    pub next: Option<String>,
    /// The keys of the rows in Processed as of this head, as sums; none where each version of a key counts, or where they are not known.
    pub key_sums: Option<KeySums>,
    /// Keys that are to be done again, because people deleted rows of theirs.
    pub redo: Redo,
    /// Keys of which not all that was done may be known, because rows of Processed were taken out.
    pub gaps: Gaps,
    /// Items whose steps had begun, or were about to, when this state was written; of jobs that do things at most once.
    pub begun: Vec<(Key, Version)>,
}

impl State {
    /// The lease term's number.
    pub fn fence(&self) -> Fence {
        self.lease.fence
    }
}

/// A state with everything read beside it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The state.
    pub state: State,
    /// What the state itself said of Processed; in `state` stands what was found there, which is another where people edited it.
    pub said: RowChecksum,
    /// The head.
    pub head: HeadId,
    /// Keys and failures.
    pub book: ProcessedIndex,
    /// Tabs of rows that exist, with their columns.
    pub tables: Vec<(String, Vec<String>)>,
    /// The job's own columns of the data tab that people deleted.
    pub gone: Vec<String>,
    /// What people's hands left odd.
    pub blemishes: Vec<Anomaly>,
    /// The spreadsheet that the job has not left yet, though it has a beginning here: the move has not come to its end.
    pub unmoved: Option<String>,
}

/// Something odd in a tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// One sentence that names tab, row or key, and what to do if anything.
    pub message: String,
    /// Whether the run must stop before any write.
    pub blocking: bool,
}

/// What a load found, to be held against the head that was read before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LoadObservation {
    /// The head in the state.
    pub head: Option<HeadId>,
    /// What the state says of Processed.
    pub said: RowChecksum,
    /// What Processed holds.
    pub found: RowChecksum,
}

/// Whether a load may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadConsistency {
    /// Head, state and Processed belong together.
    Whole,
    /// They don't, yet: read all of it again after this many milliseconds.
    Retry {
        /// Milliseconds.
        after_ms: u64,
    },
    /// The state is right, and Processed has been different in the same way for long enough: people's hands. Carry on with what is there.
    ManuallyEdited,
    /// They never came together: the state was another one each time.
    Inconsistent,
    /// The state is right, and Processed was another one each time: people change it as fast as it is read.
    Restless,
}

/// Loads in all before a reader gives up.
pub const MAX_LOADS: u32 = 12;
/// Loads that must show the same difference before it counts as people's hands.
const SAME_LOADS: u32 = 3;
/// Over this many milliseconds.
const SAME_MS: u64 = 10_000;
/// No load is begun so many milliseconds after the first one that did not come together, unless people's hands could not be told yet.
pub const LONGEST_MS: u64 = 60_000;
/// Between two loads.
const AGAIN_MS: u64 = 2_000;

/// Holds loads against their heads until one is whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadCheck {
    loads: u32,
    same: Option<SameHead>,
    /// When the first load ended that did not come together.
    since_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SameHead {
    reading: LoadObservation,
    times: u32,
    since_ms: u64,
}

impl LoadCheck {
    /// Checks one load: `head` was read strictly before the rest. `now_ms` is monotonic.
    pub fn check(&mut self, head: HeadId, reading: LoadObservation, now_ms: u64) -> LoadConsistency {
        self.loads += 1;
        if reading.head == Some(head) && reading.said == reading.found {
            return LoadConsistency::Whole;
        }
        let since_ms = *self.since_ms.get_or_insert(now_ms);
        let is_late = self.loads > SAME_LOADS && now_ms.saturating_sub(since_ms) >= LONGEST_MS;
        let is_last = self.loads >= MAX_LOADS;
        if reading.head != Some(head) {
            self.same = None;
            return if is_last {
                LoadConsistency::Inconsistent
            } else {
                LoadConsistency::Retry { after_ms: AGAIN_MS / 4 }
            };
        }
        let (times, since_ms) = match &self.same {
            Some(same) if same.reading == reading => (same.times + 1, same.since_ms),
            _ => (1, now_ms),
        };
        if times >= SAME_LOADS && now_ms.saturating_sub(since_ms) >= SAME_MS {
            return LoadConsistency::ManuallyEdited;
        }
        if is_last || is_late {
            return LoadConsistency::Restless;
        }
        self.same = Some(SameHead { reading, times, since_ms });
        LoadConsistency::Retry { after_ms: AGAIN_MS }
    }
}

/// A load as a store hands it over.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The snapshot; none where nothing of the job exists yet.
    pub snapshot: Option<Snapshot>,
    /// The id of the place, part of the definition and of idempotency keys.
    pub spreadsheet: String,
    /// Tabs of rows that exist before the job's first run, with their columns.
    pub tables: Vec<(String, Vec<String>)>,
    /// The first rows of the data tab, where it is there and the job has never written to it.
    pub first_rows: Option<FirstRows>,
    /// The time zone that the place itself names.
    pub timezone: Option<String>,
    /// When a key that is done is done again.
    pub again: ReprocessPolicy,
    /// The service's clock at the time of the load.
    pub service_time: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(commit: u64) -> HeadId {
        HeadId { commit, nonce: 7 }
    }

    fn tally(keys: &[&str]) -> RowChecksum {
        let mut tally = RowChecksum::default();
        for key in keys {
            tally.add(&[key, "", "done", "r"]);
        }
        tally
    }

    #[test]
    fn count_and_sum_do_not_depend_on_the_order_of_rows_but_on_every_row() {
        assert_eq!(tally(&["a", "b"]), tally(&["b", "a"]));
        assert_ne!(tally(&["a", "b"]), tally(&["a", "c"]));
        assert_ne!(tally(&["a"]), tally(&["a", "a"]));
        let mut without = tally(&["a", "b"]);
        without.take_hash(RowChecksum::hash(&["a", "", "done", "r"]));
        assert_eq!(without, tally(&["b"]));
    }

    #[test]
    fn a_load_is_whole_only_if_head_count_and_sum_agree() {
        let whole = LoadObservation { head: Some(head(3)), said: tally(&["a"]), found: tally(&["a"]) };
        assert_eq!(LoadCheck::default().check(head(3), whole, 0), LoadConsistency::Whole);
        let stale_state = LoadObservation { head: Some(head(2)), ..whole };
        assert!(matches!(LoadCheck::default().check(head(3), stale_state, 0), LoadConsistency::Retry { .. }));
        let stale_keys = LoadObservation { found: tally(&[]), ..whole };
        assert!(matches!(LoadCheck::default().check(head(3), stale_keys, 0), LoadConsistency::Retry { .. }));
        let other_key = LoadObservation { found: tally(&["b"]), ..whole };
        assert!(matches!(LoadCheck::default().check(head(3), other_key, 0), LoadConsistency::Retry { .. }));
    }

    #[test]
    fn the_same_difference_in_three_loads_over_ten_seconds_is_peoples_hands() {
        let mut check = LoadCheck::default();
        let edited = LoadObservation { head: Some(head(3)), said: tally(&["a", "b"]), found: tally(&["a"]) };
        assert!(matches!(check.check(head(3), edited, 0), LoadConsistency::Retry { .. }));
        assert!(matches!(check.check(head(3), edited, 2_000), LoadConsistency::Retry { .. }));
        assert!(matches!(check.check(head(3), edited, 9_999), LoadConsistency::Retry { .. }));
        assert_eq!(check.check(head(3), edited, 10_000), LoadConsistency::ManuallyEdited);
    }

    #[test]
    fn invariant_7_a_restless_tab_is_given_up_in_time() {
        for (load_ms, loads) in [(100, MAX_LOADS), (10_000, 7), (40_000, SAME_LOADS + 1)] {
            let mut check = LoadCheck::default();
            let verdicts: Vec<_> = (0..MAX_LOADS)
                .map(|n| {
                    let found = tally(&[&n.to_string()]);
                    let reading = LoadObservation { head: Some(head(3)), said: tally(&["a"]), found };
                    check.check(head(3), reading, u64::from(n) * load_ms)
                })
                .collect();
            let given_up = verdicts.iter().position(|verdict| *verdict == LoadConsistency::Restless);
            assert_eq!(given_up, Some(loads as usize - 1), "{load_ms}");
        }
    }

    #[test]
    fn a_difference_with_the_wrong_head_never_counts_as_peoples_hands_and_ends_after_a_bound() {
        let mut check = LoadCheck::default();
        let torn = LoadObservation { head: Some(head(2)), said: tally(&["a"]), found: tally(&[]) };
        let verdicts: Vec<_> = (0..u64::from(MAX_LOADS)).map(|n| check.check(head(3), torn, n * 60_000)).collect();
        assert!(verdicts.iter().rev().skip(1).all(|v| matches!(v, LoadConsistency::Retry { .. })));
        assert_eq!(verdicts.last(), Some(&LoadConsistency::Inconsistent));
    }
}
