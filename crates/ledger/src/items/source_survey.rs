//! Decides which record of a repeated key counts, for jobs that process only one of them.
//!
//! In scope: the data of a first pass over the source, and the decision on each record in the
//! second.
//! Out of scope: the two passes (`runner::input::source_passes`), and jobs in which each version
//! counts (`ledger::items::repeated_keys`).
//!
//! ```text
//!  first pass:   16 bytes a record, 24 if versions are ordered   ──▶  keys that come more than once
//!  second pass:  a key that comes once counts; otherwise its last or newest record, the others are skipped
//! ```
//!
//! So the result of a run depends on the source as a whole, not on which commits come between two
//! records of a key.

use std::collections::HashMap;

use crate::items::item::Position;
use crate::items::key::{Fingerprint, Key, Version};
use crate::items::repeated_keys::{RepeatedKeys, RepeatedRecord};
use crate::items::write_mode::ReprocessPolicy;
use crate::values::version_order::RankKind;

/// The data of a first pass over the source.
#[derive(Debug, Default)]
pub struct SourceSurvey {
    reprocess_policy: ReprocessPolicy,
    /// The key of each record; used if the last one counts.
    keys: Vec<Fingerprint>,
    /// The key and version hash of each record; used if the newest one counts.
    versions: Vec<(Fingerprint, u64)>,
    checksum: PassChecksum,
}

/// A checksum of the records of a pass, in order: two passes over the same records have equal ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct PassChecksum {
    records: u64,
    sum: u64,
}

impl PassChecksum {
    fn add(&mut self, key_hash: Fingerprint) {
        self.records += 1;
        self.sum = (self.sum.rotate_left(5) ^ key_hash.0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// Represents a record without a usable key.
const NO_KEY_FINGERPRINT: Fingerprint = Fingerprint(0, 0);

impl SourceSurvey {
    /// Creates a survey for a job in which one record of each key counts: the newest, or the last.
    pub fn new(reprocess_policy: ReprocessPolicy) -> Self {
        Self { reprocess_policy, ..Self::default() }
    }

    /// Adds the next record, with its key and version if they are usable.
    pub fn add(&mut self, identity: Option<(&Key, &Version)>) {
        let Some((key, version)) = identity else { return self.checksum.add(NO_KEY_FINGERPRINT) };
        let key_hash = key.fingerprint();
        self.checksum.add(key_hash);
        match self.reprocess_policy {
            // A version without an order fails its own record, not the others.
            ReprocessPolicy::OnNewer if self.reprocess_policy.accepts(version) => {
                self.versions.push((key_hash, self.reprocess_policy.version_hash(version)));
            }
            ReprocessPolicy::OnNewer => {}
            ReprocessPolicy::EachVersion | ReprocessPolicy::OnChange => self.keys.push(key_hash),
        }
    }

    /// Returns the number of records.
    pub fn count_records(&self) -> u64 {
        self.checksum.records
    }

    /// Creates the selector for the second pass. `done` returns the hash of the newest done version
    /// of a key, 0 if there is none.
    pub fn into_selector(self, done: impl Fn(Fingerprint) -> u64) -> RecordSelector {
        let Self { reprocess_policy, mut keys, mut versions, checksum } = self;
        let mut repeated = HashMap::new();
        keys.sort_unstable();
        for group in keys.chunk_by(|a, b| a == b).filter(|group| group.len() > 1) {
            if let [key_hash, others @ ..] = group {
                repeated.insert(
                    *key_hash,
                    DoubledKey { counting_index: record_count(others.len()), ..DoubledKey::default() },
                );
            }
        }
        // Stable: records of one key keep the order of the source.
        versions.sort_by_key(|row| row.0);
        for group in versions.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
            let Some((key_hash, first)) = group.first() else { continue };
            let kind = RankKind::from_rank(done(*key_hash)).or(RankKind::from_rank(*first));
            let of_kind = group.iter().filter(|row| RankKind::from_rank(row.1) == kind);
            let newest = of_kind.enumerate().max_by_key(|(_, row)| row.1).map_or(0, |(at, _)| at);
            repeated
                .insert(*key_hash, DoubledKey { counting_index: record_count(newest), kind, ..DoubledKey::default() });
        }
        repeated.shrink_to_fit();
        RecordSelector {
            reprocess_policy,
            repeated,
            expected: checksum,
            seen: PassChecksum::default(),
            repeats: RepeatedKeys::default(),
        }
    }
}

/// Converts a number of records of one key; no supported file has more than 2^32.
fn record_count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A key that comes more than once.
#[derive(Debug, Clone, Default)]
struct DoubledKey {
    /// Number of its records before the one that counts.
    counting_index: u32,
    /// Number of its records so far.
    seen: u32,
    /// The kind of its versions, if they are ordered.
    kind: Option<RankKind>,
    /// The first of its records.
    first: Option<RepeatedRecord>,
}

/// The use of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordUse {
    /// It is the one that counts.
    Counts,
    /// Another record of its key counts.
    Superseded,
    /// Its version can't be ordered against those of the key's other records, which are of this
    /// kind.
    Unordered(RankKind),
}

/// Decides on the records of the second pass.
#[derive(Debug, Clone)]
pub struct RecordSelector {
    reprocess_policy: ReprocessPolicy,
    repeated: HashMap<Fingerprint, DoubledKey>,
    expected: PassChecksum,
    seen: PassChecksum,
    repeats: RepeatedKeys,
}

impl RecordSelector {
    /// Counts a record without a usable key or version.
    pub fn add_nameless(&mut self) {
        self.seen.add(NO_KEY_FINGERPRINT);
    }

    /// Counts a record whose version has no order.
    pub fn add_unordered(&mut self, key: &Key) {
        self.seen.add(key.fingerprint());
    }

    /// Decides on the next record; `content` computes a hash of it, to detect different ones.
    pub fn decide(
        &mut self,
        key: &Key,
        version: &Version,
        position: &Position,
        content: impl FnOnce() -> u32,
    ) -> RecordUse {
        let key_hash = key.fingerprint();
        self.seen.add(key_hash);
        let Some(repeated) = self.repeated.get_mut(&key_hash) else { return RecordUse::Counts };
        if let Some(kind) =
            repeated.kind.filter(|kind| RankKind::from_rank(self.reprocess_policy.version_hash(version)) != Some(*kind))
        {
            return RecordUse::Unordered(kind);
        }
        match &mut repeated.first {
            Some(first) => first.compare(key, content(), position, &mut self.repeats),
            none => *none = Some(RepeatedRecord::new(content(), position, &mut self.repeats)),
        }
        repeated.seen = repeated.seen.saturating_add(1);
        if repeated.seen == repeated.counting_index.saturating_add(1) {
            RecordUse::Counts
        } else {
            RecordUse::Superseded
        }
    }

    /// Returns the keys so far that came more than once with different content.
    pub fn repeats(&self) -> &RepeatedKeys {
        &self.repeats
    }

    /// True if the second pass saw the same records as the first; to be called at its end.
    pub fn matches_survey(&self) -> bool {
        self.seen == self.expected
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type RecordNote = (&'static str, &'static str);

    fn sifted_after(reprocess_policy: ReprocessPolicy, done: u64, records: &[RecordNote]) -> Vec<RecordUse> {
        let of = |(key, version): &RecordNote| (Key::new(*key).expect("a key"), Version((*version).into()));
        let mut survey = SourceSurvey::new(reprocess_policy);
        for record in records {
            let (key, version) = of(record);
            survey.add(Some((&key, &version)));
        }
        survey.add(None);
        let mut sieve = survey.into_selector(|_| done);
        let position = Position::default();
        let judged = records.iter().map(|record| {
            let (key, version) = of(record);
            if reprocess_policy.accepts(&version) {
                return sieve.decide(&key, &version, &position, || 0);
            }
            sieve.add_unordered(&key);
            RecordUse::Superseded
        });
        let judged = judged.collect();
        assert!(!sieve.matches_survey(), "a record is still to come");
        sieve.add_nameless();
        assert!(sieve.matches_survey());
        judged
    }

    fn list_counting_records(reprocess_policy: ReprocessPolicy, records: &[RecordNote]) -> Vec<usize> {
        let judged = sifted_after(reprocess_policy, 0, records);
        (0..records.len()).filter(|at| judged[*at] == RecordUse::Counts).collect()
    }

    #[test]
    fn of_a_key_that_comes_again_the_last_record_counts() {
        let records = [("1001", "paid"), ("1002", "open"), ("1001", "refunded"), ("1003", ""), ("1001", "paid")];
        assert_eq!(list_counting_records(ReprocessPolicy::OnChange, &records), [1, 3, 4]);
    }

    #[test]
    fn with_an_order_the_newest_counts_and_the_last_of_equals() {
        let records = [("a", "2"), ("b", "10"), ("a", "1"), ("b", "9"), ("a", "2.0"), ("a", "v3"), ("c", "v1")];
        assert_eq!(list_counting_records(ReprocessPolicy::OnNewer, &records), [1, 4]);
        let ids = [("a", "9007199254740993"), ("a", "9007199254740992")];
        assert_eq!(list_counting_records(ReprocessPolicy::OnNewer, &ids), [0]);
    }

    #[test]
    fn a_number_and_a_moment_of_one_key_are_not_compared() {
        let moment = "2026-11-26T09:00:00Z";
        let records = [("a", "5"), ("a", moment), ("a", "6"), ("a", "4")];
        let unordered = RecordUse::Unordered(RankKind::Number);
        let expected = [RecordUse::Superseded, unordered, RecordUse::Counts, RecordUse::Superseded];
        assert_eq!(sifted_after(ReprocessPolicy::OnNewer, 0, &records), expected);
        let done = ReprocessPolicy::OnNewer.version_hash(&Version(moment.into()));
        let [number, counts] = [RecordUse::Unordered(RankKind::Timestamp), RecordUse::Counts];
        assert_eq!(sifted_after(ReprocessPolicy::OnNewer, done, &records), [number, counts, number, number]);
    }

    #[test]
    fn another_record_another_order_or_one_less_is_noticed() {
        let key = |text: &str| Key::new(text).expect("a key");
        let (a, b, none) = (key("a"), key("b"), Version::default());
        let sieve = || {
            let mut survey = SourceSurvey::new(ReprocessPolicy::OnChange);
            for key in [&a, &b] {
                survey.add(Some((key, &none)));
            }
            survey.into_selector(|_| 0)
        };
        for (read, same) in [(vec![&a, &b], true), (vec![&b, &a], false), (vec![&a], false), (vec![&a, &a], false)] {
            let mut sieve = sieve();
            for key in read {
                sieve.decide(key, &none, &Position::default(), || 0);
            }
            assert_eq!(sieve.matches_survey(), same);
        }
    }

    proptest! {
        #[test]
        fn of_each_key_exactly_one_record_counts(records in prop::collection::vec((0..4_usize, 0..3_usize), 0..30)) {
            let names = ["a", "b", "c", "d"];
            let records: Vec<RecordNote> = records.iter().map(|(key, version)| (names[*key], ["1", "2", "3"][*version])).collect();
            for reprocess_policy in [ReprocessPolicy::OnChange, ReprocessPolicy::OnNewer] {
                let counting = list_counting_records(reprocess_policy, &records);
                for name in names {
                    let of_key = || records.iter().enumerate().filter(|(_, record)| record.0 == name);
                    let right = match reprocess_policy {
                        ReprocessPolicy::OnNewer => of_key().max_by_key(|(_, record)| record.1),
                        _ => of_key().next_back(),
                    };
                    let found: Vec<_> = counting.iter().filter(|at| records[**at].0 == name).copied().collect();
                    prop_assert_eq!(found, right.map(|(at, _)| at).into_iter().collect::<Vec<_>>());
                }
            }
        }
    }
}
