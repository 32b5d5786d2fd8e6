//! The failures of a job's keys: as loaded, and as this run changes them.
//!
//! In scope: attempts, failures that are not retried, changed records, requested actions.
//! Out of scope: which versions are done (`processed::processed_index`), one earlier failure
//! (`processed::prior_failure`).

use std::collections::{HashMap, HashSet};

use crate::items::failure::{FailureState, RequestedAction};
use crate::items::key::Fingerprint;
use crate::processed::prior_failure::PriorFailure;
use crate::processed::suppressed_failures::{SuppressedFailureCounts, take_key_prefix};
use sheetkeep_base::time::Timestamp;

/// At most one failure for each key.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownFailures {
    failures: HashMap<Fingerprint, PriorFailure>,
    /// Of the keys with failures, those that this run has seen.
    seen: HashSet<Fingerprint>,
    /// The hashes of the records of failures that are not retried, as far as they were read.
    record_hashes: HashMap<Fingerprint, String>,
    /// Failures that are not retried, for which this run has seen a changed record.
    renewed: HashSet<Fingerprint>,
    /// Keys of failures that are not retried, whose deciding record was seen in this run.
    compared: HashSet<Fingerprint>,
    suppressed: SuppressedFailureCounts,
}

impl KnownFailures {
    /// Creates the failures of a load.
    pub(super) fn new(failures: HashMap<Fingerprint, PriorFailure>) -> Self {
        Self { failures, ..Self::default() }
    }

    /// Sets the stored counts of unchanged failures, except those of keys without a failure.
    pub(super) fn set_suppressed_counts(&mut self, mut counts: SuppressedFailureCounts) {
        let known: HashSet<u64> = self.failures.keys().map(|key| take_key_prefix(*key)).collect();
        counts.retain(|prefix| known.contains(&prefix));
        self.suppressed = counts;
    }

    /// Returns the counts of unchanged failures.
    pub(super) fn suppressed_counts(&self) -> &SuppressedFailureCounts {
        &self.suppressed
    }

    /// Sets the hashes of the records of failures.
    pub(super) fn set_record_hashes(&mut self, hashes: Vec<(Fingerprint, String)>) {
        self.record_hashes = hashes.into_iter().collect();
    }

    /// Makes a failure that is not retried a new attempt, if its record has changed. Only the first
    /// record of a key in a run is compared.
    pub(super) fn renew_if_changed(&mut self, key: Fingerprint, record: impl FnOnce() -> String) {
        let decides = self.compared.insert(key);
        if decides && self.record_hashes.get(&key).is_some_and(|hash| *hash != record()) {
            self.renewed.insert(key);
            self.failures.entry(key).and_modify(PriorFailure::renew);
        }
    }

    /// True if `renew_if_changed` would make the failure a new attempt.
    pub(super) fn would_renew(&self, key: Fingerprint, record: impl FnOnce() -> String) -> bool {
        !self.compared.contains(&key) && self.record_hashes.get(&key).is_some_and(|hash| *hash != record())
    }

    /// Notes that this run has seen an item of the key, if the key has a failure.
    pub(super) fn record_seen(&mut self, key: Fingerprint) {
        if self.failures.contains_key(&key) {
            self.seen.insert(key);
        }
    }

    /// True if this run has seen an item of a key with a failure.
    pub(super) fn was_seen(&self, key: Fingerprint) -> bool {
        self.seen.contains(&key)
    }

    /// True if this version failed before, and is not retried until the user asks for it.
    pub(super) fn is_not_retried(&self, key: Fingerprint, version_hash: u64) -> bool {
        self.failures.get(&key).is_some_and(|prior| prior.version == version_hash && prior.is_not_retried())
    }

    /// Records a failure of this run. `has_row` is true if it gets a row.
    pub(super) fn record(&mut self, key: Fingerprint, failure: PriorFailure, has_row: bool) {
        self.failures.insert(key, failure);
        if has_row {
            self.suppressed.remove(key);
        }
    }

    /// Counts an unchanged failure. Returns false if the index is full, and it has to get a row.
    pub(super) fn count_suppressed(&mut self, key: Fingerprint) -> bool {
        self.suppressed.count(key)
    }

    /// Returns the number of runs in which this version has failed.
    pub(super) fn attempts(&self, key: Fingerprint, version_hash: u64) -> u64 {
        let prior = self.failures.get(&key).filter(|prior| prior.version == version_hash);
        prior.map_or(0, |prior| prior.attempts + self.suppressed.get(key))
    }

    /// Closes a failure that was not retried.
    pub(super) fn close_untried(&mut self, key: Fingerprint, now: Timestamp) {
        if let Some(prior) = self.failures.get_mut(&key) {
            (prior.state, prior.requested, prior.last_seen) = (FailureState::Recovered, None, now);
        }
    }

    /// Takes the answer to a text that is not an action, with these attempts in its row.
    pub(super) fn answer_unknown_action(&mut self, key: Fingerprint, attempts: u64, now: Timestamp) {
        if let Some(prior) = self.failures.get_mut(&key) {
            (prior.has_unknown_action, prior.attempts, prior.last_seen) = (false, attempts, now);
            self.suppressed.remove(key);
        }
    }

    /// Removes the key's failure and its count.
    pub(super) fn remove(&mut self, key: Fingerprint) {
        self.failures.remove(&key);
        self.suppressed.remove(key);
    }

    /// Sets the requested action of all failures that match.
    pub(super) fn request_action(&mut self, action: RequestedAction, is_meant: impl Fn(Fingerprint) -> bool) {
        for (_, prior) in self.failures.iter_mut().filter(|(key, _)| is_meant(**key)) {
            prior.requested = Some(action);
        }
    }

    /// Returns the key's failure.
    pub(super) fn get(&self, key: Fingerprint) -> Option<PriorFailure> {
        self.failures.get(&key).copied()
    }

    /// Returns all failures in the order of their rows.
    pub(super) fn sort_by_row(&self) -> Vec<(Fingerprint, PriorFailure)> {
        let mut all: Vec<_> = self.failures.iter().map(|(key, prior)| (*key, *prior)).collect();
        all.sort_unstable_by_key(|(_, prior)| prior.row);
        all
    }

    /// Returns the number of failures in this state.
    pub(super) fn count_in(&self, state: FailureState) -> usize {
        self.failures.values().filter(|prior| prior.state == state).count()
    }

    /// Adds a failure if the key has none.
    pub(super) fn add_missing(&mut self, key: Fingerprint, failure: PriorFailure) {
        self.failures.entry(key).or_insert(failure);
    }

    /// Replaces the loaded failures with those of a newer load. Keeps this run's counts, changed
    /// records and requested actions.
    pub(super) fn rebase(&mut self, fresh: Self) {
        let Self { mut failures, suppressed, .. } = fresh;
        if self.suppressed == SuppressedFailureCounts::default() {
            self.suppressed = suppressed;
        }
        for (key, prior) in &mut failures {
            let known = self.failures.get(key);
            let is_renewed = known.filter(|_| self.renewed.contains(key));
            if is_renewed.is_some_and(|known| known.version == prior.version && known.row == prior.row) {
                prior.renew();
            }
            prior.requested = prior.requested.or(known.and_then(|known| known.requested));
            // The answer to it waits for a commit of this run.
            let is_answered = |known: &&PriorFailure| known.row == prior.row && !known.has_unknown_action;
            if let Some(known) = known.filter(is_answered).filter(|_| prior.has_unknown_action) {
                prior.has_unknown_action = false;
                prior.attempts = prior.attempts.max(known.attempts);
            }
        }
        self.failures = failures;
    }
}
