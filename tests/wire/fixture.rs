//! A job on an emulated spreadsheet. Its clock and its random numbers are fixed, so that every
//! request has the same bytes each time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::Method;
use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::state::rollover::{Predecessors, Rollover};
use sheetkeep::maintain::prune::{PrunePolicy, RowAge, plan_prune};
use sheetkeep::maintain::reprocess::plan_reprocess;
use sheetkeep::maintain::reset::plan_reset;
use sheetkeep::maintain::rollover::plan_rollover;
use sheetkeep::port::step::StepError;
use sheetkeep::port::store::Store as _;
use sheetkeep::runner::run_config::PreparedChanges;
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::sheets_client::types::address::SpreadsheetId;
use sheetkeep::store::scan::scanned_tabs::ScannedTabs;
use sheetkeep::store::scan::scanner::ScanScope;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::store::tabs::jobs::JobsView;
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;
use tokio::sync::Notify;

use crate::emulator_proxy::proxy::{EmulatorProxy, SPREADSHEET_ID};
use crate::test_job::{IdKeyFinder, SlowSource, TestJob, ValueSource};

/// Which guard the service's behaviour leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The named range.
    Name,
    /// The title of the state tab.
    Title,
}

impl Guard {
    pub const BOTH: [Self; 2] = [Self::Name, Self::Title];

    pub fn label(self) -> &'static str {
        match self {
            Self::Name => "by-name",
            Self::Title => "by-title",
        }
    }

    /// The service honours the ids of named ranges and refuses missing ones, or neither.
    fn behaviour(self) -> UnknownBehaviors {
        let nth = if self == Self::Name { 0 } else { 7 };
        UnknownBehaviors::all().nth(nth).expect("there are eight")
    }
}

/// A job on a spreadsheet of its own.
pub struct WireFixture {
    pub proxy: EmulatorProxy,
    pub guard: Guard,
    pub mode: WriteMode,
    pub policy: ReprocessPolicy,
    /// Rows in one commit at most.
    pub max_rows: usize,
    /// How the job uses the tab Jobs.
    pub jobs: Option<JobsView>,
    clock: Arc<dyn Clock>,
}

impl WireFixture {
    pub fn with_append(guard: Guard) -> Self {
        Self::new(guard, WriteMode::Append, ReprocessPolicy::EachVersion)
    }

    pub fn with_upsert(guard: Guard) -> Self {
        Self::new(guard, WriteMode::Upsert, ReprocessPolicy::OnChange)
    }

    fn new(guard: Guard, mode: WriteMode, policy: ReprocessPolicy) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let proxy = EmulatorProxy::new(guard.behaviour(), 1, &clock, None);
        Self { proxy, guard, mode, policy, max_rows: 10, jobs: None, clock }
    }

    fn store_at(&self, id: &str, seed: u64) -> SheetsStore {
        let id = SpreadsheetId::parse(id).expect("an id");
        let sheets = Arc::new(self.proxy.sheets(seed));
        SheetsStore::new(sheets, id, "j", "Data", Arc::clone(&self.clock))
            .with_mode(self.mode, self.policy)
            .with_jobs(self.jobs.clone())
    }

    /// A job whose step refuses an item with a field `bad`, and leaves the version out of the row.
    pub fn job(&self) -> TestJob {
        let mut job = TestJob::new(Arc::clone(&self.clock)).with_step(|value, _| {
            if let Some(why) = value["bad"].as_str() {
                return Err(StepError::Rejected(why.to_owned()));
            }
            let mut row = value.clone();
            row.as_object_mut().expect("an object").remove("v");
            Ok(vec![row])
        });
        job.seed = u64::try_from(self.clock.now().0).unwrap_or(0);
        (job.plan.mode, job.plan.max_rows) = (self.mode, self.max_rows);
        job.plan.definition.mode = self.mode.as_str().into();
        job
    }

    /// Runs it to its end, which has to be a good one.
    pub async fn run_job(&self, job: &TestJob, items: &[Value]) {
        self.run_job_at(SPREADSHEET_ID, job, items).await;
    }

    async fn run_job_at(&self, id: &str, job: &TestJob, items: &[Value]) {
        job.run(self.store_at(id, job.seed), ValueSource::of(items.to_vec())).await.expect("a run");
        self.clock.sleep(Duration::from_secs(2)).await;
    }

    /// A usual run.
    pub async fn run(&self, items: &[Value]) {
        self.run_job(&self.job(), items).await;
    }

    /// A usual run by another machine.
    pub async fn run_on_other_machine(&self, items: &[Value]) {
        self.run_job(&self.job().on_other_machine(), items).await;
    }

    /// A run over items that come one every so often.
    pub async fn run_slowly(&self, every: Duration, items: &[Value]) {
        let (job, clock) = (self.job(), Arc::clone(&self.clock));
        let source = SlowSource::new(ValueSource::of(items.to_vec()), clock, every);
        job.run_source(self.store_at(SPREADSHEET_ID, job.seed), Box::new(source)).await.expect("a run");
    }

    /// A run that vanishes right after its nth write was applied.
    pub async fn run_and_die_after_write(&self, nth: u64, items: &[Value]) {
        let end = Arc::new(Notify::new());
        let ended = Arc::clone(&end);
        self.proxy.edit_at_write(nth, false, async move { ended.notify_one() }.boxed());
        let job = self.job();
        let running = job.run(self.store_at(SPREADSHEET_ID, job.seed), ValueSource::of(items.to_vec()));
        tokio::select! {
            biased;
            () = end.notified() => {}
            ended = running => assert!(ended.is_err(), "it continues after this write"),
        }
    }

    /// A run that only settles what a command found.
    async fn commit_prepared(&self, prepared: PreparedChanges, retrying: RunScope) {
        let mut job = self.job();
        (job.prepared, job.plan.scope) = (Some(prepared), retrying);
        self.run_job(&job, &[]).await;
    }

    async fn listing_at(&self, id: &str, wanted: ScanScope) -> ScannedTabs {
        self.store_at(id, 7).scan_rows(wanted).await.expect("a listing").expect("it has run")
    }

    async fn listing(&self) -> ScannedTabs {
        self.listing_at(SPREADSHEET_ID, ScanScope { reads_failures: true, reads_runs: true, ..ScanScope::default() })
            .await
    }

    /// What `prune` would take out of what is older than five days.
    pub async fn find_prunable(&self) -> PreparedChanges {
        let listing = self.listing().await;
        let ends = self.store_at(SPREADSHEET_ID, 7).measure_tabs().await.expect("the ends of its tabs");
        let age = RowAge { before: Timestamp(self.clock.now().0 - 5 * 86_400_000), deletes_keys: false };
        let found = plan_prune(&listing, &ends, PrunePolicy { mode: self.mode, reprocess_policy: self.policy }, age);
        assert!(!found.changes.is_empty(), "there is something to take out");
        PreparedChanges { from: Some(listing.snapshot.head), settled: found.changes }
    }

    /// What `prune --yes` does then.
    pub async fn delete_prepared(&self, prepared: PreparedChanges) {
        self.commit_prepared(prepared, RunScope::None).await;
    }

    /// What `reset --yes` does.
    pub async fn reset(&self) {
        let listing = self.listing().await;
        let settled = plan_reset(&listing, self.policy, self.clock.now()).settled;
        self.commit_prepared(PreparedChanges { from: Some(listing.snapshot.head), settled }, RunScope::None).await;
    }

    /// The first half of `run --force --yes`: these items are to be done once more.
    pub async fn force(&self, items: &[Value]) {
        let listing = self.listing().await;
        let mut source = ValueSource::of(items.to_vec());
        let found = plan_reprocess(&listing, self.policy, &mut source, &IdKeyFinder).await.expect("a source");
        self.commit_prepared(
            PreparedChanges { from: Some(listing.snapshot.head), settled: found.settled },
            RunScope::Reprocess,
        )
        .await;
    }

    /// Another spreadsheet; its id.
    pub async fn another_spreadsheet(&self) -> String {
        let body = json!({"properties": {"title": "second"}});
        let (status, answer) = self.proxy.call_path("/v4/spreadsheets", Method::POST, "", body).await;
        assert_eq!(status, 200, "{answer}");
        answer["spreadsheetId"].as_str().expect("an id").to_owned()
    }

    /// What `rollover --yes` does.
    pub async fn roll_over(&self, to: &str) {
        let wanted = ScanScope { reads_failures: true, reads_predecessors: true, ..ScanScope::default() };
        let old = self.listing_at(SPREADSHEET_ID, wanted).await;
        let new = self.store_at(to, 8).load().await.expect("a load").snapshot;
        let settled = plan_rollover(&old, new.as_ref(), SPREADSHEET_ID, to, self.clock.now())
            .expect("nothing is against it")
            .settled;
        let mut into = self.job();
        into.prepared = Some(PreparedChanges { from: new.map(|new| new.head), settled });
        (into.plan.scope, into.plan.rollover) =
            (RunScope::None, Some(Rollover::FirstRun(Predecessors::from_state(&old.snapshot.state, SPREADSHEET_ID))));
        self.run_job_at(to, &into, &[]).await;
        let mut out = self.job();
        out.prepared = Some(PreparedChanges { from: Some(old.snapshot.head), settled: Vec::new() });
        (out.plan.scope, out.plan.rollover) = (RunScope::None, Some(Rollover::LastRun(to.to_owned())));
        self.run_job(&out, &[]).await;
    }

    /// A usual run where the job has moved to.
    pub async fn run_at(&self, id: &str, items: &[Value]) {
        self.run_job_at(id, &self.job(), items).await;
    }

    pub async fn wait(&self, days: u64) {
        self.clock.sleep(Duration::from_hours(24 * days)).await;
    }

    /// Adds columns on the right of a tab, as a person does.
    pub async fn widen(&self, title: &str) {
        let wider = json!({"sheetId": self.proxy.tab_id(title).await, "dimension": "COLUMNS", "length": 3});
        self.proxy.edit_sheet(json!([{"appendDimension": wider}])).await;
    }

    /// Every tab of a spreadsheet with the texts of its cells.
    pub async fn tabs(&self, id: &str) -> Vec<(String, Vec<Vec<String>>)> {
        let root = format!("/v4/spreadsheets/{id}");
        let (_, metadata) =
            self.proxy.call_path(&root, Method::GET, "fields=sheets.properties.title", Value::Null).await;
        let mut tabs = Vec::new();
        for sheet in metadata["sheets"].as_array().expect("sheets") {
            let title = sheet["properties"]["title"].as_str().expect("a title");
            let range = percent_encoding::utf8_percent_encode(title, percent_encoding::NON_ALPHANUMERIC);
            let path = format!("{root}/values/{range}");
            let (status, answer) = self.proxy.call_path(&path, Method::GET, "", Value::Null).await;
            assert_eq!(status, 200, "{answer}");
            tabs.push((title.to_owned(), serde_json::from_value(answer["values"].clone()).unwrap_or_default()));
        }
        tabs
    }
}
