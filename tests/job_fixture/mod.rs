//! A job on a spreadsheet of its own: the real client over the emulator, in process, with the paused clock.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sheetkeep::clock::Clock;
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::port::step::StepError;
use sheetkeep::runner::input::input_queue::RetryScope;
use sheetkeep::runner::run_config::{PreparedChanges, RunError};
use sheetkeep::store::scan::scanned_tabs::ScannedTabs;
use sheetkeep::store::scan::scanner::ScanScope;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;

use crate::front::EmulatorProxy;
use crate::support::{Job, Values};

/// A job and its emulated spreadsheet.
pub struct JobFixture {
    pub proxy: EmulatorProxy,
    pub clock: Arc<dyn Clock>,
    pub mode: WriteMode,
    pub again: ReprocessPolicy,
    /// Rows in one commit at most.
    pub max_rows: usize,
}

impl JobFixture {
    /// `nth` is which of the eight doubts the service has.
    pub fn new(mode: WriteMode, again: ReprocessPolicy, nth: usize) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let doubts = UnknownBehaviors::all().nth(nth).expect("there are eight");
        Self { proxy: EmulatorProxy::new(doubts, 1, &clock, None), clock, mode, again, max_rows: 2 }
    }

    pub fn store(&self, seed: u64) -> SheetsStore {
        let sheets = Arc::new(self.proxy.sheets(seed));
        SheetsStore::new(sheets, EmulatorProxy::id(), "j", "Data", Arc::clone(&self.clock))
            .with_mode(self.mode, self.again)
    }

    pub async fn run(
        &self,
        items: &[Value],
        retrying: RetryScope,
        errands: Option<PreparedChanges>,
    ) -> Result<RunReport, RunError> {
        let mut job = Job::new(Arc::clone(&self.clock)).step(|value, _| match value["bad"].as_str() {
            Some(why) => Err(StepError::Rejected(why.to_owned())),
            None => Ok(vec![value.clone()]),
        });
        job.seed = u64::try_from(self.clock.now().0).unwrap_or(0);
        (job.plan.mode, job.plan.max_rows, job.plan.retrying) = (self.mode, self.max_rows, retrying);
        job.errands = errands;
        let report = job.run(self.store(job.seed), Values::of(items.to_vec())).await;
        self.clock.sleep(Duration::from_secs(2)).await;
        report
    }

    pub async fn usual(&self, items: &[Value]) -> RunReport {
        self.run(items, RetryScope::Default, None).await.expect("a run")
    }

    /// Everything that can be listed.
    pub async fn listing(&self) -> ScannedTabs {
        let wanted = ScanScope { failures: true, runs: true, ..ScanScope::default() };
        self.store(7).scan_rows(wanted).await.expect("a listing").expect("it has run")
    }

    pub async fn column(&self, tab: &str, name: &str) -> Vec<String> {
        self.proxy.column(tab, name).await
    }
}
