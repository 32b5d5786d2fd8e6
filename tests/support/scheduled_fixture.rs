//! A job on a schedule: an emulated spreadsheet, a clock, and what a call of `run --due` has to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sheetkeep::app::schedule::due::{DueStep, decide_next_step};
use sheetkeep::clock::Clock;
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::ledger::runs::job_requests::JobRequests;
use sheetkeep::schedule::job_schedule::JobSchedule;
use sheetkeep::schedule::recurrence::Recurrence;
use sheetkeep::schedule::zone::parse_zone;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::{SeededRng, TestClock};
use sheetkeep::time::Timestamp;

use crate::emulator_proxy::proxy::EmulatorProxy;

/// A job on a spreadsheet of its own.
pub struct ScheduledFixture {
    pub proxy: EmulatorProxy,
    pub clock: Arc<dyn Clock>,
    pub schedule: JobSchedule,
    pub requests: JobRequests,
    seeds: AtomicU64,
}

impl ScheduledFixture {
    /// A job that runs at this cron expression in Berlin, against the `nth` behavior of the
    /// service; `start` is the time of its spreadsheet.
    pub fn new(cron: &str, start: &str, nth: usize) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp::parse(start).expect("a time")));
        let behavior = UnknownBehaviors::all().nth(nth).expect("there are eight");
        let zone = parse_zone("Europe/Berlin").expect("a zone");
        Self {
            proxy: EmulatorProxy::new(behavior, 1, &clock, None),
            clock,
            schedule: JobSchedule::new(Recurrence::parse(cron).expect("an expression"), zone),
            requests: JobRequests::default(),
            seeds: AtomicU64::new(1),
        }
    }

    /// The seed of one more run.
    pub fn next_seed(&self) -> u64 {
        self.seeds.fetch_add(1, Ordering::Relaxed)
    }

    pub fn store(&self, seed: u64) -> SheetsStore {
        let sheets = Arc::new(self.proxy.sheets(seed));
        SheetsStore::new(sheets, EmulatorProxy::spreadsheet_id(), "j", "Data", Arc::clone(&self.clock))
    }

    /// What a call of `run --due` on this host does now.
    pub async fn next_step(&self, host: &str, seed: u64) -> DueStep {
        let mut standing = self.store(seed).read_standing().await.expect("the state can be read");
        standing.requests = self.requests.clone();
        decide_next_step(&self.schedule, "j", host, &standing, &SeededRng::new(seed))
    }
}
