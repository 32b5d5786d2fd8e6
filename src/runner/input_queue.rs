//! Merges the inputs of a run in order: prepared changes, journalled results, failures that the
//! user has answered, the source, and failures that the source did not yield.
//!
//! In scope: which failures are read, and their place among the records.
//! Out of scope: admission (`runner::intake`), reading the failures (`port::store`).

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesOrdered, StreamExt};
use serde_json::Value;

use crate::ledger::columns::exact_number;
use crate::ledger::commit::changes::ItemResult;
use crate::ledger::item::failure::{FailureState, RequestedAction, StoredFailure};
use crate::ledger::item::key::{Fingerprint, Key};
use crate::ledger::item::repeated_keys::{Comparison, RepeatedKeys};
use crate::ledger::item::source_survey::SourceSurvey;
use crate::ledger::processed::processed_index::{PriorFailure, ProcessedIndex};
use crate::ledger::run::journal::StepResult;
use crate::port::source::{Record, SourceError};
use crate::port::step::{Identify, Identity};
use crate::runner::keyed_records::{Extent, find_key};
use crate::runner::source_passes::{NextRecord, SourcePasses};

/// Maximum number of failures that one run retries by itself. Requested retries have no limit.
pub const MOST_KEPT: usize = 600;
/// Records of the source whose keys are looked up concurrently, for slow key expressions.
const MOST_AHEAD: usize = 128;
/// Maximum number of characters of kept records in memory.
const MOST_CHARS: usize = 32 << 20;

/// Which failures a run retries, and whether it reads the source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RetryScope {
    /// The source, and failures that are open or requested.
    #[default]
    Default,
    /// Neither the source nor any failure.
    None,
    /// Like `None`, for a run that revokes keys: a marker in the state stays until the reprocess is
    /// complete.
    Reprocess,
    /// All failures that are not skipped; of the source only their records.
    FailuresOnly,
    /// These failures; of the source only their records.
    Selected(Vec<Key>, RequestedAction),
}

impl RetryScope {
    /// True if the whole source is processed.
    pub fn reads_source(&self) -> bool {
        *self == Self::Default
    }

    /// True if only records of requested failures are taken from the source.
    pub fn looks_for_records(&self) -> bool {
        matches!(self, Self::FailuresOnly | Self::Selected(_, RequestedAction::Retry))
    }

    /// True if items are processed, not only prepared changes.
    pub fn brings_items(&self) -> bool {
        !matches!(self, Self::None | Self::Reprocess)
    }

    /// Returns the first requested key that has no failure.
    pub fn unknown(&self, book: &ProcessedIndex) -> Option<&Key> {
        match self {
            Self::Default | Self::None | Self::Reprocess | Self::FailuresOnly => None,
            Self::Selected(keys, _) => keys.iter().find(|key| book.tried(key).is_none()),
        }
    }

    /// Marks the failures to retry or skip in the index, and returns the rows to read.
    pub fn choose(&self, book: &mut ProcessedIndex) -> Vec<(Fingerprint, u32)> {
        match self {
            Self::Default => {}
            Self::None | Self::Reprocess => return Vec::new(),
            Self::FailuresOnly => {
                let skipped = book.failures().into_iter().filter(|(_, tried)| rests(tried)).map(|(key, _)| key);
                let skipped: HashSet<_> = skipped.collect();
                book.ask(RequestedAction::Retry, |key| !skipped.contains(&key));
            }
            Self::Selected(keys, answer) => {
                let wanted: HashSet<_> = keys.iter().map(Key::fingerprint).collect();
                book.ask(*answer, |key| wanted.contains(&key));
                let these = book.failures().into_iter().filter(|(key, _)| wanted.contains(key));
                return these.map(|(key, tried)| (key, tried.row)).collect();
            }
        }
        let all = book.failures();
        let asked = all.iter().filter(|(_, tried)| tried.asked.is_some());
        let open = all.iter().filter(|(key, tried)| {
            let waits = tried.asked.is_none() && tried.state == FailureState::Open;
            self.reads_source() && waits && !book.knows_print(*key)
        });
        asked.chain(open.take(MOST_KEPT)).map(|(key, tried)| (*key, tried.row)).collect()
    }
}

fn rests(tried: &PriorFailure) -> bool {
    tried.state == FailureState::Skipped && tried.asked != Some(RequestedAction::Retry)
}

/// One input of the run.
pub enum RunInput {
    /// The source was surveyed before its first record, to determine which records count.
    Surveyed(Box<SourceSurvey>),
    /// A record of the source, with its key and version if they could be read.
    Record(Record, Option<Identity>),
    /// The source is exhausted.
    SourceRead,
    /// Records with the same key were compared.
    Compared(RepeatedKeys),
    /// A failure and its kept record, identified anew; `None` if the record was too large to keep.
    Kept(Box<StoredFailure>, Option<Reread>),
    /// A prepared change.
    Errand(Box<ItemResult>),
    /// A result that an earlier run journalled on this machine.
    Result(Box<StepResult>),
}

/// A kept record with its key and version, or the reason why it is no record.
pub type Reread = Result<(Value, Identity), String>;

/// The merged inputs of a run.
pub struct InputQueue {
    identify: Arc<dyn Identify>,
    /// Records of the source whose keys are being looked up, in order.
    ahead: FuturesOrdered<BoxFuture<'static, RunInput>>,
    /// True if the last of those is an input after which the caller decides how the source
    /// continues.
    is_barred: bool,
    /// The source's error, returned after those.
    broken: Option<SourceError>,
    /// A failure whose record is being identified.
    reread: Option<BoxFuture<'static, RunInput>>,
    errands: VecDeque<ItemResult>,
    results: VecDeque<StepResult>,
    first: VecDeque<StoredFailure>,
    source: Option<SourcePasses>,
    left: VecDeque<StoredFailure>,
}

impl InputQueue {
    /// Creates the queue. Failures that the user has corrected or skipped come first, then the
    /// source, then failures that it did not yield: requested ones before open ones. Records beyond
    /// the memory limit are left to the next run; their number is returned.
    pub fn new(
        kept: Vec<StoredFailure>,
        source: Option<SourcePasses>,
        book: &ProcessedIndex,
        identify: Arc<dyn Identify>,
    ) -> (Self, usize) {
        let asked = |kept: &StoredFailure| book.tried(&kept.failure.key).and_then(|tried| tried.asked);
        let comes_first = |kept: &StoredFailure| kept.mended || asked(kept) == Some(RequestedAction::Skip);
        let (first, left): (Vec<_>, Vec<_>) = kept.into_iter().partition(comes_first);
        let (retried, open): (Vec<_>, Vec<_>) = left.into_iter().partition(|kept| asked(kept).is_some());
        let (mut chars, mut beyond) = (0, 0);
        let mut left = VecDeque::from(retried);
        for kept in open.into_iter().filter(|kept| kept.failure.kept) {
            chars += kept.failure.payload.iter().map(String::len).sum::<usize>();
            if chars > MOST_CHARS { beyond += 1 } else { left.push_back(kept) }
        }
        let feed = Self {
            identify,
            ahead: FuturesOrdered::new(),
            is_barred: false,
            broken: None,
            reread: None,
            errands: VecDeque::new(),
            results: VecDeque::new(),
            first: first.into(),
            source,
            left,
        };
        (feed, beyond)
    }

    /// Adds journalled results in front.
    #[must_use]
    pub fn after(mut self, results: Vec<StepResult>) -> Self {
        self.results = results.into();
        self
    }

    /// Adds prepared changes in front.
    #[must_use]
    pub fn after_errands(mut self, errands: Vec<ItemResult>) -> Self {
        self.errands = errands.into();
        self
    }

    /// Drops prepared row deletions.
    pub fn forget_removals(&mut self) {
        self.errands.retain(|errand| errand.removals().is_empty());
    }

    /// Returns the next input; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<RunInput>, SourceError> {
        if let Some(errand) = self.errands.pop_front() {
            return Ok(Some(RunInput::Errand(Box::new(errand))));
        }
        if let Some(result) = self.results.pop_front() {
            return Ok(Some(RunInput::Result(Box::new(result))));
        }
        if let Some(kept) = self.first.pop_front() {
            self.reread = Some(reread(kept, Arc::clone(&self.identify)));
        }
        if let Some(fed) = self.read_again().await {
            return Ok(Some(fed));
        }
        if let Some(fed) = self.of_source().await? {
            return Ok(Some(fed));
        }
        if let Some(kept) = self.left.pop_front() {
            self.reread = Some(reread(kept, Arc::clone(&self.identify)));
        }
        Ok(self.read_again().await)
    }

    /// Returns the failure whose record is being identified. The future stays here, so the caller
    /// may cancel at any point.
    async fn read_again(&mut self) -> Option<RunInput> {
        let fed = self.reread.as_mut()?.await;
        self.reread = None;
        Some(fed)
    }

    /// Returns the source's next input in order, and reads ahead up to the next barrier. The caller
    /// may cancel at any point.
    async fn of_source(&mut self) -> Result<Option<RunInput>, SourceError> {
        loop {
            let (waits, has_room) = (!self.ahead.is_empty(), self.ahead.len() < MOST_AHEAD && !self.is_barred);
            let Some(source) = self.source.as_mut().filter(|_| has_room) else {
                return match self.ahead.next().await {
                    Some(fed) => Ok(Some(self.handed_out(fed))),
                    None => self.broken.take().map_or(Ok(None), Err),
                };
            };
            let next_input = tokio::select! {
                biased;
                Some(fed) = self.ahead.next(), if waits => return Ok(Some(self.handed_out(fed))),
                next_input = source.next() => next_input,
            };
            let mut fed = match next_input {
                Ok(Some(NextRecord::Record(record))) => identified(record, Arc::clone(&self.identify)),
                Ok(Some(NextRecord::Surveyed(survey))) => self.barred(RunInput::Surveyed(survey)),
                Ok(Some(NextRecord::Read)) => self.barred(RunInput::SourceRead),
                Ok(Some(NextRecord::Compared(repeats))) => self.barred(RunInput::Compared(repeats)),
                Ok(None) => {
                    self.source = None;
                    continue;
                }
                Err(error) => {
                    (self.source, self.broken) = (None, Some(error));
                    continue;
                }
            };
            if !waits && let Some(fed) = (&mut fed).now_or_never() {
                return Ok(Some(self.handed_out(fed)));
            }
            self.ahead.push_back(fed);
        }
    }

    /// Makes a barrier: nothing is read beyond it until the caller has it and decides how the
    /// source continues.
    fn barred(&mut self, fed: RunInput) -> BoxFuture<'static, RunInput> {
        self.is_barred = true;
        std::future::ready(fed).boxed()
    }

    fn handed_out(&mut self, fed: RunInput) -> RunInput {
        if !matches!(fed, RunInput::Record(..)) {
            self.is_barred = false;
        }
        fed
    }

    /// Starts a comparison of records in one more pass over the source.
    pub fn compare(&mut self, comparison: Comparison) {
        if let Some(source) = &mut self.source {
            source.compare(comparison);
        }
    }

    /// Returns the units of the source that were read, and their total.
    pub fn progress(&self) -> Option<(u64, u64)> {
        self.source.as_ref().and_then(SourcePasses::progress)
    }
}

fn identified(record: Record, identify: Arc<dyn Identify>) -> BoxFuture<'static, RunInput> {
    find_key(record, identify, Extent::Whole).map(|(record, identity)| RunInput::Record(record, identity)).boxed()
}

fn reread(kept: StoredFailure, identify: Arc<dyn Identify>) -> BoxFuture<'static, RunInput> {
    async move {
        if !kept.failure.kept {
            return RunInput::Kept(Box::new(kept), None);
        }
        let again = match exact_number::parse(&kept.failure.payload.concat()) {
            Ok(body) => {
                let found = identify.identify(&body).await;
                Ok((body, found))
            }
            Err(error) => Err(format!("the kept record is no JSON: {error}")),
        };
        RunInput::Kept(Box::new(kept), Some(again))
    }
    .boxed()
}
