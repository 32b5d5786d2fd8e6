//! The in-memory index of processed keys and failures, including this run's changes; admits items
//! or skips them.
//!
//! In scope: the processed set in 24 bytes a key (about 40 for keys of this run), open failures,
//! admission.
//! Out of scope: where keys are loaded from.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::items::failure::{Failure, FailureState, RequestedAction};
use crate::items::key::{Fingerprint, Key, Version, digest_of};
use crate::items::write_mode::ReprocessPolicy;
use crate::processed::key_lifecycle::{KeyEvent, KeyState};
use crate::processed::redo_keys::Redo;
use crate::processed::row_gaps::Gaps;
use crate::processed::suppressed_failures::{SuppressedFailureCounts, key_prefix};
use crate::processed::version_history::{VersionHistory, VersionUse};
use sheetkeep_base::time::Timestamp;

/// The decision on an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Never done: process it.
    Fresh,
    /// Another version of the key is done, this one is not: process it.
    Changed,
    /// It failed before: process it, and continue the count of attempts.
    Again(PriorFailure),
    /// It failed in this version, and retries are suppressed until the user asks for one.
    Rests,
    /// Done in this version: skip it.
    Done,
    /// The same version is in hand, or was done or failed earlier in this run: skip it.
    Twice,
}

/// An earlier failure of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriorFailure {
    /// Runs in which it failed, according to its row. `ProcessedIndex::attempts` also counts those
    /// without a row.
    pub attempts: u64,
    /// The time of its first failure.
    pub first_seen: Timestamp,
    /// The time of its newest row.
    pub last_seen: Timestamp,
    /// The hash of the failed version.
    pub version: u64,
    /// A hash of the failed step and error, so that an unchanged failure gets no new row.
    pub error: Fingerprint,
    /// The failure's state; never recovered.
    pub state: FailureState,
    /// True if the outcome of its steps is unknown, so that another record is not a new attempt.
    pub in_doubt: bool,
    /// The user's requested action that no run has answered yet.
    pub requested: Option<RequestedAction>,
    /// The number of its row, from 1, or of the row with the requested action; 0 for a failure of
    /// this run.
    pub row: u32,
}

impl PriorFailure {
    /// True if retries are suppressed.
    pub fn is_suppressed(&self) -> bool {
        self.state.is_suppressed() && self.requested != Some(RequestedAction::Retry)
    }

    /// True if this failure (same version hash, same error) is already recorded.
    pub fn is_recorded(&self, hash: u64, error: Fingerprint) -> bool {
        self.version == hash && self.error == error
    }
}

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
    fn has_key_prefix(&self, prefix: u64) -> bool {
        let at = self.rows.partition_point(|row| row.0.0 < prefix);
        self.rows.get(at).is_some_and(|row| row.0.0 == prefix)
    }

    /// Returns each key with a done version.
    fn key_fingerprints(&self) -> impl Iterator<Item = Fingerprint> {
        self.rows.chunk_by(|a, b| a.0 == b.0).filter_map(|rows| rows.first().map(|row| row.0))
    }

    /// Returns the hashes of the key's done versions.
    fn versions(&self, key: Fingerprint) -> impl Iterator<Item = u64> {
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

/// The version of a key that was done last in this run.
#[derive(Debug, Clone, Copy, Default)]
struct Latest {
    /// The version's hash, and that of a version done beside it; equal if there is only one.
    hashes: [u64; 2],
    /// The change, once its commit is applied.
    change: VersionUse,
}

impl Latest {
    fn newest(&self) -> u64 {
        self.hashes[0].max(self.hashes[1])
    }
}

/// The processed index of one run. Versions of a key are independent: a source may hold several,
/// and each is done once. If one version counts, a version that another has replaced may be done
/// again.
#[derive(Debug, Clone, Default)]
pub struct ProcessedIndex {
    done: ProcessedSet,
    /// Versions that are in hand or failed in this run.
    states: HashMap<(Fingerprint, u64), KeyState>,
    /// Versions done in this run, if each one counts. A tree grows node by node; a hash table would
    /// hold two tables while it doubles.
    settled: BTreeSet<(Fingerprint, u64)>,
    /// The version done last in this run, of keys that may come again.
    latest: BTreeMap<Fingerprint, Latest>,
    failures: HashMap<Fingerprint, PriorFailure>,
    /// Of the keys with failures, those that this run has seen.
    seen: HashSet<Fingerprint>,
    /// The hashes of the records of suppressed failures, as far as they were read.
    records: HashMap<Fingerprint, String>,
    /// Suppressed failures for which this run has seen a changed record.
    renewed: HashSet<Fingerprint>,
    /// Keys of suppressed failures whose deciding record was seen in this run.
    compared: HashSet<Fingerprint>,
    suppressed: SuppressedFailureCounts,
    redo: Redo,
    new_keys: u64,
}

impl ProcessedIndex {
    /// Creates an index from a load. A failure whose version is done by now is closed.
    pub fn new(done: ProcessedSet, failures: HashMap<Fingerprint, PriorFailure>) -> Self {
        let open = |(key, prior): &(Fingerprint, PriorFailure)| !done.has(*key, prior.version);
        let failures = failures.into_iter().filter(open).collect();
        Self { done, failures, ..Self::default() }
    }

    /// Creates an index in which nothing is done.
    pub fn empty(again: ReprocessPolicy) -> Self {
        Self::new(ProcessedSet::from_rows(again, Vec::new()), HashMap::new())
    }

    /// Adds the stored counts of unchanged failures.
    #[must_use]
    pub fn with_suppressed_counts(mut self, mut tries: SuppressedFailureCounts) -> Self {
        let open: HashSet<u64> = self.failures.keys().map(|key| key_prefix(*key)).collect();
        tries.retain(|prefix| open.contains(&prefix));
        self.suppressed = tries;
        self
    }

    /// Adds keys that are to be processed again, whatever their rows say.
    #[must_use]
    pub fn with_redo(mut self, redo: Redo) -> Self {
        self.redo = redo;
        self
    }

    /// Limits the keys that have lost rows to these.
    #[must_use]
    pub fn with_gaps(mut self, gaps: Gaps) -> Self {
        self.done.history.with_known_gaps(gaps);
        self
    }

    /// Returns the keys that remain to be processed again after these are done.
    pub fn redo_after<'k>(&self, done: impl Iterator<Item = &'k Key>) -> Redo {
        let mut redo = self.redo.clone();
        if redo.keys() > 0 {
            done.for_each(|key| redo.remove(key.fingerprint()));
        }
        redo
    }

    /// True if a loaded version of the key whose fingerprint starts with these 64 bits is done.
    pub fn has_key_prefix(&self, prefix: u64) -> bool {
        self.done.has_key_prefix(prefix)
    }

    /// Returns the loaded keys that match `is_one`.
    pub fn keys_of<'b>(&'b self, is_one: impl Fn(Fingerprint) -> bool + 'b) -> impl Iterator<Item = Fingerprint> + 'b {
        self.done.key_fingerprints().filter(move |fingerprint| is_one(*fingerprint))
    }

    /// Returns the counts of unchanged failures.
    pub fn suppressed_counts(&self) -> &SuppressedFailureCounts {
        &self.suppressed
    }

    /// Returns the reprocess policy.
    pub fn policy(&self) -> ReprocessPolicy {
        self.done.again
    }

    /// Returns the number of done keys, including those of this run.
    pub fn keys(&self) -> u64 {
        self.done.keys() as u64 + self.new_keys
    }

    /// Returns the suppressed failures with their rows. The hash of a record shows whether the
    /// source has changed it.
    pub fn suppressed_failures(&self) -> Vec<(Fingerprint, u32)> {
        let rests = |prior: &PriorFailure| prior.is_suppressed() && !prior.in_doubt;
        self.failures().into_iter().filter(|(_, prior)| rests(prior)).map(|(key, prior)| (key, prior.row)).collect()
    }

    /// Adds the hashes of the records of failures.
    pub fn with_known_records(&mut self, marks: Vec<(Fingerprint, String)>) {
        self.records = marks.into_iter().collect();
    }

    /// Admits an item by its record's hash. For a suppressed failure, a changed record is a new
    /// attempt. The first of several records in one source decides. Otherwise each of two bad
    /// records would be a new attempt beside the other, in each run.
    pub fn admit_record(&mut self, key: &Key, version: &Version, record: impl FnOnce() -> String) -> Admission {
        let (fingerprint, of) = (key.fingerprint(), self.policy().version_hash(version));
        let rests = self.failures.get(&fingerprint).is_some_and(|prior| prior.version == of && prior.is_suppressed());
        let decides = rests && !self.has(fingerprint, of) && self.compared.insert(fingerprint);
        if decides && self.records.get(&fingerprint).is_some_and(|hash| *hash != record()) {
            self.renewed.insert(fingerprint);
            self.failures.entry(fingerprint).and_modify(renew);
        }
        self.admit(key, version)
    }

    /// Admits an item or returns why it is skipped.
    pub fn admit(&mut self, key: &Key, version: &Version) -> Admission {
        let (fingerprint, hash) = (key.fingerprint(), self.policy().version_hash(version));
        if self.failures.contains_key(&fingerprint) {
            self.seen.insert(fingerprint);
        }
        if self.has(fingerprint, hash) {
            return Admission::Done;
        }
        if self.failures.get(&fingerprint).is_some_and(|prior| prior.version == hash && prior.is_suppressed()) {
            return Admission::Rests;
        }
        let before = self.state_of((fingerprint, hash));
        match before.next(KeyEvent::Admit) {
            Ok(next) if before == KeyState::Unknown => {
                self.states.insert((fingerprint, hash), next);
                match self.failures.get(&fingerprint) {
                    Some(prior) => Admission::Again(*prior),
                    None if self.has_fingerprint(fingerprint) => Admission::Changed,
                    None => Admission::Fresh,
                }
            }
            // A version that failed in this run is retried by the next one.
            _ => Admission::Twice,
        }
    }

    /// Marks the admitted item as processed.
    pub fn on_done(&mut self, key: &Key, version: &Version) {
        let (fingerprint, hash) = (key.fingerprint(), self.policy().version_hash(version));
        self.new_keys += u64::from(!self.has_fingerprint(fingerprint));
        self.redo.remove(fingerprint);
        self.advance((fingerprint, hash), KeyEvent::Done);
        // If every version counts and the job has no version expression, a key can't come a second
        // time.
        if self.policy() != ReprocessPolicy::EachVersion || !version.0.is_empty() {
            self.latest.insert(fingerprint, Latest { hashes: [hash; 2], ..Latest::default() });
        }
    }

    /// Marks one more version as settled by the same item: that of the record that the user
    /// corrected. Both count.
    pub fn on_done_beside(&mut self, key: &Key, version: &Version, own: (&Key, &Version)) {
        let before = self.latest.get(&key.fingerprint()).copied().filter(|_| own.0 == key);
        self.on_done(key, version);
        if let (Some(before), Some(latest)) = (before, self.latest.get_mut(&key.fingerprint())) {
            latest.hashes = [before.hashes[0], latest.hashes[0]];
        }
    }

    /// Takes the applied rows of Processed of this run: each key with the text of its cell `run`.
    pub fn on_rows_written<'k>(&mut self, rows: impl Iterator<Item = (&'k Key, String)>) {
        if self.policy() != ReprocessPolicy::OnChange {
            return;
        }
        for (key, run_cell) in rows {
            if let Some(latest) = self.latest.get_mut(&key.fingerprint()) {
                latest.change = VersionUse::from_cell(&run_cell);
            }
        }
    }

    /// Returns the id of the change to this version, if the key returns to it; `None` for its first
    /// time.
    pub fn change_id(&self, key: &Key, version: &Version) -> Option<String> {
        let (fingerprint, to) = (key.fingerprint(), self.policy().version_hash(version));
        if let Some(commit) = self.redo.noticed_after(fingerprint) {
            // The row that it follows is gone.
            return Some(format!("again after commit {commit}"));
        }
        if self.policy() != ReprocessPolicy::OnChange {
            return None;
        }
        let since = self.latest.get(&fingerprint).map(|latest| (latest.hashes[1], latest.change));
        let known: Vec<u64> = self.done.versions(fingerprint).collect();
        self.done.history.change_id(fingerprint, to, &known, since)
    }

    /// Records a failure of the admitted item. `has_row` is true if it gets a row.
    pub fn on_failed(&mut self, key: &Key, prior: PriorFailure, has_row: bool) {
        let fingerprint = key.fingerprint();
        self.advance((fingerprint, prior.version), KeyEvent::Fail);
        if self.state_of((fingerprint, prior.version)) == KeyState::Unknown {
            // A version without an order is never admitted.
            self.states.insert((fingerprint, prior.version), KeyState::Failed);
        }
        self.failures.insert(fingerprint, prior);
        if has_row {
            self.suppressed.remove(fingerprint);
        }
    }

    /// Closes a failure that was not retried; its closing row waits for a commit.
    pub fn close_untried(&mut self, key: &Key, now: Timestamp) {
        if let Some(prior) = self.failures.get_mut(&key.fingerprint()) {
            (prior.state, prior.requested, prior.last_seen) = (FailureState::Recovered, None, now);
        }
    }

    /// True if this run has seen an item of a key with a failure, in any version.
    pub fn was_seen(&self, key: &Key) -> bool {
        self.seen.contains(&key.fingerprint())
    }

    /// True if this version of the key has failed in this run.
    pub fn has_failed(&self, key: &Key, version: &Version) -> bool {
        self.state_of((key.fingerprint(), self.policy().version_hash(version))) == KeyState::Failed
    }

    /// Counts an unchanged failure. Returns false if there is no room, and it has to get a row.
    pub fn count_suppressed(&mut self, key: &Key) -> bool {
        self.suppressed.count(key.fingerprint())
    }

    /// Returns the number of runs in which this version has failed.
    pub fn attempts(&self, key: &Key, version: &Version) -> u64 {
        let fingerprint = key.fingerprint();
        let prior = self.prior_failure(key).filter(|prior| prior.version == self.policy().version_hash(version));
        prior.map_or(0, |prior| prior.attempts + self.suppressed.get(fingerprint))
    }

    /// Removes the key's failure, whose closing row is applied.
    pub fn on_failure_closed(&mut self, key: &Key) {
        let fingerprint = key.fingerprint();
        self.failures.remove(&fingerprint);
        self.suppressed.remove(fingerprint);
    }

    /// Sets the requested action of all failures that match, which ends their suppression.
    pub fn request_action(&mut self, answer: RequestedAction, which: impl Fn(Fingerprint) -> bool) {
        for (_, prior) in self.failures.iter_mut().filter(|(key, _)| which(**key)) {
            prior.requested = Some(answer);
        }
    }

    /// True if an item of this key is in its steps, or waits for a commit.
    pub fn is_in_hand(&self, key: &Key) -> bool {
        let fingerprint = key.fingerprint();
        self.states.iter().any(|((of, _), entry)| *of == fingerprint && *entry == KeyState::InHand)
    }

    /// Returns the failures in the order of their rows.
    pub fn failures(&self) -> Vec<(Fingerprint, PriorFailure)> {
        let mut all: Vec<_> = self.failures.iter().map(|(key, prior)| (*key, *prior)).collect();
        all.sort_unstable_by_key(|(_, prior)| prior.row);
        all
    }

    /// Returns the key's earlier failure.
    pub fn prior_failure(&self, key: &Key) -> Option<PriorFailure> {
        self.failures.get(&key.fingerprint()).copied()
    }

    /// True if this version is done as loaded; used for redrafts after a reload.
    pub fn is_done(&self, key: &Key, version: &Version) -> bool {
        let (fingerprint, hash) = (key.fingerprint(), self.policy().version_hash(version));
        !self.is_to_redo(fingerprint, hash) && self.done.has(fingerprint, hash)
    }

    /// True if the failure is recorded already, in a row that this run has written.
    pub fn has_row_of(&self, failure: &Failure, error: Fingerprint) -> bool {
        match (failure.state, self.prior_failure(&failure.key)) {
            (FailureState::Recovered, prior) => prior.is_none(),
            (_, None) => false,
            (state, Some(prior)) => {
                let same =
                    prior.is_recorded(self.policy().version_hash(&failure.version), error) && prior.state == state;
                same && prior.attempts >= failure.attempts
                    && (failure.answered.is_none() || prior.requested != failure.answered)
            }
        }
    }

    /// True if this version failed before with the same error.
    pub fn is_recorded(&self, key: &Key, version: &Version, error: Fingerprint) -> bool {
        self.prior_failure(key).is_some_and(|prior| prior.is_recorded(self.policy().version_hash(version), error))
    }

    /// Replaces the loaded data with a newer load. Versions that the load settles are dropped, and
    /// failures that it does not contain yet are kept.
    pub fn rebase(&mut self, fresh: Self) {
        let Self { done, mut failures, suppressed: tries, redo, .. } = fresh;
        self.redo = redo;
        self.suppressed = if self.suppressed == SuppressedFailureCounts::default() {
            tries
        } else {
            std::mem::take(&mut self.suppressed)
        };
        self.states.retain(|(fingerprint, hash), entry| {
            let unsettled = matches!(entry, KeyState::InHand | KeyState::Failed) && !done.has(*fingerprint, *hash);
            if let (true, KeyState::Failed, Some(prior)) = (unsettled, &entry, self.failures.get(fingerprint)) {
                failures.entry(*fingerprint).or_insert(*prior);
            }
            unsettled
        });
        for (key, prior) in &mut failures {
            let before = self.failures.get(key).filter(|_| self.renewed.contains(key));
            if before.is_some_and(|before| before.version == prior.version && before.row == prior.row) {
                renew(prior);
            }
            prior.requested = prior.requested.or(self.failures.get(key).and_then(|known| known.requested));
        }
        self.settled.clear();
        self.latest.clear();
        self.new_keys = 0;
        self.done = done;
        self.failures = failures;
    }

    /// Returns a digest of the key's visible state. It changes when a new version is processed or a
    /// failure row is written.
    pub fn state_digest(&self, key: &Key) -> String {
        let fingerprint = key.fingerprint();
        let mut parts: Vec<String> = self.done.versions(fingerprint).map(|hash| hash.to_string()).collect();
        if let Some(prior) = self.failures.get(&fingerprint) {
            parts.push(format!("{} {} {}", prior.state.as_str(), prior.version, prior.last_seen));
        }
        parts.extend(self.redo.noticed_after(fingerprint).map(|commit| format!("again after {commit}")));
        let digest = digest_of(&parts.iter().map(String::as_str).collect::<Vec<_>>());
        data_encoding::HEXLOWER.encode(digest.get(..8).unwrap_or(&digest))
    }

    /// Returns the number of open failures.
    pub fn open_failures(&self) -> usize {
        self.failures.values().filter(|prior| prior.state == FailureState::Open).count()
    }

    /// Returns the number of dead failures.
    pub fn dead_failures(&self) -> usize {
        self.failures.values().filter(|prior| prior.state == FailureState::Dead).count()
    }

    /// True if this version is done, as loaded or in this run, and none that counts instead has
    /// followed it.
    fn has(&self, fingerprint: Fingerprint, hash: u64) -> bool {
        if self.is_to_redo(fingerprint, hash) {
            return false;
        }
        match (self.policy(), self.latest.get(&fingerprint)) {
            (ReprocessPolicy::EachVersion, _) | (_, None) => self.done.has(fingerprint, hash),
            (ReprocessPolicy::OnChange, Some(latest)) => latest.hashes.contains(&hash),
            (ReprocessPolicy::OnNewer, Some(latest)) => hash <= latest.newest(),
        }
    }

    /// True if rows of the key were deleted, so that a version is done again although other rows
    /// are left. If versions are ordered, one older than those rows is not.
    fn is_to_redo(&self, fingerprint: Fingerprint, hash: u64) -> bool {
        let is_older = self.policy() == ReprocessPolicy::OnNewer && hash < self.newest_version(fingerprint);
        self.redo.noticed_after(fingerprint).is_some() && !is_older
    }

    /// Returns the hash of the version that was done last, or of the newest one if versions are
    /// ordered; 0 if none is done.
    pub fn newest_version(&self, fingerprint: Fingerprint) -> u64 {
        self.latest
            .get(&fingerprint)
            .map(Latest::newest)
            .or_else(|| self.done.versions(fingerprint).last())
            .unwrap_or(0)
    }

    /// True if the version with this hash has failed in this run.
    pub fn has_failed_here(&self, key: &Key, hash: u64) -> bool {
        self.state_of((key.fingerprint(), hash)) == KeyState::Failed
    }

    /// True if any version of the key is done, as loaded or in this run.
    pub fn has_key(&self, key: &Key) -> bool {
        self.has_fingerprint(key.fingerprint())
    }

    /// True if the key may have rows: a version of it is done, or was revoked.
    pub fn may_have_rows(&self, key: &Key) -> bool {
        self.has_key(key) || self.done.was_revoked(key.fingerprint())
    }

    /// True if any version of the key with this fingerprint is done.
    pub fn has_fingerprint(&self, fingerprint: Fingerprint) -> bool {
        self.done.has_key(fingerprint) || self.latest.contains_key(&fingerprint)
    }

    fn state_of(&self, id: (Fingerprint, u64)) -> KeyState {
        let settled = || if self.settled.contains(&id) { KeyState::Done } else { KeyState::Unknown };
        self.states.get(&id).copied().unwrap_or_else(settled)
    }

    fn advance(&mut self, id: (Fingerprint, u64), step: KeyEvent) {
        match self.state_of(id).next(step) {
            Ok(KeyState::Done) => {
                self.states.remove(&id);
                // If the last version counts, `latest` holds it; one that another has replaced may
                // be done again.
                if self.policy() == ReprocessPolicy::EachVersion {
                    self.settled.insert(id);
                }
            }
            Ok(next) => {
                self.states.insert(id, next);
            }
            Err(_) => {}
        }
    }
}

/// Resets a failure because its record has changed: it is retried as if it had never failed, and
/// its result is written.
fn renew(prior: &mut PriorFailure) {
    (prior.state, prior.attempts, prior.error) = (FailureState::Open, 0, Fingerprint(0, 0));
}

#[cfg(test)]
mod tests;
