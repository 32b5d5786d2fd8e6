//! Turns a record into something to commit: identified, admitted, and shaped into rows; or a
//! failure.
//!
//! In scope: the processed index, the header, the counts and the cursor of one run.
//! Out of scope: running steps (`runner::steps::step_executor`), committing
//! (`runner::commit::committer`).

use std::sync::Arc;

use serde_json::Value;

use crate::grid::Row;
use crate::ledger::commit::changes::ItemResult;
use crate::ledger::items::failure::{
    Failure, FailureState, IN_DOUBT, RequestedAction, StoredFailure, failure_hash, payload_cells, record_hash,
    shortened, unkept_text,
};
use crate::ledger::items::item::{Item, Output, Position};
use crate::ledger::items::key::{Key, KeyError, Version};
use crate::ledger::items::record_selection::RecordSelection;
use crate::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use crate::ledger::processed::low_watermark::{LowWatermark, SequenceNumber};
use crate::ledger::processed::prior_failure::PriorFailure;
use crate::ledger::processed::processed_index::{Admission, ProcessedIndex};
use crate::ledger::rows::header_search::FirstRows;
use crate::ledger::rows::row_builder::{build_rows, row_of};
use crate::ledger::rows::table_header::{Header, KeyColumn, choose_key_column};
use crate::ledger::runs::event::{Event, RetryCounts};
use crate::ledger::runs::expectation::FilledColumns;
use crate::ledger::runs::run::Counts;
use crate::ledger::values::columns::{Columns, ValueRejection};
use crate::ledger::values::exact_number;
use crate::port::source::Record;
use crate::port::step::{Identity, StepError};
use crate::runner::input::input_queue::Reread;
use crate::runner::queue::commit_queue::{KeptRecord, PendingItem};
use crate::runner::queue::first_records::FirstRecords;
use crate::runner::queue::start_markers::{StartMarker, settles};
use crate::runner::run_config::Events;
use crate::runner::steps::step_executor::{StepFailure, StepOutcome};
use crate::time::Timestamp;

/// The error text of a requested retry after the source has yielded another version of the key.
const REPLACED_BY_VERSION: &str = "over: the source has another version of it by now, and that one counts";

/// The admission side of a run.
pub struct Intake {
    /// Processed keys and failures.
    pub index: ProcessedIndex,
    /// The data tab's columns.
    pub header: Header,
    /// The column that carries the key, once it is known.
    pub key_column: Option<KeyColumn>,
    /// The low watermark.
    pub watermark: LowWatermark,
    /// Counts; `new` and `recovered` grow when a commit is applied.
    pub counts: Counts,
    /// Requested retries, by the origin of the record.
    pub retry_counts: RetryCounts,
    /// The types of columns.
    pub columns: Columns,
    /// The first rows of a data tab that the job has never written, until one of the job's rows
    /// proves that it may.
    pub first_rows: Option<FirstRows>,
    /// Why the job may not write to the data tab, once that is known: the run has to stop.
    pub foreign_tab: Option<String>,
    /// The key expression.
    pub key_expression: String,
    /// The title of the data tab.
    pub tab: String,
    /// How rows are written there.
    pub mode: WriteMode,
    /// The run's id.
    pub run: String,
    /// Runs in which a version may fail before it is dead.
    pub max_attempts: u64,
    /// Items that the sheet shows as begun, now or with the next commit.
    pub begun: Vec<(StartMarker, Option<SequenceNumber>)>,
    /// Those that an earlier run began and whose outcome is unknown.
    pub in_doubt: Vec<StartMarker>,
    /// The evidence from the first records of the source.
    pub probation: FirstRecords,
    /// Facts about the source as a whole.
    pub selection: RecordSelection,
    /// Items that became done and made no row.
    pub rowless: u64,
    /// Columns that may not be empty throughout, and whether they were filled.
    pub filled: (Vec<String>, FilledColumns),
    /// The event sink.
    pub events: Events,
}

/// The result of admission.
pub enum IntakeResult {
    /// The item goes through the steps.
    Work(Item, SequenceNumber),
    /// The item is settled and waits for a commit: a failure.
    Pending(PendingItem),
    /// Nothing is left to do: it is done, or failed in the same way before.
    Skip,
}

/// A failed item, as it is reported.
pub(super) struct Failed<'a> {
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
        let place = self.watermark.add(cursor);
        let body = match body {
            Ok(body) => body,
            Err(bad) => {
                self.select_nameless();
                return self.fail_nameless("source", bad.to_string(), &bytes, &position, place, now);
            }
        };
        match identity.unwrap_or(Err(KeyError::Missing.into())) {
            Ok((key, version)) => match self.select(&key, &version, &position, &body) {
                Ok(counts) if counts || self.in_doubt.contains(&(key.clone(), version.clone())) => {
                    self.admit(Item { key, version, body, position, again: None }, place, now)
                }
                Ok(_) => {
                    self.counts.skipped += 1;
                    self.watermark.settle(place);
                    IntakeResult::Skip
                }
                Err(error) => {
                    let record = exact_number::render(&body);
                    let record = record.as_bytes();
                    let failed = Failed { key, version, step: "item", error, record, position: position.to_string() };
                    self.fail_unordered(failed, place, now).map_or(IntakeResult::Skip, IntakeResult::Pending)
                }
            },
            Err(error) => {
                self.select_nameless();
                let bytes = exact_number::render(&body);
                self.fail_nameless("item", error.to_string(), bytes.as_bytes(), &position, place, now)
            }
        }
    }

    /// Takes the result of the steps: rows or a failure. Returns `None` if there is nothing to
    /// write.
    pub fn on_steps_done(&mut self, outcome: StepOutcome, now: Timestamp) -> Option<PendingItem> {
        let (place, left) = (outcome.place, is_left(&outcome) && outcome.begun);
        let waiting = self.settle_outcome(outcome, now);
        if waiting.is_none() && !left {
            self.unmark_begun(&[place]);
        }
        waiting
    }

    fn settle_outcome(&mut self, outcome: StepOutcome, now: Timestamp) -> Option<PendingItem> {
        let StepOutcome { item, place, result, retries, .. } = outcome;
        self.counts.retries += retries;
        if self.index.is_done(&item.key, &item.version) {
            // Another run has done it while it was in the steps.
            self.counts.skipped += 1;
            self.watermark.settle(place);
            return None;
        }
        let (step, error) = match result {
            Ok(values) => match self.build_output(values, &item.key) {
                Ok(output) => {
                    self.probation.passed();
                    return Some(self.complete(item, place, output, now));
                }
                // It is left to the next run, and not counted as a failure.
                Err(_) if self.foreign_tab.is_some() => return None,
                Err(rejection) => ("output".to_owned(), rejection.to_string()),
            },
            Err(StepFailure { error: StepError::Cancelled | StepError::Machine { .. }, .. }) => return None,
            Err(failure) => (failure.step, failure.error.to_string()),
        };
        let record = exact_number::render(&item.body);
        let (key, version, position) = match item.again {
            Some(failure) => (failure.key, failure.version, failure.place),
            None => (item.key, item.version, item.position.to_string()),
        };
        let failed = Failed { key, version, step: &step, error, record: record.as_bytes(), position };
        self.fail(failed, place, now)
    }

    /// Takes a failure to retry or to skip; `again` is its kept record, identified anew, if one is
    /// kept.
    pub fn take_failure(&mut self, kept: StoredFailure, again: Option<Reread>, now: Timestamp) -> IntakeResult {
        let StoredFailure { failure, is_edited, row } = kept;
        if is_edited {
            self.index.request_action(RequestedAction::Retry, |key| key == failure.key.fingerprint());
        }
        let Some(prior) = self.index.prior_failure(&failure.key) else { return IntakeResult::Skip };
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
                let over = Failure { error: REPLACED_BY_VERSION.to_owned(), ..failure };
                IntakeResult::Pending(self.keep_failure(over, FailureState::Recovered, now))
            }
            asked => self.try_again(failure, again, row, asked.is_some(), now),
        }
    }

    /// True if the source has a record of this key and only one version counts: the kept record is
    /// older.
    fn has_newer_record(&self, key: &Key) -> bool {
        self.index.policy() != ReprocessPolicy::EachVersion && self.index.was_seen(key)
    }

    fn try_again(
        &mut self,
        failure: Failure,
        again: Option<Reread>,
        row: u32,
        asked: bool,
        now: Timestamp,
    ) -> IntakeResult {
        // A record that was too large to keep is retried when the source yields it.
        let Some(again) = again else { return IntakeResult::Skip };
        let found = match again {
            Ok((body, Ok((key, version)))) => match self.why_not_ordered(&key, &version) {
                Some(why) => Err(("item", why)),
                None => Ok((key, version, body)),
            },
            Ok((_, Err(error))) => Err(("item", error.to_string())),
            Err(error) => Err(("source", error)),
        };
        let (key, version, body) = match found {
            Ok(found) => found,
            // Bytes that were not a record can't become one by themselves.
            Err(_) if !asked => return IntakeResult::Skip,
            Err((step, error)) => {
                self.counts.read += 1;
                let place = self.watermark.add(None);
                let Failure { key, version, place: position, payload, .. } = failure;
                let record = payload.concat();
                let failed = Failed { key, version, step, error, record: record.as_bytes(), position };
                return self.fail(failed, place, now).map_or(IntakeResult::Skip, IntakeResult::Pending);
            }
        };
        match self.index.admit(&key, &version) {
            Admission::Done => IntakeResult::Pending(self.keep_failure(failure, FailureState::Recovered, now)),
            Admission::Twice | Admission::Rests => IntakeResult::Skip,
            Admission::Fresh | Admission::Changed | Admission::Again(_) => {
                self.counts.read += 1;
                if asked {
                    self.note_retry(&failure.key, true);
                }
                let place = self.watermark.add(None);
                // If the user's edit made another item of it, the failed item is in hand too: the
                // source may still yield it.
                self.index.admit(&failure.key, &failure.version);
                let position = Position { origin: "the record in Failures".into(), record: u64::from(row), line: None };
                IntakeResult::Work(Item { key, version, body, position, again: Some(Box::new(failure)) }, place)
            }
        }
    }

    /// Keeps a failure, in another state.
    fn keep_failure(&mut self, failure: Failure, state: FailureState, now: Timestamp) -> PendingItem {
        self.counts.read += 1;
        self.counts.skipped += 1;
        let place = self.watermark.add(None);
        let answered = self.index.prior_failure(&failure.key).and_then(|prior| prior.requested);
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
        PendingItem { settled: ItemResult::Failed(Box::new(left)), place, record: None }
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
        let PendingItem { settled, place, record } = waiting;
        match settled {
            ItemResult::Done { key, version, closes, .. } => {
                let Some(record) = record else { return Err(why.to_owned()) };
                let (key, version, position) = match closes {
                    Some(failure) => (failure.key, failure.version, failure.place),
                    None => (key, version, record.position.to_string()),
                };
                let (step, error) = ("sheet", format!("the service refuses what became of it: {why}"));
                let failed = Failed { key, version, step, error, record: record.json.as_bytes(), position };
                Ok(self.fail(failed, place, now))
            }
            ItemResult::Failed(failure) if failure.kept => {
                let payload =
                    vec![unkept_text(failure.payload.concat().as_bytes(), &failure.place, "refused by the service")];
                let bare = Failure { payload, kept: false, ..*failure };
                Ok(Some(PendingItem { settled: ItemResult::Failed(Box::new(bare)), place, record: None }))
            }
            ItemResult::Failed(_) | ItemResult::Revoked { .. } | ItemResult::Removed(_) => Err(why.to_owned()),
        }
    }

    /// Settles the items of an applied commit. Returns the number of keys that became done.
    pub fn on_applied(&mut self, items: &[PendingItem]) -> u64 {
        let mut keys = 0;
        for waiting in items {
            self.watermark.settle(waiting.place);
            self.begun.retain(|one| !settles(waiting, one));
            let mut done = waiting.settled.done();
            if let Some((key, version)) = done.next() {
                self.index.on_done(key, version);
                done.for_each(|(other, at)| self.index.on_done_beside(other, at, (key, version)));
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
            self.watermark.settle(waiting.place);
            self.counts.skipped += u64::from(matches!(waiting.settled, ItemResult::Done { .. }));
        }
    }

    /// Takes in a change that was prepared before the run.
    pub fn enqueue_prepared(&mut self, settled: ItemResult) -> PendingItem {
        PendingItem { settled, place: self.watermark.add(None), record: None }
    }

    /// Takes in a result that an earlier run journalled: its steps have run.
    pub fn take_result(&mut self, item: Item) -> Option<(Item, SequenceNumber)> {
        self.clear_doubt(item.key.as_str(), &item.version.0);
        match self.index.admit(&item.key, &item.version) {
            // The earlier run has counted it as read.
            Admission::Fresh | Admission::Changed | Admission::Again(_) => Some((item, self.watermark.add(None))),
            Admission::Done | Admission::Twice | Admission::Rests => None,
        }
    }

    fn admit(&mut self, item: Item, place: SequenceNumber, now: Timestamp) -> IntakeResult {
        let doubtful = self.in_doubt.iter().position(|(key, version)| *key == item.key && *version == item.version);
        let record = || record_hash(exact_number::render(&item.body).as_bytes());
        let admission = self.index.admit_record(&item.key, &item.version, record);
        if let (Some(at), Admission::Fresh | Admission::Changed | Admission::Again(_)) = (doubtful, &admission) {
            let (key, version) = self.in_doubt.swap_remove(at);
            let (record, position) = (exact_number::render(&item.body), item.position.to_string());
            let pending = self.fail_in_doubt(key, version, Some(record.as_bytes()), position, place, now);
            return pending.map_or(IntakeResult::Skip, IntakeResult::Pending);
        }
        if matches!(&admission, Admission::Again(prior) if prior.requested == Some(RequestedAction::Retry)) {
            self.note_retry(&item.key, false);
        }
        match admission {
            Admission::Fresh | Admission::Changed | Admission::Again(_) => IntakeResult::Work(item, place),
            Admission::Done | Admission::Twice | Admission::Rests => {
                self.counts.skipped += 1;
                if admission == Admission::Done {
                    self.probation.passed();
                    if let Some(over) = self.close_superseded(&item, place, now) {
                        return IntakeResult::Pending(over);
                    }
                }
                self.watermark.settle(place);
                IntakeResult::Skip
            }
        }
    }

    /// Counts and reports a requested retry, with the origin of its record.
    fn note_retry(&mut self, key: &Key, from_kept: bool) {
        let count = if from_kept { &mut self.retry_counts.from_kept } else { &mut self.retry_counts.from_source };
        *count += 1;
        (self.events)(Event::TriedAgain { key: key.clone(), from_kept });
    }

    fn build_output(&mut self, values: Vec<Value>, key: &Key) -> Result<Output, ValueRejection> {
        let column = match (&self.key_column, values.first()) {
            (Some(column), _) => column.clone(),
            (None, None) => return Ok(Output::default()),
            (None, Some(first)) => choose_key_column(&self.key_expression, &row_of(first.clone(), &self.columns)?, key),
        };
        if self.mode == WriteMode::Upsert && values.len() > 1 {
            let rows = values.len();
            return Err(ValueRejection(format!(
                "the steps make {rows} rows of this record, and mode = \"upsert\" keeps one row a key: make one row of it, or use \
                 mode = \"append\""
            )));
        }
        let mut rows = build_rows(values, key, &column, &self.columns)?;
        self.check_tab_ownership(&rows)?;
        for row in &mut rows {
            self.header.admit(row, column.name())?;
        }
        for row in &rows {
            let (columns, filled) = &mut self.filled;
            filled.add_row(columns, |column| row.get(column).is_some_and(|cell| !cell.is_empty()));
        }
        self.key_column = Some(column);
        Ok(Output::new(self.tab.clone(), rows))
    }

    /// Checks that the tab is not another user's table, before anything is written to it.
    fn check_tab_ownership(&mut self, rows: &[Row]) -> Result<(), ValueRejection> {
        let Some(first) = rows.first() else { return Ok(()) };
        let columns: Vec<_> = first.cells.iter().map(|(name, _)| name.as_str()).collect();
        self.foreign_tab = self.first_rows.as_ref().and_then(|first_rows| first_rows.mismatch(&columns));
        if let Some(why) = &self.foreign_tab {
            return Err(ValueRejection(why.clone()));
        }
        self.first_rows = None;
        Ok(())
    }

    fn complete(&mut self, item: Item, place: SequenceNumber, output: Output, now: Timestamp) -> PendingItem {
        self.rowless += u64::from(output.is_empty());
        let Item { key, version, body, position, again } = item;
        let record =
            Some(Arc::new(KeptRecord { json: exact_number::render(&body).into(), position: position.clone() }));
        let (failed, of, at) = match again {
            Some(failure) => (failure.key, failure.version, failure.place),
            None => (key.clone(), version.clone(), position.to_string()),
        };
        let closes = self.closing_failure(failed, of, at, now);
        let may_have_rows = self.index.may_have_rows(&key);
        PendingItem { settled: ItemResult::Done { key, version, may_have_rows, output, closes }, place, record }
    }

    /// Returns the row that closes a key's failure, if it has one.
    pub(super) fn closing_failure(
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
            answered: prior.requested,
            place: at,
            payload: Vec::new(),
            kept: false,
            key: failed,
            version: of,
        }))
    }

    /// Closes failures that a reload found for keys whose rows are queued.
    pub fn close_failures_of(&mut self, settled: &mut ItemResult, now: Timestamp) {
        if let ItemResult::Done { key, version, closes: closes @ None, .. } = settled {
            *closes = self.closing_failure(key.clone(), version.clone(), String::new(), now);
        }
    }

    fn fail_nameless(
        &mut self,
        step: &str,
        error: String,
        record: &[u8],
        position: &Position,
        place: SequenceNumber,
        now: Timestamp,
    ) -> IntakeResult {
        let (key, version) = (Key::from_nameless(record), Version::default());
        match self.index.admit(&key, &version) {
            // The same unreadable bytes once more: counted as a failure, but reported once.
            Admission::Twice if self.index.has_failed(&key, &version) => {
                self.probation.failed(step, &error, &position.to_string(), record);
                self.counts.failed += 1;
                self.watermark.settle(place);
                IntakeResult::Skip
            }
            // The user fixed it in Failures, or marked it to be skipped.
            Admission::Twice | Admission::Done | Admission::Rests => {
                self.counts.skipped += 1;
                self.watermark.settle(place);
                IntakeResult::Skip
            }
            Admission::Fresh | Admission::Changed | Admission::Again(_) => {
                let failed = Failed { key, version, step, error, record, position: position.to_string() };
                self.fail(failed, place, now).map_or(IntakeResult::Skip, IntakeResult::Pending)
            }
        }
    }

    /// Records a failure. An unchanged one is counted but gets no new row. After the maximum of
    /// attempts it is dead. A requested retry is answered. Both are written.
    pub(super) fn fail(&mut self, failed: Failed<'_>, place: SequenceNumber, now: Timestamp) -> Option<PendingItem> {
        let Failed { key, version, step, error, record, position } = failed;
        self.counts.failed += 1;
        let error = shortened(&error);
        let error_hash = failure_hash(step, &error);
        let hash = self.index.policy().version_hash(&version);
        let before = self.index.prior_failure(&key).filter(|prior| prior.version == hash);
        // A failure that is already recorded does not count against a job that has worked before.
        if before.is_none() || self.index.keys() == 0 {
            self.probation.failed(step, &error, &position, record);
        }
        let answered = self.index.prior_failure(&key).and_then(|prior| prior.requested);
        let attempts = self.index.attempts(&key, &version) + 1;
        let state = if attempts >= self.max_attempts { FailureState::Dead } else { FailureState::Open };
        let event = Event::ItemFailed {
            key: key.clone(),
            place: position.clone(),
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
            in_doubt: step == IN_DOUBT,
            requested: None,
            row,
        };
        self.index.on_failed(&key, prior, !unchanged);
        if unchanged {
            self.watermark.settle(place);
            return None;
        }
        let (payload, kept) = payload_cells(record, &position);
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
            place: position,
            payload,
            kept,
        };
        Some(PendingItem { settled: ItemResult::Failed(Box::new(failure)), place, record: None })
    }
}

/// True if the item is left to the next run: its steps were abandoned, or this machine had an
/// error.
fn is_left(outcome: &StepOutcome) -> bool {
    let is_left = |failure: &StepFailure| matches!(failure.error, StepError::Cancelled | StepError::Machine { .. });
    outcome.result.as_ref().is_err_and(is_left)
}
