//! What a run takes in, in order: results of an earlier run, failures that somebody has mended, the source, and failures that the source
//! yields no more.
//!
//! In scope: which failures are read, their order among the records. Out of scope: what becomes of them (`runner::intake`), reading
//! them (`port::store`).

use std::collections::{HashSet, VecDeque};

use crate::ledger::book::{Book, Tried};
use crate::ledger::commit::Settled;
use crate::ledger::failure::{Answer, FailureState, Kept};
use crate::ledger::journal::StepResult;
use crate::ledger::key::{Fingerprint, Key};
use crate::ledger::repeats::{Comparison, Repeats};
use crate::ledger::survey::Survey;
use crate::port::source::{Record, SourceError};
use crate::runner::passes::{Drawn, Passes};

/// Failures that are read of their own accord in one run; a run that is asked for them reads them all.
pub const MOST_KEPT: usize = 600;
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
    /// All failures that are not to be left alone; of the source only their records.
    Only,
    /// These failures; of the source only their records.
    These(Vec<Key>, Answer),
}

impl Retrying {
    /// Whether the source is read.
    pub fn reads_source(&self) -> bool {
        *self == Self::Usual
    }

    /// Whether only the records of failures that are asked for are taken from the source.
    pub fn looks_for_records(&self) -> bool {
        matches!(self, Self::Only | Self::These(_, Answer::Retry))
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
    /// The source was read through before its first record, to see which of them count.
    Surveyed(Box<Survey>),
    /// A record of the source.
    Record(Record),
    /// The source has no further record.
    SourceRead,
    /// Records of one key were compared.
    Compared(Repeats),
    /// A failure.
    Kept(Box<Kept>),
    /// Something that was worked out beforehand.
    Errand(Box<Settled>),
    /// A result that an earlier run kept on this machine.
    Result(Box<StepResult>),
}

/// What a run takes in.
pub struct Feed {
    errands: VecDeque<Settled>,
    results: VecDeque<StepResult>,
    first: VecDeque<Kept>,
    source: Option<Passes>,
    left: VecDeque<Kept>,
}

impl Feed {
    /// What somebody has mended, or says is to be left alone, comes first; then the source; and then failures of which it has not yielded the
    /// record, those that are asked for before those that only were open. Records beyond what memory is for are left to the next run; the
    /// number of these comes with it.
    pub fn new(kept: Vec<Kept>, source: Option<Passes>, book: &Book) -> (Self, usize) {
        let asked = |kept: &Kept| book.tried(&kept.failure.key).and_then(|tried| tried.asked);
        let comes_first = |kept: &Kept| kept.mended || asked(kept) == Some(Answer::Skip);
        let (first, left): (Vec<_>, Vec<_>) = kept.into_iter().partition(comes_first);
        let (retried, open): (Vec<_>, Vec<_>) = left.into_iter().partition(|kept| asked(kept).is_some());
        let (mut chars, mut beyond) = (0, 0);
        let mut left = VecDeque::from(retried);
        for kept in open.into_iter().filter(|kept| kept.failure.kept) {
            chars += kept.failure.payload.iter().map(String::len).sum::<usize>();
            if chars > MOST_CHARS { beyond += 1 } else { left.push_back(kept) }
        }
        (Self { errands: VecDeque::new(), results: VecDeque::new(), first: first.into(), source, left }, beyond)
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
        if let Some(kept) = self.first.pop_front() {
            return Ok(Some(Fed::Kept(Box::new(kept))));
        }
        if let Some(source) = &mut self.source {
            if let Some(drawn) = source.next().await? {
                return Ok(Some(match drawn {
                    Drawn::Surveyed(survey) => Fed::Surveyed(survey),
                    Drawn::Record(record) => Fed::Record(record),
                    Drawn::Read => Fed::SourceRead,
                    Drawn::Compared(repeats) => Fed::Compared(repeats),
                }));
            }
            self.source = None;
        }
        Ok(self.left.pop_front().map(|kept| Fed::Kept(Box::new(kept))))
    }

    /// Records of the source are to be compared, which was read.
    pub fn compare(&mut self, comparison: Comparison) {
        if let Some(source) = &mut self.source {
            source.compare(comparison);
        }
    }

    /// How far the source is, in units read and in all.
    pub fn progress(&self) -> Option<(u64, u64)> {
        self.source.as_ref().and_then(Passes::progress)
    }
}
