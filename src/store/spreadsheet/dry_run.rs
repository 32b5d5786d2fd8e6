//! A dry run: the commits of a run, prepared as usual and never sent.
//!
//! In scope: the effect of each commit on rows and cells, in a session that behaves as if the
//! service had applied it.
//! Out of scope: what the effects mean for people (`app::plan::run_plan`).
//!
//! A dry run loads and reads like a run. Its `commit` calls no write method of the client, so it
//! can't change the spreadsheet.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use crate::fault::Fault;
use crate::grid::Cell;
use crate::ledger::commit::changes::{Commit, CommitResult, ItemResult};
use crate::ledger::items::failure::FailureState;
use crate::ledger::leases::head::HeadId;
use crate::ledger::leases::lease::{Holder, LeaseStatus};
use crate::ledger::state::snapshot::LoadReport;
use crate::port::store::{Store, StoreError};
use crate::port::store_layer::StoreLayer;
use crate::store::guard::guard_kind::GuardSupport;
use crate::store::spreadsheet::store::SheetsStore;

/// Rows of the data tab that are kept as a sample.
const SAMPLE_ROWS: usize = 5;
/// Calls by which a run probes the guard if its support is unknown: a read of the head, and two
/// batches that the service refuses.
const PROBE_READS: u64 = 1;
const PROBE_WRITES: u64 = 2;

/// A store that prepares commits and never sends them.
pub struct DryRunStore {
    inner: SheetsStore,
    effects: Mutex<DryRunEffects>,
}

/// The effects of all prepared commits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DryRunEffects {
    /// The head that the load found; `None` if the job has never run here.
    pub head: Option<HeadId>,
    /// The active run that holds the lease, which a real run would wait for.
    pub held_by: Option<Holder>,
    /// The columns of the data tab that the load found; empty if there is no such tab.
    pub columns_found: Vec<String>,
    /// Columns that the commits would add, those of a new tab included.
    pub columns_added: Vec<String>,
    /// Number of write calls.
    pub writes: u64,
    /// Read calls that only a real run makes, to probe the guard.
    pub probe_reads: u64,
    /// Rows added to the data tab.
    pub inserted: u64,
    /// Rows of the data tab that are rewritten.
    pub updated: u64,
    /// Keys that become done.
    pub keys: u64,
    /// Failures that are written for the first time, or again.
    pub failures: u64,
    /// Failures that are closed.
    pub recovered: u64,
    /// Cells of the whole spreadsheet, before the first commit.
    pub cells_before: u64,
    /// Cells of the whole spreadsheet, after the last commit.
    pub cells_after: u64,
    /// The first rows of the data tab.
    pub sample: Vec<SampleRow>,
}

/// A row that a run would write.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// The key of the item that makes the row.
    pub key: String,
    /// True if it replaces an existing row.
    pub is_update: bool,
    /// Its cells, each with the column's name.
    pub cells: Vec<(String, Cell)>,
}

impl DryRunStore {
    /// Creates a dry run on the spreadsheet of this store.
    pub fn new(inner: SheetsStore) -> Self {
        Self { inner, effects: Mutex::new(DryRunEffects::default()) }
    }

    /// Returns the effects so far.
    pub fn effects(&self) -> DryRunEffects {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, DryRunEffects> {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn load_once(&self) -> Result<LoadReport, StoreError> {
        if self.lock().writes > 0 {
            let why =
                "read the spreadsheet: people edit its tabs meanwhile; make the plan again in a minute".to_owned();
            return Err(StoreError::Unavailable { why, fault: Fault::Transient });
        }
        let mut loaded = self.inner.load().await?;
        let cells = self.inner.lock_session().cell_budget.count_cells();
        let mut effects = self.lock();
        (effects.cells_before, effects.cells_after) = (cells, cells);
        let Some(snapshot) = &mut loaded.snapshot else { return Ok(loaded) };
        effects.head = Some(snapshot.head);
        effects.columns_found = snapshot.tables.first().map(|(_, columns)| columns.clone()).unwrap_or_default();
        if let LeaseStatus::Held { holder, .. } = snapshot.state.lease.status(|_| false, loaded.service_time) {
            // The plan shows what is left as of now; the active run continues unharmed.
            effects.held_by = Some(holder);
            snapshot.state.lease = snapshot.state.lease.release(loaded.service_time);
            snapshot.state.run = None;
        }
        Ok(loaded)
    }

    async fn simulate_commit(&self, commit: &Commit) -> CommitResult {
        if let Err(result) = self.inner.ensure_rows_known(commit).await {
            return result;
        }
        if let Err(result) = self.inner.ensure_columns_available(commit) {
            return result;
        }
        let prepared = self.inner.encode_commit(commit);
        if let Err(result) = self.inner.ensure_cells_available(&prepared).await {
            return result;
        }
        let mut effects = self.lock();
        let mut session = self.inner.lock_session();
        effects.count(commit, |key| session.row_tracker.has_row(key));
        if session.strategy.next_support() == GuardSupport::Unknown {
            effects.probe_reads += PROBE_READS;
            effects.writes += PROBE_WRITES;
            session.strategy.record_support(GuardSupport::Name);
        }
        let updated = prepared.rows.updated;
        session.on_applied(prepared);
        session.row_tracker.on_simulated(self.inner.loader().mode);
        session.deletion = None;
        effects.writes += 1;
        effects.updated += updated;
        effects.inserted += (commit.changes.remaining_rows(self.inner.loader().mode) as u64).saturating_sub(updated);
        effects.cells_after = session.cell_budget.count_cells();
        CommitResult::Applied
    }
}

impl DryRunEffects {
    /// Counts a commit's items. `has_row` returns whether the data tab has a row of a key.
    fn count(&mut self, commit: &Commit, has_row: impl Fn(&str) -> bool) {
        let made = commit.changes.tables.iter().flat_map(|table| &table.columns);
        self.columns_added.extend(made.chain(&commit.changes.columns).cloned());
        for settled in &commit.changes.settled {
            self.keys += u64::from(matches!(settled, ItemResult::Done { .. }));
            let recovered = settled.failure().is_some_and(|failure| failure.state == FailureState::Recovered);
            self.recovered += u64::from(recovered);
            self.failures += u64::from(settled.failure().is_some() && !recovered);
            let ItemResult::Done { key, output, .. } = settled else { continue };
            for row in output.tables.iter().flat_map(|(_, rows)| rows) {
                if self.sample.len() < SAMPLE_ROWS {
                    let (key, is_update) = (key.as_str().to_owned(), has_row(key.as_str()));
                    self.sample.push(SampleRow { key, is_update, cells: row.cells.clone() });
                }
            }
        }
    }
}

/// The calls are those of the plan itself; its prepared writes are in the effects.
impl StoreLayer for DryRunStore {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    fn load_in_layer(&self) -> BoxFuture<'_, Result<LoadReport, StoreError>> {
        Box::pin(self.load_once())
    }

    fn commit_in_layer<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult> {
        Box::pin(self.simulate_commit(commit))
    }
}
