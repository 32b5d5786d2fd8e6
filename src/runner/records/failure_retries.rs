//! Tries stored failures again, or skips them, as a user requests it or because they are open.
//!
//! In scope: which record counts, the kept one or the source's. Out of scope: the row of a failure
//! (`runner::records::item_failures`), reading kept records (`runner::input`).

use crate::ledger::items::failure::{Failure, FailureState, RequestedAction, StoredFailure};
use crate::ledger::items::item::{Item, Position};
use crate::ledger::items::key::Key;
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::ledger::processed::processed_index::Admission;
use crate::ledger::runs::event::Event;
use crate::runner::input::input_queue::RereadRecord;
use crate::runner::records::intake::{FailedItem, Intake, IntakeResult};
use crate::time::Timestamp;

/// The error text of a requested retry after the source has yielded another version of the key.
const REPLACED_BY_VERSION_ERROR: &str = "over: the source has another version of it by now, and that one counts";

impl Intake {
    /// Takes a failure to retry, to skip, or to answer; `again` is its kept record, identified
    /// anew, if one is kept.
    pub fn take_failure(&mut self, kept: StoredFailure, again: Option<RereadRecord>, now: Timestamp) -> IntakeResult {
        let StoredFailure { failure, is_edited, row } = kept;
        if is_edited {
            self.index.request_action(RequestedAction::Retry, |key| key == failure.key.fingerprint());
        }
        let Some(prior) = self.index.prior_failure(&failure.key) else { return IntakeResult::Skip };
        if prior.awaits_answer() {
            return IntakeResult::Pending(self.answer_unknown_action(failure, prior, now));
        }
        match prior.requested {
            Some(RequestedAction::Skip) => {
                IntakeResult::Pending(self.keep_failure(failure, FailureState::Skipped, now))
            }
            // The source has yielded the key, in this version or another, and that record counts.
            None if prior.is_suppressed() || self.index.was_seen(&failure.key) || self.index.has_key(&failure.key) => {
                IntakeResult::Skip
            }
            Some(RequestedAction::Retry) if !is_edited && self.has_newer_record(&failure.key) => {
                if self.index.is_in_hand(&failure.key) {
                    return IntakeResult::Skip;
                }
                // The source's present version of it is done already.
                let over = Failure { error: REPLACED_BY_VERSION_ERROR.to_owned(), ..failure };
                IntakeResult::Pending(self.keep_failure(over, FailureState::Recovered, now))
            }
            asked => self.try_again(StoredFailure { failure, is_edited, row }, again, asked.is_some(), now),
        }
    }

    /// True if the source has a record of this key and only one version counts: the kept record is
    /// older.
    fn has_newer_record(&self, key: &Key) -> bool {
        self.index.policy() != ReprocessPolicy::EachVersion && self.index.was_seen(key)
    }

    fn try_again(
        &mut self,
        stored: StoredFailure,
        again: Option<RereadRecord>,
        was_requested: bool,
        now: Timestamp,
    ) -> IntakeResult {
        let StoredFailure { failure, is_edited, row } = stored;
        // A record that was too large to keep is retried when the source yields it.
        let Some(again) = again else { return IntakeResult::Skip };
        let found = match again {
            Ok((body, Ok((key, version)))) => match self.explain_missing_order(&key, &version) {
                Some(why) => Err(("item", why)),
                None => Ok((key, version, body)),
            },
            Ok((_, Err(error))) => Err(("item", error.to_string())),
            Err(error) => Err(("source", error)),
        };
        let (key, version, body) = match found {
            Ok(found) => found,
            // Bytes that were not a record can't become one by themselves.
            Err(_) if !was_requested => return IntakeResult::Skip,
            Err((step, error)) => {
                let error =
                    if step == "source" { explain_missing_json(&failure.error, &error, is_edited) } else { error };
                self.counts.read += 1;
                let place = self.watermark.add(None);
                let Failure { key, version, place: position, payload, .. } = failure;
                let record = payload.concat();
                let failed = FailedItem { key, version, step, error, record: record.as_bytes(), position };
                return self.record_failure(failed, place, now).map_or(IntakeResult::Skip, IntakeResult::Pending);
            }
        };
        match self.index.admit(&key, &version) {
            Admission::Done => IntakeResult::Pending(self.keep_failure(failure, FailureState::Recovered, now)),
            Admission::Repeated | Admission::Suppressed => IntakeResult::Skip,
            Admission::New | Admission::Changed | Admission::Retry(_) => {
                self.counts.read += 1;
                if was_requested {
                    self.note_retry(&failure.key, true);
                }
                let place = self.watermark.add(None);
                // If the user's edit made another item of it, the failed item is in hand too: the
                // source may still yield it.
                self.index.admit(&failure.key, &failure.version);
                self.taken_early.insert(key.fingerprint());
                self.taken_early.insert(failure.key.fingerprint());
                let position = Position { origin: "the record in Failures".into(), record: u64::from(row), line: None };
                IntakeResult::Process(Item { key, version, body, position, again: Some(Box::new(failure)) }, place)
            }
        }
    }

    /// Counts and reports a requested retry, with the origin of its record.
    pub(super) fn note_retry(&mut self, key: &Key, uses_stored_record: bool) {
        let count =
            if uses_stored_record { &mut self.retry_counts.from_kept } else { &mut self.retry_counts.from_source };
        *count += 1;
        (self.events)(Event::RetryRequested { key: key.clone(), uses_stored_record });
    }
}

/// What to do about a kept record that is a line of a table, or other bytes that are not JSON.
const NOT_JSON_ADVICE: &str = "; what is kept of it is not JSON, so it can't be retried from there; correct it in the \
     source and close this with failures skip; or write the record into payload as a JSON object";

/// Returns the error of a requested retry whose kept record is not JSON. It is the one that the
/// item had or, if the user has corrected the record, that of the correction.
fn explain_missing_json(earlier: &str, error: &str, is_edited: bool) -> String {
    if is_edited {
        return format!("{error}; write the corrected record as a JSON object, such as {{\"id\": \"1\"}}");
    }
    format!("{}{NOT_JSON_ADVICE}", earlier.strip_suffix(NOT_JSON_ADVICE).unwrap_or(earlier))
}
