//! Takes records in: each is identified and admitted, and later settled as done or as a failure.
//!
//! In scope: the processed index, the counts and the low watermark of one run.
//! Out of scope: running steps (`runner::steps::step_executor`), rows
//! (`runner::records::output_builder`), failures (`runner::records::item_failures`), committing
//! (`runner::commit::committer`).

use std::collections::HashSet;
use std::sync::Arc;

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::items::failure::{FailureState, RequestedAction, record_hash};
use crate::ledger::items::item::{Item, Output};
use crate::ledger::items::key::{Fingerprint, Key, KeyError, Version};
use crate::ledger::items::lookalike_keys::LookalikeKeys;
use crate::ledger::items::record_selection::RecordSelection;
use crate::ledger::processed::low_watermark::{LowWatermark, SequenceNumber};
use crate::ledger::processed::processed_index::{Admission, ProcessedIndex};
use crate::ledger::runs::event::{EventSink, RetryCounts, SkipCounts};
use crate::ledger::runs::filled_fields::FilledFields;
use crate::ledger::runs::run::Counts;
use crate::ledger::values::exact_number;
use crate::port::source::Record;
use crate::port::step::{Identity, StepError};
use crate::runner::queue::commit_queue::{KeptRecord, PendingItem};
use crate::runner::queue::first_records::FirstRecords;
use crate::runner::queue::start_markers::{StartMarker, settles_marker};
use crate::runner::records::change_hold::ChangeHold;
use crate::runner::records::output_builder::OutputBuilder;
use crate::runner::steps::step_executor::{StepFailure, StepOutcome};
use crate::time::Timestamp;

/// The admission side of a run.
pub struct Intake {
    /// Processed keys and failures.
    pub index: ProcessedIndex,
    /// Makes the rows of the data tab.
    pub output: OutputBuilder,
    /// The low watermark.
    pub watermark: LowWatermark,
    /// Counts; `new` and `recovered` grow when a commit is applied.
    pub counts: Counts,
    /// Requested retries, by the origin of the record.
    pub retry_counts: RetryCounts,
    /// The run's id.
    pub run: String,
    /// Runs in which a version may fail before it is exhausted.
    pub max_attempts: u64,
    /// Items that the sheet shows as begun, now or with the next commit.
    pub begun: Vec<(StartMarker, Option<SequenceNumber>)>,
    /// Those that an earlier run began and whose outcome is unknown.
    pub in_doubt: Vec<StartMarker>,
    /// The evidence from the first records of the source.
    pub first_records: FirstRecords,
    /// Changes that are held back, or approved.
    pub hold: ChangeHold,
    /// Facts about the source as a whole.
    pub selection: RecordSelection,
    /// Items that became done and made no row.
    pub rowless: u64,
    /// Which fields of the source are filled.
    pub fields: FilledFields,
    /// Which keys look the same to people.
    pub lookalikes: LookalikeKeys,
    /// Why records were skipped.
    pub skips: SkipCounts,
    /// Keys that this run took from an earlier run's journal or from Failures: the source's record
    /// of them is not a repetition.
    pub taken_early: HashSet<Fingerprint>,
    /// The event sink.
    pub events: EventSink,
}

/// The result of admission.
pub enum IntakeResult {
    /// The item goes through the steps.
    Process(Item, SequenceNumber),
    /// The item is settled and waits for a commit: a failure.
    Pending(PendingItem),
    /// Nothing is left to do: it is done, or failed in the same way before.
    Skip,
}

/// A failed item, as it is reported.
pub(super) struct FailedItem<'a> {
    pub(super) key: Key,
    pub(super) version: Version,
    pub(super) step: &'a str,
    pub(super) error: String,
    pub(super) record: &'a [u8],
    pub(super) position: String,
}

impl Intake {
    /// Admits a record; `identity` is its key and version, if it could be parsed.
    pub fn take(&mut self, record: Record, identity: Option<Identity>, now: Timestamp) -> IntakeResult {
        self.counts.read += 1;
        let Record { body, bytes, position, cursor } = record;
        let sequence = self.watermark.add(cursor);
        let body = match body {
            Ok(body) => body,
            Err(bad) => {
                self.select_nameless();
                return self.fail_nameless("source", bad.to_string(), &bytes, &position, sequence, now);
            }
        };
        self.fields.add_record(&body);
        if let Some(Ok((key, _))) = &identity {
            self.lookalikes.add(key, &position);
        }
        match identity.unwrap_or(Err(KeyError::Missing.into())) {
            Ok((key, version)) => match self.select_record(&key, &version, &position, &body) {
                Ok(counts) if counts || self.in_doubt.contains(&(key.clone(), version.clone())) => {
                    self.admit(Item { key, version, body, position, retried_failure: None }, sequence, now)
                }
                Ok(_) => {
                    self.counts.skipped += 1;
                    self.skips.twice += 1;
                    self.watermark.settle(sequence);
                    IntakeResult::Skip
                }
                Err(error) => {
                    let record = exact_number::render(&body);
                    let record = record.as_bytes();
                    let failed =
                        FailedItem { key, version, step: "item", error, record, position: position.to_string() };
                    self.fail_unordered(failed, sequence, now).map_or(IntakeResult::Skip, IntakeResult::Pending)
                }
            },
            Err(error) => {
                self.select_nameless();
                let bytes = exact_number::render(&body);
                self.fail_nameless("item", error.to_string(), bytes.as_bytes(), &position, sequence, now)
            }
        }
    }

    /// Takes the result of the steps: rows or a failure. Returns `None` if there is nothing to
    /// write.
    pub fn on_steps_done(&mut self, outcome: StepOutcome, now: Timestamp) -> Option<PendingItem> {
        let (sequence, left) = (outcome.sequence, is_left(&outcome) && outcome.has_begun);
        let waiting = self.settle_outcome(outcome, now);
        if waiting.is_none() && !left {
            self.unmark_begun(&[sequence]);
        }
        waiting
    }

    fn settle_outcome(&mut self, outcome: StepOutcome, now: Timestamp) -> Option<PendingItem> {
        let StepOutcome { item, sequence, result, retries, .. } = outcome;
        self.counts.retries += retries;
        if self.index.is_done(&item.key, &item.version) {
            // Another run has done it while it was in the steps.
            self.counts.skipped += 1;
            self.watermark.settle(sequence);
            return None;
        }
        let (step, error) = match result {
            Ok(values) => match self.output.build(values, &item.key) {
                Ok(output) => {
                    self.first_records.record_processed();
                    return Some(self.complete_item(item, sequence, output, now));
                }
                // It is left to the next run, and not counted as a failure.
                Err(_) if self.output.foreign_tab.is_some() => return None,
                Err(rejection) => ("output".to_owned(), rejection.to_string()),
            },
            Err(StepFailure { error: StepError::Cancelled | StepError::Machine { .. }, .. }) => return None,
            Err(failure) => (failure.step, failure.error.to_string()),
        };
        let record = exact_number::render(&item.body);
        let (key, version, position) = match item.retried_failure {
            Some(failure) => (failure.key, failure.version, failure.position),
            None => (item.key, item.version, item.position.to_string()),
        };
        let failed = FailedItem { key, version, step: &step, error, record: record.as_bytes(), position };
        self.record_failure(failed, sequence, now)
    }

    /// Settles the items of an applied commit. Returns the number of keys that became done.
    pub fn on_applied(&mut self, items: &[PendingItem]) -> u64 {
        self.hold.on_applied(items);
        let mut keys = 0;
        for waiting in items {
            self.watermark.settle(waiting.sequence);
            self.begun.retain(|one| !settles_marker(waiting, one));
            let mut done = waiting.settled.done_versions();
            if let Some((key, version)) = done.next() {
                self.index.on_done(key, version);
                done.for_each(|(other, at)| self.index.on_other_version_done(other, at, (key, version)));
            }
            let done = matches!(waiting.settled, ItemResult::Done { .. });
            keys += u64::from(done);
            self.counts.new += u64::from(done);
            if let Some(closed) = waiting.settled.failure().filter(|failure| failure.state == FailureState::Recovered) {
                self.counts.recovered += u64::from(done);
                self.index.on_failure_closed(&closed.key);
            }
        }
        keys
    }

    /// Settles items that another run has settled meanwhile.
    pub fn on_settled_elsewhere(&mut self, items: &[PendingItem]) {
        for waiting in items {
            self.watermark.settle(waiting.sequence);
            self.counts.skipped += u64::from(matches!(waiting.settled, ItemResult::Done { .. }));
        }
    }

    /// Takes in a change that was prepared before the run.
    pub fn enqueue_prepared(&mut self, settled: ItemResult) -> PendingItem {
        PendingItem { settled, sequence: self.watermark.add(None), record: None }
    }

    /// Takes in a result that an earlier run journalled: its steps have run.
    pub fn take_result(&mut self, item: Item) -> Option<(Item, SequenceNumber)> {
        self.clear_doubt(item.key.as_str(), &item.version.0);
        let change = self.index.change_to(&item.key, &item.version);
        match self.index.admit(&item.key, &item.version) {
            // The earlier run has counted it as read.
            Admission::New | Admission::Changed | Admission::Retry(_) => {
                let sequence = self.watermark.add(None);
                self.hold.record_admitted(sequence, change);
                self.taken_early.insert(item.key.fingerprint());
                Some((item, sequence))
            }
            Admission::Done | Admission::Repeated | Admission::NotRetried => None,
        }
    }

    fn admit(&mut self, item: Item, sequence: SequenceNumber, now: Timestamp) -> IntakeResult {
        let doubtful = self.in_doubt.iter().position(|(key, version)| *key == item.key && *version == item.version);
        let record = || record_hash(exact_number::render(&item.body).as_bytes());
        let change = self.index.change_to_record(&item.key, &item.version, record);
        let admission = self.index.admit_record(&item.key, &item.version, record);
        if let (Some(at), Admission::New | Admission::Changed | Admission::Retry(_)) = (doubtful, &admission) {
            let (key, version) = self.in_doubt.swap_remove(at);
            let (record, position) = (exact_number::render(&item.body), item.position.to_string());
            let pending = self.fail_in_doubt(key, version, Some(record.as_bytes()), position, sequence, now);
            return pending.map_or(IntakeResult::Skip, IntakeResult::Pending);
        }
        let is_work = matches!(&admission, Admission::New | Admission::Changed | Admission::Retry(_));
        if is_work && self.hold.is_holding() && self.index.rewrites_row(&item.key) {
            self.hold.count_held();
            self.watermark.leave_to_next_run(sequence);
            return IntakeResult::Skip;
        }
        if is_work && change.is_some_and(|change| !self.hold.is_foreseen(change)) {
            self.watermark.leave_to_next_run(sequence);
            return IntakeResult::Skip;
        }
        if matches!(&admission, Admission::Retry(prior) if prior.requested == Some(RequestedAction::Retry)) {
            self.record_retry(&item.key, false);
        }
        match admission {
            Admission::New | Admission::Changed | Admission::Retry(_) => {
                self.hold.record_admitted(sequence, change);
                IntakeResult::Process(item, sequence)
            }
            Admission::Done | Admission::Repeated | Admission::NotRetried => {
                self.count_skip(&item.key, &admission);
                if admission == Admission::Done {
                    self.first_records.record_processed();
                    if let Some(over) = self.close_superseded(&item, sequence, now) {
                        return IntakeResult::Pending(over);
                    }
                }
                self.watermark.settle(sequence);
                IntakeResult::Skip
            }
        }
    }

    /// Counts a skipped record, with the reason.
    pub(super) fn count_skip(&mut self, key: &Key, admission: &Admission) {
        self.counts.skipped += 1;
        let is_by_request = || self.index.prior_failure(key).is_some_and(|prior| prior.state == FailureState::Skipped);
        let count = match admission {
            Admission::Repeated if self.taken_early.remove(&key.fingerprint()) => &mut self.skips.done,
            Admission::Repeated => &mut self.skips.twice,
            Admission::NotRetried if is_by_request() => &mut self.skips.by_request,
            Admission::NotRetried => &mut self.skips.exhausted,
            _ => &mut self.skips.done,
        };
        *count += 1;
    }

    fn complete_item(&mut self, item: Item, sequence: SequenceNumber, output: Output, now: Timestamp) -> PendingItem {
        self.rowless += u64::from(output.is_empty());
        let Item { key, version, body, position, retried_failure } = item;
        let record =
            Some(Arc::new(KeptRecord { json: exact_number::render(&body).into(), position: position.clone() }));
        let (failed, of, at) = match retried_failure {
            Some(failure) => (failure.key, failure.version, failure.position),
            None => (key.clone(), version.clone(), position.to_string()),
        };
        let closes = self.make_closing_failure(failed, of, at, now);
        let may_have_rows = self.index.may_have_rows(&key);
        PendingItem { settled: ItemResult::Done { key, version, may_have_rows, output, closes }, sequence, record }
    }
}

/// True if the item is left to the next run: its steps were abandoned, or this machine had an
/// error.
fn is_left(outcome: &StepOutcome) -> bool {
    let is_left = |failure: &StepFailure| matches!(failure.error, StepError::Cancelled | StepError::Machine { .. });
    outcome.result.as_ref().is_err_and(is_left)
}
