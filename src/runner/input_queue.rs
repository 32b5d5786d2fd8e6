//! What a run takes in, in order: results of an earlier run, failures that somebody has mended, the source, and failures that the source
//! yields no more.
//!
//! In scope: which failures are read, their order among the records. Out of scope: what becomes of them (`runner::intake`), reading
//! them (`port::store`).

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

/// Failures that are read of their own accord in one run; a run that is asked for them reads them all.
pub const MOST_KEPT: usize = 600;
/// Records of the source whose key is being found at once, where that takes a while.
const MOST_AHEAD: usize = 128;
/// Characters of records that wait in memory.
const MOST_CHARS: usize = 32 << 20;

/// Which failures a run tries, and whether anything else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RetryScope {
    /// The source, and the failures that are open or asked for.
    #[default]
    Default,
    /// Neither the source nor any failure.
    None,
    /// Nothing either; what is forgotten beside belongs to a forced run, which is noted in the state until it has come to its end.
    Reprocess,
    /// All failures that are not to be left alone; of the source only their records.
    FailuresOnly,
    /// These failures; of the source only their records.
    Selected(Vec<Key>, RequestedAction),
}

impl RetryScope {
    /// Whether the source is read.
    pub fn reads_source(&self) -> bool {
        *self == Self::Default
    }

    /// Whether only the records of failures that are asked for are taken from the source.
    pub fn looks_for_records(&self) -> bool {
        matches!(self, Self::FailuresOnly | Self::Selected(_, RequestedAction::Retry))
    }

    /// Whether items are brought at all, or only what was worked out beforehand.
    pub fn brings_items(&self) -> bool {
        !matches!(self, Self::None | Self::Reprocess)
    }

    /// The first of the failures that are asked for that is none.
    pub fn unknown(&self, book: &ProcessedIndex) -> Option<&Key> {
        match self {
            Self::Default | Self::None | Self::Reprocess | Self::FailuresOnly => None,
            Self::Selected(keys, _) => keys.iter().find(|key| book.tried(key).is_none()),
        }
    }

    /// Asks in the book for what is to be tried or left alone, and tells which rows are to be read.
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

/// One thing to be taken in.
pub enum RunInput {
    /// The source was read through before its first record, to see which of them count.
    Surveyed(Box<SourceSurvey>),
    /// A record of the source, and its key and version if it could be read.
    Record(Record, Option<Identity>),
    /// The source has no further record.
    SourceRead,
    /// Records of one key were compared.
    Compared(RepeatedKeys),
    /// A failure, and what its kept record is now; none where it was too large to be kept.
    Kept(Box<StoredFailure>, Option<Reread>),
    /// Something that was worked out beforehand.
    Errand(Box<ItemResult>),
    /// A result that an earlier run kept on this machine.
    Result(Box<StepResult>),
}

/// A kept record with its key and version; an error says why it is no record.
pub type Reread = Result<(Value, Identity), String>;

/// What a run takes in.
pub struct InputQueue {
    identify: Arc<dyn Identify>,
    /// Records of the source whose keys are being found, in order.
    ahead: FuturesOrdered<BoxFuture<'static, RunInput>>,
    /// Whether the last of those is something after which the caller says how the source goes on.
    is_barred: bool,
    /// Why the source can't go on, once those are taken in.
    broken: Option<SourceError>,
    /// A failure whose record is being read.
    reread: Option<BoxFuture<'static, RunInput>>,
    errands: VecDeque<ItemResult>,
    results: VecDeque<StepResult>,
    first: VecDeque<StoredFailure>,
    source: Option<SourcePasses>,
    left: VecDeque<StoredFailure>,
}

impl InputQueue {
    /// What somebody has mended, or says is to be left alone, comes first; then the source; and then failures of which it has not yielded the
    /// record, those that are asked for before those that only were open. Records beyond what memory is for are left to the next run; the
    /// number of these comes with it.
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

    /// The same, after these results.
    #[must_use]
    pub fn after(mut self, results: Vec<StepResult>) -> Self {
        self.results = results.into();
        self
    }

    /// The same, after these errands.
    #[must_use]
    pub fn after_errands(mut self, errands: Vec<ItemResult>) -> Self {
        self.errands = errands.into();
        self
    }

    /// Rows that were to be taken out are left where they are.
    pub fn forget_removals(&mut self) {
        self.errands.retain(|errand| errand.removals().is_empty());
    }

    /// The next thing; `None` at the end.
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

    /// The failure whose record is being read. What it waits for stays here, so that a caller may stop waiting at any point.
    async fn read_again(&mut self) -> Option<RunInput> {
        let fed = self.reread.as_mut()?.await;
        self.reread = None;
        Some(fed)
    }

    /// What the source yields next, in its order; further records are read meanwhile, up to where something else comes. A caller may stop
    /// waiting at any point.
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

    /// Something after which the caller says how the source goes on: nothing is read beyond it before it is handed out.
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

    /// Records of the source are to be compared, which was read.
    pub fn compare(&mut self, comparison: Comparison) {
        if let Some(source) = &mut self.source {
            source.compare(comparison);
        }
    }

    /// How far the source is, in units read and in all.
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
