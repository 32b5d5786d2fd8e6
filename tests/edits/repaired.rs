//! Rows that a write hit by mistake, because the user moved something between a run's read and its
//! write. What is restored, what the user keeps, and what stops the run.
//!
//! The user acts right before or right after a given write, through another client; `docs/sheet.md`
//! has the rules. `tests/hands.rs` tests random edits at random times.

#[path = "repaired/large_tabs.rs"]
mod large_tabs;

#[path = "repaired/lost_identity.rs"]
mod lost_identity;

#[path = "repaired/restless.rs"]
mod restless;

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

use crate::front::EmulatorProxy;
use crate::support::{Job, Values};

/// A sheet with keys k1, k2, … in columns id, a and b, and beside them a column of the user.
struct SharedSheet {
    proxy: EmulatorProxy,
    clock: Arc<dyn Clock>,
    versions: BTreeMap<String, u64>,
    /// Whether all rows have the same content except for their keys.
    is_alike: bool,
    said: Vec<String>,
}

impl SharedSheet {
    /// Creates keys k1 to kn at version 1, each with a remark of the user.
    async fn of(keys: u64) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let proxy = EmulatorProxy::new(UnknownBehaviors::all().next().expect("there are eight"), 1, &clock, None);
        let versions = (1..=keys).map(|n| (format!("k{n}"), 1)).collect();
        let mut shared_sheet = Self { proxy, clock, versions, is_alike: false, said: Vec::new() };
        shared_sheet.run().await.expect("a first run");
        let wider = json!({"sheetId": shared_sheet.id().await, "dimension": "COLUMNS", "length": 3});
        shared_sheet.proxy.hands(json!([{"appendDimension": wider}])).await;
        shared_sheet.proxy.type_in("Data", 0, 3, "remark").await;
        for n in 1..=keys {
            shared_sheet.proxy.type_in("Data", usize::try_from(n).expect("few"), 3, &format!("my k{n}")).await;
        }
        shared_sheet
    }

    /// Creates two rows with the same content except for their keys. A run has written them,
    /// columns were moved meanwhile, and the run has died.
    async fn with_two_equal_rows_misplaced() -> Self {
        let mut shared_sheet = Self::of(2).await;
        shared_sheet.is_alike = true;
        shared_sheet.versions.extend([("k1".into(), 2), ("k2".into(), 2)]);
        shared_sheet.run().await.expect("a second version");
        for row in [1, 2] {
            shared_sheet.proxy.type_in("Data", row, 3, "").await;
        }
        shared_sheet.versions.extend([("k1".into(), 3), ("k2".into(), 3)]);
        let moved = shared_sheet.moved("COLUMNS", 0, 3).await;
        shared_sheet.run_and_vanish(moved).await;
        shared_sheet
    }

    async fn run(&mut self) -> Result<(), RunError> {
        let never = Arc::new(Notify::new());
        self.run_until(&never).await
    }

    /// Starts a run that dies when `end` is notified.
    async fn run_until(&mut self, end: &Notify) -> Result<(), RunError> {
        let mut job = Job::new(Arc::clone(&self.clock)).step(|value: &Value, _| {
            let mut row = value.clone();
            row.as_object_mut().expect("an object").remove("v");
            Ok(vec![row])
        });
        job.seed = u64::try_from(self.clock.now().0).unwrap_or(0);
        (job.plan.mode, job.plan.takes_over) = (WriteMode::Upsert, true);
        job.plan.columns.order = ["id", "a", "b"].map(str::to_owned).into();
        job.plan.definition.mode = WriteMode::Upsert.as_str().into();
        let sheets = Arc::new(self.proxy.sheets(job.seed));
        let store = SheetsStore::new(sheets, EmulatorProxy::id(), "j", "Data", Arc::clone(&self.clock));
        let is_alike = self.is_alike;
        let cell = |key: &str, column: &str, version: u64| {
            if is_alike { "alike".to_owned() } else { format!("{key} {column}{version}") }
        };
        let items = self.versions.iter().map(|(key, version)| {
            json!({"id": key, "a": cell(key, "a", *version), "b": cell(key, "b", *version), "v": version})
        });
        let running = job.run(store.with_mode(WriteMode::Upsert, ReprocessPolicy::OnChange), Values::of(items));
        let ended = tokio::select! {
            ended = running => ended.map(|_| ()),
            () = end.notified() => Ok(()),
        };
        self.said.extend(
            job.events.lock().expect("no thread panics while it holds it").iter().map(|event| format!("{event:?}")),
        );
        self.clock.sleep(Duration::from_mins(10)).await;
        ended
    }

    /// Starts a run. This edit happens right before its first write, and the run dies right after
    /// that write.
    async fn run_and_vanish(&mut self, before: Value) {
        let proxy = self.proxy.clone();
        self.proxy.at_write(1, true, async move { proxy.hands(before).await }.boxed());
        let end = Arc::new(Notify::new());
        let ended = Arc::clone(&end);
        self.proxy.at_write(1, false, async move { ended.notify_one() }.boxed());
        self.run_until(&end).await.expect("it vanished");
    }

    async fn id(&self) -> Value {
        self.proxy.id_of("Data").await
    }

    /// Moves a row or a column, counted from 0, to another position.
    async fn moved(&self, dimension: &str, from: u64, to: u64) -> Value {
        let source =
            json!({"sheetId": self.id().await, "dimension": dimension, "startIndex": from, "endIndex": from + 1});
        json!([{"moveDimension": {"source": source, "destinationIndex": to}}])
    }

    /// Returns the row of `key`, by the header.
    async fn row_of(&self, key: &str) -> BTreeMap<String, String> {
        let rows = self.rows_of(key).await;
        assert_eq!(rows.len(), 1, "rows of {key}: {:?}", self.proxy.tab("Data").await);
        rows.into_iter().next().expect("one")
    }

    async fn rows_of(&self, key: &str) -> Vec<BTreeMap<String, String>> {
        let all = self.proxy.tab("Data").await;
        let rows = all.iter().skip(1).map(|row| all[0].iter().cloned().zip(row.iter().cloned()).collect());
        rows.filter(|row: &BTreeMap<String, String>| row.get("id").is_some_and(|id| id == key)).collect()
    }

    async fn shows(&self, key: &str, a: &str, b: &str, remark: &str) {
        let row = self.row_of(key).await;
        let cell = |name: &str| row.get(name).cloned().unwrap_or_default();
        assert_eq!((cell("a"), cell("b"), cell("remark")), (a.into(), b.into(), remark.into()), "{key}");
    }

    fn says(&self, text: &str) -> bool {
        self.said.iter().any(|said| said.contains(text))
    }
}

#[tokio::test(start_paused = true)]
async fn one_corrected_cell_stays_and_the_rest_of_its_row_is_restored() {
    let mut shared_sheet = SharedSheet::of(3).await;
    shared_sheet.versions.insert("k1".into(), 2);
    // The row of k3 moves to where k1 was.
    let moved = shared_sheet.moved("ROWS", 3, 1).await;
    shared_sheet.run_and_vanish(moved).await;
    shared_sheet.shows("k3", "k1 a2", "k1 b2", "my k3").await;
    shared_sheet.proxy.type_in("Data", 1, 1, "hers").await;
    shared_sheet.run().await.expect("the next run");
    shared_sheet.shows("k3", "hers", "k3 b1", "my k3").await;
    shared_sheet.shows("k1", "k1 a2", "k1 b2", "my k1").await;
    assert!(
        shared_sheet.says("1 cells that people changed meanwhile are left") && !shared_sheet.says("where they belong")
    );
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_written_over_come_back_to_their_rows() {
    for moves in [None, Some(("ROWS", 3, 1)), Some(("COLUMNS", 3, 0))] {
        let mut shared_sheet = SharedSheet::of(3).await;
        shared_sheet.versions.extend([("k1".into(), 2), ("k2".into(), 2)]);
        // The key's column moves to where the job writes.
        let moved = shared_sheet.moved("COLUMNS", 0, 3).await;
        shared_sheet.run_and_vanish(moved).await;
        assert_eq!(shared_sheet.rows_of("k1").await.len(), 0);
        if let Some((dimension, from, to)) = moves {
            let moved = shared_sheet.moved(dimension, from, to).await;
            shared_sheet.proxy.hands(moved).await;
        }
        shared_sheet.run().await.expect("the next run");
        for (key, version) in [("k1", 2), ("k2", 2), ("k3", 1)] {
            let cell = |column: &str| format!("{key} {column}{version}");
            shared_sheet.shows(key, &cell("a"), &cell("b"), &format!("my {key}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_key_with_one_corrected_cell_gets_no_second_row() {
    let mut shared_sheet = SharedSheet::of(3).await;
    shared_sheet.versions.insert("k1".into(), 2);
    let moved = shared_sheet.moved("COLUMNS", 0, 3).await;
    shared_sheet.run_and_vanish(moved).await;
    // Of a, b, id, remark the second and the third were written; the user corrects the second.
    shared_sheet.proxy.type_in("Data", 1, 1, "hers").await;
    let inserted = json!({"sheetId": shared_sheet.id().await, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    shared_sheet.proxy.hands(json!([{"insertDimension": {"range": inserted, "inheritFromBefore": false}}])).await;
    shared_sheet.run().await.expect("the next run");
    shared_sheet.shows("k1", "k1 a2", "hers", "my k1").await;
    shared_sheet.shows("k2", "k2 a1", "k2 b1", "my k2").await;
}

#[tokio::test(start_paused = true)]
async fn rows_that_could_be_either_stop_the_run_and_both_are_shown() {
    let mut shared_sheet = SharedSheet::with_two_equal_rows_misplaced().await;
    let inserted = json!({"sheetId": shared_sheet.id().await, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    shared_sheet.proxy.hands(json!([{"insertDimension": {"range": inserted, "inheritFromBefore": false}}])).await;
    let before = shared_sheet.proxy.tab("Data").await;
    let error = shared_sheet.run().await.expect_err("nothing is guessed");
    let said = error.to_string();
    assert!(said.contains("rows 3 and 4 could each be the one of key") && said.contains("column \"id\""), "{said}");
    assert_eq!(error.fault(), Fault::Inconsistent, "{said}");
    assert_eq!(shared_sheet.proxy.tab("Data").await, before);
    // The user marks which is which.
    shared_sheet.proxy.type_in("Data", 3, 2, "k1").await;
    shared_sheet.run().await.expect("the next run");
    shared_sheet.shows("k1", "alike", "alike", "").await;
    shared_sheet.shows("k2", "alike", "alike", "").await;
    assert_eq!(shared_sheet.proxy.tab("Data").await[3][2], "k1");
}

#[tokio::test(start_paused = true)]
async fn a_column_with_a_formula_for_a_header_is_followed() {
    let mut shared_sheet = SharedSheet::of(3).await;
    let id = shared_sheet.id().await;
    let start = json!({"sheetId": id, "rowIndex": 0, "columnIndex": 4});
    let header = "={\"arr\";ARRAYFORMULA(\"x-\"&A2:A4)}";
    let cell = json!({"values": [{"userEnteredValue": {"formulaValue": header}}]});
    shared_sheet
        .proxy
        .hands(json!([{"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [cell]}}]))
        .await;
    shared_sheet.versions.insert("k2".into(), 2);
    // The user's column moves to where b was.
    let moved = shared_sheet.moved("COLUMNS", 4, 2).await;
    shared_sheet.run_and_vanish(moved).await;
    assert!(
        shared_sheet.proxy.tab("Data").await[0].iter().any(|header| header.starts_with("#REF!")),
        "its array is in the way"
    );
    shared_sheet.run().await.expect("the next run");
    shared_sheet.shows("k2", "k2 a2", "k2 b2", "my k2").await;
    assert_eq!(shared_sheet.proxy.column("Data", "arr").await, ["x-k1", "x-k2", "x-k3"]);
}

#[tokio::test(start_paused = true)]
async fn an_array_is_free_again_once_the_job_s_value_is_gone() {
    let mut shared_sheet = SharedSheet::of(3).await;
    shared_sheet.proxy.type_in("Data", 0, 4, "arr").await;
    let start = json!({"sheetId": shared_sheet.id().await, "rowIndex": 1, "columnIndex": 4});
    let cell = json!({"values": [{"userEnteredValue": {"formulaValue": "=ARRAYFORMULA(\"x-\"&A2:A4)"}}]});
    let filled = json!([{"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [cell]}}]);
    shared_sheet.proxy.hands(filled).await;
    assert_eq!(shared_sheet.proxy.column("Data", "arr").await, ["x-k1", "x-k2", "x-k3"]);
    // The user's column moves to where b was; then the value is in the way of the array.
    shared_sheet.versions.insert("k2".into(), 2);
    let moved = shared_sheet.moved("COLUMNS", 4, 2).await;
    shared_sheet.run_and_vanish(moved).await;
    let arr = shared_sheet.proxy.column("Data", "arr").await;
    assert!(arr[0].starts_with("#REF!") && arr[1] == "k2 b2", "{arr:?}");
    shared_sheet.run().await.expect("the next run");
    shared_sheet.shows("k2", "k2 a2", "k2 b2", "my k2").await;
    assert_eq!(shared_sheet.proxy.column("Data", "arr").await, ["x-k1", "x-k2", "x-k3"]);
    // An array that reaches into a column of the job's is in the way of nothing: the value stays.
    shared_sheet.proxy.type_in("Data", 1, 3, "").await;
    let b = json!({"sheetId": shared_sheet.id().await, "rowIndex": 1, "columnIndex": 3});
    let over = json!({"values": [{"userEnteredValue": {"formulaValue": "=ARRAYFORMULA(\"y-\"&A2:A4)"}}]});
    shared_sheet
        .proxy
        .hands(json!([{"updateCells": {"start": b, "fields": "userEnteredValue", "rows": [over]}}]))
        .await;
    shared_sheet.versions.insert("k3".into(), 2);
    shared_sheet.run().await.expect("another version");
    let b = shared_sheet.proxy.column("Data", "b").await;
    assert!(b[0].starts_with("#REF!") && b[1..] == ["k2 b2", "k3 b2"], "{b:?}");
}

#[tokio::test(start_paused = true)]
async fn a_person_s_formula_comes_back_with_the_right_references() {
    let mut shared_sheet = SharedSheet::of(3).await;
    let id = shared_sheet.id().await;
    let start = json!({"sheetId": id, "rowIndex": 0, "columnIndex": 4});
    let formula = |row: u32| json!({"values": [{"userEnteredValue": {"formulaValue": format!("=\"f-\"&D{row}")}}]});
    let header = json!({"values": [{"userEnteredValue": {"stringValue": "f"}}]});
    let rows = json!([header, formula(2), formula(3), formula(4)]);
    shared_sheet
        .proxy
        .hands(json!([{"updateCells": {"start": start, "fields": "userEnteredValue", "rows": rows}}]))
        .await;
    shared_sheet.versions.insert("k2".into(), 2);
    let moved = shared_sheet.moved("COLUMNS", 4, 2).await;
    shared_sheet.run_and_vanish(moved).await;
    // The column that the formula refers to moves away before the repair.
    let remark = shared_sheet.proxy.tab("Data").await[0].iter().position(|text| text == "remark").expect("it is there");
    let moved = shared_sheet.moved("COLUMNS", u64::try_from(remark).expect("few"), 0).await;
    shared_sheet.proxy.hands(moved).await;
    shared_sheet.run().await.expect("the next run");
    shared_sheet.shows("k2", "k2 a2", "k2 b2", "my k2").await;
    assert_eq!(shared_sheet.proxy.column("Data", "f").await, ["f-my k1", "f-my k2", "f-my k3"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_deleted_before_its_repair_stays_deleted_until_its_next_version() {
    let mut shared_sheet = SharedSheet::of(3).await;
    shared_sheet.versions.insert("k1".into(), 2);
    shared_sheet.versions.insert("k2".into(), 2);
    let moved = shared_sheet.moved("ROWS", 2, 1).await;
    shared_sheet.run_and_vanish(moved).await;
    // Each of the two rows shows the other's cells; the user deletes the first, which is k2's.
    let first = json!({"sheetId": shared_sheet.id().await, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    shared_sheet.proxy.hands(json!([{"deleteDimension": {"range": first}}])).await;
    shared_sheet.run().await.expect("the next run");
    shared_sheet.shows("k1", "k1 a2", "k1 b2", "my k1").await;
    assert_eq!(shared_sheet.rows_of("k2").await.len(), 0);
    shared_sheet.versions.insert("k2".into(), 3);
    shared_sheet.run().await.expect("a newer version");
    shared_sheet.shows("k2", "k2 a3", "k2 b3", "").await;
}

/// A write for k1 that hit the row of k3, by a run that died.
async fn hit() -> SharedSheet {
    let mut shared_sheet = SharedSheet::of(3).await;
    shared_sheet.versions.insert("k1".into(), 2);
    let moved = shared_sheet.moved("ROWS", 3, 1).await;
    shared_sheet.run_and_vanish(moved).await;
    shared_sheet
}

#[tokio::test(start_paused = true)]
async fn what_is_typed_while_a_repair_is_on_its_way_stays() {
    for column in [1, 3] {
        let mut shared_sheet = hit().await;
        let proxy = shared_sheet.proxy.clone();
        shared_sheet.proxy.at_write(1, true, async move { proxy.type_in("Data", 1, column, "hers").await }.boxed());
        shared_sheet.run().await.expect("the next run");
        let cells = if column == 1 { ["hers", "k3 b1", "my k3"] } else { ["k3 a1", "k3 b1", "hers"] };
        shared_sheet.shows("k3", cells[0], cells[1], cells[2]).await;
        shared_sheet.shows("k1", "k1 a2", "k1 b2", "my k1").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_deleted_while_its_repair_is_on_its_way_stays_deleted() {
    for typed in [false, true] {
        let mut shared_sheet = hit().await;
        if typed {
            shared_sheet.proxy.type_in("Data", 1, 2, "hers").await;
        }
        let row = json!({"sheetId": shared_sheet.id().await, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
        let proxy = shared_sheet.proxy.clone();
        let deleted = json!([{"deleteDimension": {"range": row}}]);
        shared_sheet.proxy.at_write(1, true, async move { proxy.hands(deleted).await }.boxed());
        shared_sheet.run().await.expect("the next run");
        assert_eq!(shared_sheet.rows_of("k3").await.len(), 0);
        shared_sheet.shows("k1", "k1 a2", "k1 b2", "my k1").await;
        shared_sheet.shows("k2", "k2 a1", "k2 b1", "my k2").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_that_begins_like_a_formula_stays_a_text() {
    let mut shared_sheet = SharedSheet::of(3).await;
    let text = "=IMPORTDATA(\"x\"&B2)";
    shared_sheet.proxy.type_in("Data", 3, 1, text).await;
    shared_sheet.versions.insert("k1".into(), 2);
    let moved = shared_sheet.moved("ROWS", 3, 1).await;
    shared_sheet.run_and_vanish(moved).await;
    let inserted = json!({"sheetId": shared_sheet.id().await, "dimension": "COLUMNS", "startIndex": 1, "endIndex": 2});
    shared_sheet.proxy.hands(json!([{"insertDimension": {"range": inserted, "inheritFromBefore": false}}])).await;
    shared_sheet.run().await.expect("the next run");
    shared_sheet.shows("k3", text, "k3 b1", "my k3").await;
    let view = shared_sheet.proxy.view().await.expect("the tab");
    assert_eq!(view.rows[1][2]["userEnteredValue"]["stringValue"], text);
}

#[tokio::test(start_paused = true)]
async fn one_row_left_of_two_equal_ones_stops_the_run_until_its_key_is_written() {
    let mut shared_sheet = SharedSheet::with_two_equal_rows_misplaced().await;
    let first = json!({"sheetId": shared_sheet.id().await, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    shared_sheet.proxy.hands(json!([{"deleteDimension": {"range": first}}])).await;
    let before = shared_sheet.proxy.tab("Data").await;
    let error = shared_sheet.run().await.expect_err("nothing is guessed");
    let said = error.to_string();
    assert!(said.contains("row 2 could be the one of key \"k1\" or of key \"k2\""), "{said}");
    assert_eq!((error.fault(), shared_sheet.proxy.tab("Data").await), (Fault::Inconsistent, before));
    shared_sheet.proxy.type_in("Data", 1, 2, "k2").await;
    shared_sheet.run().await.expect("the next run");
    shared_sheet.shows("k2", "alike", "alike", "").await;
    assert_eq!(shared_sheet.rows_of("k1").await.len(), 0, "it was deleted, until its next version");
}

#[tokio::test(start_paused = true)]
async fn a_key_changed_while_a_repair_is_on_its_way_takes_its_row_away() {
    let mut shared_sheet = hit().await;
    let proxy = shared_sheet.proxy.clone();
    shared_sheet.proxy.at_write(1, true, async move { proxy.type_in("Data", 2, 0, "odd").await }.boxed());
    shared_sheet.run().await.expect("the next run");
    shared_sheet.shows("odd", "k1 a1", "k1 b1", "my k1").await;
    shared_sheet.shows("k3", "k3 a1", "k3 b1", "my k3").await;
    assert_eq!(shared_sheet.rows_of("k1").await.len(), 0);
    shared_sheet.versions.insert("k1".into(), 3);
    shared_sheet.run().await.expect("a newer version");
    shared_sheet.shows("k1", "k1 a3", "k1 b3", "").await;
}
