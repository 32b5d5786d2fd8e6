//! The reference store: the complete store contract, in memory.
//!
//! In scope: the guarded commit, and injected faults for tests of callers.
//! Out of scope: durability.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::clock::Clock;
use crate::grid::{Cell, Row};
use crate::ledger::commit::changes::{Commit, CommitKind, CommitPart, CommitResult, ItemResult};
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::commit::row_deletion::{RowDeletion, hash_failure_row, hash_key_row, hash_run_row};
use crate::ledger::items::failure::{
    ActionAnswer, Failure, FailureState, IN_DOUBT, RequestedAction, StoredFailure, hash_failure,
};
use crate::ledger::items::key::{Fingerprint, Key, Version};
use crate::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use crate::ledger::leases::head::HeadId;
use crate::ledger::processed::prior_failure::PriorFailure;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::processed::processed_set::ProcessedSet;
use crate::ledger::processed::version_history::VersionUse;
use crate::ledger::rows::row_codec::{DONE, REVOCATION_STATE, encode_processed_row};
use crate::ledger::rows::tab_kind::TabKind;
use crate::ledger::runs::job_requests::JobRequests;
use crate::ledger::runs::run::Run;
use crate::ledger::state::snapshot::{LoadReport, Snapshot, State};
use crate::port::store::{CallUsage, Store, StoreError};

/// A fault that a test injects into the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedFault {
    /// The commit is applied, and the response is lost.
    AppliedThenLost,
    /// The request is lost, and no response comes.
    LostBefore,
    /// The commit is refused for now, as by a used-up quota.
    Throttled,
}

/// The contents of a memory store. Public for tests.
#[derive(Debug, Clone, Default)]
pub struct MemoryContents {
    /// The current head; `None` before the first commit.
    pub head: Option<HeadId>,
    /// The state of the job.
    pub state: State,
    /// Data tabs by title: columns and rows.
    pub data_tabs: HashMap<String, (Vec<String>, Vec<Row>)>,
    /// Rows of Processed in order, each with the text of its `run` cell.
    pub processed: Vec<(Key, Version, String)>,
    /// Revoked versions: rows of Processed that take an earlier row back.
    pub revoked: Vec<(Key, Version, String)>,
    /// Rows of Failures in order.
    pub failures: Vec<Failure>,
    /// The actions that users requested. A commit that responds to one removes it.
    pub requested_actions: HashMap<Key, RequestedAction>,
    /// Keys for which users wrote a text that is not an action. A commit that answers it, or closes
    /// the failure, removes it.
    pub unknown_actions: HashSet<Key>,
    /// Rows of Runs in order.
    pub runs: Vec<Run>,
}

/// A store in memory. Clones share the contents.
#[derive(Clone)]
pub struct MemoryStore {
    contents: Arc<Mutex<MemoryContents>>,
    faults: Arc<Mutex<VecDeque<Option<InjectedFault>>>>,
    usage: Arc<Mutex<CallUsage>>,
    clock: Arc<dyn Clock>,
    mode: WriteMode,
    reprocess_policy: ReprocessPolicy,
}

impl MemoryStore {
    /// Creates an empty store whose service time is that of `clock`.
    #[doc(hidden)]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            contents: Arc::default(),
            faults: Arc::default(),
            usage: Arc::default(),
            clock,
            mode: WriteMode::Append,
            reprocess_policy: ReprocessPolicy::EachVersion,
        }
    }

    /// Sets the write mode and the reprocess policy.
    #[doc(hidden)]
    #[must_use]
    pub fn with_mode(mut self, mode: WriteMode, reprocess_policy: ReprocessPolicy) -> Self {
        (self.mode, self.reprocess_policy) = (mode, reprocess_policy);
        self
    }

    /// Queues faults for the next commits, in order; `None` is a normal commit.
    #[doc(hidden)]
    pub fn inject_faults(&self, faults: impl IntoIterator<Item = Option<InjectedFault>>) {
        lock(&self.faults).extend(faults);
    }

    /// Returns a copy of the contents.
    #[doc(hidden)]
    pub fn contents(&self) -> MemoryContents {
        lock(&self.contents).clone()
    }

    /// Edits the contents, as a user would.
    #[doc(hidden)]
    pub fn edit_contents(&self, change: impl FnOnce(&mut MemoryContents)) {
        change(&mut lock(&self.contents));
    }

    /// Returns the rows of a data tab, each as an object of its columns; none if there is no such
    /// tab. Days and times are numbers, as spreadsheets count them.
    pub fn rows(&self, tab: &str) -> Vec<Value> {
        let contents = lock(&self.contents);
        let rows = contents.data_tabs.get(tab).map(|(_, rows)| rows.as_slice()).unwrap_or_default();
        let object = |row: &Row| row.cells.iter().map(|(name, cell)| (name.clone(), convert_cell(cell))).collect();
        rows.iter().map(|row| Value::Object(object(row))).collect()
    }

    /// Returns key, step and error of each failure that is not over, in their order.
    pub fn open_failures(&self) -> Vec<(String, String, String)> {
        let contents = lock(&self.contents);
        let mut open: Vec<&Failure> = Vec::new();
        for failure in &contents.failures {
            open.retain(|other| other.key != failure.key);
            open.extend((failure.state != FailureState::Recovered).then_some(failure));
        }
        let texts = |failure: &&Failure| (failure.key.as_str().to_owned(), failure.step.clone(), failure.error.clone());
        open.iter().map(texts).collect()
    }

    fn make_load_report(&self) -> LoadReport {
        let contents = lock(&self.contents);
        let data_tabs: Vec<_> =
            contents.data_tabs.iter().map(|(tab, (columns, _))| (tab.clone(), columns.clone())).collect();
        let snapshot = contents.head.map(|head| Snapshot {
            state: contents.state.clone(),
            stored_checksum: contents.state.processed,
            head,
            processed_index: make_index(&contents, self.reprocess_policy),
            data_tabs: data_tabs.clone(),
            data_tab_title: None,
            deleted_columns: Vec::new(),
            anomalies: Vec::new(),
            active_predecessor: None,
        });
        let (reprocess_policy, service_time) = (self.reprocess_policy, self.clock.now());
        LoadReport {
            snapshot,
            spreadsheet: "memory".into(),
            data_tabs,
            first_rows: None,
            timezone: None,
            reprocess_policy,
            service_time,
            requests: JobRequests::default(),
            warnings: Vec::new(),
        }
    }

    fn apply(&self, commit: &Commit) -> CommitResult {
        let mut contents = lock(&self.contents);
        let moved = contents.head != commit.from;
        let older = commit.from.is_some()
            && commit.kind == CommitKind::Advance
            && commit.state.lease.fence < contents.state.lease.fence;
        if moved || older {
            return CommitResult::Refused { part: CommitPart::Guard, why: "another writer committed".into() };
        }
        if commit.changes.new_tabs.iter().any(|new| contents.data_tabs.contains_key(&new.tab)) {
            return CommitResult::Refused { part: CommitPart::Layout, why: "a tab of that name exists".into() };
        }
        for new in &commit.changes.new_tabs {
            contents.data_tabs.insert(new.tab.clone(), (new.columns.clone(), Vec::new()));
        }
        if let Some((columns, _)) = contents.data_tabs.get_mut(&commit.state.definition.tab) {
            columns.extend(commit.changes.columns.iter().cloned());
        }
        for (key, version, word, run) in commit.processed_entries() {
            let rows = if word == REVOCATION_STATE { &mut contents.revoked } else { &mut contents.processed };
            rows.push((key.clone(), version.clone(), run));
        }
        for one in &commit.changes.settled {
            lock(&self.usage).updated += store_result(&mut contents, one, commit, self.mode);
        }
        contents.runs.extend(commit.changes.runs.iter().cloned());
        contents.state = commit.state.clone();
        contents.head = Some(commit.to);
        CommitResult::Applied
    }
}

impl Store for MemoryStore {
    fn load(&self) -> BoxFuture<'_, Result<LoadReport, StoreError>> {
        lock(&self.usage).reads += 1;
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(self.make_load_report())
        })
    }

    fn read_head(&self) -> BoxFuture<'_, Result<HeadStatus, StoreError>> {
        lock(&self.usage).reads += 1;
        let store = lock(&self.contents);
        let head_status = match store.head {
            Some(head) => HeadStatus::At { head, fence: store.state.lease.fence },
            None => HeadStatus::NotInitialized,
        };
        Box::pin(async move { Ok(head_status) })
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            lock(&self.usage).writes += 1;
            let fault = lock(&self.faults).pop_front().flatten();
            match fault {
                None => self.apply(commit),
                Some(InjectedFault::AppliedThenLost) => {
                    self.apply(commit);
                    CommitResult::ResponseLost { why: "the response was lost".into() }
                }
                Some(InjectedFault::LostBefore) => CommitResult::ResponseLost { why: "the request was lost".into() },
                Some(InjectedFault::Throttled) => {
                    lock(&self.usage).throttled += 1;
                    CommitResult::NotExecuted {
                        fault: crate::fault::Fault::Throttled,
                        is_proxy_error: false,
                        why: "a quota is used up".into(),
                    }
                }
            }
        })
    }

    fn read_failures<'a>(
        &'a self,
        rows: &'a [(Fingerprint, u32)],
    ) -> BoxFuture<'a, Result<Vec<StoredFailure>, StoreError>> {
        lock(&self.usage).reads += u64::from(!rows.is_empty());
        let contents = lock(&self.contents);
        let found = rows.iter().filter_map(|(key, row)| {
            let failure = contents.failures.get(usize::try_from(*row).ok()?.checked_sub(2)?)?;
            let kept = StoredFailure { failure: failure.clone(), is_edited: false, row: *row };
            (failure.key.fingerprint() == *key).then_some(kept)
        });
        let found = found.collect();
        Box::pin(async move { Ok(found) })
    }

    fn usage(&self) -> CallUsage {
        *lock(&self.usage)
    }
}

/// Returns the value of a cell.
fn convert_cell(cell: &Cell) -> Value {
    match cell {
        Cell::Empty | Cell::Figure { value: None, .. } => Value::Null,
        Cell::Text(text) | Cell::Formula(text) => text.as_str().into(),
        Cell::Bool(bool) => (*bool).into(),
        Cell::Number(number)
        | Cell::Date(number)
        | Cell::DateTime(number)
        | Cell::Duration(number)
        | Cell::Figure { value: Some(number), .. } => (*number).into(),
    }
}

fn make_index(contents: &MemoryContents, reprocess_policy: ReprocessPolicy) -> ProcessedIndex {
    let done = contents
        .processed
        .iter()
        .map(|(key, version, _)| (key.fingerprint(), reprocess_policy.version_hash(version)))
        .collect();
    let revoked = contents
        .revoked
        .iter()
        .map(|(key, version, _)| (key.fingerprint(), reprocess_policy.version_hash(version)))
        .collect();
    let mut failures = HashMap::new();
    for (row, failure) in (2..).zip(&contents.failures) {
        let key = failure.key.fingerprint();
        if failure.state == FailureState::Recovered {
            failures.remove(&key);
        } else {
            let tried = PriorFailure {
                attempts: failure.attempts,
                first_seen: failure.first_seen,
                last_seen: failure.last_seen,
                version: reprocess_policy.version_hash(&failure.version),
                error: hash_failure(&failure.step, &failure.error),
                state: failure.state,
                is_in_doubt: failure.step == IN_DOUBT,
                requested: contents.requested_actions.get(&failure.key).copied(),
                has_unknown_action: contents.unknown_actions.contains(&failure.key),
                row,
            };
            failures.insert(key, tried);
        }
    }
    let doings: Vec<_> = contents.processed.iter().map(|(_, _, run)| VersionUse::from_cell(run)).collect();
    let done = ProcessedSet::from_changes(reprocess_policy, done, doings, revoked, contents.state.gaps.clone());
    ProcessedIndex::new(done, failures)
        .with_suppressed_counts(contents.state.suppressed_failures.clone())
        .with_keys_to_reprocess(contents.state.keys_to_reprocess.clone())
}

/// Stores the result of one item. Returns the number of rows overwritten.
fn store_result(contents: &mut MemoryContents, settled: &ItemResult, commit: &Commit, mode: WriteMode) -> u64 {
    let mut updated = 0;
    let recorded = settled.failure();
    match settled {
        ItemResult::Done { output, closes, .. } => {
            for (tab, rows) in &output.tabs {
                let there = &mut contents.data_tabs.entry(tab.clone()).or_default().1;
                for row in rows {
                    let over =
                        put(there, row, commit.state.key_column.as_deref().filter(|_| mode == WriteMode::Upsert));
                    updated += u64::from(over);
                }
            }
            contents.failures.extend(closes.iter().map(|failure| (**failure).clone()));
        }
        ItemResult::Failed(failure) => contents.failures.push((**failure).clone()),
        ItemResult::Revoked { .. } => {}
        ItemResult::Removed(rows) => rows.iter().for_each(|row| delete_row(contents, row)),
    }
    if let Some(recorded) = recorded {
        if matches!(recorded.answered, Some(ActionAnswer::Accepted(_))) {
            contents.requested_actions.remove(&recorded.key);
        }
        if recorded.is_only_answer() || recorded.state == FailureState::Recovered {
            contents.unknown_actions.remove(&recorded.key);
        }
    }
    updated
}

/// Deletes the first row with this hash. Rows have no positions here.
fn delete_row(contents: &mut MemoryContents, removal: &RowDeletion) {
    let hash = |row: &(Key, Version, String), word| hash_key_row(&encode_processed_row(&row.0, &row.1, word, &row.2));
    let is_it = |hash: u64| removal.hash == Some(hash);
    match removal.kind {
        TabKind::Processed => {
            if !remove_first(&mut contents.processed, |row| is_it(hash(row, DONE))) {
                remove_first(&mut contents.revoked, |row| is_it(hash(row, REVOCATION_STATE)));
            }
        }
        TabKind::Failures => drop(remove_first(&mut contents.failures, |failure| is_it(hash_failure_row(failure)))),
        TabKind::Runs => drop(remove_first(&mut contents.runs, |run| is_it(hash_run_row(run)))),
        TabKind::Data => {}
    }
}

fn remove_first<T>(rows: &mut Vec<T>, is_it: impl FnMut(&T) -> bool) -> bool {
    let at = rows.iter().position(is_it);
    at.is_some_and(|at| {
        rows.remove(at);
        true
    })
}

/// Writes a row over the one with the same key. Returns whether there was one. `key_column` is
/// `None` if rows are appended.
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

/// Ignore poisoning: each change is made in one step, so the values are complete.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
