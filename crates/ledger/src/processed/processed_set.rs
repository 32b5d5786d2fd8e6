//! The processed set as loaded: which versions of which keys are done, in 24 bytes a key.
//!
//! In scope: which of a key's versions count, revocations. Out of scope: what this run adds
//! (`processed::processed_index`), and where keys are loaded from.

use std::collections::HashMap;

use crate::items::key::Fingerprint;
use crate::items::write_mode::ReprocessPolicy;
use crate::processed::row_gaps::Gaps;
use crate::processed::version_history::{VersionHistory, VersionUse};

/// The processed set as loaded, sorted: each done version of a key, or the one that counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessedSet {
    again: ReprocessPolicy,
    rows: Vec<(Fingerprint, u64)>,
    keys: usize,
    /// Keys with revocations, sorted: they may have rows although they are not done.
    revoked: Vec<Fingerprint>,
    /// Earlier versions, if one version counts.
    history: VersionHistory,
}

impl ProcessedSet {
    /// Creates a set from (key, version hash) in the order in which they were done. The hashes are
    /// those of `again`.
    pub fn from_rows(again: ReprocessPolicy, mut rows: Vec<(Fingerprint, u64)>) -> Self {
        match again {
            ReprocessPolicy::EachVersion | ReprocessPolicy::OnNewer => rows.sort_unstable(),
            ReprocessPolicy::OnChange => rows.sort_by_key(|row| row.0),
        }
        if again == ReprocessPolicy::EachVersion {
            rows.dedup();
        } else {
            // The last row of a key counts: the one done last, or the newest version. `dedup` keeps
            // the first, so reverse.
            rows.reverse();
            rows.dedup_by_key(|row| row.0);
            rows.reverse();
        }
        rows.shrink_to_fit();
        let keys = rows.chunk_by(|a, b| a.0 == b.0).count();
        Self { again, rows, keys, revoked: Vec::new(), history: VersionHistory::default() }
    }

    /// Creates a set from rows with the change that wrote each. `changes` has one entry per row, or
    /// none if the policy does not need it. All versions of a key's last change count. The keys in
    /// `gaps` have lost rows.
    pub fn from_changes(
        again: ReprocessPolicy,
        rows: Vec<(Fingerprint, u64)>,
        changes: &[VersionUse],
        revoked: Vec<(Fingerprint, u64)>,
        gaps: Gaps,
    ) -> Self {
        if again != ReprocessPolicy::OnChange {
            return Self::with_revoked(again, rows, revoked);
        }
        let keys = sorted_keys(&revoked);
        let all = || rows.iter().zip(changes).map(|((key, hash), change)| (*key, *hash, *change));
        let history = VersionHistory::new(all(), gaps);
        let mut left: Vec<_> = all().collect();
        without(&mut left, revoked, |row| (row.0, row.1));
        left.sort_by_key(|row| row.0);
        let mut counting = Vec::new();
        for of_key in left.chunk_by(|a, b| a.0 == b.0) {
            let Some(last) = of_key.last() else { continue };
            let with_it = of_key.iter().rev().take_while(|row| row.2.is_same_change(last.2)).count().max(1);
            counting.extend(of_key.iter().rev().take(with_it).map(|row| (row.0, row.1)));
        }
        counting.sort_unstable();
        counting.dedup();
        counting.shrink_to_fit();
        let count = counting.chunk_by(|a, b| a.0 == b.0).count();
        Self { again, rows: counting, keys: count, revoked: keys, history }
    }

    /// Creates a set in which each entry of `revoked` has revoked one of the rows.
    pub fn with_revoked(
        again: ReprocessPolicy,
        mut rows: Vec<(Fingerprint, u64)>,
        revoked: Vec<(Fingerprint, u64)>,
    ) -> Self {
        let keys = sorted_keys(&revoked);
        without(&mut rows, revoked, |row| *row);
        Self { revoked: keys, ..Self::from_rows(again, rows) }
    }

    /// Returns the reprocess policy, by which the hashes of versions are made.
    pub fn policy(&self) -> ReprocessPolicy {
        self.again
    }

    /// Returns the earlier versions of the keys; empty unless one version counts.
    pub(crate) fn history(&self) -> &VersionHistory {
        &self.history
    }

    /// Limits the keys that have lost rows to these.
    pub(crate) fn limit_gaps(&mut self, gaps: Gaps) {
        self.history.with_known_gaps(gaps);
    }

    /// True if a version of the key was revoked.
    pub fn was_revoked(&self, key: Fingerprint) -> bool {
        self.revoked.binary_search(&key).is_ok()
    }

    /// True if this version is done, or need not be done because of a newer one.
    pub fn has(&self, key: Fingerprint, version: u64) -> bool {
        match self.again {
            ReprocessPolicy::EachVersion | ReprocessPolicy::OnChange => {
                self.rows.binary_search(&(key, version)).is_ok()
            }
            ReprocessPolicy::OnNewer => {
                let at = self.rows.partition_point(|row| row.0 < key);
                version != 0 && self.rows.get(at).is_some_and(|row| row.0 == key && version <= row.1)
            }
        }
    }

    /// Returns the number of done keys.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// True if a version of the key whose fingerprint starts with these 64 bits is done.
    pub(crate) fn has_key_prefix(&self, prefix: u64) -> bool {
        let at = self.rows.partition_point(|row| row.0.0 < prefix);
        self.rows.get(at).is_some_and(|row| row.0.0 == prefix)
    }

    /// Returns each key with a done version.
    pub(crate) fn key_fingerprints(&self) -> impl Iterator<Item = Fingerprint> {
        self.rows.chunk_by(|a, b| a.0 == b.0).filter_map(|rows| rows.first().map(|row| row.0))
    }

    /// Returns the hashes of the key's done versions.
    pub(crate) fn versions(&self, key: Fingerprint) -> impl Iterator<Item = u64> {
        let from = self.rows.partition_point(|row| row.0 < key);
        self.rows.get(from..).unwrap_or_default().iter().take_while(move |row| row.0 == key).map(|row| row.1)
    }

    /// True if any version of the key is done.
    pub fn has_key(&self, key: Fingerprint) -> bool {
        let at = self.rows.partition_point(|row| row.0 < key);
        self.rows.get(at).is_some_and(|row| row.0 == key)
    }
}

fn sorted_keys(rows: &[(Fingerprint, u64)]) -> Vec<Fingerprint> {
    let mut keys: Vec<_> = rows.iter().map(|row| row.0).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Removes revoked rows in place, keeping the order. Each entry of `revoked` removes the first
/// row with the same key and version, which existed when the revocation was written.
fn without<R>(done: &mut Vec<R>, revoked: Vec<(Fingerprint, u64)>, of: impl Fn(&R) -> (Fingerprint, u64)) {
    if revoked.is_empty() {
        return;
    }
    let mut owed: HashMap<(Fingerprint, u64), u32> = HashMap::new();
    for row in revoked {
        *owed.entry(row).or_default() += 1;
    }
    done.retain(|row| match owed.get_mut(&of(row)) {
        Some(times @ 1..) => {
            *times -= 1;
            false
        }
        _ => true,
    });
}
