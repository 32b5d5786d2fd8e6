//! What a run takes in, in order: results of an earlier run, failures that somebody asks for, the source, and failures that the source yields no more.
//!
//! In scope: which failures are read, their order among the records. Out of scope: what becomes of them (`runner::intake`), reading
//! them (`port::store`).

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesOrdered, StreamExt};
use serde_json::Value;

use crate::ledger::book::{Book, Tried};
use crate::ledger::commit::Settled;
use crate::ledger::failure::{Answer, FailureState, Kept};
use crate::ledger::journal::StepResult;
use crate::ledger::key::{Fingerprint, Key};
use crate::port::source::{Record, Source, SourceError};
use crate::port::step::{Identify, Identity};

/// Failures that are read of their own accord in one run; a run that is asked for them reads them all.
pub const MOST_KEPT: usize = 600;
/// Records of the source whose key is being found at once, where that takes a while.
const MOST_AHEAD: usize = 128;
/// Characters of records that wait in memory.
const MOST_CHARS: usize = 32 << 20;

/// Which failures a run tries, and whether anything else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Retrying {
    /// The source, and the failures that are open or asked for.
    #[default]
    Usual,
    /// Neither the source nor any failure.
    Nothing,
    /// Nothing either; what is forgotten beside belongs to a forced run, which is noted in the state until it has come to its end.
    Forcing,
    /// All failures that are not to be left alone, and not the source.
    Only,
    /// These failures, and not the source.
    These(Vec<Key>, Answer),
}

impl Retrying {
    /// Whether the source is read.
    pub fn reads_source(&self) -> bool {
        *self == Self::Usual
    }

    /// Whether items are brought at all, or only what was worked out beforehand.
    pub fn brings_items(&self) -> bool {
        !matches!(self, Self::Nothing | Self::Forcing)
    }

    /// The first of the failures that are asked for that is none.
    pub fn unknown(&self, book: &Book) -> Option<&Key> {
        match self {
            Self::Usual | Self::Nothing | Self::Forcing | Self::Only => None,
            Self::These(keys, _) => keys.iter().find(|key| book.tried(key).is_none()),
        }
    }

    /// Asks in the book for what is to be tried or left alone, and tells which rows are to be read.
    pub fn choose(&self, book: &mut Book) -> Vec<(Fingerprint, u32)> {
        match self {
            Self::Usual => {}
            Self::Nothing | Self::Forcing => return Vec::new(),
            Self::Only => {
                let skipped = book.failures().into_iter().filter(|(_, tried)| rests(tried)).map(|(key, _)| key);
                let skipped: HashSet<_> = skipped.collect();
                book.ask(Answer::Retry, |key| !skipped.contains(&key));
            }
            Self::These(keys, answer) => {
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

fn rests(tried: &Tried) -> bool {
    tried.state == FailureState::Skipped && tried.asked != Some(Answer::Retry)
}

/// One thing to be taken in.
pub enum Fed {
    /// A record of the source, and its key and version if it could be read.
    Record(Record, Option<Identity>),
    /// A failure, and what its kept record is now; none where it was too large to be kept.
    Kept(Box<Kept>, Option<Reread>),
    /// Something that was worked out beforehand.
    Errand(Box<Settled>),
    /// A result that an earlier run kept on this machine.
    Result(Box<StepResult>),
}

/// A kept record with its key and version; an error says why it is no record.
pub type Reread = Result<(Value, Identity), String>;

/// What a run takes in.
pub struct Feed {
    identify: Arc<dyn Identify>,
    /// Records of the source whose keys are being found, in order.
    ahead: FuturesOrdered<BoxFuture<'static, Fed>>,
    /// Why the source can't go on, once those are taken in.
    broken: Option<SourceError>,
    /// A failure whose record is being read.
    reread: Option<BoxFuture<'static, Fed>>,
    errands: VecDeque<Settled>,
    results: VecDeque<StepResult>,
    asked: VecDeque<Kept>,
    source: Option<Box<dyn Source>>,
    left: VecDeque<Kept>,
}

impl Feed {
    /// What somebody asks for or has mended comes first, and what only was open last: most of it the source yields again. Records
    /// beyond what memory is for are left to the next run; the number of these comes with it.
    pub fn new(
        kept: Vec<Kept>,
        source: Option<Box<dyn Source>>,
        book: &Book,
        identify: Arc<dyn Identify>,
    ) -> (Self, usize) {
        let is_asked = |kept: &Kept| book.tried(&kept.failure.key).is_some_and(|tried| tried.asked.is_some());
        let (asked, left): (Vec<_>, Vec<_>) = kept.into_iter().partition(|kept| kept.mended || is_asked(kept));
        let mut chars = 0;
        let (mut feed, mut beyond) = (
            Self {
                identify,
                ahead: FuturesOrdered::new(),
                broken: None,
                reread: None,
                errands: VecDeque::new(),
                results: VecDeque::new(),
                asked: asked.into(),
                source,
                left: VecDeque::new(),
            },
            0,
        );
        for kept in left.into_iter().filter(|kept| kept.failure.kept) {
            chars += kept.failure.payload.iter().map(String::len).sum::<usize>();
            if chars > MOST_CHARS { beyond += 1 } else { feed.left.push_back(kept) }
        }
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
    pub fn after_errands(mut self, errands: Vec<Settled>) -> Self {
        self.errands = errands.into();
        self
    }

    /// Rows that were to be taken out are left where they are.
    pub fn forget_removals(&mut self) {
        self.errands.retain(|errand| errand.removals().is_empty());
    }

    /// The next thing; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Fed>, SourceError> {
        if let Some(errand) = self.errands.pop_front() {
            return Ok(Some(Fed::Errand(Box::new(errand))));
        }
        if let Some(result) = self.results.pop_front() {
            return Ok(Some(Fed::Result(Box::new(result))));
        }
        if let Some(kept) = self.asked.pop_front() {
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
    async fn read_again(&mut self) -> Option<Fed> {
        let fed = self.reread.as_mut()?.await;
        self.reread = None;
        Some(fed)
    }

    /// The next record of the source, in its order; others are read meanwhile. A caller may stop waiting at any point.
    async fn of_source(&mut self) -> Result<Option<Fed>, SourceError> {
        loop {
            let (waits, has_room) = (!self.ahead.is_empty(), self.ahead.len() < MOST_AHEAD);
            let Some(source) = self.source.as_mut().filter(|_| has_room) else {
                return match self.ahead.next().await {
                    Some(fed) => Ok(Some(fed)),
                    None => self.broken.take().map_or(Ok(None), Err),
                };
            };
            let read = tokio::select! {
                biased;
                Some(fed) = self.ahead.next(), if waits => return Ok(Some(fed)),
                read = source.next() => read,
            };
            match read {
                Ok(Some(record)) => {
                    let mut fed = identified(record, Arc::clone(&self.identify));
                    if !waits && let Some(fed) = (&mut fed).now_or_never() {
                        return Ok(Some(fed));
                    }
                    self.ahead.push_back(fed);
                }
                Ok(None) => self.source = None,
                Err(error) => (self.source, self.broken) = (None, Some(error)),
            }
        }
    }

    /// How far the source is, in units read and in all.
    pub fn progress(&self) -> Option<(u64, u64)> {
        self.source.as_ref().and_then(|source| source.progress())
    }
}

fn identified(record: Record, identify: Arc<dyn Identify>) -> BoxFuture<'static, Fed> {
    async move {
        let identity = match &record.body {
            Ok(body) => Some(identify.identify(body).await),
            Err(_) => None,
        };
        Fed::Record(record, identity)
    }
    .boxed()
}

fn reread(kept: Kept, identify: Arc<dyn Identify>) -> BoxFuture<'static, Fed> {
    async move {
        if !kept.failure.kept {
            return Fed::Kept(Box::new(kept), None);
        }
        let again = match serde_json::from_str::<Value>(&kept.failure.payload.concat()) {
            Ok(body) => {
                let identity = identify.identify(&body).await;
                Ok((body, identity))
            }
            Err(error) => Err(format!("the kept record is no JSON: {error}")),
        };
        Fed::Kept(Box::new(kept), Some(again))
    }
    .boxed()
}
