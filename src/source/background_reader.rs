//! Reads and parses an input on a thread that may block, and hands its records over.
//!
//! In scope: the thread, batches, the header row before the first record. Out of scope: opening
//! (`source::bytes::input`), parsing (`source::csv`, `source::json`, `source::json::json_lines`).
//!
//! A file is read in small batches on the runtime's blocking pool, one batch ahead of the consumer.
//! Standard input and pipes have a thread of their own, which may block for ever without delaying
//! the end of the process. It sends through a bounded channel, so that a fast writer is slowed
//! down.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::port::source::{HeaderRow, Record, Source, SourceError};
use crate::source::bytes::input::{OpenInput, describe_stopped_reader};
use crate::source::path_selection::RecordDepth;

/// Records per batch from a file. Of a file with fewer records the first batch shows how many.
const BATCH_RECORDS: usize = 2_048;
/// A batch from a file is complete once it was made from this many bytes.
const BATCH_BYTES: u64 = 1 << 20;
/// Records that the channel from standard input holds.
const CHANNEL_RECORDS: usize = 256;

/// Parses bytes into records, on the reading thread. After an error there is no next record.
pub(crate) trait Records: Send {
    /// Returns the next record; `None` at the end.
    fn next(&mut self) -> Result<Option<Record>, SourceError>;

    /// Returns what is known about all records before the first one.
    fn begin(&mut self) -> Result<Option<HeaderRow>, SourceError> {
        Ok(None)
    }
}

type RecordBatch = (Vec<Record>, Result<bool, SourceError>);
/// The records and the header row, or why there are none.
type OpenedRecords = Result<(Box<dyn Records>, Option<HeaderRow>), SourceError>;

/// What a reading thread sends.
enum ReaderMessage {
    Begun(Option<HeaderRow>),
    Record(Record),
}

/// Creates the parser for an input of this name, at this depth.
type ParserMaker = Box<dyn Fn(String, Box<dyn Read + Send>, RecordDepth) -> Box<dyn Records> + Send>;

/// A source that reads on another thread.
pub struct BackgroundReader {
    opened: OpenInput,
    make: ParserMaker,
    /// The depth of the first of two readings; `None` if there is one reading.
    twice: Option<RecordDepth>,
    is_file: bool,
    feed: ReadState,
    ready: std::vec::IntoIter<Record>,
    /// Records of this reading that were received in batches.
    received: u64,
    /// Bytes read before this reading began, and when its last batch was received.
    bytes: (u64, u64),
    /// The furthest progress that was returned: each batch corrects the estimate, and it never goes
    /// back.
    furthest: AtomicU64,
    ended: Option<Result<(), SourceError>>,
    header_row: Option<HeaderRow>,
    /// Whether the header row of a pipe was received.
    has_asked: bool,
}

enum ReadState {
    Unread,
    Idle(Box<dyn Records>),
    Begin(JoinHandle<OpenedRecords>),
    Batch(JoinHandle<(Box<dyn Records>, RecordBatch)>),
    Channel(mpsc::Receiver<Result<ReaderMessage, SourceError>>),
    /// The reading thread could not be started; holds the reason.
    NoThread(String),
    Done,
}

impl BackgroundReader {
    /// Creates a source of the records that `make` parses from an input.
    pub(crate) fn new(
        opened: OpenInput,
        make: impl Fn(String, Box<dyn Read + Send>, RecordDepth) -> Box<dyn Records> + Send + 'static,
    ) -> Self {
        let (is_file, ready) = (opened.size.is_some(), Vec::new().into_iter());
        Self {
            opened,
            make: Box::new(make),
            twice: None,
            is_file,
            feed: ReadState::Unread,
            ready,
            received: 0,
            bytes: (0, 0),
            furthest: AtomicU64::new(0),
            ended: None,
            header_row: None,
            has_asked: false,
        }
    }

    /// Returns the same source, to be read twice: first at `depth`, and in full after it was
    /// rewound.
    #[must_use]
    pub fn read_twice(self, depth: RecordDepth) -> Self {
        Self { twice: Some(depth), ..self }
    }

    fn begin(&mut self) -> Result<(), SourceError> {
        let depth = self.twice.clone().unwrap_or_default();
        if self.twice.is_some() {
            self.opened.spool_bytes()?;
        }
        let reader = self.opened.open_reader()?;
        self.feed = ReadState::Idle((self.make)(self.opened.name.clone(), reader, depth));
        Ok(())
    }

    fn restart(&mut self) -> Result<(), SourceError> {
        let reader = self.opened.open_reader()?;
        // The copy of standard input is a file by now, and its size is known.
        self.opened.size.get_or_insert(self.opened.read.load(Ordering::Relaxed));
        self.feed = ReadState::Idle((self.make)(self.opened.name.clone(), reader, RecordDepth::Whole));
        (self.ready, self.ended) = (Vec::new().into_iter(), None);
        (self.received, self.bytes) = (0, (self.bytes.1, self.bytes.1));
        Ok(())
    }

    async fn advance(&mut self) -> Result<Option<Record>, SourceError> {
        loop {
            if let Some(record) = self.ready.next() {
                return Ok(Some(record));
            }
            if let Some(ended) = &self.ended {
                return ended.clone().map(|()| None);
            }
            self.refill().await;
        }
    }

    async fn read_header_row(&mut self) -> Option<HeaderRow> {
        while matches!(self.feed, ReadState::Unread | ReadState::Idle(_) | ReadState::Begin(_)) && self.ended.is_none()
        {
            self.refill().await;
        }
        if let ReadState::Channel(channel) = &mut self.feed
            && !self.has_asked
        {
            // What comes first is the header row; a caller may ask for it again.
            let first = channel.recv().await;
            self.has_asked = true;
            match first {
                Some(Ok(ReaderMessage::Begun(header_row))) => self.header_row = header_row,
                Some(Ok(ReaderMessage::Record(record))) => self.ready = vec![record].into_iter(),
                Some(Err(error)) => self.ended = Some(Err(error)),
                None => self.ended = Some(Ok(())),
            }
        }
        self.header_row.clone()
    }

    /// Receives more records, or the end. The pending state stays in `self`, so that a caller may
    /// cancel at any point.
    async fn refill(&mut self) {
        if let ReadState::Unread = &self.feed
            && let Err(error) = self.begin()
        {
            self.ended = Some(Err(error));
            return;
        }
        if let ReadState::Idle(_) = &self.feed
            && let ReadState::Idle(records) = std::mem::replace(&mut self.feed, ReadState::Done)
        {
            self.feed =
                if self.opened.size.is_some() { ReadState::Begin(begin(records)) } else { start_reader(records) };
            return;
        }
        match &mut self.feed {
            ReadState::Begin(begun) => {
                let done = begun.await;
                self.feed = ReadState::Done;
                match done {
                    Ok(Ok((records, header_row))) => {
                        self.header_row = header_row;
                        self.feed = ReadState::Batch(read_batch(records));
                    }
                    Ok(Err(error)) => self.ended = Some(Err(error)),
                    Err(_) => self.ended = Some(Err(describe_stopped_reader())),
                }
            }
            ReadState::Batch(batch) => {
                let done = batch.await;
                self.feed = ReadState::Done;
                self.bytes.1 = self.opened.read.load(Ordering::Relaxed);
                if let Ok((_, (ready, _))) = &done {
                    self.received += ready.len() as u64;
                }
                match done {
                    Ok((records, (ready, Ok(true)))) => {
                        self.ready = ready.into_iter();
                        self.feed = ReadState::Batch(read_batch(records));
                    }
                    Ok((_, (ready, end))) => {
                        self.ready = ready.into_iter();
                        self.ended = Some(end.map(|_| ()));
                    }
                    Err(_) => self.ended = Some(Err(describe_stopped_reader())),
                }
            }
            ReadState::Channel(channel) => match channel.recv().await {
                Some(Ok(ReaderMessage::Record(record))) => self.ready = vec![record].into_iter(),
                Some(Ok(ReaderMessage::Begun(header_row))) => self.header_row = header_row,
                Some(Err(error)) => self.ended = Some(Err(error)),
                None => self.ended = Some(Ok(())),
            },
            // An end without an error would look like an empty source.
            ReadState::NoThread(why) => self.ended = Some(Err(describe_thread_error(why))),
            ReadState::Unread | ReadState::Idle(_) | ReadState::Done => {
                self.ended = Some(Err(describe_stopped_reader()));
            }
        }
    }
}

/// Returns the part of `whole` that `count` is of `all`.
fn compute_part(whole: u64, count: u64, all: u64) -> u64 {
    let part = (u128::from(whole) * u128::from(count)).checked_div(u128::from(all));
    part.map_or(whole, |part| u64::try_from(part).unwrap_or(whole))
}

fn describe_thread_error(why: &str) -> SourceError {
    let why = format!("no thread could be had to read it: {why}");
    SourceError::Unavailable { what: "the source".into(), why }
}

fn begin(mut records: Box<dyn Records>) -> JoinHandle<OpenedRecords> {
    spawn_blocking(move || {
        let header_row = records.begin()?;
        Ok((records, header_row))
    })
}

fn read_batch(mut records: Box<dyn Records>) -> JoinHandle<(Box<dyn Records>, RecordBatch)> {
    spawn_blocking(move || {
        let batch = fill(records.as_mut());
        (records, batch)
    })
}

/// Returns a batch, and whether more may follow.
fn fill(records: &mut dyn Records) -> RecordBatch {
    let mut batch = Vec::new();
    let mut bytes = 0;
    while batch.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
        match records.next() {
            Ok(Some(record)) => {
                bytes += estimate_size(&record);
                batch.push(record);
            }
            Ok(None) => return (batch, Ok(false)),
            Err(error) => return (batch, Err(error)),
        }
    }
    (batch, Ok(true))
}

/// Estimates the size of a record in memory.
fn estimate_size(record: &Record) -> u64 {
    fn estimate_size(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::String(text) => 32 + text.len(),
            serde_json::Value::Array(items) => 32 + items.iter().map(estimate_size).sum::<usize>(),
            serde_json::Value::Object(members) => {
                members.iter().map(|(name, value)| 64 + name.len() + estimate_size(value)).sum()
            }
            _ => 32,
        }
    }
    (record.bytes.len() + record.body.as_ref().map_or(0, estimate_size)) as u64
}

fn start_reader(mut records: Box<dyn Records>) -> ReadState {
    let (sender, receiver) = mpsc::channel(CHANNEL_RECORDS);
    let spawned = std::thread::Builder::new().name("source".into()).spawn(move || {
        let begun = records.begin().map(ReaderMessage::Begun);
        let mut last = begun.is_err();
        last |= sender.blocking_send(begun).is_err();
        while !last && let Some(next) = records.next().transpose() {
            let next = next.map(ReaderMessage::Record);
            last = next.is_err();
            // The send fails once the receiver is dropped.
            last |= sender.blocking_send(next).is_err();
        }
    });
    match spawned {
        Ok(_) => ReadState::Channel(receiver),
        Err(error) => ReadState::NoThread(error.to_string()),
    }
}

impl Source for BackgroundReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        Box::pin(self.advance())
    }

    fn header_row(&mut self) -> BoxFuture<'_, Option<HeaderRow>> {
        Box::pin(self.read_header_row())
    }

    fn is_rereadable(&self) -> bool {
        self.is_file
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.restart()
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.opened.facts.take_notes()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        let all = self.opened.size?.saturating_mul(1 + u64::from(self.twice.is_some()));
        let (before, now) = self.bytes;
        // What was read in advance is not processed yet: records count, in proportion to the bytes.
        let waiting = self.ready.len() as u64;
        let is_all_read = now >= all.min(before.saturating_add(self.opened.size?));
        let more = if is_all_read && self.ended.is_none() { BATCH_RECORDS as u64 } else { 0 };
        let share = compute_part(now.saturating_sub(before), self.received - waiting, self.received + more);
        let estimate = before.saturating_add(share).min(all);
        Some((self.furthest.fetch_max(estimate, Ordering::Relaxed).max(estimate), all))
    }
}

#[cfg(test)]
mod tests;
