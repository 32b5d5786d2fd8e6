//! The processed set as loaded: which versions of which keys are done, in 24 bytes a key.
//!
//! In scope: which of a key's versions count, revocations. Out of scope: what this run adds
//! (`processed::processed_index`), and where keys are loaded from.

use std::collections::HashMap;

use crate::items::key::Fingerprint;
use crate::items::write_mode::ReprocessPolicy;
use crate::processed::row_gaps::GapKeys;
use crate::processed::version_history::{VersionHistory, VersionUse};

/// The texts of the done versions of each key, in the order in which they were read.
pub type VersionTexts = HashMap<Fingerprint, Vec<String>>;

/// The processed set as loaded, sorted: each done version of a key, or the one that counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessedSet {
    reprocess_policy: ReprocessPolicy,
    rows: Vec<(Fingerprint, u64)>,
    keys: usize,
    /// Keys with revocations, sorted: they may have rows although they are not done.
    revoked: Vec<Fingerprint>,
    /// Earlier versions, if one version counts.
    history: VersionHistory,
    /// The texts of versions, revoked ones included; `None` if only their hashes are kept.
    texts: Option<VersionTexts>,
}

impl ProcessedSet {
    /// Creates a set from (key, version hash) in the order in which they were done. The hashes are
    /// those of `reprocess_policy`.
    pub fn from_rows(reprocess_policy: ReprocessPolicy, mut rows: Vec<(Fingerprint, u64)>) -> Self {
        match reprocess_policy {
            ReprocessPolicy::EachVersion | ReprocessPolicy::OnNewer => rows.sort_unstable(),
            ReprocessPolicy::OnChange => rows.sort_by_key(|row| row.0),
        }
        if reprocess_policy == ReprocessPolicy::EachVersion {
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
        Self { reprocess_policy, rows, keys, revoked: Vec::new(), ..Self::default() }
    }

    /// Creates a set from rows with the change that wrote each. `changes` has one entry per row, or
    /// none if the policy does not need it. All versions of a key's last change count. The keys in
    /// `gaps` have lost rows.
    ///
    /// Beside the rows and their changes it takes two bytes a row: a load of a million keys has little
    /// room.
    pub fn from_changes(
        reprocess_policy: ReprocessPolicy,
        mut rows: Vec<(Fingerprint, u64)>,
        changes: Vec<VersionUse>,
        revoked: Vec<(Fingerprint, u64)>,
        gaps: GapKeys,
    ) -> Self {
        if reprocess_policy != ReprocessPolicy::OnChange {
            return Self::with_revoked(reprocess_policy, rows, revoked);
        }
        let keys = sort_keys(&revoked);
        let mut owed = PendingRevocations::new(revoked);
        let mut history = VersionHistory::new(gaps);
        let mut is_counting = vec![false; rows.len()];
        let mut of_key = Vec::new();
        for part in 0..KeyOrder::PARTS {
            KeyOrder::of_part(&rows, part).for_each_key(&rows, |places| {
                of_key.clear();
                of_key.extend(places.iter().filter_map(|(_, at)| {
                    let at = *at as usize;
                    let ((key, hash), change) = rows.get(at).zip(changes.get(at))?;
                    Some((at, *key, *hash, *change))
                }));
                history.add_key(of_key.iter().map(|(_, key, hash, change)| (*key, *hash, *change)));
                of_key.retain(|(_, key, hash, _)| !owed.is_revoked_by_next((*key, *hash)));
                let Some(last) = of_key.last() else { return };
                let with_it = of_key.iter().rev().take_while(|row| row.3.is_same_change(last.3)).count().max(1);
                for (at, ..) in of_key.iter().rev().take(with_it) {
                    if let Some(is_counting) = is_counting.get_mut(*at) {
                        *is_counting = true;
                    }
                }
            });
        }
        drop(changes);
        let mut is_counting = is_counting.into_iter();
        rows.retain(|_| is_counting.next().unwrap_or_default());
        rows.sort_unstable();
        rows.dedup();
        rows.shrink_to_fit();
        let count = rows.chunk_by(|a, b| a.0 == b.0).count();
        Self { reprocess_policy, rows, keys: count, revoked: keys, history: history.shrink_to_fit(), texts: None }
    }

    /// Creates a set in which each entry of `revoked` has revoked one of the rows.
    pub fn with_revoked(
        reprocess_policy: ReprocessPolicy,
        mut rows: Vec<(Fingerprint, u64)>,
        revoked: Vec<(Fingerprint, u64)>,
    ) -> Self {
        let keys = sort_keys(&revoked);
        if !revoked.is_empty() {
            let mut owed = PendingRevocations::new(revoked);
            rows.retain(|row| !owed.is_revoked_by_next(*row));
        }
        Self { revoked: keys, ..Self::from_rows(reprocess_policy, rows) }
    }

    /// Adds the texts of versions, if they are kept.
    #[must_use]
    pub fn with_version_texts(self, texts: Option<VersionTexts>) -> Self {
        Self { texts, ..self }
    }

    /// Adds the text of a version that this run has done, if texts are kept.
    pub(crate) fn add_version_text(&mut self, key: Fingerprint, text: &str) {
        if let Some(texts) = &mut self.texts {
            texts.entry(key).or_default().push(text.to_owned());
        }
    }

    /// Returns the texts of the key's versions, revoked ones included, as far as the load kept them.
    pub(crate) fn version_texts(&self, key: Fingerprint) -> &[String] {
        self.texts.as_ref().and_then(|texts| texts.get(&key)).map_or(&[], Vec::as_slice)
    }

    /// Returns the reprocess policy, by which the hashes of versions are made.
    pub fn policy(&self) -> ReprocessPolicy {
        self.reprocess_policy
    }

    /// Returns the earlier versions of the keys; empty unless one version counts.
    pub(crate) fn history(&self) -> &VersionHistory {
        &self.history
    }

    /// Limits the keys that have lost rows to these.
    pub(crate) fn limit_gaps(&mut self, gaps: GapKeys) {
        self.history.with_known_gaps(gaps);
    }

    /// True if a version of the key was revoked.
    pub fn was_revoked(&self, key: Fingerprint) -> bool {
        self.revoked.binary_search(&key).is_ok()
    }

    /// True if this version is done, or need not be done because of a newer one.
    pub fn has(&self, key: Fingerprint, version: u64) -> bool {
        match self.reprocess_policy {
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
    pub fn count_keys(&self) -> usize {
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

fn sort_keys(rows: &[(Fingerprint, u64)]) -> Vec<Fingerprint> {
    let mut keys: Vec<_> = rows.iter().map(|row| row.0).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The places of those rows whose keys are in one part of all fingerprints, ordered by key and then
/// by place. One part after the other takes little room.
struct KeyOrder(Vec<(u64, u32)>);

impl KeyOrder {
    /// Number of parts; the parts are in the order of fingerprints.
    const PARTS: u64 = 16;

    fn of_part(rows: &[(Fingerprint, u64)], part: u64) -> Self {
        let keys = rows.iter().map(|row| row.0.0).zip(0..);
        let mut order: Vec<(u64, u32)> = keys.filter(|(key, _)| key >> 60 == part).collect();
        order.sort_unstable();
        // Keys whose first 64 bits are equal, if there ever are some.
        let key = |at: u32| rows.get(at as usize).map(|row| row.0);
        for group in order.chunk_by_mut(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
            group.sort_unstable_by_key(|(_, at)| (key(*at), *at));
        }
        Self(order)
    }

    /// Calls `each` with the places of each key's rows, in order.
    fn for_each_key(&self, rows: &[(Fingerprint, u64)], each: impl FnMut(&[(u64, u32)])) {
        let key = |at: u32| rows.get(at as usize).map(|row| row.0);
        self.0.chunk_by(|a, b| a.0 == b.0 && key(a.1) == key(b.1)).for_each(each);
    }
}

/// Revocations that have not met their row yet. Each takes the first row with the same key and
/// version, which existed when the revocation was written.
struct PendingRevocations(HashMap<(Fingerprint, u64), u32>);

impl PendingRevocations {
    fn new(revoked: Vec<(Fingerprint, u64)>) -> Self {
        let mut owed: HashMap<(Fingerprint, u64), u32> = HashMap::new();
        for row in revoked {
            *owed.entry(row).or_default() += 1;
        }
        Self(owed)
    }

    /// Returns whether a revocation takes this row.
    fn is_revoked_by_next(&mut self, row: (Fingerprint, u64)) -> bool {
        match self.0.get_mut(&row) {
            Some(times @ 1..) => {
                *times -= 1;
                true
            }
            _ => false,
        }
    }
}
