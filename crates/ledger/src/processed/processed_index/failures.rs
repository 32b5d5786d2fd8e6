//! The failures of a processed index: recorded, answered, counted and closed.
//!
//! In scope: what an index does with failures. Out of scope: what is kept of each
//! (`processed::known_failures`), and admission (`processed::processed_index`).

use crate::items::failure::{Failure, FailureState, RequestedAction};
use crate::items::key::{Fingerprint, Key, Version};
use crate::processed::key_lifecycle::{KeyEvent, KeyState};
use crate::processed::prior_failure::PriorFailure;
use crate::processed::processed_index::ProcessedIndex;
use crate::processed::suppressed_failures::SuppressedFailureCounts;
use sheetkeep_base::time::Timestamp;

impl ProcessedIndex {
    /// Returns the counts of unchanged failures.
    pub fn suppressed_counts(&self) -> &SuppressedFailureCounts {
        self.failures.suppressed_counts()
    }

    /// Returns the failures that are not retried, with their rows. The hash of a record shows
    /// whether the source has changed it.
    pub fn list_not_retried(&self) -> Vec<(Fingerprint, u32)> {
        let is_not_retried = |prior: &PriorFailure| prior.is_not_retried() && !prior.is_in_doubt;
        let all = self.failures.sort_by_row().into_iter();
        all.filter(|(_, prior)| is_not_retried(prior)).map(|(key, prior)| (key, prior.row)).collect()
    }

    /// Adds the hashes of the records of failures.
    pub fn with_known_records(&mut self, hashes: Vec<(Fingerprint, String)>) {
        self.failures.set_record_hashes(hashes);
    }

    /// Records a failure of the admitted item. `has_row` is true if it gets a row.
    pub fn on_failed(&mut self, key: &Key, prior: PriorFailure, has_row: bool) {
        let fingerprint = key.fingerprint();
        self.of_run.advance((fingerprint, prior.version), KeyEvent::Fail, self.policy());
        if self.of_run.state_of((fingerprint, prior.version)) == KeyState::Unknown {
            // A version without an order is never admitted.
            self.of_run.set_state((fingerprint, prior.version), KeyState::Failed);
        }
        self.failures.record(fingerprint, prior, has_row);
    }

    /// Closes a failure that was not retried; its closing row waits for a commit.
    pub fn close_untried(&mut self, key: &Key, now: Timestamp) {
        self.failures.close_untried(key.fingerprint(), now);
    }

    /// Takes the answer to a text that is not an action, whose row waits for a commit. The failure
    /// itself stays as it is, with these attempts in its row.
    pub fn on_answered(&mut self, key: &Key, attempts: u64, now: Timestamp) {
        self.failures.answer_unknown_action(key.fingerprint(), attempts, now);
    }

    /// True if this run has seen an item of a key with a failure, in any version.
    pub fn was_seen(&self, key: &Key) -> bool {
        self.failures.was_seen(key.fingerprint())
    }

    /// True if this version of the key has failed in this run.
    pub fn has_failed(&self, key: &Key, version: &Version) -> bool {
        self.of_run.state_of((key.fingerprint(), self.policy().version_hash(version))) == KeyState::Failed
    }

    /// Counts an unchanged failure. Returns false if the index is full, and it has to get a row.
    pub fn count_suppressed(&mut self, key: &Key) -> bool {
        self.failures.count_suppressed(key.fingerprint())
    }

    /// Returns the number of runs in which this version has failed.
    pub fn attempts(&self, key: &Key, version: &Version) -> u64 {
        self.failures.attempts(key.fingerprint(), self.policy().version_hash(version))
    }

    /// Removes the key's failure, whose closing row is applied.
    pub fn on_failure_closed(&mut self, key: &Key) {
        self.failures.remove(key.fingerprint());
    }

    /// Sets the requested action of all failures that match, which ends their suppression.
    pub fn request_action(&mut self, answer: RequestedAction, which: impl Fn(Fingerprint) -> bool) {
        self.failures.request_action(answer, which);
    }

    /// Returns the failures in the order of their rows.
    pub fn failures(&self) -> Vec<(Fingerprint, PriorFailure)> {
        self.failures.sort_by_row()
    }

    /// Returns the key's earlier failure.
    pub fn prior_failure(&self, key: &Key) -> Option<PriorFailure> {
        self.failures.get(key.fingerprint())
    }

    /// True if the failure needs no row: it is recorded already, or its row would answer a text that
    /// waits for no answer.
    pub fn has_row_of(&self, failure: &Failure, error: Fingerprint) -> bool {
        match (failure.state, self.prior_failure(&failure.key)) {
            (FailureState::Recovered, prior) => prior.is_none(),
            (_, None) => failure.is_only_answer(),
            (state, Some(prior)) => {
                let same =
                    prior.is_recorded(self.policy().version_hash(&failure.version), error) && prior.state == state;
                if failure.is_only_answer() {
                    // A failure that has changed meanwhile is answered by the next run.
                    return !(same && prior.awaits_answer());
                }
                same && prior.attempts >= failure.attempts
                    && (failure.answered.is_none() || prior.answer() != failure.answered)
            }
        }
    }

    /// True if this version failed before with the same error.
    pub fn is_recorded(&self, key: &Key, version: &Version, error: Fingerprint) -> bool {
        self.prior_failure(key).is_some_and(|prior| prior.is_recorded(self.policy().version_hash(version), error))
    }

    /// Returns the number of open failures.
    pub fn open_failures(&self) -> usize {
        self.failures.count_in(FailureState::Open)
    }

    /// Returns the number of exhausted failures.
    pub fn exhausted_failures(&self) -> usize {
        self.failures.count_in(FailureState::Exhausted)
    }

    /// Returns the number of skipped failures.
    pub fn skipped_failures(&self) -> usize {
        self.failures.count_in(FailureState::Skipped)
    }

    /// True if the version with this hash has failed in this run.
    pub fn has_failed_here(&self, key: &Key, hash: u64) -> bool {
        self.of_run.state_of((key.fingerprint(), hash)) == KeyState::Failed
    }
}
