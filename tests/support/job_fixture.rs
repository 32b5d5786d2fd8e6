//! A job on a spreadsheet of its own: the real client over the emulator, in process, with the
//! paused clock.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sheetkeep::clock::Clock;
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::maintain::prune::{PrunePlan, PrunePolicy, RowAge, plan_prune};
use sheetkeep::port::step::StepError;
use sheetkeep::port::store::Store;
use sheetkeep::runner::run_config::{PreparedChanges, RunError};
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::store::scan::scanned_tabs::ScannedTabs;
use sheetkeep::store::scan::scanner::ScanScope;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;

use crate::emulator_proxy::proxy::EmulatorProxy;
use crate::test_job::{TestJob, ValueSource};

/// A job and its emulated spreadsheet.
pub struct JobFixture {
    pub proxy: EmulatorProxy,
    pub clock: Arc<dyn Clock>,
    pub mode: WriteMode,
    pub policy: ReprocessPolicy,
    /// Rows in one commit at most.
    pub max_rows: usize,
}

impl JobFixture {
    /// `nth` is which of the eight unknown behaviours the service has.
    pub fn new(mode: WriteMode, policy: ReprocessPolicy, nth: usize) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let behaviors = UnknownBehaviors::all().nth(nth).expect("there are eight");
        Self { proxy: EmulatorProxy::new(behaviors, 1, &clock, None), clock, mode, policy, max_rows: 2 }
    }

    pub fn store(&self, seed: u64) -> SheetsStore {
        let sheets = Arc::new(self.proxy.sheets(seed));
        SheetsStore::new(sheets, EmulatorProxy::spreadsheet_id(), "j", "Data", Arc::clone(&self.clock))
            .with_mode(self.mode, self.policy)
    }

    /// Returns a job of this fixture on a machine with this clock. It has no steps.
    pub fn job_on(&self, clock: &Arc<dyn Clock>, retrying: RunScope) -> TestJob {
        let mut job = TestJob::new(Arc::clone(clock));
        job.seed = u64::try_from(self.clock.now().0).unwrap_or(0);
        (job.plan.mode, job.plan.max_rows, job.plan.scope) = (self.mode, self.max_rows, retrying);
        job
    }

    /// Runs a job over a store. Then two seconds pass.
    pub async fn run_job(
        &self,
        job: &TestJob,
        store: impl Store + 'static,
        items: &[Value],
    ) -> Result<RunReport, RunError> {
        let report = job.run(store, ValueSource::of(items.to_vec())).await;
        self.clock.sleep(Duration::from_secs(2)).await;
        report
    }

    /// Runs the job with a step that makes each item its own row.
    pub async fn run(
        &self,
        items: &[Value],
        retrying: RunScope,
        prepared: Option<PreparedChanges>,
    ) -> Result<RunReport, RunError> {
        let mut job = self.job_on(&self.clock, retrying).with_step(|item, _| row_unless_bad(item, item.clone()));
        job.prepared = prepared;
        self.run_job(&job, self.store(job.seed), items).await
    }

    pub async fn run_items(&self, items: &[Value]) -> RunReport {
        self.run(items, RunScope::Default, None).await.expect("a run")
    }

    /// Everything that can be listed.
    pub async fn listing(&self) -> ScannedTabs {
        let wanted = ScanScope { reads_failures: true, reads_runs: true, ..ScanScope::default() };
        self.store(7).scan_rows(wanted).await.expect("a listing").expect("it has run")
    }

    /// Returns the age limit of this many days before now.
    pub fn age_limit(&self, days: u64, keys: bool) -> RowAge {
        let ms = i64::try_from(days * 86_400_000).expect("few days");
        RowAge { before: Timestamp(self.clock.now().0 - ms), deletes_keys: keys }
    }

    /// Returns what `prune` finds, and the changes that delete it.
    pub async fn find_prunable(&self, age: RowAge) -> (PrunePlan, PreparedChanges) {
        self.find_prunable_in(&self.store(7), age).await
    }

    /// Returns what `prune` finds in one of the job's spreadsheets.
    pub async fn find_prunable_in(&self, store: &SheetsStore, age: RowAge) -> (PrunePlan, PreparedChanges) {
        let wanted =
            ScanScope { reads_failures: true, reads_runs: true, reads_predecessors: true, ..ScanScope::default() };
        let listing = store.scan_rows(wanted).await.expect("a listing").expect("it has run");
        let ends = store.measure_tabs().await.expect("the ends of its tabs");
        let found = plan_prune(&listing, &ends, PrunePolicy { mode: self.mode, reprocess_policy: self.policy }, age);
        let prepared = PreparedChanges { from: Some(listing.snapshot.head), settled: found.changes.clone() };
        (found, prepared)
    }

    pub async fn column(&self, tab: &str, name: &str) -> Vec<String> {
        self.proxy.column(tab, name).await
    }
}

/// Returns the row of an item, or rejects an item that says that it is bad.
pub fn row_unless_bad(item: &Value, row: Value) -> Result<Vec<Value>, StepError> {
    match item["bad"].as_str() {
        Some(why) => Err(StepError::Rejected(why.to_owned())),
        None => Ok(vec![row]),
    }
}
