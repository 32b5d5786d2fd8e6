//! Keys to be processed again: revoked without losing the history of their rows, and processed
//! again once.

use std::sync::Arc;

use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::ledger::commit::changes::ItemResult;
use sheetkeep::ledger::items::key::{Key, Version};
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::port::store::Store;
use sheetkeep::runner::run_config::{PreparedChanges, RunError};
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;

use crate::emulator_proxy::proxy::EmulatorProxy;
use crate::test_job::{TestJob, ValueSource};

/// A job some of whose keys are revoked.
struct RevokeFixture {
    proxy: EmulatorProxy,
    clock: Arc<dyn Clock>,
    mode: WriteMode,
}

impl RevokeFixture {
    fn new(mode: WriteMode) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        Self {
            proxy: EmulatorProxy::new(UnknownBehaviors::all().next().expect("there are eight"), 1, &clock, None),
            clock,
            mode,
        }
    }

    fn store(&self, seed: u64) -> SheetsStore {
        let policy =
            if self.mode == WriteMode::Upsert { ReprocessPolicy::OnChange } else { ReprocessPolicy::EachVersion };
        let sheets = Arc::new(self.proxy.sheets(seed));
        SheetsStore::new(sheets, EmulatorProxy::spreadsheet_id(), "j", "Data", Arc::clone(&self.clock))
            .with_mode(self.mode, policy)
    }

    async fn run(&self, items: &[Value], prepared: Option<PreparedChanges>) -> Result<RunReport, RunError> {
        let mut job = TestJob::new(Arc::clone(&self.clock)).with_step(|value, _| Ok(vec![value.clone()]));
        job.seed = u64::try_from(self.clock.now().0).unwrap_or(0);
        (job.plan.mode, job.plan.max_rows) = (self.mode, 3);
        if prepared.is_some() {
            job.plan.scope = RunScope::None;
        }
        job.prepared = prepared;
        let report = job.run(self.store(job.seed), ValueSource::of(items.to_vec())).await;
        self.clock.sleep(std::time::Duration::from_mins(1)).await;
        report
    }

    /// Revokes these keys as of now.
    async fn prepare_revocation(&self, keys: &[&str]) -> PreparedChanges {
        let snapshot = self.store(7).load().await.expect("a load").snapshot.expect("it has run");
        let forgotten =
            |key: &&str| ItemResult::Revoked { key: Key::new(*key).expect("a key"), version: Version("1".into()) };
        PreparedChanges { from: Some(snapshot.head), settled: keys.iter().map(forgotten).collect() }
    }

    async fn column(&self, tab: &str, name: &str) -> Vec<String> {
        self.proxy.column(tab, name).await
    }
}

fn make_items(notes: &str) -> Vec<Value> {
    ["a", "b", "c", "d", "e"].map(|id| json!({"id": id, "v": "1", "note": notes})).to_vec()
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_key_is_done_again_once_and_the_others_stay_done() {
    for mode in [WriteMode::Append, WriteMode::Upsert] {
        let fixture = RevokeFixture::new(mode);
        fixture.run(&make_items("first"), None).await.expect("a run");
        let prepared = fixture.prepare_revocation(&["b", "d"]).await;
        fixture.run(&[], Some(prepared)).await.expect("a run");
        fixture.proxy.reverse_rows("Processed j").await;
        let report = fixture.run(&make_items("second"), None).await.expect("a run");
        assert_eq!((report.run.counts.new, report.run.counts.skipped), (2, 3), "{mode:?}");
        let ids = fixture.column("Data", "id").await;
        match mode {
            WriteMode::Append => assert_eq!(ids, ["a", "b", "c", "d", "e", "b", "d"]),
            WriteMode::Upsert => {
                assert_eq!(ids, ["a", "b", "c", "d", "e"]);
                assert_eq!(fixture.column("Data", "note").await, ["first", "second", "first", "second", "first"]);
            }
        }
        let report = fixture.run(&make_items("third"), None).await.expect("a run");
        assert_eq!((report.run.counts.new, report.run.counts.skipped), (0, 5), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_worked_out_from_an_older_sheet_is_not_done() {
    let fixture = RevokeFixture::new(WriteMode::Append);
    fixture.run(&make_items("first"), None).await.expect("a run");
    let prepared = fixture.prepare_revocation(&["b"]).await;
    fixture.run(&make_items("first"), None).await.expect("another run goes between");
    let error = fixture.run(&[], Some(prepared)).await.expect_err("the sheet has moved on");
    assert!(matches!(error, RunError::SheetChanged), "{error}");
    assert_eq!(fixture.run(&make_items("first"), None).await.expect("a run").run.counts.new, 0);
}

#[tokio::test(start_paused = true)]
async fn forgetting_holds_through_lost_answers_and_late_copies() {
    for fault in ["do=applied-reset,times=2", "do=reset,times=2", "do=late,after=1,times=2", "do=late,after=3,times=3"]
    {
        for skip in 0..4 {
            let fixture = RevokeFixture::new(WriteMode::Append);
            fixture.run(&make_items("first"), None).await.expect("a run");
            let prepared = fixture.prepare_revocation(&["a", "b", "c", "d", "e"]).await;
            let spec = format!("on=writes,skip={skip},{fault}");
            fixture.proxy.emulator.set_faults(vec![spec.parse().expect("a fault")]);
            let _doubtful = fixture.run(&[], Some(prepared)).await;
            fixture.proxy.emulator.deliver_delayed().await;
            fixture.proxy.emulator.set_faults(Vec::new());
            let done = fixture.column("Processed j", "state").await;
            let forgotten = done.iter().filter(|state| *state == "forgotten").count();
            let report = fixture.run(&make_items("second"), None).await.expect("a run");
            assert_eq!(report.run.counts.new, forgotten as u64, "{spec}");
            assert_eq!(fixture.column("Data", "id").await.len(), 5 + forgotten);
        }
    }
}
