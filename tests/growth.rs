//! A spreadsheet that fills up: a note while there is room, an error when there is none, and never
//! a partial batch.

#![cfg(feature = "emulator")]
#![expect(clippy::panic, reason = "the helpers of a test are part of the test")]

#[path = "support/test_job.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod test_job;

#[path = "contract/store_on_emulator.rs"]
mod contract;

use std::sync::Arc;

use crate::test_job::{TestJob, ValueSource};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::fault::Fault;
use sheetkeep::ledger::commit::changes::{Commit, CommitResult};
use sheetkeep::ledger::runs::event::{Event, RunReport};
use sheetkeep::port::store::Store;
use sheetkeep::port::store_layer::StoreLayer;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::runner::shutdown::StopHandle;

use crate::contract::emulator_fixture::{EmulatorFixture, both_guards};
use crate::contract::store_fixture::StoreFixture;

const LIMIT: i64 = 10_000_000;

/// A spreadsheet near its limit of cells.
struct CellLimitFixture {
    sheet: Arc<EmulatorFixture>,
    events: Vec<Event>,
}

impl CellLimitFixture {
    fn new(behaviors: UnknownBehaviors) -> Self {
        Self { sheet: Arc::new(EmulatorFixture::new(behaviors, 1)), events: Vec::new() }
    }

    async fn run(&mut self, items: &[Value]) -> Result<RunReport, RunError> {
        let mut job = TestJob::new(self.sheet.clock()).with_step(|value, _| Ok(vec![value.clone()]));
        job.seed = u64::try_from(self.sheet.clock().now().0).unwrap_or(0);
        job.plan.max_rows = 10;
        let ended =
            job.run_boxed(self.sheet.store(), Box::new(ValueSource::of(items.to_vec())), StopHandle::default()).await;
        self.events.clone_from(&job.events.lock().expect("no test panics while it holds this"));
        self.sheet.clock().sleep(std::time::Duration::from_mins(10)).await;
        ended
    }

    fn anomalies(&self) -> Vec<String> {
        let anomalies = self.events.iter().filter_map(|event| match event {
            Event::Anomaly { message } | Event::LastingAnomaly { message, .. } => Some(message.clone()),
            _ => None,
        });
        anomalies.collect()
    }

    async fn count_cells(&self) -> i64 {
        let metadata = self.sheet.metadata().await;
        let tabs = metadata["sheets"].as_array().expect("there is always a tab").iter();
        let size = |tab: &Value| {
            let grid = &tab["properties"]["gridProperties"];
            grid["rowCount"].as_i64().unwrap_or(0) * grid["columnCount"].as_i64().unwrap_or(0)
        };
        tabs.map(size).sum()
    }

    /// A tab of the user takes all but this many cells.
    async fn leave_free_cells(&self, count_cells: i64) {
        let taken = LIMIT - self.count_cells().await - count_cells;
        let grid = json!({"rowCount": taken, "columnCount": 1});
        let properties = json!({"sheetId": 77, "title": "Ballast", "gridProperties": grid});
        self.sheet.edit_sheet(json!([{"addSheet": {"properties": properties}}])).await;
        assert_eq!(LIMIT - self.count_cells().await, count_cells);
    }
}

/// A store that loses all free cells to another program before every commit.
struct StoreWithoutRoom {
    store: Arc<dyn Store>,
    sheet: Arc<EmulatorFixture>,
}

impl StoreLayer for StoreWithoutRoom {
    fn inner(&self) -> &dyn Store {
        self.store.as_ref()
    }

    fn commit_in_layer<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult> {
        Box::pin(async {
            let more = json!({"sheetId": 77, "dimension": "ROWS", "length": 100_000});
            self.sheet.edit_sheet(json!([{"appendDimension": more}])).await;
            self.store.commit(commit).await
        })
    }
}

fn make_items(range: std::ops::Range<u32>) -> Vec<Value> {
    range.map(|n| json!({"id": format!("k{n}"), "n": n})).collect()
}

fn expect_full_error(ended: Result<RunReport, RunError>) -> String {
    let error = ended.expect_err("there is no room");
    assert_eq!(error.fault(), Fault::Inconsistent, "{error}");
    error.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_nearly_full_spreadsheet_is_reported_by_every_run() {
    let mut fixture = CellLimitFixture::new(both_guards()[0]);
    fixture.run(&make_items(0..3)).await.expect("a run");
    fixture.run(&make_items(0..4)).await.expect("a run");
    assert_eq!(fixture.anomalies(), Vec::<String>::new());
    fixture.leave_free_cells(1_900_000).await;
    fixture.run(&make_items(0..5)).await.expect("there is room");
    let anomalies = fixture.anomalies();
    assert!(anomalies.len() == 1 && anomalies[0].contains("81 % of 10,000,000 cells"), "{anomalies:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_beyond_the_limit_is_not_sent() {
    for behaviors in both_guards() {
        let mut fixture = CellLimitFixture::new(behaviors);
        fixture.run(&make_items(0..99)).await.expect("a run");
        // The tabs' blank rows are used up. The state tab can move, and nothing else has room.
        fixture.leave_free_cells(1_750).await;
        let writes = fixture.sheet.emulator.stats().writes;
        let error_text = expect_full_error(fixture.run(&make_items(0..200)).await);
        assert!(error_text.contains("and takes 10,000,000: delete blank rows"), "{error_text}");
        assert_eq!(fixture.sheet.rows("Data").await.len(), 99, "nothing of it is written");
        assert_eq!(fixture.sheet.emulator.stats().writes, writes, "nothing of it is even sent");
        fixture.sheet.edit_sheet(json!([{"deleteSheet": {"sheetId": 77}}])).await;
        fixture.run(&make_items(0..200)).await.expect("there is room again");
        assert_eq!((fixture.sheet.rows("Data").await.len(), fixture.sheet.rows("Processed j").await.len()), (200, 200));
    }
}

#[tokio::test(start_paused = true)]
async fn blank_rows_at_the_ends_of_tabs_are_room() {
    for behaviors in both_guards() {
        let mut fixture = CellLimitFixture::new(behaviors);
        fixture.run(&make_items(0..3)).await.expect("a run");
        fixture.leave_free_cells(3_000).await;
        fixture.run(&make_items(0..90)).await.expect("a hundred rows were made with the tabs");
        assert_eq!(fixture.sheet.rows("Data").await.len(), 90);
        expect_full_error(fixture.run(&make_items(0..900)).await);
        let rows = fixture.sheet.rows("Data").await.len();
        assert_eq!((rows, fixture.sheet.rows("Processed j").await.len()), (rows, rows));
    }
}

#[tokio::test(start_paused = true)]
async fn without_room_for_the_next_state_tab_the_run_stops() {
    for behaviors in both_guards() {
        let mut fixture = CellLimitFixture::new(behaviors);
        fixture.run(&make_items(0..3)).await.expect("a run");
        fixture.leave_free_cells(0).await;
        let error_text = expect_full_error(fixture.run(&make_items(0..4)).await);
        assert!(error_text.contains("10,000,000"), "{error_text}");
        assert_eq!(fixture.sheet.rows("Data").await.len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_others_took_the_last_cells_is_explained() {
    for behaviors in both_guards() {
        let mut fixture = CellLimitFixture::new(behaviors);
        fixture.run(&make_items(0..3)).await.expect("a run");
        fixture.leave_free_cells(100_000).await;
        let late = StoreWithoutRoom { store: fixture.sheet.store(), sheet: Arc::clone(&fixture.sheet) };
        let mut job = TestJob::new(fixture.sheet.clock());
        job.seed = 99;
        let ended =
            job.run_boxed(Arc::new(late), Box::new(ValueSource::of(make_items(0..4))), StopHandle::default()).await;
        let error_text = expect_full_error(ended);
        assert!(
            error_text.contains("above the limit of 10000000 cells") && error_text.contains("delete blank rows"),
            "{error_text}"
        );
    }
}
