//! The state as loaded at one time, and the check that the loaded parts are consistent.
//!
//! In scope: the fields of the state, count and checksum of Processed, the check of a load.
//! Out of scope: the stored form of a state (`ledger::state::state_codec`), and reading it
//! (`store`).

use crate::items::key::{Key, Version, hash_texts};
use crate::items::write_mode::ReprocessPolicy;
use crate::leases::head::HeadId;
use crate::leases::lease::{Fence, Lease};
use crate::processed::key_sums::KeySums;
use crate::processed::keys_to_reprocess::KeysToReprocess;
use crate::processed::processed_index::ProcessedIndex;
use crate::processed::row_gaps::GapKeys;
use crate::processed::suppressed_failures::SuppressedFailureCounts;
use crate::rows::header_search::FirstRows;
use crate::runs::filled_fields::FillShares;
use crate::runs::held_changes::HeldPlan;
use crate::runs::job_requests::JobRequests;
use crate::runs::reported_messages::ReportedMessages;
use crate::runs::run::Run;
use crate::runs::schedule_history::ScheduleHistory;
use sheetkeep_base::time::Timestamp;

/// The schema version of the state. A higher one was written by a newer version of this tool.
pub const SCHEMA: u32 = 1;

/// The number of rows in Processed, and an order-independent checksum of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RowChecksum {
    /// The number of rows.
    pub count: u64,
    /// The wrapping sum of the 64-bit hashes of the rows.
    pub sum: u64,
}

impl RowChecksum {
    /// Adds a row.
    pub fn add(&mut self, row: &[&str]) {
        self.add_hash(Self::hash_row(row));
    }

    /// Adds a row by its hash.
    pub fn add_hash(&mut self, hash: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(hash);
    }

    /// Adds the rows of another checksum.
    pub fn add_all(&mut self, other: Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Subtracts a row by its hash.
    pub fn subtract_hash(&mut self, hash: u64) {
        self.count = self.count.saturating_sub(1);
        self.sum = self.sum.wrapping_sub(hash);
    }

    /// Returns the hash of a row.
    pub fn hash_row(row: &[&str]) -> u64 {
        hash_texts(row).iter().take(8).fold(0_u64, |acc, &byte| (acc << 8) | u64::from(byte))
    }
}

/// The job's definition as the state stores it. A change of it would process everything again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Definition {
    /// The spreadsheet's id, to detect copied spreadsheets.
    pub spreadsheet: String,
    /// The title of the data tab.
    pub tab: String,
    /// The write mode, for example `append`.
    pub mode: String,
    /// The key expression.
    pub key: String,
    /// A hash of source kind, key and step expressions.
    pub hash: String,
}

impl Definition {
    /// Returns the hash of a job's parts: source kind, key expression, and steps in order.
    pub fn hash_parts(source: &str, key: &str, steps: &[String]) -> String {
        let mut parts = vec![source, key];
        parts.extend(steps.iter().map(String::as_str));
        let digest = hash_texts(&parts);
        data_encoding::HEXLOWER.encode(digest.get(..8).unwrap_or(&digest))
    }

    /// Returns the parts that differ from `kept` in a way that would process items again, in words
    /// for messages.
    pub fn changed_parts(&self, kept: &Self) -> Vec<&'static str> {
        let mut changed = Vec::new();
        if self.key != kept.key {
            changed.push("key");
        }
        if self.tab != kept.tab {
            changed.push("tab");
        }
        if self.spreadsheet != kept.spreadsheet {
            changed.push("spreadsheet");
        }
        if self.mode != kept.mode {
            changed.push("mode");
        }
        changed
    }
}

/// All data that a job keeps between runs besides its rows, keys and failures.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct State {
    /// The job's name.
    pub job: String,
    /// The head set by the commit that wrote this state.
    pub head: Option<HeadId>,
    /// The lease: its holder and the fence.
    pub lease: Lease,
    /// Checksum of Processed as of this head.
    pub processed: RowChecksum,
    /// The low watermark in the source.
    pub low_watermark: Option<String>,
    /// The job's definition.
    pub definition: Definition,
    /// The column of the data tab that carries the key.
    pub key_column: Option<String>,
    /// The job's own columns of the data tab, in the order in which they were added.
    pub columns: Vec<String>,
    /// The columns among them that users had deleted when this state was written.
    pub deleted_columns: Vec<String>,
    /// The time zone of data timestamps, an IANA name.
    pub timezone: Option<String>,
    /// The run that holds the lease, as of this commit. A later run reports it if this one
    /// vanishes.
    pub run: Option<Run>,
    /// The state of alerts between runs, opaque here.
    pub alerts: Option<String>,
    /// How often unchanged failures failed since their row was written.
    pub suppressed_failures: SuppressedFailureCounts,
    /// Runs that revoked keys for a reprocess that is not complete.
    pub reprocess_runs: Vec<String>,
    /// The job's predecessor spreadsheets, the latest first: their keys count.
    pub predecessors: Vec<String>,
    /// The successor spreadsheet; `None` while the job is active in this one.
    pub successor: Option<String>,
    /// Power sums of the keys of all rows in Processed as of this head. `None` if each version of a
    /// key counts, or if they are unknown.
    pub key_sums: Option<KeySums>,
    /// Keys to process again, because users deleted rows of them.
    pub keys_to_reprocess: KeysToReprocess,
    /// Keys whose history may be incomplete, because rows of Processed were removed.
    pub gaps: GapKeys,
    /// What a scheduled job remembers of its occurrences; `None` for other jobs.
    pub schedule: Option<ScheduleHistory>,
    /// How often the fields of the source were filled in earlier runs.
    pub field_fill_shares: FillShares,
    /// The lasting warnings of the last run.
    pub warnings: ReportedMessages,
    /// Changes of existing rows that a run has held back, or that are approved.
    pub held: Option<HeldPlan>,
    /// Cells of people in Jobs that are not understood, and that a run has answered.
    pub answered_cells: ReportedMessages,
    /// At-most-once jobs: items whose steps had begun, or were about to, when this state was
    /// written.
    pub start_markers: Vec<(Key, Version)>,
}

impl State {
    /// Returns the fencing token of the lease term.
    pub fn fence(&self) -> Fence {
        self.lease.fence
    }
}

/// A state with all that was loaded beside it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The state. Its checksum is that of the rows found, which differs from the stored one after
    /// manual edits.
    pub state: State,
    /// The checksum of Processed as stored in the state.
    pub stored_checksum: RowChecksum,
    /// The head that the load read, from which the next commit is drafted.
    pub head: HeadId,
    /// Processed keys and failures.
    pub processed_index: ProcessedIndex,
    /// The existing data tabs, with their columns.
    pub data_tabs: Vec<(String, Vec<String>)>,
    /// The title that the data tab has on the spreadsheet; `None` while there is none.
    pub data_tab_title: Option<String>,
    /// The job's own columns of the data tab that users deleted.
    pub deleted_columns: Vec<String>,
    /// Manual edits that the loader did not expect.
    pub anomalies: Vec<Anomaly>,
    /// The predecessor that the job has not left yet, if a rollover to this spreadsheet is
    /// incomplete.
    pub active_predecessor: Option<String>,
}

/// An unexpected manual edit in a tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// One sentence that names tab, row or key, and the fix if there is one.
    pub message: String,
    /// True if the run must stop before any write.
    pub is_blocking: bool,
}

/// What a load found, to compare with the head that was read before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LoadObservation {
    /// The head in the state.
    pub head: Option<HeadId>,
    /// The checksum of Processed as stored in the state.
    pub expected: RowChecksum,
    /// The checksum of the rows found in Processed.
    pub actual: RowChecksum,
}

/// Whether a load may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadConsistency {
    /// Head, state and Processed are consistent.
    Consistent,
    /// They are not consistent yet: read everything again after a delay.
    Retry {
        /// Delay, in milliseconds.
        after_ms: u64,
    },
    /// The state is right, and Processed differed in the same way for long enough: a manual edit.
    /// Continue with the rows found.
    ManuallyEdited,
    /// They were never consistent: the state was a different one each time.
    Inconsistent,
    /// The state is right, and Processed was different each time: users change it as fast as it is
    /// read.
    EditedWhileRead,
}

/// Maximum number of loads before a reader gives up.
pub const MAX_LOADS: u32 = 12;
/// Number of loads that must show the same difference before it counts as a manual edit.
const MIN_EQUAL_LOADS: u32 = 3;
/// Minimum time that the difference must persist, in milliseconds.
const MIN_EQUAL_MS: u64 = 10_000;
/// No load starts this many milliseconds after the first inconsistent one, unless too few loads
/// were made to recognise a manual edit.
pub const MAX_LOAD_MS: u64 = 60_000;
/// Delay between two loads, in milliseconds.
const LOAD_DELAY_MS: u64 = 2_000;

/// Checks loads against their heads until one is consistent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadCheck {
    loads: u32,
    same: Option<SameHead>,
    /// End of the first inconsistent load, in monotonic milliseconds.
    since_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SameHead {
    reading: LoadObservation,
    times: u32,
    since_ms: u64,
}

impl LoadCheck {
    /// Checks one load; `head` was read strictly before the rest. `now_ms` is monotonic.
    pub fn check(&mut self, head: HeadId, reading: LoadObservation, now_ms: u64) -> LoadConsistency {
        self.loads += 1;
        if reading.head == Some(head) && reading.expected == reading.actual {
            return LoadConsistency::Consistent;
        }
        let since_ms = *self.since_ms.get_or_insert(now_ms);
        let is_late = self.loads > MIN_EQUAL_LOADS && now_ms.saturating_sub(since_ms) >= MAX_LOAD_MS;
        let is_last = self.loads >= MAX_LOADS;
        if reading.head != Some(head) {
            self.same = None;
            return if is_last {
                LoadConsistency::Inconsistent
            } else {
                LoadConsistency::Retry { after_ms: LOAD_DELAY_MS / 4 }
            };
        }
        let (times, since_ms) = match &self.same {
            Some(same) if same.reading == reading => (same.times + 1, same.since_ms),
            _ => (1, now_ms),
        };
        if times >= MIN_EQUAL_LOADS && now_ms.saturating_sub(since_ms) >= MIN_EQUAL_MS {
            return LoadConsistency::ManuallyEdited;
        }
        if is_last || is_late {
            return LoadConsistency::EditedWhileRead;
        }
        self.same = Some(SameHead { reading, times, since_ms });
        LoadConsistency::Retry { after_ms: LOAD_DELAY_MS }
    }
}

/// A load as a store returns it.
#[derive(Debug, Clone)]
pub struct LoadReport {
    /// The snapshot; `None` if the job does not exist yet.
    pub snapshot: Option<Snapshot>,
    /// The spreadsheet's id, part of the definition and of idempotency keys.
    pub spreadsheet: String,
    /// The data tabs that exist before the job's first run, with their columns.
    pub data_tabs: Vec<(String, Vec<String>)>,
    /// The first rows of the data tab, if it exists and the job has never written to it.
    pub first_rows: Option<FirstRows>,
    /// The time zone of the spreadsheet.
    pub timezone: Option<String>,
    /// When a done key is processed again.
    pub reprocess_policy: ReprocessPolicy,
    /// The service's time of the load.
    pub service_time: Timestamp,
    /// What people ask of the job in the tab Jobs.
    pub requests: JobRequests,
    /// Warnings that concern no snapshot.
    pub warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(commit: u64) -> HeadId {
        HeadId { commit, nonce: 7 }
    }

    fn sum_keys(keys: &[&str]) -> RowChecksum {
        let mut tally = RowChecksum::default();
        for key in keys {
            tally.add(&[key, "", "done", "r"]);
        }
        tally
    }

    #[test]
    fn count_and_sum_depend_on_every_row_and_not_on_the_order() {
        assert_eq!(sum_keys(&["a", "b"]), sum_keys(&["b", "a"]));
        assert_ne!(sum_keys(&["a", "b"]), sum_keys(&["a", "c"]));
        assert_ne!(sum_keys(&["a"]), sum_keys(&["a", "a"]));
        let mut without = sum_keys(&["a", "b"]);
        without.subtract_hash(RowChecksum::hash_row(&["a", "", "done", "r"]));
        assert_eq!(without, sum_keys(&["b"]));
    }

    #[test]
    fn a_load_is_whole_only_if_head_count_and_sum_agree() {
        let whole = LoadObservation { head: Some(head(3)), expected: sum_keys(&["a"]), actual: sum_keys(&["a"]) };
        assert_eq!(LoadCheck::default().check(head(3), whole, 0), LoadConsistency::Consistent);
        let stale_state = LoadObservation { head: Some(head(2)), ..whole };
        assert!(matches!(LoadCheck::default().check(head(3), stale_state, 0), LoadConsistency::Retry { .. }));
        let stale_keys = LoadObservation { actual: sum_keys(&[]), ..whole };
        assert!(matches!(LoadCheck::default().check(head(3), stale_keys, 0), LoadConsistency::Retry { .. }));
        let other_key = LoadObservation { actual: sum_keys(&["b"]), ..whole };
        assert!(matches!(LoadCheck::default().check(head(3), other_key, 0), LoadConsistency::Retry { .. }));
    }

    #[test]
    fn the_same_difference_in_three_loads_is_a_user_edit() {
        let mut check = LoadCheck::default();
        let edited = LoadObservation { head: Some(head(3)), expected: sum_keys(&["a", "b"]), actual: sum_keys(&["a"]) };
        assert!(matches!(check.check(head(3), edited, 0), LoadConsistency::Retry { .. }));
        assert!(matches!(check.check(head(3), edited, 2_000), LoadConsistency::Retry { .. }));
        assert!(matches!(check.check(head(3), edited, 9_999), LoadConsistency::Retry { .. }));
        assert_eq!(check.check(head(3), edited, 10_000), LoadConsistency::ManuallyEdited);
    }

    #[test]
    fn invariant_7_a_restless_tab_is_given_up_in_time() {
        for (load_ms, loads) in [(100, MAX_LOADS), (10_000, 7), (40_000, MIN_EQUAL_LOADS + 1)] {
            let mut check = LoadCheck::default();
            let verdicts: Vec<_> = (0..MAX_LOADS)
                .map(|n| {
                    let found = sum_keys(&[&n.to_string()]);
                    let reading = LoadObservation { head: Some(head(3)), expected: sum_keys(&["a"]), actual: found };
                    check.check(head(3), reading, u64::from(n) * load_ms)
                })
                .collect();
            let given_up = verdicts.iter().position(|verdict| *verdict == LoadConsistency::EditedWhileRead);
            assert_eq!(given_up, Some(loads as usize - 1), "{load_ms}");
        }
    }

    #[test]
    fn a_difference_with_a_wrong_head_is_never_a_user_edit() {
        let mut check = LoadCheck::default();
        let torn = LoadObservation { head: Some(head(2)), expected: sum_keys(&["a"]), actual: sum_keys(&[]) };
        let verdicts: Vec<_> = (0..u64::from(MAX_LOADS)).map(|n| check.check(head(3), torn, n * 60_000)).collect();
        assert!(verdicts.iter().rev().skip(1).all(|v| matches!(v, LoadConsistency::Retry { .. })));
        assert_eq!(verdicts.last(), Some(&LoadConsistency::Inconsistent));
    }
}
