//! The spreadsheet as a store: load, look, and one guarded batch.
//!
//! In scope: the order of calls, what is known of the place between them, the proof of the guard.
//! Out of scope: the guard itself (`store::guard`), cells (`store::encode`, `store::load`), HTTP (`google`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::fault::Fault;
use crate::google::address::SpreadsheetId;
use crate::google::body::Batch;
use crate::google::error::{CallError, Cause, Refusal};
use crate::google::shape::Metadata;
use crate::google::sheets::{Reply as Answer, Sheets};
use crate::ledger::book::Book;
use crate::ledger::commit::{Commit, HeadId, Kind, Part, Reply};
use crate::ledger::judge::Sighting;
use crate::ledger::record::{FAILURES, PROCESSED, RUNS, read_state};
use crate::ledger::snapshot::{Blemish, Check, LoadCheck, Loaded, Reading, Snapshot, State};
use crate::port::clock::Clock;
use crate::port::store::{Store, StoreError, Usage};
use crate::store::encode::{encode, touch};
use crate::store::guard::{self, Form, NameSeen, Op, Place, Proof, Proved, TabSeen};
use crate::store::layout::{Notes, RUNS_TITLE, Tab, Tabs};
use crate::store::load;
use crate::time::Timestamp;

/// Times that one probe of the proof is sent when its answer is lost; it writes nothing but a scratch cell.
const PROBE_SENDS: u32 = 3;

/// A job's place on one spreadsheet.
pub struct SheetsStore {
    sheets: Arc<Sheets>,
    id: SpreadsheetId,
    job: String,
    data_tab: String,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
}

/// What is known of the place: as of the last load, look or applied commit.
#[derive(Debug, Clone)]
struct Known {
    place: Option<Place>,
    proof: Proof,
    tabs: Tabs,
    drafts: Vec<Draft>,
}

/// A batch as it was first sent, and what will be known once it is applied. A commit that is sent again is sent from here, so
/// that it is the same to the letter.
#[derive(Debug, Clone)]
struct Draft {
    id: HeadId,
    batch: Arc<Batch>,
    parts: Arc<[Part]>,
    ops: Arc<HashMap<usize, Op>>,
    place: Place,
    proof: Proof,
    tabs: Tabs,
}

/// Drafts that are remembered.
const MAX_DRAFTS: usize = 4;

impl SheetsStore {
    /// The place of `job`, whose rows go to `data_tab`, on this spreadsheet.
    pub fn new(sheets: Arc<Sheets>, id: SpreadsheetId, job: &str, data_tab: &str, clock: Arc<dyn Clock>) -> Self {
        let known = Known { place: None, proof: Proof::Open, tabs: Tabs::default(), drafts: Vec::new() };
        Self { sheets, id, job: job.to_owned(), data_tab: data_tab.to_owned(), clock, known: Mutex::new(known) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn metadata(&self) -> Result<Metadata, StoreError> {
        self.sheets.metadata(&self.id).await.map_err(|error| unreadable(&error))
    }

    async fn values(&self, ranges: &[String]) -> Result<Vec<Vec<Vec<serde_json::Value>>>, StoreError> {
        self.sheets.values(&self.id, ranges).await.map_err(|error| unreadable(&error))
    }

    fn service_time(&self) -> Timestamp {
        let now_ms = self.clock.monotonic_ms();
        self.sheets
            .service_time()
            .map_or_else(|| self.clock.now(), |(at, seen_ms)| at.plus(now_ms.saturating_sub(seen_ms)))
    }

    async fn load_whole(&self) -> Result<Loaded, StoreError> {
        let mut check = LoadCheck::default();
        loop {
            let metadata = self.metadata().await?;
            let (sighting, place) = guard::sight(&self.job, &tabs_of(&metadata), &names_of(&metadata));
            let place = match (sighting, place) {
                (Sighting::Virgin, _) => return self.load_nothing(&metadata).await,
                (Sighting::At { .. }, Some(place)) => place,
                _ => return Err(head_gone(&self.job)),
            };
            let read = self.read(&metadata, &place).await?;
            let reading = Reading { head: read.state.head, said: read.state.processed, found: read.found };
            match check.check(place.head, reading, self.clock.monotonic_ms()) {
                Check::Whole => return Ok(self.loaded(&metadata, place, read, None)),
                Check::Edited => {
                    let (said, found) = (reading.said.count, reading.found.count);
                    let message = format!(
                        "tab Processed {}: {found} rows are there and {said} were written: somebody edited it; keys whose rows \
                         are gone will be processed again",
                        self.job
                    );
                    return Ok(self.loaded(&metadata, place, read, Some(Blemish { message, blocking: false })));
                }
                Check::Again { after_ms } => self.clock.sleep(Duration::from_millis(after_ms)).await,
                Check::Torn => return Err(torn()),
            }
        }
    }

    /// A spreadsheet on which the job has never run.
    async fn load_nothing(&self, metadata: &Metadata) -> Result<Loaded, StoreError> {
        let data = metadata.tabs.iter().find(|tab| tab.title == self.data_tab);
        let runs = metadata.tabs.iter().find(|tab| tab.title == RUNS_TITLE);
        let others: Vec<_> = match data {
            Some(_) => metadata.tabs.iter().filter(|tab| guard::read_title(&tab.title).is_some()).collect(),
            None => Vec::new(),
        };
        let headers = data.into_iter().chain(runs).map(|tab| load::header_range(&tab.title));
        let ranges: Vec<_> = headers.chain(others.iter().map(|tab| load::state_range(&tab.title))).collect();
        let mut read = self.values(&ranges).await?.into_iter();
        let mut tab = |seen: Option<&crate::google::shape::Tab>| {
            seen.map(|seen| seen_tab(seen, &read.next().unwrap_or_default()))
        };
        let tabs = Tabs { data: tab(data), runs: tab(runs), ..Tabs::default() };
        for (other, rows) in others.iter().zip(read) {
            let owned = Notes::read(&load::pairs(&rows)).data;
            if owned.is_some() && owned == data.map(|tab| tab.sheet_id) {
                let (owner, ..) = guard::read_title(&other.title).unwrap_or_default();
                return Err(StoreError::Corrupt {
                    why: format!(
                        "tab {} belongs to job {owner}: give this job another tab in [sheet] tab",
                        self.data_tab
                    ),
                });
            }
        }
        let blocked = [(&tabs.runs, RUNS.as_slice()), (&tabs.data, &[])];
        for (tab, wanted) in blocked {
            if let Some(blemish) = tab.as_ref().and_then(|tab| load::unusable(tab, wanted)) {
                return Err(StoreError::Corrupt { why: blemish.message });
            }
        }
        let tables = tables_of(&tabs);
        *self.known() = Known { place: None, proof: Proof::Open, tabs, drafts: Vec::new() };
        let timezone = Some(metadata.time_zone.clone()).filter(|zone| !zone.is_empty());
        let spreadsheet = self.id.as_str().to_owned();
        Ok(Loaded { snapshot: None, spreadsheet, tables, timezone, service_time: self.service_time() })
    }

    async fn read(&self, metadata: &Metadata, place: &Place) -> Result<Read, StoreError> {
        let by_title = |title: &str| metadata.tabs.iter().find(|tab| tab.title == title);
        let by_id = |id: i32| metadata.tabs.iter().find(|tab| tab.sheet_id == id);
        let mut guess = Guess {
            processed: by_title(&guard::processed_title(&self.job)),
            failures: by_title(&guard::failures_title(&self.job)),
            data: by_title(&self.data_tab),
            runs: by_title(RUNS_TITLE),
        };
        // Tabs are looked for by title so that one call reads everything; the ids in the state then tell whether these were
        // the right ones, and a renamed tab costs one more call.
        for _ in 0..2 {
            let mut read = self.values(&guess.ranges(place)).await?.into_iter();
            let pairs = load::pairs(&read.next().unwrap_or_default());
            let notes = Notes::read(&pairs);
            let right = Guess {
                processed: notes.processed.and_then(by_id),
                failures: notes.failures.and_then(by_id),
                data: notes.data.and_then(by_id).or(if notes.data.is_none() { guess.data } else { None }),
                runs: guess.runs,
            };
            if right.ids() != guess.ids() {
                guess = right;
                continue;
            }
            return self.put_together(&guess, &pairs, notes, read.collect()).await;
        }
        Err(torn())
    }

    async fn put_together(
        &self,
        guess: &Guess<'_>,
        pairs: &HashMap<String, String>,
        notes: Notes,
        values: Vec<Vec<Vec<serde_json::Value>>>,
    ) -> Result<Read, StoreError> {
        let state = read_state(pairs).map_err(|error| StoreError::Corrupt { why: error.to_string() })?;
        let mut values = values.into_iter();
        let mut next = || values.next().unwrap_or_default();
        let [processed_header, failures_header, data_header, runs_header] = [(); 4].map(|()| next());
        let (processed_rows, failure_rows) = (next(), next());
        let tabs = Tabs {
            processed: guess.processed.map(|seen| seen_tab(seen, &processed_header)),
            failures: guess.failures.map(|seen| seen_tab(seen, &failures_header)),
            data: guess.data.map(|seen| seen_tab(seen, &data_header)),
            runs: guess.runs.map(|seen| seen_tab(seen, &runs_header)),
        };
        let mut blemishes = self.blocking(&tabs, &notes);
        if !blemishes.is_empty() {
            let book = Book::default();
            return Ok(Read { found: state.processed, state, notes, tabs, book, blemishes });
        }
        let (processed, failures) =
            (tabs.processed.clone().unwrap_or_default(), tabs.failures.clone().unwrap_or_default());
        let processed_rows = self.wide_enough(&processed, &PROCESSED, processed_rows, guess.processed).await?;
        let failure_rows = self.wide_enough(&failures, &load::FAILURES_READ, failure_rows, guess.failures).await?;
        let mut rows = load::ProcessedRows::of(&processed);
        rows.read(processed_rows.get(1..).unwrap_or_default());
        self.read_pages(&processed, guess.processed, &mut rows).await?;
        let found = rows.found;
        let (done, odd) = rows.finish(&processed);
        blemishes.extend(odd);
        let (open, odd) = load::failures(&failures, failure_rows.get(1..).unwrap_or_default());
        blemishes.extend(odd);
        Ok(Read { state, notes, found, tabs, book: Book::new(done, open), blemishes })
    }

    /// Reads a tab's first page again, wider, if people moved its columns beyond what was read.
    async fn wide_enough(
        &self,
        tab: &Tab,
        wanted: &[&str],
        rows: Vec<Vec<serde_json::Value>>,
        seen: Option<&crate::google::shape::Tab>,
    ) -> Result<Vec<Vec<serde_json::Value>>, StoreError> {
        let width = load::width(tab, wanted);
        let (Some(seen), true) = (seen, width > NEAR) else { return Ok(rows) };
        let range = load::rows_range(&seen.title, 1, first_page(seen), width);
        Ok(self.values(&[range]).await?.into_iter().next().unwrap_or_default())
    }

    async fn read_pages(
        &self,
        tab: &Tab,
        seen: Option<&crate::google::shape::Tab>,
        rows: &mut load::ProcessedRows,
    ) -> Result<(), StoreError> {
        let last = seen.map_or(0, |seen| seen.rows);
        let width = load::width(tab, &PROCESSED);
        let mut from = load::PAGE_ROWS + 1;
        while from <= last {
            let to = last.min(from + load::PAGE_ROWS - 1);
            let range = load::rows_range(&tab.title, from, to, width);
            let page = self.values(&[range]).await?.into_iter().next().unwrap_or_default();
            rows.read(&page);
            from = to + 1;
        }
        Ok(())
    }

    /// What stops a run before any write.
    fn blocking(&self, tabs: &Tabs, notes: &Notes) -> Vec<Blemish> {
        let gone = |title: String| Blemish {
            message: format!("tab {title} is gone: restore it from the file's version history"),
            blocking: true,
        };
        let mut blemishes = Vec::new();
        match &tabs.processed {
            None => blemishes.push(gone(guard::processed_title(&self.job))),
            Some(tab) => blemishes.extend(load::unusable(tab, &PROCESSED)),
        }
        match &tabs.failures {
            None => blemishes.push(gone(guard::failures_title(&self.job))),
            Some(tab) => blemishes.extend(load::unusable(tab, &FAILURES)),
        }
        match &tabs.runs {
            None => blemishes.push(gone(RUNS_TITLE.to_owned())),
            Some(tab) => blemishes.extend(load::unusable(tab, &RUNS)),
        }
        match &tabs.data {
            None if notes.data.is_some() => blemishes.push(gone(self.data_tab.clone())),
            None => {}
            Some(tab) => blemishes.extend(load::unusable(tab, &[])),
        }
        blemishes
    }

    fn loaded(&self, metadata: &Metadata, place: Place, read: Read, edited: Option<Blemish>) -> Loaded {
        let Read { mut state, notes, found, tabs, book, mut blemishes } = read;
        blemishes.extend(edited);
        // After people's hands, further counting goes on from what is there.
        state.processed = found;
        let (head, tables) = (place.head, tables_of(&tabs));
        *self.known() = Known { place: Some(place), proof: notes.proof, tabs, drafts: Vec::new() };
        let snapshot = Snapshot { state, head, book, tables: tables.clone(), blemishes };
        let timezone = Some(metadata.time_zone.clone()).filter(|zone| !zone.is_empty());
        let spreadsheet = self.id.as_str().to_owned();
        Loaded { snapshot: Some(snapshot), spreadsheet, tables, timezone, service_time: self.service_time() }
    }

    async fn look(&self) -> Result<Sighting, StoreError> {
        let metadata = self.metadata().await?;
        let (sighting, place) = guard::sight(&self.job, &tabs_of(&metadata), &names_of(&metadata));
        let mut known = self.known();
        if let Some(seen) = place {
            let draft = known.drafts.iter().position(|draft| draft.id == seen.head);
            if let Some(at) = draft {
                let draft = known.drafts.swap_remove(at);
                known.become_applied(draft);
            }
            // The place's own name for the range may differ from ours where the service makes ids itself.
            if known.place.as_ref().is_some_and(|place| place.head == seen.head) {
                known.place = Some(seen);
            }
        }
        Ok(sighting)
    }

    async fn send(&self, commit: &Commit) -> Reply {
        let sent = self.known().drafts.iter().find(|draft| draft.id == commit.to).cloned();
        let draft = match sent {
            Some(draft) => draft,
            None => match self.draft(commit).await {
                Ok(draft) => draft,
                Err(reply) => return reply,
            },
        };
        match self.sheets.batch_update(&self.id, &draft.batch).await {
            Answer::Applied(_) => {
                self.known().become_applied(draft);
                Reply::Applied
            }
            Answer::Refused(refusal) => self.refused(&draft, &refusal),
            Answer::TooLarge(_) => Reply::TooLarge,
            Answer::NotExecuted(error) => Reply::NotExecuted { fault: error.fault(), why: error.to_string() },
            Answer::Lost(cause) => Reply::Lost { why: cause.to_string() },
        }
    }

    /// Makes the batch of a commit, the guard proved first where it was not yet.
    async fn draft(&self, commit: &Commit) -> Result<Draft, Reply> {
        if let Some(from) = commit.from {
            self.stand_at(from).await?;
            if self.known().proof == Proof::Open {
                self.prove(commit.to.nonce).await?;
            }
        }
        let mut known = self.known();
        if commit.kind == Kind::Rehouse {
            known.proof = Proof::Title;
        }
        let form = known.proof.form().unwrap_or(Form::Title);
        let ops = guard::ops(&self.job, commit, known.place.as_ref(), form);
        let place = guard::place_after(&self.job, commit, known.place.as_ref(), form);
        let notes = Notes {
            proof: known.proof,
            processed: known.tabs.processed.as_ref().map(|tab| tab.id),
            failures: known.tabs.failures.as_ref().map(|tab| tab.id),
            data: known.tabs.data.as_ref().map(|tab| tab.id),
        };
        let encoded = encode(commit, &ops, &known.tabs, notes);
        let draft = Draft {
            id: commit.to,
            batch: Arc::new(Batch::new(encoded.requests)),
            parts: encoded.parts.into(),
            ops: Arc::new(encoded.ops),
            place,
            proof: known.proof,
            tabs: encoded.tabs,
        };
        if known.drafts.len() == MAX_DRAFTS {
            known.drafts.remove(0);
        }
        known.drafts.push(draft.clone());
        Ok(draft)
    }

    /// Sees to it that what is known is known as of the head that a commit is made from.
    async fn stand_at(&self, from: HeadId) -> Result<(), Reply> {
        let there = |known: &Known| known.place.as_ref().is_some_and(|place| place.head == from);
        if there(&self.known()) {
            return Ok(());
        }
        self.look().await.map_err(|error| Reply::NotExecuted { fault: error.fault(), why: error.to_string() })?;
        if there(&self.known()) {
            return Ok(());
        }
        Err(Reply::Refused { part: Part::Guard, why: "the head has moved on".to_owned() })
    }

    fn refused(&self, draft: &Draft, refusal: &Refusal) -> Reply {
        let why = refusal.message.clone();
        if refusal.code != 400 {
            let advice = refusal.advice(self.sheets.client_email()).unwrap_or_default();
            return Reply::NotExecuted { fault: refusal.fault(), why: format!("{why} {advice}").trim().to_owned() };
        }
        let op = refusal.request.and_then(|at| draft.ops.get(&at));
        let mut known = self.known();
        let by_title = known.place.as_ref().is_some_and(|place| place.form == Form::Title);
        if matches!(op, Some(Op::AddName { .. })) && by_title {
            // The name was to become the guard and was refused: the service checks names against what was before the batch.
            known.proof = Proof::Title;
        }
        let part = refusal.request.and_then(|at| draft.parts.get(at).copied()).unwrap_or(Part::Other);
        Reply::Refused { part, why }
    }

    /// Proves the guard: two batches that must be refused.
    async fn prove(&self, salt: u64) -> Result<(), Reply> {
        self.look().await.map_err(|error| Reply::NotExecuted { fault: error.fault(), why: error.to_string() })?;
        let Some(place) = self.known().place.clone() else { return Ok(()) };
        let [names, tabs] = guard::probes(&place, !salt);
        let names_refused = self.probe(&names).await?;
        let tabs_refused = self.probe(&tabs).await?;
        match guard::conclude(&place, names_refused, tabs_refused) {
            Proved::Guard(proof) => {
                tracing::debug!(guard = proof.word(), "the guard is proved on this spreadsheet");
                self.known().proof = proof;
                Ok(())
            }
            Proved::Nothing => Err(Reply::Unsafe {
                why: "write to this spreadsheet: a batch that had to be refused was applied, so nothing here keeps two runs apart; \
                      nothing was written"
                    .to_owned(),
            }),
        }
    }

    /// Whether the service refuses a batch that it must refuse.
    async fn probe(&self, ops: &[Op]) -> Result<bool, Reply> {
        let requests = ops.iter().filter_map(|op| match op {
            Op::DropName { id } => Some(crate::google::body::Request::DeleteNamedRange { named_range_id: id.clone() }),
            Op::Touch { tab } => Some(touch(*tab)),
            _ => None,
        });
        let batch = Batch::new(requests.collect());
        let mut why = String::new();
        for _ in 0..PROBE_SENDS {
            match self.sheets.batch_update(&self.id, &batch).await {
                Answer::Applied(_) => return Ok(false),
                Answer::Refused(refusal) if refusal.code == 400 => return Ok(true),
                Answer::Refused(refusal) => {
                    return Err(Reply::NotExecuted { fault: refusal.fault(), why: refusal.message });
                }
                Answer::NotExecuted(error) | Answer::TooLarge(error) => {
                    return Err(Reply::NotExecuted { fault: error.fault(), why: error.to_string() });
                }
                Answer::Lost(cause) => why = cause.to_string(),
            }
        }
        Err(Reply::NotExecuted { fault: Fault::Transient, why })
    }
}

impl Known {
    fn become_applied(&mut self, draft: Draft) {
        self.place = Some(draft.place);
        self.proof = draft.proof;
        self.tabs = draft.tabs;
        self.drafts.clear();
    }
}

impl Store for SheetsStore {
    fn load(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        Box::pin(self.load_whole())
    }

    fn sight(&self) -> BoxFuture<'_, Result<Sighting, StoreError>> {
        Box::pin(self.look())
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Reply> {
        Box::pin(self.send(commit))
    }

    fn usage(&self) -> Usage {
        let calls = self.sheets.calls();
        Usage { reads: calls.reads, writes: calls.writes, retries: calls.retries, throttled: calls.throttled }
    }
}

/// A snapshot's parts as read, before they are held against the head.
struct Read {
    state: State,
    notes: Notes,
    found: crate::ledger::snapshot::Tally,
    tabs: Tabs,
    book: Book,
    blemishes: Vec<Blemish>,
}

/// Which tabs are read.
struct Guess<'a> {
    processed: Option<&'a crate::google::shape::Tab>,
    failures: Option<&'a crate::google::shape::Tab>,
    data: Option<&'a crate::google::shape::Tab>,
    runs: Option<&'a crate::google::shape::Tab>,
}

/// Columns read of a machine tab at first.
const NEAR: usize = 12;

impl Guess<'_> {
    fn ids(&self) -> [Option<i32>; 4] {
        [self.processed, self.failures, self.data, self.runs].map(|tab| tab.map(|tab| tab.sheet_id))
    }

    /// The state first; then four headers and two tabs' rows. What is not there is asked of the state tab's first cell, so that
    /// answers stay in their places.
    fn ranges(&self, place: &Place) -> Vec<String> {
        let nothing = || format!("{}!A1", crate::grid::quoted(&place.title));
        let headers = [self.processed, self.failures, self.data, self.runs]
            .map(|tab| tab.map_or_else(nothing, |tab| load::header_range(&tab.title)));
        let rows = [self.processed, self.failures].map(|tab| {
            tab.map_or_else(nothing, |tab| {
                let columns = NEAR.min(usize::try_from(tab.columns).unwrap_or(NEAR)).max(1);
                load::rows_range(&tab.title, 1, first_page(tab), columns)
            })
        });
        std::iter::once(load::state_range(&place.title)).chain(headers).chain(rows).collect()
    }
}

fn first_page(tab: &crate::google::shape::Tab) -> u32 {
    tab.rows.clamp(1, load::PAGE_ROWS)
}

fn seen_tab(seen: &crate::google::shape::Tab, header: &[Vec<serde_json::Value>]) -> Tab {
    Tab { id: seen.sheet_id, title: seen.title.clone(), header: load::header(header) }
}

fn tables_of(tabs: &Tabs) -> Vec<(String, Vec<String>)> {
    tabs.data.iter().filter(|tab| !tab.columns().is_empty()).map(|tab| (tab.title.clone(), tab.columns())).collect()
}

fn tabs_of(metadata: &Metadata) -> Vec<TabSeen> {
    metadata.tabs.iter().map(|tab| TabSeen { id: tab.sheet_id, title: tab.title.clone() }).collect()
}

fn names_of(metadata: &Metadata) -> Vec<NameSeen> {
    metadata.named_ranges.iter().map(|range| NameSeen { id: range.id.clone(), name: range.name.clone() }).collect()
}

fn unreadable(error: &CallError) -> StoreError {
    let why = error.to_string();
    match (&error.cause, error.fault()) {
        (Cause::Refused { refusal, .. }, _) if refusal.code == 404 => StoreError::Missing { why },
        (_, Fault::Denied) => StoreError::Denied { why },
        (_, fault) if fault.passes() => StoreError::Unavailable { what: "read the spreadsheet", why, fault },
        _ => StoreError::Corrupt { why },
    }
}

fn head_gone(job: &str) -> StoreError {
    let why = format!(
        "the head of job {job} is gone from the spreadsheet although its tabs are there: somebody deleted the named range {} or the \
         hidden state tab; restore an earlier version from the file's history, see docs/runbook.md",
        guard::range_name(job)
    );
    StoreError::Corrupt { why }
}

fn torn() -> StoreError {
    let why = "its state and its keys did not come together in many reads; the next run tries again".to_owned();
    StoreError::Unavailable { what: "read the spreadsheet", why, fault: Fault::Transient }
}
