//! Rows that a write hit by mistake, because the user moved something between a run's read and its
//! write. What is restored, what the user keeps, and what stops the run.
//!
//! The user acts right before or right after a given write, through another client; `docs/sheet.md`
//! has the rules. `tests/hands.rs` tests random edits at random times.

#[path = "repaired/formulas.rs"]
mod formulas;

#[path = "repaired/large_tabs.rs"]
mod large_tabs;

#[path = "repaired/changed_keys.rs"]
mod changed_keys;

#[path = "repaired/edits_during_reads.rs"]
mod edits_during_reads;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::fault::Fault;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::runner::run_config::RunError;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;
use tokio::sync::Notify;

use crate::emulator_proxy::proxy::EmulatorProxy;
use crate::test_job::{TestJob, ValueSource};

/// A sheet with keys k1, k2, … in columns id, a and b, and beside them a column of the user.
struct RepairFixture {
    proxy: EmulatorProxy,
    clock: Arc<dyn Clock>,
    versions: BTreeMap<String, u64>,
    /// Whether all rows have the same content except for their keys.
    has_equal_rows: bool,
    event_texts: Vec<String>,
}

impl RepairFixture {
    /// Creates keys k1 to kn at version 1, each with a remark of the user.
    async fn with_keys(keys: u64) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let proxy = EmulatorProxy::new(UnknownBehaviors::all().next().expect("there are eight"), 1, &clock, None);
        let versions = (1..=keys).map(|n| (format!("k{n}"), 1)).collect();
        let mut fixture = Self { proxy, clock, versions, has_equal_rows: false, event_texts: Vec::new() };
        fixture.run().await.expect("a first run");
        let wider = json!({"sheetId": fixture.data_tab_id().await, "dimension": "COLUMNS", "length": 3});
        fixture.proxy.edit_sheet(json!([{"appendDimension": wider}])).await;
        fixture.proxy.type_text("Data", 0, 3, "remark").await;
        for n in 1..=keys {
            fixture.proxy.type_text("Data", usize::try_from(n).expect("few"), 3, &format!("my k{n}")).await;
        }
        fixture
    }

    /// Creates two rows with the same content except for their keys. A run has written them,
    /// columns were moved meanwhile, and the run has died.
    async fn with_two_equal_rows_misplaced() -> Self {
        let mut fixture = Self::with_keys(2).await;
        fixture.has_equal_rows = true;
        fixture.versions.extend([("k1".into(), 2), ("k2".into(), 2)]);
        fixture.run().await.expect("a second version");
        for row in [1, 2] {
            fixture.proxy.type_text("Data", row, 3, "").await;
        }
        fixture.versions.extend([("k1".into(), 3), ("k2".into(), 3)]);
        let moved = fixture.make_move_request("COLUMNS", 0, 3).await;
        fixture.run_and_die_after_write(moved).await;
        fixture
    }

    async fn run(&mut self) -> Result<(), RunError> {
        let never = Arc::new(Notify::new());
        self.run_until_killed(&never).await
    }

    /// Starts a run that dies when `end` is notified.
    async fn run_until_killed(&mut self, end: &Notify) -> Result<(), RunError> {
        let mut job = TestJob::new(Arc::clone(&self.clock)).with_step(|value: &Value, _| {
            let mut row = value.clone();
            row.as_object_mut().expect("an object").remove("v");
            Ok(vec![row])
        });
        job.seed = u64::try_from(self.clock.now().0).unwrap_or(0);
        (job.plan.mode, job.plan.takes_over) = (WriteMode::Upsert, true);
        job.plan.columns.order = ["id", "a", "b"].map(str::to_owned).into();
        job.plan.definition.mode = WriteMode::Upsert.as_str().into();
        let sheets = Arc::new(self.proxy.sheets(job.seed));
        let store = SheetsStore::new(sheets, EmulatorProxy::spreadsheet_id(), "j", "Data", Arc::clone(&self.clock));
        let has_equal_rows = self.has_equal_rows;
        let cell = |key: &str, column: &str, version: u64| {
            if has_equal_rows { "alike".to_owned() } else { format!("{key} {column}{version}") }
        };
        let items = self.versions.iter().map(|(key, version)| {
            json!({"id": key, "a": cell(key, "a", *version), "b": cell(key, "b", *version), "v": version})
        });
        let running = job.run(store.with_mode(WriteMode::Upsert, ReprocessPolicy::OnChange), ValueSource::of(items));
        let ended = tokio::select! {
            ended = running => ended.map(|_| ()),
            () = end.notified() => Ok(()),
        };
        self.event_texts.extend(
            job.events.lock().expect("no thread panics while it holds it").iter().map(|event| format!("{event:?}")),
        );
        self.clock.sleep(Duration::from_mins(10)).await;
        ended
    }

    /// Starts a run. This edit happens right before its first write, and the run dies right after
    /// that write.
    async fn run_and_die_after_write(&mut self, before: Value) {
        let proxy = self.proxy.clone();
        self.proxy.edit_at_write(1, true, async move { proxy.edit_sheet(before).await }.boxed());
        let end = Arc::new(Notify::new());
        let ended = Arc::clone(&end);
        self.proxy.edit_at_write(1, false, async move { ended.notify_one() }.boxed());
        self.run_until_killed(&end).await.expect("it vanished");
    }

    async fn data_tab_id(&self) -> Value {
        self.proxy.tab_id("Data").await
    }

    /// Moves a row or a column, counted from 0, to another position.
    async fn make_move_request(&self, dimension: &str, from: u64, to: u64) -> Value {
        let source = json!({"sheetId": self.data_tab_id().await, "dimension": dimension, "startIndex": from, "endIndex": from + 1});
        json!([{"moveDimension": {"source": source, "destinationIndex": to}}])
    }

    /// Returns the row of `key`, by the header.
    async fn find_row(&self, key: &str) -> BTreeMap<String, String> {
        let rows = self.find_rows(key).await;
        assert_eq!(rows.len(), 1, "rows of {key}: {:?}", self.proxy.tab_rows("Data").await);
        rows.into_iter().next().expect("one")
    }

    async fn find_rows(&self, key: &str) -> Vec<BTreeMap<String, String>> {
        let all = self.proxy.tab_rows("Data").await;
        let rows = all.iter().skip(1).map(|row| all[0].iter().cloned().zip(row.iter().cloned()).collect());
        rows.filter(|row: &BTreeMap<String, String>| row.get("id").is_some_and(|id| id == key)).collect()
    }

    async fn expect_row(&self, key: &str, a: &str, b: &str, remark: &str) {
        let row = self.find_row(key).await;
        let cell = |name: &str| row.get(name).cloned().unwrap_or_default();
        assert_eq!((cell("a"), cell("b"), cell("remark")), (a.into(), b.into(), remark.into()), "{key}");
    }

    fn has_event(&self, text: &str) -> bool {
        self.event_texts.iter().any(|text_of_event| text_of_event.contains(text))
    }
}

#[tokio::test(start_paused = true)]
async fn one_corrected_cell_stays_and_the_rest_of_its_row_is_restored() {
    let mut fixture = RepairFixture::with_keys(3).await;
    fixture.versions.insert("k1".into(), 2);
    // The row of k3 moves to where k1 was.
    let moved = fixture.make_move_request("ROWS", 3, 1).await;
    fixture.run_and_die_after_write(moved).await;
    fixture.expect_row("k3", "k1 a2", "k1 b2", "my k3").await;
    fixture.proxy.type_text("Data", 1, 1, "hers").await;
    fixture.run().await.expect("the next run");
    fixture.expect_row("k3", "hers", "k3 b1", "my k3").await;
    fixture.expect_row("k1", "k1 a2", "k1 b2", "my k1").await;
    assert!(
        fixture.has_event("1 cells that people changed meanwhile are left") && !fixture.has_event("where they belong")
    );
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_written_over_come_back_to_their_rows() {
    for moves in [None, Some(("ROWS", 3, 1)), Some(("COLUMNS", 3, 0))] {
        let mut fixture = RepairFixture::with_keys(3).await;
        fixture.versions.extend([("k1".into(), 2), ("k2".into(), 2)]);
        // The key's column moves to where the job writes.
        let moved = fixture.make_move_request("COLUMNS", 0, 3).await;
        fixture.run_and_die_after_write(moved).await;
        assert_eq!(fixture.find_rows("k1").await.len(), 0);
        if let Some((dimension, from, to)) = moves {
            let moved = fixture.make_move_request(dimension, from, to).await;
            fixture.proxy.edit_sheet(moved).await;
        }
        fixture.run().await.expect("the next run");
        for (key, version) in [("k1", 2), ("k2", 2), ("k3", 1)] {
            let cell = |column: &str| format!("{key} {column}{version}");
            fixture.expect_row(key, &cell("a"), &cell("b"), &format!("my {key}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_key_with_one_corrected_cell_gets_no_second_row() {
    let mut fixture = RepairFixture::with_keys(3).await;
    fixture.versions.insert("k1".into(), 2);
    let moved = fixture.make_move_request("COLUMNS", 0, 3).await;
    fixture.run_and_die_after_write(moved).await;
    // Of a, b, id, remark the second and the third were written; the user corrects the second.
    fixture.proxy.type_text("Data", 1, 1, "hers").await;
    let inserted = json!({"sheetId": fixture.data_tab_id().await, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    fixture.proxy.edit_sheet(json!([{"insertDimension": {"range": inserted, "inheritFromBefore": false}}])).await;
    fixture.run().await.expect("the next run");
    fixture.expect_row("k1", "k1 a2", "hers", "my k1").await;
    fixture.expect_row("k2", "k2 a1", "k2 b1", "my k2").await;
}

#[tokio::test(start_paused = true)]
async fn rows_that_could_be_either_stop_the_run_and_both_are_shown() {
    let mut fixture = RepairFixture::with_two_equal_rows_misplaced().await;
    let inserted = json!({"sheetId": fixture.data_tab_id().await, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    fixture.proxy.edit_sheet(json!([{"insertDimension": {"range": inserted, "inheritFromBefore": false}}])).await;
    let before = fixture.proxy.tab_rows("Data").await;
    let error = fixture.run().await.expect_err("nothing is guessed");
    let said = error.to_string();
    assert!(said.contains("rows 3 and 4 could each be the one of key") && said.contains("column \"id\""), "{said}");
    assert_eq!(error.fault(), Fault::Inconsistent, "{said}");
    assert_eq!(fixture.proxy.tab_rows("Data").await, before);
    // The user marks which is which.
    fixture.proxy.type_text("Data", 3, 2, "k1").await;
    fixture.run().await.expect("the next run");
    fixture.expect_row("k1", "alike", "alike", "").await;
    fixture.expect_row("k2", "alike", "alike", "").await;
    assert_eq!(fixture.proxy.tab_rows("Data").await[3][2], "k1");
}

#[tokio::test(start_paused = true)]
async fn a_row_deleted_before_its_repair_stays_deleted_until_its_next_version() {
    let mut fixture = RepairFixture::with_keys(3).await;
    fixture.versions.insert("k1".into(), 2);
    fixture.versions.insert("k2".into(), 2);
    let moved = fixture.make_move_request("ROWS", 2, 1).await;
    fixture.run_and_die_after_write(moved).await;
    // Each of the two rows shows the other's cells; the user deletes the first, which is k2's.
    let first = json!({"sheetId": fixture.data_tab_id().await, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    fixture.proxy.edit_sheet(json!([{"deleteDimension": {"range": first}}])).await;
    fixture.run().await.expect("the next run");
    fixture.expect_row("k1", "k1 a2", "k1 b2", "my k1").await;
    assert_eq!(fixture.find_rows("k2").await.len(), 0);
    fixture.versions.insert("k2".into(), 3);
    fixture.run().await.expect("a newer version");
    fixture.expect_row("k2", "k2 a3", "k2 b3", "").await;
}

/// A write for k1 that hit the row of k3, by a run that died.
async fn make_misplaced_write() -> RepairFixture {
    let mut fixture = RepairFixture::with_keys(3).await;
    fixture.versions.insert("k1".into(), 2);
    let moved = fixture.make_move_request("ROWS", 3, 1).await;
    fixture.run_and_die_after_write(moved).await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn what_is_typed_while_a_repair_is_on_its_way_stays() {
    for column in [1, 3] {
        let mut fixture = make_misplaced_write().await;
        let proxy = fixture.proxy.clone();
        fixture.proxy.edit_at_write(1, true, async move { proxy.type_text("Data", 1, column, "hers").await }.boxed());
        fixture.run().await.expect("the next run");
        let cells = if column == 1 { ["hers", "k3 b1", "my k3"] } else { ["k3 a1", "k3 b1", "hers"] };
        fixture.expect_row("k3", cells[0], cells[1], cells[2]).await;
        fixture.expect_row("k1", "k1 a2", "k1 b2", "my k1").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_deleted_while_its_repair_is_on_its_way_stays_deleted() {
    for typed in [false, true] {
        let mut fixture = make_misplaced_write().await;
        if typed {
            fixture.proxy.type_text("Data", 1, 2, "hers").await;
        }
        let row = json!({"sheetId": fixture.data_tab_id().await, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
        let proxy = fixture.proxy.clone();
        let deleted = json!([{"deleteDimension": {"range": row}}]);
        fixture.proxy.edit_at_write(1, true, async move { proxy.edit_sheet(deleted).await }.boxed());
        fixture.run().await.expect("the next run");
        assert_eq!(fixture.find_rows("k3").await.len(), 0);
        fixture.expect_row("k1", "k1 a2", "k1 b2", "my k1").await;
        fixture.expect_row("k2", "k2 a1", "k2 b1", "my k2").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_that_begins_like_a_formula_stays_a_text() {
    let mut fixture = RepairFixture::with_keys(3).await;
    let text = "=IMPORTDATA(\"x\"&B2)";
    fixture.proxy.type_text("Data", 3, 1, text).await;
    fixture.versions.insert("k1".into(), 2);
    let moved = fixture.make_move_request("ROWS", 3, 1).await;
    fixture.run_and_die_after_write(moved).await;
    let inserted =
        json!({"sheetId": fixture.data_tab_id().await, "dimension": "COLUMNS", "startIndex": 1, "endIndex": 2});
    fixture.proxy.edit_sheet(json!([{"insertDimension": {"range": inserted, "inheritFromBefore": false}}])).await;
    fixture.run().await.expect("the next run");
    fixture.expect_row("k3", text, "k3 b1", "my k3").await;
    let view = fixture.proxy.read_data_tab().await.expect("the tab");
    assert_eq!(view.rows[1][2]["userEnteredValue"]["stringValue"], text);
}

#[tokio::test(start_paused = true)]
async fn one_row_left_of_two_equal_ones_stops_the_run_until_its_key_is_written() {
    let mut fixture = RepairFixture::with_two_equal_rows_misplaced().await;
    let first = json!({"sheetId": fixture.data_tab_id().await, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    fixture.proxy.edit_sheet(json!([{"deleteDimension": {"range": first}}])).await;
    let before = fixture.proxy.tab_rows("Data").await;
    let error = fixture.run().await.expect_err("nothing is guessed");
    let said = error.to_string();
    assert!(said.contains("row 2 could be the one of key \"k1\" or of key \"k2\""), "{said}");
    assert_eq!((error.fault(), fixture.proxy.tab_rows("Data").await), (Fault::Inconsistent, before));
    fixture.proxy.type_text("Data", 1, 2, "k2").await;
    fixture.run().await.expect("the next run");
    fixture.expect_row("k2", "alike", "alike", "").await;
    assert_eq!(fixture.find_rows("k1").await.len(), 0, "it was deleted, until its next version");
}

#[tokio::test(start_paused = true)]
async fn a_key_changed_while_a_repair_is_on_its_way_takes_its_row_away() {
    let mut fixture = make_misplaced_write().await;
    let proxy = fixture.proxy.clone();
    fixture.proxy.edit_at_write(1, true, async move { proxy.type_text("Data", 2, 0, "odd").await }.boxed());
    fixture.run().await.expect("the next run");
    fixture.expect_row("odd", "k1 a1", "k1 b1", "my k1").await;
    fixture.expect_row("k3", "k3 a1", "k3 b1", "my k3").await;
    assert_eq!(fixture.find_rows("k1").await.len(), 0);
    fixture.versions.insert("k1".into(), 3);
    fixture.run().await.expect("a newer version");
    fixture.expect_row("k1", "k1 a3", "k1 b3", "").await;
}
