//! A spreadsheet that fills up: a note while there is room, an error when there is none, and never
//! a partial batch.

#![cfg(feature = "emulator")]
#![expect(clippy::panic, reason = "the helpers of a test are part of the test")]

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

#[path = "contract/rig.rs"]
mod contract;

use std::sync::Arc;

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
use support::{Job, Values};

use crate::contract::emulated::{Emulated, both};
use crate::contract::ground::StoreFixture;

const LIMIT: i64 = 10_000_000;

/// A spreadsheet near its limit of cells.
struct CellLimitFixture {
    place: Arc<Emulated>,
    events: Vec<Event>,
}

impl CellLimitFixture {
    fn new(doubts: UnknownBehaviors) -> Self {
        Self { place: Arc::new(Emulated::new(doubts, 1)), events: Vec::new() }
    }

    async fn run(&mut self, items: &[Value]) -> Result<RunReport, RunError> {
        let mut job = Job::new(self.place.clock()).step(|value, _| Ok(vec![value.clone()]));
        job.seed = u64::try_from(self.place.clock().now().0).unwrap_or(0);
        job.plan.max_rows = 10;
        let ended = job.run_all(self.place.store(), Box::new(Values::of(items.to_vec())), StopHandle::default()).await;
        self.events.clone_from(&job.events.lock().expect("no test panics while it holds this"));
        self.place.clock().sleep(std::time::Duration::from_mins(10)).await;
        ended
    }

    fn notes(&self) -> Vec<String> {
        let notes = self.events.iter().filter_map(|event| match event {
            Event::Anomaly { message } | Event::LastingAnomaly { message, .. } => Some(message.clone()),
            _ => None,
        });
        notes.collect()
    }

    async fn cells(&self) -> i64 {
        let metadata = self.place.metadata().await;
        let tabs = metadata["sheets"].as_array().expect("there is always a tab").iter();
        let size = |tab: &Value| {
            let grid = &tab["properties"]["gridProperties"];
            grid["rowCount"].as_i64().unwrap_or(0) * grid["columnCount"].as_i64().unwrap_or(0)
        };
        tabs.map(size).sum()
    }

    /// A tab of the user takes all but this many cells.
    async fn leave(&self, cells: i64) {
        let taken = LIMIT - self.cells().await - cells;
        let grid = json!({"rowCount": taken, "columnCount": 1});
        let properties = json!({"sheetId": 77, "title": "Ballast", "gridProperties": grid});
        self.place.hands(json!([{"addSheet": {"properties": properties}}])).await;
        assert_eq!(LIMIT - self.cells().await, cells);
    }
}

/// A store that loses all free cells to another program before every commit.
struct Late {
    store: Arc<dyn Store>,
    place: Arc<Emulated>,
}

impl StoreLayer for Late {
    fn inner(&self) -> &dyn Store {
        self.store.as_ref()
    }

    fn commit_in_layer<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult> {
        Box::pin(async {
            let more = json!({"sheetId": 77, "dimension": "ROWS", "length": 100_000});
            self.place.hands(json!([{"appendDimension": more}])).await;
            self.store.commit(commit).await
        })
    }
}

fn items(range: std::ops::Range<u32>) -> Vec<Value> {
    range.map(|n| json!({"id": format!("k{n}"), "n": n})).collect()
}

fn full(ended: Result<RunReport, RunError>) -> String {
    let error = ended.expect_err("there is no room");
    assert_eq!(error.fault(), Fault::Inconsistent, "{error}");
    error.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_nearly_full_spreadsheet_is_reported_by_every_run() {
    let mut fixture = CellLimitFixture::new(both()[0]);
    fixture.run(&items(0..3)).await.expect("a run");
    fixture.run(&items(0..4)).await.expect("a run");
    assert_eq!(fixture.notes(), Vec::<String>::new());
    fixture.leave(1_900_000).await;
    fixture.run(&items(0..5)).await.expect("there is room");
    let notes = fixture.notes();
    assert!(notes.len() == 1 && notes[0].contains("81 % of 10,000,000 cells"), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_beyond_the_limit_is_not_sent() {
    for doubts in both() {
        let mut fixture = CellLimitFixture::new(doubts);
        fixture.run(&items(0..99)).await.expect("a run");
        // The tabs' blank rows are used up. The state tab can move, and nothing else has room.
        fixture.leave(1_750).await;
        let writes = fixture.place.emulator.stats().writes;
        let error_text = full(fixture.run(&items(0..200)).await);
        assert!(error_text.contains("and takes 10,000,000: delete blank rows"), "{error_text}");
        assert_eq!(fixture.place.rows("Data").await.len(), 99, "nothing of it is written");
        assert_eq!(fixture.place.emulator.stats().writes, writes, "nothing of it is even sent");
        fixture.place.hands(json!([{"deleteSheet": {"sheetId": 77}}])).await;
        fixture.run(&items(0..200)).await.expect("there is room again");
        assert_eq!((fixture.place.rows("Data").await.len(), fixture.place.rows("Processed j").await.len()), (200, 200));
    }
}

#[tokio::test(start_paused = true)]
async fn blank_rows_at_the_ends_of_tabs_are_room() {
    for doubts in both() {
        let mut fixture = CellLimitFixture::new(doubts);
        fixture.run(&items(0..3)).await.expect("a run");
        fixture.leave(3_000).await;
        fixture.run(&items(0..90)).await.expect("a hundred rows were made with the tabs");
        assert_eq!(fixture.place.rows("Data").await.len(), 90);
        full(fixture.run(&items(0..900)).await);
        let rows = fixture.place.rows("Data").await.len();
        assert_eq!((rows, fixture.place.rows("Processed j").await.len()), (rows, rows));
    }
}

#[tokio::test(start_paused = true)]
async fn without_room_for_the_next_state_tab_the_run_stops() {
    for doubts in both() {
        let mut fixture = CellLimitFixture::new(doubts);
        fixture.run(&items(0..3)).await.expect("a run");
        fixture.leave(0).await;
        let error_text = full(fixture.run(&items(0..4)).await);
        assert!(error_text.contains("10,000,000"), "{error_text}");
        assert_eq!(fixture.place.rows("Data").await.len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_others_took_the_last_cells_is_explained() {
    for doubts in both() {
        let mut fixture = CellLimitFixture::new(doubts);
        fixture.run(&items(0..3)).await.expect("a run");
        fixture.leave(100_000).await;
        let late = Late { store: fixture.place.store(), place: Arc::clone(&fixture.place) };
        let mut job = Job::new(fixture.place.clock());
        job.seed = 99;
        let ended = job.run_all(Arc::new(late), Box::new(Values::of(items(0..4))), StopHandle::default()).await;
        let error_text = full(ended);
        assert!(
            error_text.contains("above the limit of 10000000 cells") && error_text.contains("delete blank rows"),
            "{error_text}"
        );
    }
}
