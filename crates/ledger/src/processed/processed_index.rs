//! The in-memory index of processed keys and failures, including this run's changes; admits items
//! or skips them.
//!
//! In scope: admission, what this run adds (about 40 bytes a key).
//! Out of scope: which versions of a load count (`processed::processed_set`), failures
//! (`failures`).

mod failures;

use std::collections::HashMap;

use crate::items::key::{Fingerprint, Key, Version, hash_texts};
use crate::items::write_mode::ReprocessPolicy;
use crate::processed::key_lifecycle::{KeyEvent, KeyState};
use crate::processed::known_failures::KnownFailures;
use crate::processed::prior_failure::PriorFailure;
use crate::processed::processed_set::ProcessedSet;
use crate::processed::redo_keys::RedoKeys;
use crate::processed::row_gaps::GapKeys;
use crate::processed::run_versions::{LatestVersion, RunVersions};
use crate::processed::suppressed_failures::SuppressedFailureCounts;
use crate::processed::version_history::VersionUse;
use crate::runs::held_changes::ChangeHash;

/// The decision on an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Never done: process it.
    New,
    /// Another version of the key is done, this one is not: process it.
    Changed,
    /// It failed before: process it, and continue the count of attempts.
    Retry(PriorFailure),
    /// It failed in this version, and retries are suppressed until the user asks for one.
    Suppressed,
    /// Done in this version: skip it.
    Done,
    /// The same version is in hand, or was done or failed earlier in this run: skip it.
    Repeated,
}

/// The processed index of one run. Versions of a key are independent: a source may hold several,
/// and each is done once. If one version counts, a version that another has replaced may be done
/// again.
#[derive(Debug, Clone, Default)]
pub struct ProcessedIndex {
    done: ProcessedSet,
    of_run: RunVersions,
    failures: KnownFailures,
    redo: RedoKeys,
    new_keys: u64,
}

impl ProcessedIndex {
    /// Creates an index from a load. A failure whose version is done by now is closed.
    pub fn new(done: ProcessedSet, failures: HashMap<Fingerprint, PriorFailure>) -> Self {
        let is_open = |(key, prior): &(Fingerprint, PriorFailure)| !done.has(*key, prior.version);
        let failures = KnownFailures::new(failures.into_iter().filter(is_open).collect());
        Self { done, failures, ..Self::default() }
    }

    /// Creates an index in which nothing is done.
    pub fn empty(again: ReprocessPolicy) -> Self {
        Self::new(ProcessedSet::from_rows(again, Vec::new()), HashMap::new())
    }

    /// Adds the stored counts of unchanged failures.
    #[must_use]
    pub fn with_suppressed_counts(mut self, counts: SuppressedFailureCounts) -> Self {
        self.failures.set_suppressed_counts(counts);
        self
    }

    /// Adds keys that are to be processed again, whatever their rows say.
    #[must_use]
    pub fn with_redo(mut self, redo: RedoKeys) -> Self {
        self.redo = redo;
        self
    }

    /// Limits the keys that have lost rows to these.
    #[must_use]
    pub fn with_gaps(mut self, gaps: GapKeys) -> Self {
        self.done.limit_gaps(gaps);
        self
    }

    /// Returns the keys that remain to be processed again after these are done.
    pub fn redo_after<'k>(&self, done: impl Iterator<Item = &'k Key>) -> RedoKeys {
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

    /// Returns the reprocess policy.
    pub fn policy(&self) -> ReprocessPolicy {
        self.done.policy()
    }

    /// Returns the number of done keys, including those of this run.
    pub fn keys(&self) -> u64 {
        self.done.keys() as u64 + self.new_keys
    }

    /// Admits an item by its record's hash. For a suppressed failure, a changed record is a new
    /// attempt. The first of several records in one source decides. Otherwise each of two bad
    /// records would be a new attempt beside the other, in each run.
    pub fn admit_record(&mut self, key: &Key, version: &Version, record: impl FnOnce() -> String) -> Admission {
        let (fingerprint, of) = (key.fingerprint(), self.policy().version_hash(version));
        if self.failures.is_resting(fingerprint, of) && !self.has(fingerprint, of) {
            self.failures.renew_if_changed(fingerprint, record);
        }
        self.admit(key, version)
    }

    /// Admits an item or returns why it is skipped.
    pub fn admit(&mut self, key: &Key, version: &Version) -> Admission {
        let (fingerprint, hash) = (key.fingerprint(), self.policy().version_hash(version));
        self.failures.note_seen(fingerprint);
        if self.has(fingerprint, hash) {
            return Admission::Done;
        }
        if self.failures.is_resting(fingerprint, hash) {
            return Admission::Suppressed;
        }
        let before = self.of_run.state_of((fingerprint, hash));
        match before.next(KeyEvent::Admit) {
            Ok(next) if before == KeyState::Unknown => {
                self.of_run.set_state((fingerprint, hash), next);
                match self.failures.get(fingerprint) {
                    Some(prior) => Admission::Retry(prior),
                    None if self.has_fingerprint(fingerprint) => Admission::Changed,
                    None => Admission::New,
                }
            }
            // A version that failed in this run is retried by the next one.
            _ => Admission::Repeated,
        }
    }

    /// Marks the admitted item as processed.
    pub fn on_done(&mut self, key: &Key, version: &Version) {
        let (fingerprint, hash) = (key.fingerprint(), self.policy().version_hash(version));
        self.new_keys += u64::from(!self.has_fingerprint(fingerprint));
        self.redo.remove(fingerprint);
        self.done.add_version_text(fingerprint, &version.0);
        self.of_run.advance((fingerprint, hash), KeyEvent::Done, self.policy());
        // If every version counts and the job has no version expression, a key can't come a second
        // time.
        if self.policy() != ReprocessPolicy::EachVersion || !version.0.is_empty() {
            self.of_run.set_latest((fingerprint, hash));
        }
    }

    /// Marks one more version as settled by the same item: that of the record that the user
    /// corrected. Both count.
    pub fn on_other_version_done(&mut self, key: &Key, version: &Version, own: (&Key, &Version)) {
        let before = self.of_run.latest(key.fingerprint()).copied().filter(|_| own.0 == key);
        self.on_done(key, version);
        if let (Some(before), Some(latest)) = (before, self.of_run.latest_mut(key.fingerprint())) {
            latest.hashes = [before.hashes[0], latest.hashes[0]];
        }
    }

    /// Takes the applied rows of Processed of this run: each key with the text of its cell `run`.
    pub fn on_rows_written<'k>(&mut self, rows: impl Iterator<Item = (&'k Key, String)>) {
        if self.policy() != ReprocessPolicy::OnChange {
            return;
        }
        for (key, run_cell) in rows {
            if let Some(latest) = self.of_run.latest_mut(key.fingerprint()) {
                latest.change = VersionUse::from_cell(&run_cell);
            }
        }
    }

    /// Returns the id of the change to this version, if the key returns to it; `None` for its first
    /// time.
    pub fn change_id(&self, key: &Key, version: &Version) -> Option<String> {
        let (fingerprint, to) = (key.fingerprint(), self.policy().version_hash(version));
        if let Some(commit) = self.redo.commit_of_loss(fingerprint) {
            // The row that it follows is gone.
            return Some(format!("again after commit {commit}"));
        }
        if self.policy() != ReprocessPolicy::OnChange {
            return None;
        }
        let since = self.of_run.latest(fingerprint).map(|latest| (latest.hashes[1], latest.change));
        let known: Vec<u64> = self.done.versions(fingerprint).collect();
        self.done.history().change_id(fingerprint, to, &known, since)
    }

    /// True if an item of this key is in its steps, or waits for a commit.
    pub fn is_in_hand(&self, key: &Key) -> bool {
        self.of_run.is_in_hand(key.fingerprint())
    }

    /// True if this version is done as loaded; used for redrafts after a reload.
    pub fn is_done(&self, key: &Key, version: &Version) -> bool {
        let (fingerprint, hash) = (key.fingerprint(), self.policy().version_hash(version));
        !self.is_to_redo(fingerprint, hash) && self.done.has(fingerprint, hash)
    }

    /// Returns the texts of the key's done versions, if the store was asked to keep them.
    pub fn done_texts<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a str> {
        let texts = self.done.version_texts(key.fingerprint()).iter();
        texts.filter(|text| self.is_done_by_now(key, &Version((*text).clone()))).map(String::as_str)
    }

    /// True if this version is done, as loaded or by an applied commit of this run.
    pub fn is_done_by_now(&self, key: &Key, version: &Version) -> bool {
        let of = (key.fingerprint(), self.policy().version_hash(version));
        self.is_done(key, version) || self.of_run.state_of(of) == KeyState::Done
    }

    /// Replaces the loaded data with a newer load. Versions that the load settles are dropped, and
    /// failures that it does not contain yet are kept.
    pub fn rebase(&mut self, fresh: Self) {
        let Self { done, mut failures, redo, .. } = fresh;
        self.of_run.rebase(|(fingerprint, hash), state| {
            let is_unsettled = matches!(state, KeyState::InHand | KeyState::Failed) && !done.has(fingerprint, hash);
            if let (true, KeyState::Failed, Some(prior)) = (is_unsettled, state, self.failures.get(fingerprint)) {
                failures.add_missing(fingerprint, prior);
            }
            is_unsettled
        });
        self.failures.rebase(failures);
        self.redo = redo;
        self.new_keys = 0;
        self.done = done;
    }

    /// Returns a digest of the key's visible state. It changes when a new version is processed or a
    /// failure row is written.
    pub fn state_digest(&self, key: &Key) -> String {
        let fingerprint = key.fingerprint();
        let mut parts: Vec<String> = self.done.versions(fingerprint).map(|hash| hash.to_string()).collect();
        if let Some(prior) = self.failures.get(fingerprint) {
            parts.push(format!("{} {} {}", prior.state.as_str(), prior.version, prior.last_seen));
        }
        parts.extend(self.redo.commit_of_loss(fingerprint).map(|commit| format!("again after {commit}")));
        let digest = hash_texts(&parts.iter().map(String::as_str).collect::<Vec<_>>());
        data_encoding::HEXLOWER.encode(digest.get(..8).unwrap_or(&digest))
    }

    /// True if this version is done, as loaded or in this run, and none that counts instead has
    /// followed it.
    fn has(&self, fingerprint: Fingerprint, hash: u64) -> bool {
        if self.is_to_redo(fingerprint, hash) {
            return false;
        }
        match (self.policy(), self.of_run.latest(fingerprint)) {
            (ReprocessPolicy::EachVersion, _) | (_, None) => self.done.has(fingerprint, hash),
            (ReprocessPolicy::OnChange, Some(latest)) => latest.hashes.contains(&hash),
            (ReprocessPolicy::OnNewer, Some(latest)) => hash <= latest.newest(),
        }
    }

    /// True if rows of the key were deleted, so that a version is done again although other rows
    /// are left. If versions are ordered, one older than those rows is not.
    fn is_to_redo(&self, fingerprint: Fingerprint, hash: u64) -> bool {
        let is_older = self.policy() == ReprocessPolicy::OnNewer && hash < self.newest_version(fingerprint);
        self.redo.commit_of_loss(fingerprint).is_some() && !is_older
    }

    /// Returns the hash of the version that was done last, or of the newest one if versions are
    /// ordered; 0 if none is done.
    pub fn newest_version(&self, fingerprint: Fingerprint) -> u64 {
        self.of_run
            .latest(fingerprint)
            .map(LatestVersion::newest)
            .or_else(|| self.done.versions(fingerprint).last())
            .unwrap_or(0)
    }

    /// True if any version of the key is done, as loaded or in this run.
    pub fn has_key(&self, key: &Key) -> bool {
        self.has_fingerprint(key.fingerprint())
    }

    /// True if the key may have rows: a version of it is done, or was revoked.
    pub fn may_have_rows(&self, key: &Key) -> bool {
        self.has_key(key) || self.done.was_revoked(key.fingerprint())
    }

    /// True if a new version of the key rewrites a row that no person has asked to be made again.
    pub fn rewrites_row(&self, key: &Key) -> bool {
        let fingerprint = key.fingerprint();
        self.has_fingerprint(fingerprint) && self.redo.commit_of_loss(fingerprint).is_none()
    }

    /// True if `admit` would let this version be processed, unless it was admitted in this run.
    pub fn would_admit(&self, key: &Key, version: &Version) -> bool {
        let (fingerprint, hash) = (key.fingerprint(), self.policy().version_hash(version));
        !self.has(fingerprint, hash) && !self.failures.is_resting(fingerprint, hash)
    }

    /// True if `admit_record` would let this version be processed, unless it was admitted in this
    /// run.
    pub fn would_admit_record(&self, key: &Key, version: &Version, record: impl FnOnce() -> String) -> bool {
        let (fingerprint, hash) = (key.fingerprint(), self.policy().version_hash(version));
        self.would_admit(key, version)
            || (!self.has(fingerprint, hash) && self.failures.would_renew(fingerprint, record))
    }

    /// Returns the change of an existing row that this version is. `None` if it is not a change: the
    /// key is new, the version is done, or it failed and is not retried.
    pub fn change_to(&self, key: &Key, version: &Version) -> Option<ChangeHash> {
        let is_change = self.rewrites_row(key) && self.would_admit(key, version);
        is_change.then(|| self.hash_change(key, version))
    }

    /// `change_to` for a record, which `admit_record` admits.
    pub fn change_to_record(
        &self,
        key: &Key,
        version: &Version,
        record: impl FnOnce() -> String,
    ) -> Option<ChangeHash> {
        let is_change = self.rewrites_row(key) && self.would_admit_record(key, version, record);
        is_change.then(|| self.hash_change(key, version))
    }

    /// Returns the hash of an item: a change of a row, or a new key.
    pub fn hash_change(&self, key: &Key, version: &Version) -> ChangeHash {
        ChangeHash::new(key.fingerprint(), self.policy().version_hash(version))
    }

    /// True if any version of the key with this fingerprint is done.
    pub fn has_fingerprint(&self, fingerprint: Fingerprint) -> bool {
        self.done.has_key(fingerprint) || self.of_run.latest(fingerprint).is_some()
    }
}

#[cfg(test)]
mod tests;
