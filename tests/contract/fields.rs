//! Fields that the data tab has no column for: what comes between a new column and its commit, and
//! what can't be had.

use std::sync::Arc;

use serde_json::{Value, json};
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::fault::Fault;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::values::columns::{ColumnType, NewColumns};

use crate::contract::between::{InterruptedStore, command};
use crate::contract::emulated::{Emulated, both, id};
use crate::contract::ground::{Contents, Loss, StoreFixture};
use crate::support::{Job, Values};

/// Items of which every one has the fields `id` and `n`, and those from `from` on a new one.
fn items(count: u64, from: u64) -> Values {
    Values::of((0..count).map(|n| {
        let mut item = json!({"id": format!("k{n}"), "n": n});
        if n >= from {
            item["new"] = json!(n * 10);
        }
        item
    }))
}

fn runner(world: &Emulated, seed: u64) -> Job {
    let mut job = Job::new(world.clock());
    job.seed = seed;
    job.plan.max_rows = 4;
    job
}

async fn after_a_run(doubts: UnknownBehaviors) -> Arc<Emulated> {
    let world = Arc::new(Emulated::new(doubts, 9));
    runner(&world, 1).run(world.store_of("j", "Data"), items(2, 2)).await.expect("a clean run");
    world
}

/// The header, and one column of the rows.
async fn there(world: &Emulated, column: &str) -> (Vec<Value>, Vec<String>) {
    let mut header = world.sheets().read_values(&id(), &["'Data'!1:1".to_owned()]).await.expect("it can be read");
    let rows = world.rows("Data").await;
    (header.remove(0).remove(0), Contents::column(&rows, column))
}

fn expected(count: u64, from: u64) -> Vec<String> {
    (0..count).map(|n| if n >= from { (n * 10).to_string() } else { String::new() }).collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_column_comes_once_whatever_is_lost_in_between() {
    for doubts in UnknownBehaviors::all() {
        for loss in [Loss::Answer, Loss::Request] {
            let world = after_a_run(doubts).await;
            world.lose(loss);
            let report = runner(&world, 2).run(world.store_of("j", "Data"), items(12, 2)).await;
            assert_eq!(report.expect("a clean run").run.counts.failed, 0);
            assert_eq!(there(&world, "new").await, (vec![json!("id"), json!("n"), json!("new")], expected(12, 2)));
        }
        let world = after_a_run(doubts).await;
        let hands = Arc::clone(&world);
        let meddling = Box::pin(async move { command(&hands, &[]).await });
        let report = runner(&world, 2).run(InterruptedStore::at(&world, 1, meddling), items(12, 7)).await;
        assert_eq!(report.unwrap_or_else(|error| panic!("{doubts:?}: {error}")).run.counts.failed, 0);
        assert_eq!(there(&world, "new").await, (vec![json!("id"), json!("n"), json!("new")], expected(12, 7)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_column_that_a_user_made_meanwhile_is_used() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        let hands = Arc::clone(&world);
        let meddling = Box::pin(async move {
            command(&hands, &[]).await;
            let tab = hands.tab_id("Data").await;
            let range = json!({"sheetId": tab, "dimension": "COLUMNS", "startIndex": 0, "endIndex": 1});
            let start = json!({"sheetId": tab, "rowIndex": 0, "columnIndex": 0});
            let cells = json!([{"values": [{"userEnteredValue": {"stringValue": "new"}}]}]);
            hands
                .hands(json!([
                    {"insertDimension": {"range": range}},
                    {"updateCells": {"start": start, "rows": cells, "fields": "userEnteredValue"}},
                ]))
                .await;
        });
        let report = runner(&world, 2).run(InterruptedStore::at(&world, 1, meddling), items(12, 7)).await;
        assert_eq!(report.unwrap_or_else(|error| panic!("{doubts:?}: {error}")).run.counts.failed, 0);
        assert_eq!(there(&world, "new").await, (vec![json!("new"), json!("id"), json!("n")], expected(12, 7)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_column_overwrites_no_cell_of_a_user() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        let tab = world.tab_id("Data").await;
        // Notes to the right of the last header, none with a header of its own.
        let start = json!({"sheetId": tab, "rowIndex": 1, "columnIndex": 2});
        let cells = json!([{"values": [{"userEnteredValue": {"stringValue": "mine"}}]}]);
        world
            .hands(json!([
                {"appendDimension": {"sheetId": tab, "dimension": "COLUMNS", "length": 3}},
                {"updateCells": {"start": start, "rows": cells, "fields": "userEnteredValue"}},
            ]))
            .await;
        runner(&world, 2).run(world.store_of("j", "Data"), items(4, 2)).await.expect("a clean run");
        assert_eq!(there(&world, "new").await, (vec![json!("id"), json!("n"), json!("new")], expected(4, 2)));
        let notes = world.sheets().read_values(&id(), &["'Data'!D1:D5".to_owned()]).await.expect("it can be read");
        assert_eq!(notes, [[vec![], vec![json!("mine")]]], "{doubts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_column_of_days_shows_days_in_old_rows_too() {
    for doubts in both() {
        let world = Arc::new(Emulated::new(doubts, 9));
        let run = |seed, items: Vec<Value>| {
            let mut job = runner(&world, seed);
            job.plan.mode = WriteMode::Upsert;
            job.plan.definition.mode = WriteMode::Upsert.as_str().into();
            job.plan.columns.types = ["day", "next"].map(|name| (name.to_owned(), ColumnType::Date)).to_vec();
            let store = world.store_of("j", "Data").with_mode(WriteMode::Upsert, ReprocessPolicy::OnChange);
            async move { job.run(store, Values::of(items)).await.expect("a clean run").run.counts }
        };
        run(1, vec![json!({"id": "a", "v": "1"}), json!({"id": "b", "v": "1"})]).await;
        run(2, vec![json!({"id": "a", "v": "2", "day": "2026-11-26"})]).await;
        let items = json!([{"id": "a", "v": "3", "day": "2026-11-27", "n": 7, "next": "2026-11-28"}, {"id": "b", "v": "2", "n": 8}]);
        run(3, items.as_array().expect("a list").clone()).await;
        let shown =
            world.sheets().read_formatted_values(&id(), &["'Data'!A1:E3".to_owned()]).await.expect("it can be read");
        let rows = json!([[
            ["id", "v", "day", "n", "next"],
            ["a", "3", "2026-11-27", "7", "2026-11-28"],
            ["b", "2", "", "8"],
        ]]);
        assert_eq!(json!(shown), rows, "{doubts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_left_out_is_reported_once_a_run() {
    for doubts in both() {
        let world = Arc::new(Emulated::new(doubts, 9));
        let header = |texts: &[&str]| {
            let cell = |text: &&str| json!({"userEnteredValue": {"stringValue": text}});
            json!([{"values": texts.iter().map(cell).collect::<Vec<_>>()}])
        };
        let start = json!({"sheetId": 77, "rowIndex": 0, "columnIndex": 0});
        let fields = "userEnteredValue";
        world
            .hands(json!([
                {"addSheet": {"properties": {"title": "Data", "sheetId": 77}}},
                {"updateCells": {"start": start, "rows": header(&["note", "note", "n"]), "fields": fields}},
            ]))
            .await;
        let mut job = runner(&world, 1);
        job.plan.columns.new_columns = NewColumns::Ignore;
        let counts = job.run(world.store_of("j", "Data"), items(3, 0)).await.expect("a run that ends").run.counts;
        assert_eq!((counts.new, counts.failed), (0, 3), "{doubts:?}");
        let why = &Contents::column(&world.contents().await.failures, "error")[0];
        assert!(why.contains("no column \"id\", which carries the key"), "{why}");
        world
            .hands(json!([{"updateCells": {"start": start, "rows": header(&["note", "note", "n", "id"]), "fields": fields}}]))
            .await;
        job.seed = 2;
        let counts = job.run(world.store_of("j", "Data"), items(3, 0)).await.expect("a clean run").run.counts;
        assert_eq!((counts.new, counts.recovered), (3, 3), "two headers of people's may be alike");
        assert_eq!(there(&world, "id").await.1, ["k0", "k1", "k2"]);
        let reported = job.events.lock().expect("no test panics while it holds this");
        let reported =
            reported.iter().filter(|event| format!("{event:?}").contains("field \\\"new\\\" was left out")).count();
        assert_eq!(reported, 1, "{doubts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tab_without_room_is_reported_with_the_fix() {
    let widths =
        [("COLUMNS", 18_276, "a tab takes 18,278"), ("ROWS", 4_900_000, "and takes 10,000,000: delete blank rows")];
    for doubts in both() {
        for (dimension, length, advice) in widths {
            let world = after_a_run(doubts).await;
            let tab = world.tab_id("Data").await;
            world.hands(json!([{"appendDimension": {"sheetId": tab, "dimension": dimension, "length": length}}])).await;
            let before = world.contents().await.data;
            let error = runner(&world, 2).run(world.store_of("j", "Data"), items(6, 2)).await.expect_err("no room");
            assert_eq!(error.fault(), Fault::Inconsistent, "{error}");
            assert!(error.to_string().contains(advice), "{error}");
            assert_eq!(world.contents().await.data, before, "{doubts:?}");
        }
    }
}
