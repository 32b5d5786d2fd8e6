//! Keys to be processed again: revoked without losing the history of their rows, and processed
//! again once.

#![cfg(feature = "emulator")]

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

#[path = "hands/front.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod front;

#[path = "hands/person.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod person;

use std::sync::Arc;

use serde_json::{Value, json};
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::ledger::commit::changes::ItemResult;
use sheetkeep::ledger::item::key::{Key, Version};
use sheetkeep::ledger::item::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::run::event::RunReport;
use sheetkeep::port::clock::Clock;
use sheetkeep::port::store::Store;
use sheetkeep::runner::input_queue::RetryScope;
use sheetkeep::runner::run_config::{PreparedChanges, RunError};
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::SteeredClock;
use sheetkeep::time::Timestamp;

use crate::front::EmulatorProxy;
use crate::support::{Job, Values};

struct RevokeFixture {
    front: EmulatorProxy,
    clock: Arc<dyn Clock>,
    mode: WriteMode,
}

impl RevokeFixture {
    fn new(mode: WriteMode) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SteeredClock::starting_at(Timestamp(1_790_000_000_000)));
        Self {
            front: EmulatorProxy::new(UnknownBehaviors::all().next().expect("there are eight"), 1, &clock, None),
            clock,
            mode,
        }
    }

    fn store(&self, seed: u64) -> SheetsStore {
        let again =
            if self.mode == WriteMode::Upsert { ReprocessPolicy::OnChange } else { ReprocessPolicy::EachVersion };
        let sheets = Arc::new(self.front.sheets(seed));
        SheetsStore::new(sheets, EmulatorProxy::id(), "j", "Data", Arc::clone(&self.clock)).keeping(self.mode, again)
    }

    async fn run(&self, items: &[Value], errands: Option<PreparedChanges>) -> Result<RunReport, RunError> {
        let mut job = Job::new(Arc::clone(&self.clock)).step(|value, _| Ok(vec![value.clone()]));
        job.seed = u64::try_from(self.clock.now().0).unwrap_or(0);
        (job.plan.mode, job.plan.max_rows) = (self.mode, 3);
        if errands.is_some() {
            job.plan.retrying = RetryScope::None;
        }
        job.errands = errands;
        let report = job.run(self.store(job.seed), Values::of(items.to_vec())).await;
        self.clock.sleep(std::time::Duration::from_mins(1)).await;
        report
    }

    /// Revokes these keys as of now.
    async fn forget(&self, keys: &[&str]) -> PreparedChanges {
        let snapshot = self.store(7).load().await.expect("a load").snapshot.expect("it has run");
        let forgotten =
            |key: &&str| ItemResult::Revoked { key: Key::new(*key).expect("a key"), version: Version("1".into()) };
        PreparedChanges { from: Some(snapshot.head), settled: keys.iter().map(forgotten).collect() }
    }

    async fn column(&self, tab: &str, name: &str) -> Vec<String> {
        self.front.column(tab, name).await
    }
}

fn items(notes: &str) -> Vec<Value> {
    ["a", "b", "c", "d", "e"].map(|id| json!({"id": id, "v": "1", "note": notes})).to_vec()
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_key_is_done_again_once_and_the_others_stay_done() {
    for mode in [WriteMode::Append, WriteMode::Upsert] {
        let house = RevokeFixture::new(mode);
        house.run(&items("first"), None).await.expect("a run");
        let errands = house.forget(&["b", "d"]).await;
        house.run(&[], Some(errands)).await.expect("a run");
        house.front.sort_upside_down("Processed j").await;
        let report = house.run(&items("second"), None).await.expect("a run");
        assert_eq!((report.run.counts.new, report.run.counts.skipped), (2, 3), "{mode:?}");
        let ids = house.column("Data", "id").await;
        match mode {
            WriteMode::Append => assert_eq!(ids, ["a", "b", "c", "d", "e", "b", "d"]),
            WriteMode::Upsert => {
                assert_eq!(ids, ["a", "b", "c", "d", "e"]);
                assert_eq!(house.column("Data", "note").await, ["first", "second", "first", "second", "first"]);
            }
        }
        let report = house.run(&items("third"), None).await.expect("a run");
        assert_eq!((report.run.counts.new, report.run.counts.skipped), (0, 5), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_worked_out_from_an_older_sheet_is_not_done() {
    let house = RevokeFixture::new(WriteMode::Append);
    house.run(&items("first"), None).await.expect("a run");
    let errands = house.forget(&["b"]).await;
    house.run(&items("first"), None).await.expect("another run goes between");
    let error = house.run(&[], Some(errands)).await.expect_err("the sheet has moved on");
    assert!(matches!(error, RunError::MovedOn), "{error}");
    assert_eq!(house.run(&items("first"), None).await.expect("a run").run.counts.new, 0);
}

#[tokio::test(start_paused = true)]
async fn forgetting_holds_through_lost_answers_and_late_copies() {
    for fault in ["do=applied-reset,times=2", "do=reset,times=2", "do=late,after=1,times=2", "do=late,after=3,times=3"]
    {
        for skip in 0..4 {
            let house = RevokeFixture::new(WriteMode::Append);
            house.run(&items("first"), None).await.expect("a run");
            let errands = house.forget(&["a", "b", "c", "d", "e"]).await;
            let spec = format!("on=writes,skip={skip},{fault}");
            house.front.emulator.set_faults(vec![spec.parse().expect("a fault")]);
            let _doubtful = house.run(&[], Some(errands)).await;
            house.front.emulator.deliver_delayed().await;
            house.front.emulator.set_faults(Vec::new());
            let done = house.column("Processed j", "state").await;
            let forgotten = done.iter().filter(|state| *state == "forgotten").count();
            let report = house.run(&items("second"), None).await.expect("a run");
            assert_eq!(report.run.counts.new, forgotten as u64, "{spec}");
            assert_eq!(house.column("Data", "id").await.len(), 5 + forgotten);
        }
    }
}
