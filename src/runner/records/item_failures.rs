//! Records failures: of an item, of a record without a key, of an item that the service refuses.
//!
//! In scope: the row of a failure, the count of its attempts, the row that closes it. Out of scope:
//! trying failures again (`runner::records::failure_retries`), and when a step fails
//! (`runner::steps::step_executor`).

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::items::failure::{
    ActionAnswer, Failure, FailureState, IN_DOUBT, describe_unkept_record, hash_failure, shorten_error, split_payload,
};
use crate::ledger::items::item::Position;
use crate::ledger::items::key::{Key, Version};
use crate::ledger::processed::low_watermark::SequenceNumber;
use crate::ledger::processed::prior_failure::PriorFailure;
use crate::ledger::processed::processed_index::Admission;
use crate::ledger::runs::event::Event;
use crate::runner::queue::commit_queue::PendingItem;
use crate::runner::records::intake::{FailedItem, Intake, IntakeResult};
use crate::time::Timestamp;

impl Intake {
    /// Records a failure. An unchanged one is counted but gets no new row. After the maximum of
    /// attempts it is exhausted. A requested retry is answered. Both are written.
    pub(super) fn record_failure(
        &mut self,
        failed: FailedItem<'_>,
        sequence: SequenceNumber,
        now: Timestamp,
    ) -> Option<PendingItem> {
        let FailedItem { key, version, step, error, record, position } = failed;
        self.counts.failed += 1;
        let error = shorten_error(&error);
        let error_hash = hash_failure(step, &error);
        let hash = self.index.policy().version_hash(&version);
        let before = self.index.prior_failure(&key).filter(|prior| prior.version == hash);
        // A failure that is already recorded does not count against a job that has worked before.
        if before.is_none() || self.index.count_keys() == 0 {
            self.first_records.record_failed(step, &error, &position, record);
        }
        let answered = self.index.prior_failure(&key).and_then(|prior| prior.answer());
        let attempts = self.index.attempts(&key, &version) + 1;
        let state = if attempts >= self.max_attempts { FailureState::Exhausted } else { FailureState::Open };
        let event = Event::ItemFailed {
            key: key.clone(),
            position: position.clone(),
            step: step.to_owned(),
            error: error.clone(),
        };
        (self.events)(event);
        let same = before.filter(|prior| prior.error == error_hash && prior.state == state && answered.is_none());
        let first_seen = before.map_or(now, |prior| prior.first_seen);
        let last_seen = now;
        let unchanged = same.is_some() && self.index.count_suppressed(&key);
        let row = before.map_or(0, |prior| prior.row);
        // Attempts that are counted in the state only are not in the row.
        let in_row = if unchanged { before.map_or(attempts, |prior| prior.attempts) } else { attempts };
        let prior = PriorFailure {
            attempts: in_row,
            first_seen,
            last_seen,
            version: hash,
            error: error_hash,
            state,
            is_in_doubt: step == IN_DOUBT,
            requested: None,
            has_unknown_action: before.is_some_and(|prior| prior.has_unknown_action),
            row,
        };
        self.index.on_failed(&key, prior, !unchanged);
        if unchanged {
            self.watermark.settle(sequence);
            return None;
        }
        let (payload, kept) = split_payload(record, &position);
        let failure = Failure {
            key,
            version,
            step: step.to_owned(),
            error,
            attempts,
            first_seen,
            last_seen,
            run: self.run.clone(),
            order: None,
            state,
            answered,
            position,
            payload,
            has_whole_record: kept,
        };
        Some(PendingItem { settled: ItemResult::Failed(Box::new(failure)), sequence, record: None })
    }

    pub(super) fn fail_nameless(
        &mut self,
        step: &str,
        error: String,
        record: &[u8],
        position: &Position,
        sequence: SequenceNumber,
        now: Timestamp,
    ) -> IntakeResult {
        let (key, version) = (Key::from_nameless(record), Version::default());
        match self.index.admit(&key, &version) {
            // The same unreadable bytes once more: counted as a failure, but reported once.
            Admission::Repeated if self.index.has_failed(&key, &version) => {
                self.first_records.record_failed(step, &error, &position.to_string(), record);
                self.counts.failed += 1;
                self.watermark.settle(sequence);
                IntakeResult::Skip
            }
            // The user fixed it in Failures, or marked it to be skipped.
            admission @ (Admission::Repeated | Admission::Done | Admission::NotRetried) => {
                self.count_skip(&key, &admission);
                self.watermark.settle(sequence);
                IntakeResult::Skip
            }
            Admission::New | Admission::Changed | Admission::Retry(_) => {
                let failed = FailedItem { key, version, step, error, record, position: position.to_string() };
                self.record_failure(failed, sequence, now).map_or(IntakeResult::Skip, IntakeResult::Pending)
            }
        }
    }

    /// Handles the service's refusal of an item: it becomes a failure. A failure that is refused
    /// itself loses its payload. Returns `None` if there is nothing to write, and the service's
    /// message if nothing is left to remove.
    pub fn on_refused(
        &mut self,
        waiting: PendingItem,
        why: &str,
        now: Timestamp,
    ) -> Result<Option<PendingItem>, String> {
        let PendingItem { settled, sequence, record } = waiting;
        match settled {
            ItemResult::Done { key, version, closes, .. } => {
                let Some(record) = record else { return Err(why.to_owned()) };
                let (key, version, position) = match closes {
                    Some(failure) => (failure.key, failure.version, failure.position),
                    None => (key, version, record.position.to_string()),
                };
                let (step, error) = ("sheet", format!("the service refuses what became of it: {why}"));
                let failed = FailedItem { key, version, step, error, record: record.json.as_bytes(), position };
                Ok(self.record_failure(failed, sequence, now))
            }
            ItemResult::Failed(failure) if failure.has_whole_record => {
                let payload = vec![describe_unkept_record(
                    failure.payload.concat().as_bytes(),
                    &failure.position,
                    "refused by the service",
                )];
                let bare = Failure { payload, has_whole_record: false, ..*failure };
                Ok(Some(PendingItem { settled: ItemResult::Failed(Box::new(bare)), sequence, record: None }))
            }
            ItemResult::Failed(_) | ItemResult::Revoked { .. } | ItemResult::Removed(_) => Err(why.to_owned()),
        }
    }

    /// Keeps a failure, in another state.
    pub(super) fn keep_failure(&mut self, failure: Failure, state: FailureState, now: Timestamp) -> PendingItem {
        self.counts.read += 1;
        self.counts.skipped += 1;
        self.skips.by_request += u64::from(state == FailureState::Skipped);
        let sequence = self.watermark.add(None);
        let answered = self.index.prior_failure(&failure.key).and_then(|prior| prior.answer());
        let attempts = self.index.attempts(&failure.key, &failure.version).max(failure.attempts);
        let last_seen = now;
        let left = Failure { state, answered, attempts, last_seen, run: self.run.clone(), ..failure };
        if let Some(prior) = self.index.prior_failure(&left.key) {
            self.index.on_failed(
                &left.key,
                PriorFailure { state, requested: None, attempts, last_seen, ..prior },
                true,
            );
        }
        PendingItem { settled: ItemResult::Failed(Box::new(left)), sequence, record: None }
    }

    /// Returns the row that answers a text in `action` which is not an action. The failure stays as
    /// it is: the row has its state, error and record.
    pub(super) fn answer_unknown_action(
        &mut self,
        failure: Failure,
        prior: PriorFailure,
        now: Timestamp,
    ) -> PendingItem {
        let attempts = self.index.attempts(&failure.key, &failure.version).max(prior.attempts);
        self.index.on_answered(&failure.key, attempts, now);
        let answered = Some(ActionAnswer::NotUnderstood);
        let (state, run) = (prior.state, self.run.clone());
        let row = Failure { state, answered, attempts, last_seen: now, run, ..failure };
        let sequence = self.watermark.add(None);
        PendingItem { settled: ItemResult::Failed(Box::new(row)), sequence, record: None }
    }

    /// Returns the row that closes a key's failure, if it has one.
    pub(super) fn make_closing_failure(
        &mut self,
        failed: Key,
        of: Version,
        at: String,
        now: Timestamp,
    ) -> Option<Box<Failure>> {
        let prior = self.index.prior_failure(&failed)?;
        if prior.version != self.index.policy().version_hash(&of) && self.index.has_failed_here(&failed, prior.version)
        {
            // Another record of the key failed in this same run, and will in the next one.
            return None;
        }
        Some(Box::new(Failure {
            step: String::new(),
            error: String::new(),
            attempts: self.index.attempts(&failed, &of).max(prior.attempts) + 1,
            first_seen: prior.first_seen,
            last_seen: now,
            run: self.run.clone(),
            order: None,
            state: FailureState::Recovered,
            answered: prior.answer(),
            position: at,
            payload: Vec::new(),
            has_whole_record: false,
            key: failed,
            version: of,
        }))
    }

    /// Closes failures that a reload found for keys whose rows are queued.
    pub fn close_failures_of(&mut self, settled: &mut ItemResult, now: Timestamp) {
        if let ItemResult::Done { key, version, closes: closes @ None, .. } = settled {
            *closes = self.make_closing_failure(key.clone(), version.clone(), String::new(), now);
        }
    }
}
