//! Merges the inputs of a run in order: prepared changes, journalled results, answered failures,
//! the source, and failures that the source did not yield.
//!
//! In scope: which failures are read, and their place among the records.
//! Out of scope: admission (`runner::records::intake`), reading the failures (`port::store`).

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesOrdered, StreamExt};
use serde_json::Value;

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::items::failure::{FailureState, RequestedAction, StoredFailure};
use crate::ledger::items::repeated_keys::{RepeatComparison, RepeatedKeys};
use crate::ledger::items::source_survey::SourceSurvey;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::runs::journal::StepResult;
use crate::ledger::values::exact_number;
use crate::port::lease_check::LeaseCheck;
use crate::port::source::{Record, SourceError};
use crate::port::step::{Identity, KeyFinder};
use crate::runner::input::keyed_records::{RecordExtent, find_key};
use crate::runner::input::source_passes::{NextRecord, SourcePasses};

/// Records of the source whose keys are looked up concurrently, for slow key expressions.
const MAX_LOOKUPS: usize = 128;
/// Maximum number of characters of kept records in memory.
const MAX_RECORD_CHARS: usize = 32 << 20;

/// One input of the run.
pub enum RunInput {
    /// The source was surveyed before its first record, to determine which records count.
    Surveyed(Box<SourceSurvey>),
    /// A record of the pass that finds the changes of the run before it makes any.
    Forecast(Record, Option<Identity>),
    /// That pass is over.
    ForecastRead,
    /// A record of the source, with its key and version if they could be read.
    Record(Record, Option<Identity>),
    /// The source is exhausted.
    SourceRead,
    /// Records with the same key were compared.
    Compared(RepeatedKeys),
    /// A failure and its kept record, identified anew; `None` if the record was too large to keep.
    Failure(Box<StoredFailure>, Option<RereadRecord>),
    /// A prepared change.
    Prepared(Box<ItemResult>),
    /// A result that an earlier run journalled on this machine.
    Result(Box<StepResult>),
}

/// A kept record with its key and version, or the reason why it is not a record.
pub type RereadRecord = Result<(Value, Identity), String>;

/// The merged inputs of a run.
pub struct InputQueue {
    key_finder: Arc<dyn KeyFinder>,
    /// Records of the source whose keys are being looked up, in order.
    lookups: FuturesOrdered<BoxFuture<'static, RunInput>>,
    /// True if the last of those is an input after which the caller decides how the source
    /// continues.
    has_barrier: bool,
    /// The source's error, returned after those.
    source_error: Option<SourceError>,
    /// A failure whose record is being identified.
    pending_failure: Option<BoxFuture<'static, RunInput>>,
    prepared: VecDeque<ItemResult>,
    results: VecDeque<StepResult>,
    answered_failures: VecDeque<StoredFailure>,
    source: Option<SourcePasses>,
    remaining_failures: VecDeque<StoredFailure>,
}

impl InputQueue {
    /// Creates the queue. First come failures that the user has corrected or skipped, and texts
    /// that are not an action. Then comes the source, then failures that it did not yield:
    /// requested ones before open ones. Records beyond the memory limit are left to the next run;
    /// their number is returned.
    pub fn new(
        stored: Vec<StoredFailure>,
        source: Option<SourcePasses>,
        index: &ProcessedIndex,
        key_finder: Arc<dyn KeyFinder>,
    ) -> (Self, usize) {
        let requested =
            |stored: &StoredFailure| index.prior_failure(&stored.failure.key).and_then(|prior| prior.requested);
        let awaits_answer = |stored: &StoredFailure| {
            index.prior_failure(&stored.failure.key).is_some_and(|prior| prior.awaits_answer())
        };
        let comes_first = |stored: &StoredFailure| {
            stored.is_edited || requested(stored) == Some(RequestedAction::Skip) || awaits_answer(stored)
        };
        let (first, mut left): (Vec<_>, Vec<_>) = stored.into_iter().partition(comes_first);
        // An open failure is answered, and tried again like any other.
        let is_answered_only = |stored: &&StoredFailure| awaits_answer(stored) && !stored.is_edited;
        let is_open = |stored: &&StoredFailure| stored.failure.state == FailureState::Open;
        left.extend(first.iter().filter(is_answered_only).filter(is_open).cloned());
        let (retried, open): (Vec<_>, Vec<_>) = left.into_iter().partition(|stored| requested(stored).is_some());
        let (mut chars, mut left_out) = (0, 0);
        let mut left = VecDeque::from(retried);
        for stored in open.into_iter().filter(|stored| stored.failure.has_whole_record) {
            chars += stored.failure.payload.iter().map(String::len).sum::<usize>();
            if chars > MAX_RECORD_CHARS { left_out += 1 } else { left.push_back(stored) }
        }
        let feed = Self {
            key_finder,
            lookups: FuturesOrdered::new(),
            has_barrier: false,
            source_error: None,
            pending_failure: None,
            prepared: VecDeque::new(),
            results: VecDeque::new(),
            answered_failures: first.into(),
            source,
            remaining_failures: left,
        };
        (feed, left_out)
    }

    /// Adds journalled results in front.
    #[must_use]
    pub fn with_results(mut self, results: Vec<StepResult>) -> Self {
        self.results = results.into();
        self
    }

    /// Adds prepared changes in front.
    #[must_use]
    pub fn with_prepared(mut self, prepared: Vec<ItemResult>) -> Self {
        self.prepared = prepared.into();
        self
    }

    /// Drops prepared row deletions.
    pub fn drop_deletions(&mut self) {
        self.prepared.retain(|change| change.removals().is_empty());
    }

    /// Returns the next input; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<RunInput>, SourceError> {
        if let Some(change) = self.prepared.pop_front() {
            return Ok(Some(RunInput::Prepared(Box::new(change))));
        }
        if let Some(result) = self.results.pop_front() {
            return Ok(Some(RunInput::Result(Box::new(result))));
        }
        if let Some(stored) = self.answered_failures.pop_front() {
            self.pending_failure = Some(reread_failure(stored, Arc::clone(&self.key_finder)));
        }
        if let Some(input) = self.next_failure().await {
            return Ok(Some(input));
        }
        if let Some(input) = self.next_from_source().await? {
            return Ok(Some(input));
        }
        if let Some(stored) = self.remaining_failures.pop_front() {
            self.pending_failure = Some(reread_failure(stored, Arc::clone(&self.key_finder)));
        }
        Ok(self.next_failure().await)
    }

    /// Returns the failure whose record is being identified. The future stays here, so the caller
    /// may cancel at any point.
    async fn next_failure(&mut self) -> Option<RunInput> {
        let input = self.pending_failure.as_mut()?.await;
        self.pending_failure = None;
        Some(input)
    }

    /// Returns the source's next input in order, and reads ahead up to the next barrier. The caller
    /// may cancel at any point.
    async fn next_from_source(&mut self) -> Result<Option<RunInput>, SourceError> {
        loop {
            let (waits, has_room) = (!self.lookups.is_empty(), self.lookups.len() < MAX_LOOKUPS && !self.has_barrier);
            let Some(source) = self.source.as_mut().filter(|_| has_room) else {
                return match self.lookups.next().await {
                    Some(input) => Ok(Some(self.lift_barrier(input))),
                    None => self.source_error.take().map_or(Ok(None), Err),
                };
            };
            let next_input = tokio::select! {
                biased;
                Some(input) = self.lookups.next(), if waits => return Ok(Some(self.lift_barrier(input))),
                next_input = source.next() => next_input,
            };
            let mut input = match next_input {
                Ok(Some(NextRecord::Record(record))) => {
                    identify_record(record, Arc::clone(&self.key_finder), RunInput::Record)
                }
                Ok(Some(NextRecord::Forecast(record))) => {
                    identify_record(record, Arc::clone(&self.key_finder), RunInput::Forecast)
                }
                Ok(Some(NextRecord::ForecastRead)) => self.make_barrier(RunInput::ForecastRead),
                Ok(Some(NextRecord::Surveyed(survey))) => self.make_barrier(RunInput::Surveyed(survey)),
                Ok(Some(NextRecord::Read)) => self.make_barrier(RunInput::SourceRead),
                Ok(Some(NextRecord::Compared(repeats))) => self.make_barrier(RunInput::Compared(repeats)),
                Ok(None) => {
                    self.source = None;
                    continue;
                }
                Err(error) => {
                    (self.source, self.source_error) = (None, Some(error));
                    continue;
                }
            };
            if !waits && let Some(input) = (&mut input).now_or_never() {
                return Ok(Some(self.lift_barrier(input)));
            }
            self.lookups.push_back(input);
        }
    }

    /// Makes a barrier: nothing is read beyond it until the caller has it and decides how the
    /// source continues.
    fn make_barrier(&mut self, input: RunInput) -> BoxFuture<'static, RunInput> {
        self.has_barrier = true;
        std::future::ready(input).boxed()
    }

    fn lift_barrier(&mut self, input: RunInput) -> RunInput {
        if !matches!(input, RunInput::Record(..) | RunInput::Forecast(..)) {
            self.has_barrier = false;
        }
        input
    }

    /// Passes on what is done to the source, once nothing is left that comes before it.
    pub fn on_claimed(&mut self, index: &ProcessedIndex, lease: &Arc<dyn LeaseCheck>) {
        let is_next = self.prepared.is_empty()
            && self.results.is_empty()
            && self.answered_failures.is_empty()
            && self.pending_failure.is_none();
        if let Some(source) = self.source.as_mut().filter(|_| is_next) {
            source.on_claimed(index, lease);
        }
    }

    /// True if the source itself ends after a stop request.
    pub fn ends_on_stop(&self) -> bool {
        self.source.as_ref().is_some_and(SourcePasses::ends_on_stop)
    }

    /// Returns what the source found unusual since the last call, as sentences.
    pub fn take_notes(&mut self) -> Vec<String> {
        self.source.as_mut().map(SourcePasses::take_notes).unwrap_or_default()
    }

    /// Starts a comparison of records in one more pass over the source.
    pub fn compare(&mut self, comparison: RepeatComparison) {
        if let Some(source) = &mut self.source {
            source.compare(comparison);
        }
    }

    /// Returns the units of the source that were read, and their total. Records whose keys are
    /// being looked up, and `unsettled` ones that the caller has taken, are not counted yet.
    pub fn progress(&self, unsettled: u64) -> Option<(u64, u64)> {
        let source = self.source.as_ref()?;
        let (units, all) = source.progress()?;
        let open = unsettled + self.lookups.len() as u64;
        Some((compute_settled_units(units, open, source.count_records()), all))
    }
}

/// Returns the part of `units` for records of which `open` are not settled yet.
fn compute_settled_units(units: u64, open: u64, records: u64) -> u64 {
    let settled = u128::from(records.saturating_sub(open));
    let part = (u128::from(units) * settled).checked_div(u128::from(records));
    part.map_or(units, |part| u64::try_from(part).unwrap_or(units))
}

fn identify_record(
    record: Record,
    key_finder: Arc<dyn KeyFinder>,
    input: fn(Record, Option<Identity>) -> RunInput,
) -> BoxFuture<'static, RunInput> {
    find_key(record, key_finder, RecordExtent::Whole).map(move |(record, identity)| input(record, identity)).boxed()
}

fn reread_failure(stored: StoredFailure, key_finder: Arc<dyn KeyFinder>) -> BoxFuture<'static, RunInput> {
    async move {
        if !stored.failure.has_whole_record {
            return RunInput::Failure(Box::new(stored), None);
        }
        let reread = match exact_number::parse(&stored.failure.payload.concat()) {
            Ok(body) => {
                let found = key_finder.identify(&body).await;
                Ok((body, found))
            }
            Err(error) => Err(format!("the kept record is not valid JSON: {error}")),
        };
        RunInput::Failure(Box::new(stored), Some(reread))
    }
    .boxed()
}
