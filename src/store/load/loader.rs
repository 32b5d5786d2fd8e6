//! Loading a job from a spreadsheet: which calls, in which order, until what was read belongs together.
//!
//! In scope: the head strictly before the rest, tabs found again after a rename, pages. Out of scope: what cells say (`store::tabs::parse`),
//! what belongs together (`ledger::state::snapshot`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::google::address::SpreadsheetId;
use crate::google::shape::{SpreadsheetInfo, TabInfo as Seen};
use crate::google::sheets::Sheets;
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::commit::row_deletion::TabKind;
use crate::ledger::item::key::Fingerprint;
use crate::ledger::item::write_mode::{ReprocessPolicy, WriteMode};
use crate::ledger::lease::row_order::FirstCommits;
use crate::ledger::processed::key_sums::KeySums;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::processed::row_gaps::Gaps;
use crate::ledger::rows::header_search::FirstRows;
use crate::ledger::rows::row_codec::RUNS;
use crate::ledger::run::capacity::capacity_warning;
use crate::ledger::state::snapshot::{
    Anomaly, LoadCheck, LoadConsistency, LoadObservation, Loaded, MAX_LOAD_MS, RowChecksum, Snapshot, State,
};
use crate::ledger::state::state_codec::read_state;
use crate::port::clock::Clock;
use crate::port::preview::Preview;
use crate::port::store::StoreError;
use crate::store::commit::cell_budget::CellBudget;
use crate::store::commit::restore::{self, DeletionLog, PendingRestores};
use crate::store::guard::head_guard::{self, GuardSupport, StateLocation};
use crate::store::load::missing_keys::{MissingKeys, notice};
use crate::store::load::unstable_tabs::{restless, settled};
use crate::store::session::row_tracker::RowTracker;
use crate::store::tabs::error::{
    LoadError, belongs, edited, head_gone, laid_beside, taken_out_unreadably, torn, unread, unreadable,
};
use crate::store::tabs::load_plan::{
    LoadConditions, LoadPlan, MissingTab, blocking, has_never_written, seen_tab, tables_of,
};
use crate::store::tabs::parse;
use crate::store::tabs::schema::{FAILURES_NEEDED, RUNS_TITLE, StoreMetadata, Tabs};
use crate::store::upsert::undo_log::UndoLog;
use crate::time::Timestamp;

/// Loads one job.
#[derive(Clone)]
pub struct Loader {
    /// The client.
    pub sheets: Arc<Sheets>,
    /// The spreadsheet.
    pub id: SpreadsheetId,
    /// The job.
    pub job: String,
    /// Where its rows go.
    pub data_tab: String,
    /// How they come there.
    pub mode: WriteMode,
    /// When a done key is done again.
    pub again: ReprocessPolicy,
    /// Whether earlier spreadsheets that are not to be had are left behind for good, because somebody said so.
    pub leaving: bool,
    /// What a load does that misses a machine tab.
    pub missing: MissingTab,
    /// What the first row would be, for a tab that may be somebody else's; none where nobody can look ahead.
    pub preview: Option<Arc<dyn Preview>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// A load, and what the store remembers of it.
pub struct LoadResult {
    /// The load.
    pub loaded: Loaded,
    /// Where the state stands.
    pub place: Option<StateLocation>,
    /// Whether the guard is proved.
    pub proof: GuardSupport,
    /// The tabs.
    pub tabs: Tabs,
    /// What is known of the data tab's rows.
    pub upkeep: RowTracker,
    /// Rows that the head's commit took out and should not have.
    pub put_back: Option<PendingRestores>,
    /// The grids of all tabs.
    pub room: CellBudget,
}

/// A snapshot's parts as read, before they are held against the head.
struct LoadedParts {
    state: State,
    /// The keys of the rows that are there, as sums.
    key_sums: Option<KeySums>,
    /// The keys of those that carry no order, sorted.
    unordered: Vec<Fingerprint>,
    notes: StoreMetadata,
    found: RowChecksum,
    tabs: Tabs,
    upkeep: RowTracker,
    put_back: Option<PendingRestores>,
    book: ProcessedIndex,
    gone: Vec<String>,
    blemishes: Vec<Anomaly>,
    unmoved: Option<String>,
    first: Option<FirstRows>,
}

/// Loads that may find a tab moved before that counts as an error.
const MAX_MOVES: u32 = 5;
/// Before a load that found a tab moved is made again, in milliseconds.
const MOVED_MS: u64 = 500;

impl Loader {
    /// Loads until head, state and Processed belong together.
    pub async fn fetch(&self) -> Result<LoadResult, StoreError> {
        let mut check = LoadCheck::default();
        let (mut moves, began_ms) = (0, self.clock.monotonic_ms());
        loop {
            match self.fetch_once(&mut check).await {
                Ok(Some(fetched)) => return Ok(fetched),
                Ok(None) => {}
                Err(LoadError::Stale(_)) if moves < MAX_MOVES && !self.is_late(began_ms) => {
                    moves += 1;
                    self.clock.sleep(Duration::from_millis(MOVED_MS)).await;
                }
                Err(LoadError::Failed(error)) => return Err(error),
                Err(last) => return Err(settled(last)),
            }
        }
    }

    /// Whether it is too late to begin another load, because people change what is read.
    fn is_late(&self, began_ms: u64) -> bool {
        self.clock.monotonic_ms().saturating_sub(began_ms) >= MAX_LOAD_MS
    }

    /// One load; `None` when what it read did not belong together, and the wait before the next one is over.
    async fn fetch_once(&self, check: &mut LoadCheck) -> Result<Option<LoadResult>, LoadError> {
        let metadata = self.metadata().await?;
        let (sighting, place) = head_guard::head_in(&self.job, &metadata);
        let place = match (sighting, place) {
            (HeadStatus::NotInitialized, _) => return self.load_nothing(&metadata).await.map(Some),
            (HeadStatus::At { .. }, Some(place)) => place,
            _ => return Err(head_gone(&self.job).into()),
        };
        let read = self.read(&metadata, &place).await?;
        let reading = LoadObservation { head: read.state.head, expected: read.state.processed, actual: read.found };
        let edited = match check.check(place.head, reading, self.clock.monotonic_ms()) {
            LoadConsistency::Whole => None,
            LoadConsistency::ManuallyEdited => Some(edited(&self.job, reading)),
            LoadConsistency::Retry { after_ms } => {
                self.clock.sleep(Duration::from_millis(after_ms)).await;
                return Ok(None);
            }
            LoadConsistency::Inconsistent => return Err(torn().into()),
            LoadConsistency::Restless => return Err(restless(&changed(&read.tabs), "").into()),
        };
        Ok(Some(self.loaded(&metadata, place, read, edited)))
    }

    async fn read<'m>(&self, metadata: &'m SpreadsheetInfo, place: &StateLocation) -> Result<LoadedParts, LoadError> {
        let by_title = |title: &str| metadata.tabs.iter().find(|tab| tab.title == title);
        let by_id = |id: i32| metadata.tabs.iter().find(|tab| tab.sheet_id == id);
        let state = by_id(place.tab);
        let mut guess = LoadPlan {
            processed: by_title(&head_guard::processed_title(&self.job)),
            failures: by_title(&head_guard::failures_title(&self.job)),
            data: by_title(&self.data_tab),
            runs: by_title(RUNS_TITLE),
        };
        // Tabs are looked for by title so that one call reads everything; the ids in the state then tell whether these were
        // the right ones, and a renamed tab costs one more call.
        for _ in 0..2 {
            let read = self.rows_of(&guess.ranges(place, state, self.mode)).await?;
            let pairs = parse::pairs(read.first().map_or(&[][..], Vec::as_slice));
            let notes = StoreMetadata::read(&pairs);
            let data_by_id = notes.data.and_then(by_id);
            // A tab that was made again, by another job's repair or by people's hands, goes by its title.
            let stands_in = |seen: Option<&'m Seen>, header: usize, columns: &[&str]| {
                let header = read.get(header).map_or(&[][..], Vec::as_slice);
                seen.filter(|seen| parse::unusable(&seen_tab(seen, header), columns).is_none())
            };
            let right = LoadPlan {
                processed: notes.processed.and_then(by_id),
                failures: notes.failures.and_then(by_id).or_else(|| stands_in(guess.failures, 2, FAILURES_NEEDED)),
                data: match has_never_written(&pairs) {
                    // Where no row stands yet, the job file says which tab it is.
                    Some(tab) => by_title(&self.data_tab).or(data_by_id.filter(|_| tab == self.data_tab)),
                    None => data_by_id.or(if notes.data.is_none() { guess.data } else { None }),
                },
                runs: match notes.runs {
                    Some(id) => by_id(id).or_else(|| stands_in(guess.runs, 4, &RUNS)),
                    None => guess.runs,
                },
            };
            if right.ids() != guess.ids() {
                guess = right;
                continue;
            }
            return self
                .assemble(place, &guess, &pairs, notes, read.into_iter().skip(1).collect(), &metadata.tabs)
                .await;
        }
        Err(torn().into())
    }

    #[expect(clippy::too_many_lines, reason = "a list: what was read of each tab, in the order of the ranges")]
    async fn assemble(
        &self,
        place: &StateLocation,
        guess: &LoadPlan<'_>,
        pairs: &HashMap<String, String>,
        notes: StoreMetadata,
        values: Vec<Vec<Vec<Value>>>,
        there: &[Seen],
    ) -> Result<LoadedParts, LoadError> {
        let mut state = read_state(pairs).map_err(|error| StoreError::Corrupt { why: error.to_string() })?;
        belongs(&state, &self.job, place)?;
        let mut values = values.into_iter();
        let mut next = || values.next().unwrap_or_default();
        let headers = [(); 4].map(|()| next());
        let mut tabs = guess.tabs(&headers);
        let [_, _, header, _] = headers;
        let (processed_rows, failure_rows) = (next(), next());
        let (bottom, keys, scratch) = (next(), next(), next());
        let never = has_never_written(pairs).is_some();
        let known = LoadConditions { missing: self.missing, never_written: never, there };
        let mut blemishes = blocking(&self.job, &self.data_tab, &tabs, &notes, known);
        let mut gone = Vec::new();
        let mut first = None;
        let mut blocked = blemishes.iter().any(|blemish| blemish.blocking);
        if blocked && let Some(blemish) = self.pushed_down_header(guess, &tabs).await? {
            blemishes.insert(0, blemish);
        }
        if let (false, true, Some(seen)) = (blocked, never, guess.data) {
            let rows = self.first_rows(seen).await?;
            let refused = self.refused_by(&rows).await;
            blemishes.extend(refused.map(|message| Anomaly { message, blocking: true }));
            first = Some(rows);
            blocked = blemishes.iter().any(|blemish| blemish.blocking);
        } else if state.columns.is_empty() && state.key_column.is_none() {
            // Keys are done, and none of them had a row.
            first = tabs.data.as_ref().map(|tab| FirstRows::new(&*tab.title, vec![tab.header.clone()]));
        }
        if let (false, Some(tab)) = (blocked, &mut tabs.data) {
            self.knowing_what_is_shown(tab, header.first().map_or(&[][..], Vec::as_slice), &state.columns).await?;
            let found = self.own_columns(tab, guess.data, &state.columns).await?;
            gone = found.gone;
            blemishes.extend(found.blemishes);
            // Rows of before columns were remembered: any of them may be the job's.
            let unknown = state.columns.is_empty() && state.processed.count > 0;
            blemishes.extend(parse::unusable(tab, &[]).filter(|_| unknown));
        }
        let goes_on = self.missing == MissingTab::ReadOn && tabs.keys_are_readable();
        if blemishes.iter().any(|blemish| blemish.blocking) && !goes_on {
            let (book, upkeep) = (ProcessedIndex::default(), RowTracker::default());
            let (found, put_back, unmoved) = (state.processed, None, None);
            let key_sums = state.key_sums;
            return Ok(LoadedParts {
                state,
                key_sums,
                unordered: Vec::new(),
                notes,
                found,
                tabs,
                upkeep,
                put_back,
                book,
                gone,
                blemishes,
                unmoved,
                first,
            });
        }
        let (mut processed, failures) =
            (tabs.processed.clone().unwrap_or_default(), tabs.failures.clone().unwrap_or_default());
        let witness = UndoLog::read(&scratch, place.head);
        let beside = witness.as_ref().filter(|(witness, seen)| witness.is_moved(&seen.header));
        let keep = beside.map(|(witness, _)| witness.head.commit);
        // Rows that are to go back count as if they stood there.
        let put_back = match restore::read(&scratch, place.head, place.tab) {
            DeletionLog::Unreadable => return Err(taken_out_unreadably(&place.title).into()),
            told => told.put_back(),
        };
        let said = Some(state.processed).filter(|_| put_back.is_none() && state.head == Some(place.head));
        let mut done = self.read_keys(&mut processed, guess.processed, processed_rows, keep, said).await?;
        blemishes.extend(laid_beside(&processed));
        tabs.processed = Some(processed.clone());
        let mut open = self.read_failures(&failures, guess.failures, failure_rows).await?;
        if let Some(waiting) = &put_back {
            state.processed.add_all(waiting.checksum_correction());
            done.read(&waiting.rows_in(TabKind::Processed, &processed));
            open.read_misplaced(&waiting.rows_in(TabKind::Failures, &failures));
        }
        let (found, key_sums, unordered) = (done.found, done.key_sums(), done.unordered());
        let mut upkeep = RowTracker::read(guess, &tabs, &state, self.mode, &bottom, &keys);
        upkeep.see(place.tab, witness, &done.recent());
        blemishes.extend(put_back.as_ref().map(PendingRestores::blemish));
        blemishes.extend(upkeep.blemishes(&self.data_tab));
        if done.has_doubt() {
            done.put_in_order(&self.first_commits(&state, tabs.runs.as_ref()).await?);
        }
        done.put_in_order(&FirstCommits::default());
        let (odd, unmoved) = self.read_earlier(&mut state, &mut done).await?;
        blemishes.extend(odd);
        // Of which keys people have deleted rows is known only once all is read.
        let gaps = if found == state.processed { state.gaps.clone() } else { Gaps::any_key() };
        let (done, odd) = done.with_gaps(gaps).finish(&processed);
        blemishes.extend(odd);
        let (open, odd) = open.finish(&failures);
        blemishes.extend(odd);
        let book = ProcessedIndex::new(done, open).with_suppressed_counts(state.suppressed_failures.clone());
        Ok(LoadedParts {
            state,
            key_sums,
            unordered,
            notes,
            found,
            tabs,
            upkeep,
            put_back,
            book,
            gone,
            blemishes,
            unmoved,
            first,
        })
    }

    fn loaded(
        &self,
        metadata: &SpreadsheetInfo,
        place: StateLocation,
        read: LoadedParts,
        edited: Option<Anomaly>,
    ) -> LoadResult {
        let edited_now = edited.is_some();
        let LoadedParts {
            mut state,
            key_sums,
            unordered,
            notes,
            found,
            tabs,
            upkeep,
            put_back,
            book,
            gone,
            mut blemishes,
            unmoved,
            first,
        } = read;
        blemishes.extend(edited);
        if edited_now {
            notice(
                &mut state,
                MissingKeys { found, key_sums, unordered: &unordered, book: &book, upkeep: &upkeep },
                place.head.commit,
            );
        }
        state.key_sums = key_sums;
        let book = book.with_redo(state.redo.clone()).with_gaps(state.gaps.clone());
        let title = tabs.processed.as_ref().map_or("Processed", |tab| tab.title.as_str());
        blemishes.extend(state.redo.notes(title).into_iter().map(|message| Anomaly { message, blocking: false }));
        let room = CellBudget::of(metadata);
        blemishes.extend(capacity_warning(room.cells()).map(|message| Anomaly { message, blocking: false }));
        // After people's hands, further counting goes on from what is there.
        let said = std::mem::replace(&mut state.processed, found);
        let (head, tables) = (place.head, tables_of(&self.data_tab, &tabs));
        let snapshot = Snapshot {
            state,
            stored_checksum: said,
            head,
            book,
            tables: tables.clone(),
            deleted_columns: gone,
            anomalies: blemishes,
            not_yet_left: unmoved,
        };
        let loaded = Loaded { first_rows: first, ..self.loaded_with(metadata, Some(snapshot), tables) };
        LoadResult { loaded, place: Some(place), proof: notes.proof, tabs, upkeep, put_back, room }
    }

    pub(super) fn loaded_with(
        &self,
        metadata: &SpreadsheetInfo,
        snapshot: Option<Snapshot>,
        tables: Vec<(String, Vec<String>)>,
    ) -> Loaded {
        let timezone = Some(metadata.time_zone.clone()).filter(|zone| !zone.is_empty());
        let spreadsheet = self.id.as_str().to_owned();
        let (again, service_time) = (self.again, self.service_time());
        Loaded { snapshot, spreadsheet, tables, first_rows: None, timezone, again, service_time }
    }

    /// The spreadsheet's tabs and names.
    pub async fn metadata(&self) -> Result<SpreadsheetInfo, StoreError> {
        self.sheets.metadata(&self.id).await.map_err(|error| unreadable(&error))
    }

    /// The values of ranges.
    pub async fn rows_of(&self, ranges: &[String]) -> Result<Vec<Vec<Vec<Value>>>, LoadError> {
        self.sheets.values(&self.id, ranges).await.map_err(|error| unread(&error))
    }

    /// What was entered into ranges: formulas, not what they say.
    pub async fn entered_in(&self, ranges: &[String]) -> Result<Vec<Vec<Vec<Value>>>, LoadError> {
        self.sheets.entered(&self.id, ranges).await.map_err(|error| unread(&error))
    }

    fn service_time(&self) -> Timestamp {
        let now_ms = self.clock.monotonic_ms();
        self.sheets
            .service_time()
            .map_or_else(|| self.clock.now(), |(at, seen_ms)| at.add_ms(now_ms.saturating_sub(seen_ms)))
    }
}

/// Which tab was changed, as the beginning of a sentence.
fn changed(tabs: &Tabs) -> String {
    let title = tabs.processed.as_ref().map_or("Processed", |tab| tab.title.as_str());
    format!("tab {title} was")
}
