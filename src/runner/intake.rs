//! From a record to something that can be committed: identified, admitted, shaped; or a failure that is told.
//!
//! In scope: the book, the header, the counts and the cursor of one run. Out of scope: running steps (`runner::work`), committing.

use std::sync::Arc;

use serde_json::Value;

use crate::ledger::book::{Admission, Book, Tried};
use crate::ledger::columns::{Columns, Rejection, quote};
use crate::ledger::commit::Settled;
use crate::ledger::cursor::{LowWater, Place};
use crate::ledger::event::Event;
use crate::ledger::failure::{Failure, FailureState, failure_mark, payload_cells, shortened};
use crate::ledger::header::{Header, KeyColumn, choose_key_column};
use crate::ledger::item::{Item, Output, Position};
use crate::ledger::key::{Key, Version};
use crate::ledger::mode::Mode;
use crate::ledger::run::Counts;
use crate::ledger::shape::{row_of, shape};
use crate::port::source::Record;
use crate::port::step::{Identify, StepError};
use crate::runner::batch::Waiting;
use crate::runner::plan::Events;
use crate::runner::work::Worked;
use crate::time::Timestamp;

/// What a run takes in.
pub struct Intake {
    /// Keys and failures.
    pub book: Book,
    /// The data tab's columns.
    pub header: Header,
    /// The column that carries the key, once it is known.
    pub key_column: Option<KeyColumn>,
    /// The cursor.
    pub low: LowWater,
    /// Counts; `new` and `recovered` grow when a commit is applied.
    pub counts: Counts,
    /// Types of columns.
    pub columns: Columns,
    /// The key expression.
    pub key_expression: String,
    /// The data tab.
    pub tab: String,
    /// How rows come there.
    pub mode: Mode,
    /// The run's id.
    pub run: String,
    /// Finds keys.
    pub identify: Arc<dyn Identify>,
    /// Where events go.
    pub events: Events,
}

/// What becomes of a record.
pub enum Taken {
    /// It goes through the steps.
    Work(Item, Place),
    /// It is settled already and waits for a commit: a failure.
    Wait(Waiting),
    /// Nothing is left to do: it was done before, or failed in the same way before.
    Nothing,
}

/// An item that failed: what is told of it.
struct Failed<'a> {
    key: Key,
    version: Version,
    step: &'a str,
    error: String,
    record: &'a [u8],
    position: &'a Position,
}

impl Intake {
    /// Takes a record in.
    pub fn take(&mut self, record: Record, now: Timestamp) -> Taken {
        self.counts.read += 1;
        let Record { body, bytes, position, cursor } = record;
        let place = self.low.read(cursor);
        let body = match body {
            Ok(body) => body,
            Err(bad) => return self.nameless("source", bad.to_string(), &bytes, &position, place, now),
        };
        match self.identify.identify(&body) {
            Ok((key, version)) if !self.book.again().takes(&version) => {
                let error = format!(
                    "the version {} is neither a number nor a moment such as 2026-11-26T09:00:00Z; with order = \"newer\" it has to be one",
                    quote(&version.0)
                );
                let record = body.to_string();
                let record = record.as_bytes();
                let failed = Failed { key, version, step: "item", error, record, position: &position };
                self.fail(failed, 1, place, now).map_or(Taken::Nothing, Taken::Wait)
            }
            Ok((key, version)) => self.admit(Item { key, version, body, position }, place),
            Err(error) => {
                let bytes = body.to_string();
                self.nameless("item", error.to_string(), bytes.as_bytes(), &position, place, now)
            }
        }
    }

    /// Takes in what the steps made of an item: rows, or a failure. `None` when there is nothing to write.
    pub fn worked(&mut self, worked: Worked, now: Timestamp) -> Option<Waiting> {
        let Worked { item, place, result, retries } = worked;
        self.counts.retries += retries;
        if self.book.is_done(&item.key, &item.version) {
            // Somebody else did it while it was in the steps.
            self.counts.skipped += 1;
            self.low.settle(place);
            return None;
        }
        let (step, error) = match result {
            Ok(values) => match self.shaped(values, &item.key) {
                Ok(output) => return Some(self.done(item, place, output, now)),
                Err(rejection) => ("output".to_owned(), rejection.to_string()),
            },
            Err(failure) if failure.error == StepError::Cancelled => return None,
            Err(failure) => (failure.step, failure.error.to_string()),
        };
        let record = item.body.to_string();
        let Item { key, version, position, .. } = item;
        let failed = Failed { key, version, step: &step, error, record: record.as_bytes(), position: &position };
        self.fail(failed, retries + 1, place, now)
    }

    /// A commit was applied: its items are settled for good, and its keys are done. Returns the number of keys that became done.
    pub fn applied(&mut self, items: &[Waiting]) -> u64 {
        let mut keys = 0;
        for waiting in items {
            self.low.settle(waiting.place);
            if let Settled::Done { key, version, closes, .. } = &waiting.settled {
                keys += 1;
                self.counts.new += 1;
                self.book.done(key, version);
                if closes.is_some() {
                    self.counts.recovered += 1;
                    self.book.closed(key);
                }
            }
        }
        keys
    }

    /// Somebody else has settled these items meanwhile.
    pub fn passed_over(&mut self, items: &[Waiting]) {
        for waiting in items {
            self.low.settle(waiting.place);
            self.counts.skipped += u64::from(matches!(waiting.settled, Settled::Done { .. }));
        }
    }

    fn admit(&mut self, item: Item, place: Place) -> Taken {
        match self.book.admit(&item.key, &item.version) {
            Admission::Fresh | Admission::Changed | Admission::Again(_) => Taken::Work(item, place),
            Admission::Done | Admission::Twice => {
                self.counts.skipped += 1;
                self.low.settle(place);
                Taken::Nothing
            }
        }
    }

    fn shaped(&mut self, values: Vec<Value>, key: &Key) -> Result<Output, Rejection> {
        let column = match (&self.key_column, values.first()) {
            (Some(column), _) => column.clone(),
            (None, None) => return Ok(Output::default()),
            (None, Some(first)) => choose_key_column(&self.key_expression, &row_of(first.clone(), &self.columns)?, key),
        };
        if self.mode == Mode::Upsert && values.len() > 1 {
            let rows = values.len();
            return Err(Rejection(format!(
                "the steps make {rows} rows of this record, and mode = \"upsert\" keeps one row a key: make one row of it, or use \
                 mode = \"append\""
            )));
        }
        let mut rows = shape(values, key, &column, &self.columns)?;
        for row in &mut rows {
            self.header.admit(row)?;
        }
        self.key_column = Some(column);
        Ok(Output::of(self.tab.clone(), rows))
    }

    fn done(&mut self, item: Item, place: Place, output: Output, now: Timestamp) -> Waiting {
        let closes = self.book.tried(&item.key).map(|tried| {
            Box::new(Failure {
                key: item.key.clone(),
                version: item.version.clone(),
                step: String::new(),
                error: String::new(),
                attempts: tried.attempts + 1,
                first_seen: tried.first_seen,
                last_seen: now,
                run: self.run.clone(),
                state: FailureState::Recovered,
                place: item.position.to_string(),
                payload: Vec::new(),
            })
        });
        let known = self.book.knows(&item.key);
        Waiting { settled: Settled::Done { key: item.key, version: item.version, known, output, closes }, place }
    }

    fn nameless(
        &mut self,
        step: &str,
        error: String,
        record: &[u8],
        position: &Position,
        place: Place,
        now: Timestamp,
    ) -> Taken {
        let (key, version) = (Key::of_nameless(record), Version::default());
        match self.book.admit(&key, &version) {
            // The same unreadable bytes once more: as much a failure as the first, and told once.
            Admission::Twice | Admission::Done => {
                self.counts.failed += 1;
                self.low.settle(place);
                Taken::Nothing
            }
            _ => match self.fail(Failed { key, version, step, error, record, position }, 1, place, now) {
                Some(waiting) => Taken::Wait(waiting),
                None => Taken::Nothing,
            },
        }
    }

    /// An unchanged failure is counted, but not told in Failures again: its row is there.
    fn fail(&mut self, failed: Failed<'_>, tries: u64, place: Place, now: Timestamp) -> Option<Waiting> {
        let Failed { key, version, step, error, record, position } = failed;
        self.counts.failed += 1;
        let error = shortened(&error);
        let told = failure_mark(step, &error);
        let before = self.book.tried(&key);
        let attempts = before.map_or(0, |tried| tried.attempts) + tries;
        let first_seen = before.map_or(now, |tried| tried.first_seen);
        let unchanged = self.book.tells(&key, &version, told);
        let mark = self.book.again().mark(&version);
        self.book.failed(&key, Tried { attempts, first_seen, version: mark, error: told });
        let event = Event::ItemFailed {
            key: key.clone(),
            place: position.to_string(),
            step: step.to_owned(),
            error: error.clone(),
        };
        (self.events)(event);
        if unchanged {
            self.low.settle(place);
            return None;
        }
        let at = position.to_string();
        let (payload, kept) = payload_cells(record, &at);
        let failure = Failure {
            key,
            version,
            step: step.to_owned(),
            error,
            attempts,
            first_seen,
            last_seen: now,
            run: self.run.clone(),
            state: if kept { FailureState::Open } else { FailureState::Unkept },
            place: at,
            payload,
        };
        Some(Waiting { settled: Settled::Failed(Box::new(failure)), place })
    }
}
