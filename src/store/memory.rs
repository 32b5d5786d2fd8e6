//! The reference store: everything a store promises, in memory.
//!
//! In scope: the guarded commit, and a script of faults for tests of callers. Out of scope: durability.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

use crate::grid::Row;
use crate::ledger::commit::changes::{Commit, CommitKind, CommitPart, CommitReply, ItemResult};
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::commit::row_deletion::{RowDeletion, TabKind, mark_of_failure, mark_of_key, mark_of_run};
use crate::ledger::item::failure::{Failure, FailureState, IN_DOUBT, RequestedAction, StoredFailure, failure_hash};
use crate::ledger::item::key::{Fingerprint, Key, Version};
use crate::ledger::item::write_mode::{ReprocessPolicy, WriteMode};
use crate::ledger::lease::head::HeadId;
use crate::ledger::processed::processed_index::{PriorFailure, ProcessedIndex, ProcessedSet};
use crate::ledger::processed::version_history::VersionUse;
use crate::ledger::rows::row_codec::{DONE, FORGOTTEN, processed_row};
use crate::ledger::run::run::Run;
use crate::ledger::state::snapshot::{Loaded, Snapshot, State};
use crate::port::clock::Clock;
use crate::port::store::{Store, StoreError, Usage};

/// What the next commit meets instead of a plain answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedFault {
    /// It is applied, and the answer is lost.
    AppliedThenLost,
    /// It never arrives, and no answer comes.
    LostBefore,
    /// It is not carried out for now.
    Throttled,
}

/// What a store in memory holds; public so that tests can look.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// The head.
    pub head: Option<HeadId>,
    /// The state.
    pub state: State,
    /// Tabs of rows: columns and rows.
    pub tables: HashMap<String, (Vec<String>, Vec<Row>)>,
    /// Processed, in order; each with the text of its cell `run`.
    pub processed: Vec<(Key, Version, String)>,
    /// Versions of keys that are to be done again.
    pub forgotten: Vec<(Key, Version, String)>,
    /// Failures, in order.
    pub failures: Vec<Failure>,
    /// What people ask for; a run that answers takes it out.
    pub asked: HashMap<Key, RequestedAction>,
    /// Runs, in order.
    pub runs: Vec<Run>,
}

/// A store in memory; clones share it.
#[derive(Clone)]
pub struct MemoryStore {
    held: Arc<Mutex<Contents>>,
    mishaps: Arc<Mutex<VecDeque<Option<InjectedFault>>>>,
    usage: Arc<Mutex<Usage>>,
    clock: Arc<dyn Clock>,
    mode: WriteMode,
    again: ReprocessPolicy,
}

impl MemoryStore {
    /// An empty store whose service time is this clock's.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            held: Arc::default(),
            mishaps: Arc::default(),
            usage: Arc::default(),
            clock,
            mode: WriteMode::Append,
            again: ReprocessPolicy::EachVersion,
        }
    }

    /// The same store, its rows kept in this way.
    #[must_use]
    pub fn keeping(mut self, mode: WriteMode, again: ReprocessPolicy) -> Self {
        (self.mode, self.again) = (mode, again);
        self
    }

    /// The next commits meet these, in order; `None` is a plain answer.
    pub fn meet(&self, mishaps: impl IntoIterator<Item = Option<InjectedFault>>) {
        lock(&self.mishaps).extend(mishaps);
    }

    /// A copy of what is held.
    pub fn held(&self) -> Contents {
        lock(&self.held).clone()
    }

    /// Changes what is held, as people's hands would.
    pub fn touch(&self, change: impl FnOnce(&mut Contents)) {
        change(&mut lock(&self.held));
    }

    fn loaded(&self) -> Loaded {
        let held = lock(&self.held);
        let tables: Vec<_> = held.tables.iter().map(|(tab, (columns, _))| (tab.clone(), columns.clone())).collect();
        let snapshot = held.head.map(|head| Snapshot {
            state: held.state.clone(),
            stored_checksum: held.state.processed,
            head,
            book: book(&held, self.again),
            tables: tables.clone(),
            deleted_columns: Vec::new(),
            anomalies: Vec::new(),
            not_yet_left: None,
        });
        let (again, service_time) = (self.again, self.clock.now());
        Loaded { snapshot, spreadsheet: "memory".into(), tables, first_rows: None, timezone: None, again, service_time }
    }

    fn apply(&self, commit: &Commit) -> CommitReply {
        let mut held = lock(&self.held);
        let moved = held.head != commit.from;
        let older = commit.from.is_some()
            && commit.kind == CommitKind::Advance
            && commit.state.lease.fence < held.state.lease.fence;
        if moved || older {
            return CommitReply::Refused { part: CommitPart::Guard, why: "the head has moved on".into() };
        }
        if commit.changes.tables.iter().any(|new| held.tables.contains_key(&new.tab)) {
            return CommitReply::Refused { part: CommitPart::Layout, why: "a tab of that name exists".into() };
        }
        for new in &commit.changes.tables {
            held.tables.insert(new.tab.clone(), (new.columns.clone(), Vec::new()));
        }
        if let Some((columns, _)) = held.tables.get_mut(&commit.state.definition.tab) {
            columns.extend(commit.changes.columns.iter().cloned());
        }
        for (key, version, word, run) in commit.processed() {
            let rows = if word == FORGOTTEN { &mut held.forgotten } else { &mut held.processed };
            rows.push((key.clone(), version.clone(), run));
        }
        for one in &commit.changes.settled {
            lock(&self.usage).updated += keep(&mut held, one, commit, self.mode);
        }
        held.runs.extend(commit.changes.runs.iter().cloned());
        held.state = commit.state.clone();
        held.head = Some(commit.to);
        CommitReply::Applied
    }
}

impl Store for MemoryStore {
    fn load(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        lock(&self.usage).reads += 1;
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(self.loaded())
        })
    }

    fn read_head(&self) -> BoxFuture<'_, Result<HeadStatus, StoreError>> {
        lock(&self.usage).reads += 1;
        let store = lock(&self.held);
        let sighting = match store.head {
            Some(head) => HeadStatus::At { head, fence: store.state.lease.fence },
            None => HeadStatus::NotInitialized,
        };
        Box::pin(async move { Ok(sighting) })
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitReply> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            lock(&self.usage).writes += 1;
            let mishap = lock(&self.mishaps).pop_front().flatten();
            match mishap {
                None => self.apply(commit),
                Some(InjectedFault::AppliedThenLost) => {
                    self.apply(commit);
                    CommitReply::Lost { why: "the answer was lost".into() }
                }
                Some(InjectedFault::LostBefore) => CommitReply::Lost { why: "the request was lost".into() },
                Some(InjectedFault::Throttled) => {
                    lock(&self.usage).throttled += 1;
                    CommitReply::NotExecuted { fault: crate::fault::Fault::Throttled, why: "a quota is used up".into() }
                }
            }
        })
    }

    fn read_failures<'a>(
        &'a self,
        rows: &'a [(Fingerprint, u32)],
    ) -> BoxFuture<'a, Result<Vec<StoredFailure>, StoreError>> {
        lock(&self.usage).reads += u64::from(!rows.is_empty());
        let held = lock(&self.held);
        let found = rows.iter().filter_map(|(key, row)| {
            let failure = held.failures.get(usize::try_from(*row).ok()?.checked_sub(2)?)?;
            let kept = StoredFailure { failure: failure.clone(), is_edited: false, row: *row };
            (failure.key.fingerprint() == *key).then_some(kept)
        });
        let found = found.collect();
        Box::pin(async move { Ok(found) })
    }

    fn usage(&self) -> Usage {
        *lock(&self.usage)
    }
}

fn book(held: &Contents, again: ReprocessPolicy) -> ProcessedIndex {
    let done =
        held.processed.iter().map(|(key, version, _)| (key.fingerprint(), again.version_hash(version))).collect();
    let forgotten =
        held.forgotten.iter().map(|(key, version, _)| (key.fingerprint(), again.version_hash(version))).collect();
    let mut failures = HashMap::new();
    for (row, failure) in (2..).zip(&held.failures) {
        let key = failure.key.fingerprint();
        if failure.state == FailureState::Recovered {
            failures.remove(&key);
        } else {
            let tried = PriorFailure {
                attempts: failure.attempts,
                first_seen: failure.first_seen,
                last_seen: failure.last_seen,
                version: again.version_hash(&failure.version),
                error: failure_hash(&failure.step, &failure.error),
                state: failure.state,
                in_doubt: failure.step == IN_DOUBT,
                requested: held.asked.get(&failure.key).copied(),
                row,
            };
            failures.insert(key, tried);
        }
    }
    let doings: Vec<_> = held.processed.iter().map(|(_, _, run)| VersionUse::from_cell(run)).collect();
    let done = ProcessedSet::from_changes(again, done, &doings, forgotten, held.state.gaps.clone());
    ProcessedIndex::new(done, failures)
        .with_suppressed_counts(held.state.suppressed_failures.clone())
        .with_redo(held.state.redo.clone())
}

/// Keeps one settled item; the rows that it was written over.
fn keep(held: &mut Contents, settled: &ItemResult, commit: &Commit, mode: WriteMode) -> u64 {
    let mut updated = 0;
    let told = settled.failure();
    match settled {
        ItemResult::Done { output, closes, .. } => {
            for (tab, rows) in &output.tables {
                let there = &mut held.tables.entry(tab.clone()).or_default().1;
                for row in rows {
                    let over =
                        put(there, row, commit.state.key_column.as_deref().filter(|_| mode == WriteMode::Upsert));
                    updated += u64::from(over);
                }
            }
            held.failures.extend(closes.iter().map(|failure| (**failure).clone()));
        }
        ItemResult::Failed(failure) => held.failures.push((**failure).clone()),
        ItemResult::Revoked { .. } => {}
        ItemResult::Removed(rows) => rows.iter().for_each(|row| take_out(held, row)),
    }
    if let Some(told) = told.filter(|failure| failure.answered.is_some()) {
        held.asked.remove(&told.key);
    }
    updated
}

/// Takes out the first row of this mark; here rows have no places.
fn take_out(held: &mut Contents, removal: &RowDeletion) {
    let mark = |row: &(Key, Version, String), word| mark_of_key(&processed_row(&row.0, &row.1, word, &row.2));
    let is_it = |mark: u64| removal.mark == Some(mark);
    match removal.role {
        TabKind::Processed => {
            if !take_first(&mut held.processed, |row| is_it(mark(row, DONE))) {
                take_first(&mut held.forgotten, |row| is_it(mark(row, FORGOTTEN)));
            }
        }
        TabKind::Failures => drop(take_first(&mut held.failures, |failure| is_it(mark_of_failure(failure)))),
        TabKind::Runs => drop(take_first(&mut held.runs, |run| is_it(mark_of_run(run)))),
        TabKind::Data => {}
    }
}

fn take_first<T>(rows: &mut Vec<T>, is_it: impl FnMut(&T) -> bool) -> bool {
    let at = rows.iter().position(is_it);
    at.is_some_and(|at| {
        rows.remove(at);
        true
    })
}

/// Writes a row over the one with the same key, and tells whether there was one; `key_column` is none where rows are appended.
fn put(there: &mut Vec<Row>, row: &Row, key_column: Option<&str>) -> bool {
    let key = key_column.and_then(|column| Some((column, row.get(column)?)));
    let old = key.and_then(|(column, key)| there.iter_mut().find(|old| old.get(column) == Some(key)));
    let over = old.is_some();
    match old {
        Some(old) => *old = row.clone(),
        None => there.push(row.clone()),
    }
    over
}

/// A thread that panicked while it held the lock left whole values behind: every change here is made at once.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
