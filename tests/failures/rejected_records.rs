//! Content that the service refuses: the rejected record is found and reported, and everything else
//! is written.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::emulator::{FaultAction, FaultRule, UnknownBehaviors};
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::ledger::runs::run::RunStatus;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;

use crate::emulator_proxy::proxy::EmulatorProxy;
use crate::test_job::{TestJob, ValueSource};

/// More than any run encounters.
const EVERY_TIME: u32 = 1_000_000;

/// A job on a service that rejects some records.
struct RejectionFixture {
    proxy: EmulatorProxy,
    clock: Arc<dyn Clock>,
    mode: WriteMode,
    max_rows: usize,
}

impl RejectionFixture {
    fn new(behaviors: UnknownBehaviors) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        Self { proxy: EmulatorProxy::new(behaviors, 1, &clock, None), clock, mode: WriteMode::Append, max_rows: 5_000 }
    }

    fn with_first_behavior() -> Self {
        Self::new(UnknownBehaviors::all().next().expect("there are eight"))
    }

    /// Makes the service refuse every batch that contains the word, in this way.
    fn reject_batches_with(&self, how: &str, word: &str) {
        let fault = format!("on=writes,{how},containing={word},times={EVERY_TIME}").parse().expect("a fault");
        self.proxy.emulator.set_faults(vec![fault]);
    }

    async fn run(&self, items: &[Value]) -> Result<RunReport, RunError> {
        let mut job = TestJob::new(Arc::clone(&self.clock)).with_step(|value: &Value, _| Ok(vec![value.clone()]));
        job.seed = u64::try_from(self.clock.now().0).unwrap_or(0);
        (job.plan.mode, job.plan.max_rows) = (self.mode, self.max_rows);
        let sheets = Arc::new(self.proxy.sheets(job.seed));
        let store = SheetsStore::new(sheets, EmulatorProxy::spreadsheet_id(), "j", "Data", Arc::clone(&self.clock));
        let store = store.with_mode(self.mode, ReprocessPolicy::EachVersion);
        let report = job.run(store, ValueSource::of(items.to_vec())).await;
        self.clock.sleep(std::time::Duration::from_mins(1)).await;
        report
    }

    async fn column(&self, tab: &str, name: &str) -> Vec<String> {
        self.proxy.column(tab, name).await
    }
}

/// Returns this many items, of which these contain the refused word.
fn make_items(count: usize, bad: &[usize]) -> Vec<Value> {
    (0..count)
        .map(|n| {
            let note = if bad.contains(&n) { "reject" } else { "fine" };
            json!({"id": format!("k{n}"), "v": "1", "note": note})
        })
        .collect()
}

fn list_keys_but(count: usize, bad: &[usize]) -> BTreeSet<String> {
    (0..count).filter(|n| !bad.contains(n)).map(|n| format!("k{n}")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_record_that_the_service_refuses_is_a_failure() {
    for behaviors in UnknownBehaviors::all() {
        let fixture = RejectionFixture::new(behaviors);
        fixture.reject_batches_with("do=refuse", "reject");
        let report = fixture.run(&make_items(40, &[17])).await.expect("a run that ends");
        assert_eq!((report.run.counts.new, report.run.counts.failed), (39, 1), "{behaviors:?}");
        assert_eq!(report.run.status, RunStatus::Partial);
        let keys = fixture.column("Data", "id").await;
        assert_eq!(
            (keys.len(), keys.into_iter().collect::<BTreeSet<_>>()),
            (39, list_keys_but(40, &[17])),
            "{behaviors:?}"
        );
        assert_eq!(fixture.column("Processed j", "key").await.len(), 39);
        assert_eq!(fixture.column("Failures j", "key").await, ["k17"]);
        assert_eq!(fixture.column("Failures j", "step").await, ["sheet"]);
        let error = fixture.column("Failures j", "error").await.remove(0);
        assert!(error.contains("A fault refuses this content"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renamed_column_is_followed_after_a_first_refusal() {
    for mode in [WriteMode::Append, WriteMode::Upsert] {
        let fixture = RejectionFixture { mode, ..RejectionFixture::with_first_behavior() };
        fixture.reject_batches_with("do=refuse", "reject");
        fixture.run(&make_items(6, &[1])).await.expect("a run that ends");
        fixture.proxy.emulator.set_faults(Vec::new());
        let data_tab = fixture.proxy.read_data_tab().await.expect("a data tab");
        let start =
            json!({"sheetId": data_tab.id, "rowIndex": 0, "columnIndex": data_tab.column("id").expect("its column")});
        let cell = json!({"userEnteredValue": {"stringValue": "number"}});
        fixture
            .proxy
            .edit_sheet(
                json!([{"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [{"values": [cell]}]}}]),
            )
            .await;
        fixture.run(&make_items(7, &[])).await.expect("the column is found by its mark");
        let keys = fixture.column("Data", "number").await;
        assert_eq!((keys.len(), keys.into_iter().collect()), (7, list_keys_but(7, &[])), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn sixteen_rejected_items_cost_the_stated_calls_and_17_stop_it() {
    let fixture = RejectionFixture::with_first_behavior();
    fixture.run(&[]).await.expect("a first run");
    let bad: Vec<usize> = (0..16).map(|n| n * 60 + 7).collect();
    fixture.proxy.emulator.set_faults(vec![reject_rows_of_data()]);
    fixture.proxy.emulator.reset_stats();
    let report = fixture.run(&make_items(1_000, &bad)).await.expect("a run that ends");
    assert_eq!((report.run.counts.new, report.run.counts.failed), (984, 16));
    let keys = fixture.column("Data", "id").await;
    assert_eq!((keys.len(), keys.into_iter().collect::<BTreeSet<_>>()), (984, list_keys_but(1_000, &bad)));
    let writes = report.writes;
    let bound = 16 * (10 + 1) + 2;
    assert!(writes <= bound, "{writes} writes, and {bound} are stated");

    let fixture = RejectionFixture::with_first_behavior();
    fixture.proxy.emulator.set_faults(vec![reject_rows_of_data()]);
    let everything: Vec<usize> = (0..40).collect();
    let error = fixture.run(&make_items(40, &everything)).await.expect_err("everything is refused");
    assert!(error.to_string().contains("more than 16 records are refused"), "{error}");
    assert_eq!(fixture.column("Failures j", "key").await.len(), 16);
}

/// Refuses the cell of a data row, but not the record in Failures, which is text with quotes in it.
fn reject_rows_of_data() -> FaultRule {
    FaultRule {
        action: FaultAction::Refuse,
        containing: Some("{\"stringValue\":\"reject\"}".to_owned()),
        times: EVERY_TIME,
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_failure_is_refused_is_reported_alone() {
    let fixture = RejectionFixture::with_first_behavior();
    fixture.reject_batches_with("do=refuse", "reject");
    let report = fixture.run(&make_items(5, &[2])).await.expect("a run that ends");
    assert_eq!((report.run.counts.new, report.run.counts.failed), (4, 1));
    assert_eq!(fixture.column("Failures j", "retryable").await, ["no"]);
    let payload = fixture.column("Failures j", "payload").await.remove(0);
    assert!(payload.starts_with("refused by the service: ") && payload.contains("sha256"), "{payload}");
}

#[tokio::test(start_paused = true)]
async fn content_that_the_service_answers_with_500_is_found_too() {
    let fixture = RejectionFixture::with_first_behavior();
    fixture.reject_batches_with("do=fail,status=500", "reject");
    let report = fixture.run(&make_items(20, &[3, 4])).await.expect("a run that ends");
    assert_eq!((report.run.counts.new, report.run.counts.failed), (18, 2));
    let keys = fixture.column("Data", "id").await;
    assert_eq!((keys.len(), keys.into_iter().collect::<BTreeSet<_>>()), (18, list_keys_but(20, &[3, 4])));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_down_for_a_while_fails_no_record() {
    for times in 1..=12 {
        let fixture = RejectionFixture::with_first_behavior();
        fixture.run(&[]).await.expect("a first run");
        let fault = format!("on=writes,do=fail,status=503,times={times}").parse().expect("a fault");
        fixture.proxy.emulator.set_faults(vec![fault]);
        let first = fixture.run(&make_items(10, &[])).await;
        let second = fixture.run(&make_items(10, &[])).await.expect("the service is well again");
        assert_eq!(second.run.counts.failed, 0, "{times}");
        assert_eq!(fixture.column("Data", "id").await.len(), 10, "{times}: {first:?}");
        assert!(fixture.proxy.tab_rows("Failures j").await.len() <= 1, "{times}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_batch_that_arrives_during_bisection_doubles_nothing() {
    for after in 1..=5 {
        for behaviors in UnknownBehaviors::all() {
            let fixture = RejectionFixture::new(behaviors);
            fixture.run(&[]).await.expect("a first run");
            let late = format!("on=writes,do=late,after={after},times=3").parse().expect("a fault");
            fixture.proxy.emulator.set_faults(vec![late]);
            let first = fixture.run(&make_items(16, &[])).await;
            fixture.proxy.emulator.deliver_delayed().await;
            let last = fixture.run(&make_items(16, &[])).await.expect("the service is well again");
            assert_eq!((last.keys, last.run.counts.failed), (16, 0), "{after} {behaviors:?}: {first:?}");
            let keys = fixture.column("Data", "id").await;
            assert_eq!((keys.len(), keys.into_iter().collect()), (16, list_keys_but(16, &[])), "{after} {behaviors:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_record_is_retried_and_written_once_accepted() {
    for mode in [WriteMode::Append, WriteMode::Upsert] {
        let fixture = RejectionFixture { mode, max_rows: 8, ..RejectionFixture::with_first_behavior() };
        fixture.reject_batches_with("do=refuse", "reject");
        fixture.run(&make_items(30, &[11, 12, 29])).await.expect("a run that ends");
        fixture.proxy.emulator.set_faults(Vec::new());
        let report = fixture.run(&make_items(30, &[11, 12, 29])).await.expect("a run that ends");
        assert_eq!((report.run.counts.new, report.run.counts.recovered), (3, 3), "{mode:?}");
        let keys = fixture.column("Data", "id").await;
        assert_eq!((keys.len(), keys.into_iter().collect()), (30, list_keys_but(30, &[])), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_sheet_is_like_is_nobodys_fault() {
    let sayings = [
        "You are trying to edit a protected cell or object. Please contact the spreadsheet owner to remove protection",
        "This action would increase the number of cells in the workbook above the limit of 10000000 cells.",
    ];
    for saying in sayings {
        let fixture = RejectionFixture::with_first_behavior();
        fixture.run(&[]).await.expect("a first run");
        let fault = FaultRule { message: Some(saying.to_owned()), ..reject_rows_of_data() };
        fixture.proxy.emulator.set_faults(vec![fault]);
        let error = fixture.run(&make_items(6, &[2])).await.expect_err("the sheet takes nothing");
        assert!(error.to_string().contains(saying.trim_end_matches('.')), "{error}");
        assert!(fixture.proxy.tab_rows("Failures j").await.len() <= 1, "{saying}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_after_a_rejected_item_rejects_no_other() {
    for skip in 0..12 {
        let fixture = RejectionFixture { max_rows: 4, ..RejectionFixture::with_first_behavior() };
        fixture.run(&[]).await.expect("a first run");
        let outage = format!("on=writes,do=fail,status=503,skip={skip},times=1000").parse().expect("a fault");
        fixture.proxy.emulator.set_faults(vec![reject_rows_of_data(), outage]);
        if let Err(error) = fixture.run(&make_items(20, &[2])).await {
            assert!(error.fault().passes(), "{skip}: {error}");
        }
        fixture.proxy.emulator.set_faults(Vec::new());
        let report = fixture.run(&make_items(20, &[])).await.expect("the service is well again");
        assert_eq!((report.keys, report.open_failures), (20, 0), "{skip}");
        let failures = if fixture.proxy.tab_rows("Failures j").await.len() > 1 {
            fixture.column("Failures j", "key").await
        } else {
            Vec::new()
        };
        assert!(failures.iter().all(|key| key == "k2"), "{skip}: {failures:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_web_page_during_a_run_is_reported_as_a_foreign_reply() {
    let fixture = RejectionFixture::with_first_behavior();
    let make_items = |count: u64| (0..count).map(|n| json!({"id": format!("k{n}"), "n": n})).collect::<Vec<_>>();
    fixture.run(&make_items(2)).await.expect("a run");
    let page =
        |on: &str, more: &str| format!("on={on},do=html,status=200,times={EVERY_TIME}{more}").parse().expect("a fault");
    fixture.proxy.emulator.set_faults(vec![page("writes", ""), page("reads", ",skip=2")]);
    let error = fixture.run(&make_items(4)).await.expect_err("the run must stop there");
    // The command line maps it to exit code 76.
    assert!(matches!(error, RunError::Unfinished { fault: sheetkeep::fault::Fault::Inconsistent, .. }), "{error:?}");
    fixture.proxy.emulator.set_faults(Vec::new());
    fixture.clock.sleep(std::time::Duration::from_mins(10)).await;
    assert_eq!(fixture.run(&make_items(4)).await.expect("a run").keys, 4);
}
