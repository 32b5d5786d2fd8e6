//! Fields that the data tab has no column for: what comes between a new column and its commit, and
//! what can't be had.

use std::sync::Arc;

use serde_json::{Value, json};
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::fault::Fault;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::values::columns::{ColumnType, NewColumns};

use crate::contract::edits_between_commits::{InterruptedStore, commit_user_command};
use crate::contract::emulator_fixture::{EmulatorFixture, both_guards, spreadsheet_id};
use crate::contract::store_fixture::{CommitLoss, StoreContents, StoreFixture};
use crate::test_job::{TestJob, ValueSource};

/// Items of which every one has the fields `id` and `n`, and those from `from` on a new one.
fn make_items(count: u64, from: u64) -> ValueSource {
    ValueSource::of((0..count).map(|n| {
        let mut item = json!({"id": format!("k{n}"), "n": n});
        if n >= from {
            item["new"] = json!(n * 10);
        }
        item
    }))
}

fn make_job(fixture: &EmulatorFixture, seed: u64) -> TestJob {
    let mut job = TestJob::new(fixture.clock());
    job.seed = seed;
    job.plan.max_rows = 4;
    job
}

async fn make_fixture_after_run(behaviors: UnknownBehaviors) -> Arc<EmulatorFixture> {
    let fixture = Arc::new(EmulatorFixture::new(behaviors, 9));
    make_job(&fixture, 1).run(fixture.store_of("j", "Data"), make_items(2, 2)).await.expect("a clean run");
    fixture
}

/// The header, and one column of the rows.
async fn read_header_and_column(fixture: &EmulatorFixture, column: &str) -> (Vec<Value>, Vec<String>) {
    let mut header =
        fixture.sheets().read_values(&spreadsheet_id(), &["'Data'!1:1".to_owned()]).await.expect("it can be read");
    let rows = fixture.rows("Data").await;
    (header.remove(0).remove(0), StoreContents::column(&rows, column))
}

fn list_expected(count: u64, from: u64) -> Vec<String> {
    (0..count).map(|n| if n >= from { (n * 10).to_string() } else { String::new() }).collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_column_comes_once_whatever_is_lost_in_between() {
    for behaviors in UnknownBehaviors::all() {
        for loss in [CommitLoss::Answer, CommitLoss::Request] {
            let fixture = make_fixture_after_run(behaviors).await;
            fixture.lose_next_commit(loss);
            let report = make_job(&fixture, 2).run(fixture.store_of("j", "Data"), make_items(12, 2)).await;
            assert_eq!(report.expect("a clean run").run.counts.failed, 0);
            assert_eq!(
                read_header_and_column(&fixture, "new").await,
                (vec![json!("id"), json!("n"), json!("new")], list_expected(12, 2))
            );
        }
        let fixture = make_fixture_after_run(behaviors).await;
        let user = Arc::clone(&fixture);
        let interruption = Box::pin(async move { commit_user_command(&user, &[]).await });
        let report =
            make_job(&fixture, 2).run(InterruptedStore::at(&fixture, 1, interruption), make_items(12, 7)).await;
        assert_eq!(report.unwrap_or_else(|error| panic!("{behaviors:?}: {error}")).run.counts.failed, 0);
        assert_eq!(
            read_header_and_column(&fixture, "new").await,
            (vec![json!("id"), json!("n"), json!("new")], list_expected(12, 7))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_column_that_a_user_made_meanwhile_is_used() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        let user = Arc::clone(&fixture);
        let interruption = Box::pin(async move {
            commit_user_command(&user, &[]).await;
            let tab = user.tab_id("Data").await;
            let range = json!({"sheetId": tab, "dimension": "COLUMNS", "startIndex": 0, "endIndex": 1});
            let start = json!({"sheetId": tab, "rowIndex": 0, "columnIndex": 0});
            let cells = json!([{"values": [{"userEnteredValue": {"stringValue": "new"}}]}]);
            user.edit_sheet(json!([
                {"insertDimension": {"range": range}},
                {"updateCells": {"start": start, "rows": cells, "fields": "userEnteredValue"}},
            ]))
            .await;
        });
        let report =
            make_job(&fixture, 2).run(InterruptedStore::at(&fixture, 1, interruption), make_items(12, 7)).await;
        assert_eq!(report.unwrap_or_else(|error| panic!("{behaviors:?}: {error}")).run.counts.failed, 0);
        assert_eq!(
            read_header_and_column(&fixture, "new").await,
            (vec![json!("new"), json!("id"), json!("n")], list_expected(12, 7))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_column_overwrites_no_cell_of_a_user() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        let tab = fixture.tab_id("Data").await;
        // Notes to the right of the last header, none with a header of its own.
        let start = json!({"sheetId": tab, "rowIndex": 1, "columnIndex": 2});
        let cells = json!([{"values": [{"userEnteredValue": {"stringValue": "mine"}}]}]);
        fixture
            .edit_sheet(json!([
                {"appendDimension": {"sheetId": tab, "dimension": "COLUMNS", "length": 3}},
                {"updateCells": {"start": start, "rows": cells, "fields": "userEnteredValue"}},
            ]))
            .await;
        make_job(&fixture, 2).run(fixture.store_of("j", "Data"), make_items(4, 2)).await.expect("a clean run");
        assert_eq!(
            read_header_and_column(&fixture, "new").await,
            (vec![json!("id"), json!("n"), json!("new")], list_expected(4, 2))
        );
        let notes = fixture
            .sheets()
            .read_values(&spreadsheet_id(), &["'Data'!D1:D5".to_owned()])
            .await
            .expect("it can be read");
        assert_eq!(notes, [[vec![], vec![json!("mine")]]], "{behaviors:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_column_of_days_shows_days_in_old_rows_too() {
    for behaviors in both_guards() {
        let fixture = Arc::new(EmulatorFixture::new(behaviors, 9));
        let run = |seed, items: Vec<Value>| {
            let mut job = make_job(&fixture, seed);
            job.plan.mode = WriteMode::Upsert;
            job.plan.definition.mode = WriteMode::Upsert.as_str().into();
            job.plan.columns.types = ["day", "next"].map(|name| (name.to_owned(), ColumnType::Date)).to_vec();
            let store = fixture.store_of("j", "Data").with_mode(WriteMode::Upsert, ReprocessPolicy::OnChange);
            async move { job.run(store, ValueSource::of(items)).await.expect("a clean run").run.counts }
        };
        run(1, vec![json!({"id": "a", "v": "1"}), json!({"id": "b", "v": "1"})]).await;
        run(2, vec![json!({"id": "a", "v": "2", "day": "2026-11-26"})]).await;
        let items = json!([{"id": "a", "v": "3", "day": "2026-11-27", "n": 7, "next": "2026-11-28"}, {"id": "b", "v": "2", "n": 8}]);
        run(3, items.as_array().expect("a list").clone()).await;
        let shown = fixture
            .sheets()
            .read_formatted_values(&spreadsheet_id(), &["'Data'!A1:E3".to_owned()])
            .await
            .expect("it can be read");
        let rows = json!([[
            ["id", "v", "day", "n", "next"],
            ["a", "3", "2026-11-27", "7", "2026-11-28"],
            ["b", "2", "", "8"],
        ]]);
        assert_eq!(json!(shown), rows, "{behaviors:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_left_out_is_reported_once_a_run() {
    for behaviors in both_guards() {
        let fixture = Arc::new(EmulatorFixture::new(behaviors, 9));
        let header = |texts: &[&str]| {
            let cell = |text: &&str| json!({"userEnteredValue": {"stringValue": text}});
            json!([{"values": texts.iter().map(cell).collect::<Vec<_>>()}])
        };
        let start = json!({"sheetId": 77, "rowIndex": 0, "columnIndex": 0});
        let fields = "userEnteredValue";
        fixture
            .edit_sheet(json!([
                {"addSheet": {"properties": {"title": "Data", "sheetId": 77}}},
                {"updateCells": {"start": start, "rows": header(&["note", "note", "n"]), "fields": fields}},
            ]))
            .await;
        let mut job = make_job(&fixture, 1);
        job.plan.columns.new_columns = NewColumns::Ignore;
        let counts =
            job.run(fixture.store_of("j", "Data"), make_items(3, 0)).await.expect("a run that ends").run.counts;
        assert_eq!((counts.new, counts.failed), (0, 3), "{behaviors:?}");
        let why = &StoreContents::column(&fixture.contents().await.failures, "error")[0];
        assert!(why.contains("no column \"id\", which carries the key"), "{why}");
        fixture
            .edit_sheet(json!([{"updateCells": {"start": start, "rows": header(&["note", "note", "n", "id"]), "fields": fields}}]))
            .await;
        job.seed = 2;
        let counts = job.run(fixture.store_of("j", "Data"), make_items(3, 0)).await.expect("a clean run").run.counts;
        assert_eq!((counts.new, counts.recovered), (3, 3), "two headers of people's may be alike");
        assert_eq!(read_header_and_column(&fixture, "id").await.1, ["k0", "k1", "k2"]);
        let reported = job.events.lock().expect("no test panics while it holds this");
        let reported =
            reported.iter().filter(|event| format!("{event:?}").contains("field \\\"new\\\" was left out")).count();
        assert_eq!(reported, 1, "{behaviors:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tab_without_room_is_reported_with_the_fix() {
    let widths =
        [("COLUMNS", 18_276, "a tab takes 18,278"), ("ROWS", 4_900_000, "and takes 10,000,000: delete blank rows")];
    for behaviors in both_guards() {
        for (dimension, length, advice) in widths {
            let fixture = make_fixture_after_run(behaviors).await;
            let tab = fixture.tab_id("Data").await;
            fixture
                .edit_sheet(json!([{"appendDimension": {"sheetId": tab, "dimension": dimension, "length": length}}]))
                .await;
            let before = fixture.contents().await.data;
            let error =
                make_job(&fixture, 2).run(fixture.store_of("j", "Data"), make_items(6, 2)).await.expect_err("no room");
            assert_eq!(error.fault(), Fault::Inconsistent, "{error}");
            assert!(error.to_string().contains(advice), "{error}");
            assert_eq!(fixture.contents().await.data, before, "{behaviors:?}");
        }
    }
}
