//! What people do to the data tab's columns between runs, and fields that it has no column for.

use std::sync::Arc;

use serde_json::{Value, json};
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::fault::Fault;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::{Event, RunReport};
use sheetkeep::ledger::values::columns::NewColumns;
use sheetkeep::runner::run_config::RunError;

use crate::contract::edits_between_commits::InterruptedStore;
use crate::contract::emulator_fixture::{EmulatorFixture, both_guards, spreadsheet_id};
use crate::contract::store_fixture::{StoreContents, StoreFixture};
use crate::test_job::{TestJob, ValueSource};

fn make_items(keys: std::ops::Range<u64>, field: &str) -> ValueSource {
    ValueSource::of(keys.map(|n| {
        let mut item = json!({"id": format!("k{n}"), "n": n});
        item[field] = json!(n * 10);
        item
    }))
}

async fn run_with_policy(
    fixture: &EmulatorFixture,
    seed: u64,
    policy: NewColumns,
    source: ValueSource,
) -> (Result<RunReport, RunError>, Vec<String>) {
    let mut job = TestJob::new(fixture.clock());
    job.seed = seed;
    job.plan.columns.new_columns = policy;
    let ended = job.run(fixture.store_of("j", "Data"), source).await;
    let events = job.events.lock().expect("no test panics while it holds this");
    let anomalies = events.iter().filter_map(|event| match event {
        Event::Anomaly { message } | Event::LastingAnomaly { message, .. } => Some(message.clone()),
        _ => None,
    });
    (ended, anomalies.collect())
}

async fn run_job(
    fixture: &EmulatorFixture,
    seed: u64,
    source: ValueSource,
) -> (Result<RunReport, RunError>, Vec<String>) {
    run_with_policy(fixture, seed, NewColumns::Add, source).await
}

/// A spreadsheet on which the job has run over three items with the columns id, n and m.
async fn make_fixture_after_run(behaviors: UnknownBehaviors) -> EmulatorFixture {
    let fixture = EmulatorFixture::new(behaviors, 5);
    let (ended, anomalies) = run_job(&fixture, 1, make_items(0..3, "m")).await;
    assert_eq!((ended.expect("a clean run").run.counts.new, anomalies), (3, Vec::new()));
    fixture
}

async fn write_header_cell(fixture: &EmulatorFixture, column: u64, text: &str) {
    let start = json!({"sheetId": fixture.tab_id("Data").await, "rowIndex": 0, "columnIndex": column});
    let cells = json!([{"values": [{"userEnteredValue": {"stringValue": text}}]}]);
    fixture.edit_sheet(json!([{"updateCells": {"start": start, "rows": cells, "fields": "userEnteredValue"}}])).await;
}

/// The next run stops, names this, and has written nothing.
async fn check_run_stops(fixture: &EmulatorFixture, named: &str) {
    let before = (fixture.contents().await, fixture.metadata().await);
    let error = run_job(fixture, 9, make_items(0..9, "m")).await.0.expect_err("it must stop");
    assert_eq!(error.fault(), Fault::Inconsistent, "{error}");
    assert!(error.to_string().contains(named), "{error}");
    assert_eq!((fixture.contents().await, fixture.metadata().await), before);
}

async fn make_columns_range(fixture: &EmulatorFixture, from: u64, to: u64) -> Value {
    json!({"sheetId": fixture.tab_id("Data").await, "dimension": "COLUMNS", "startIndex": from, "endIndex": to})
}

async fn column(fixture: &EmulatorFixture, name: &str) -> Vec<String> {
    StoreContents::column(&fixture.rows("Data").await, name)
}

#[tokio::test(start_paused = true)]
async fn a_renamed_column_is_found_again_even_if_moved() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        write_header_cell(&fixture, 2, "Em").await;
        let source = make_columns_range(&fixture, 2, 3).await;
        fixture.edit_sheet(json!([{"moveDimension": {"source": source, "destinationIndex": 0}}])).await;
        for seed in [2, 3] {
            let (ended, anomalies) = run_job(&fixture, seed, make_items(0..3 + seed, "m")).await;
            assert_eq!(ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}")).run.counts.failed, 0);
            assert_eq!(
                anomalies,
                ["column \"m\" of tab Data is now called \"Em\": its values go there"],
                "{behaviors:?}"
            );
        }
        assert_eq!(column(&fixture, "Em").await, ["0", "10", "20", "30", "40", "50"], "{behaviors:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_key_column_may_be_renamed_and_deleting_it_stops_the_run() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        write_header_cell(&fixture, 0, "Number").await;
        let (ended, _) = run_job(&fixture, 2, make_items(0..4, "m")).await;
        ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        assert_eq!(column(&fixture, "Number").await, ["k0", "k1", "k2", "k3"]);
        let range = make_columns_range(&fixture, 0, 1).await;
        fixture.edit_sheet(json!([{"deleteDimension": {"range": range}}])).await;
        let before = (fixture.rows("Data").await, fixture.metadata().await);
        let error = run_job(&fixture, 3, make_items(0..5, "m")).await.0.expect_err("it must stop");
        assert_eq!(error.fault(), Fault::Inconsistent);
        assert!(error.to_string().contains("\"id\"") && error.to_string().contains("header row"), "{error}");
        assert_eq!((fixture.rows("Data").await, fixture.metadata().await), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_column_is_left_out_until_its_name_returns() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        let range = make_columns_range(&fixture, 1, 2).await;
        fixture.edit_sheet(json!([{"deleteDimension": {"range": range}}])).await;
        for seed in [2, 3] {
            let (ended, anomalies) = run_job(&fixture, seed, make_items(0..2 + seed, "m")).await;
            assert_eq!(ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}")).run.counts.failed, 0);
            let [anomaly] = anomalies.as_slice() else { panic!("{behaviors:?}: {anomalies:?}") };
            assert!(anomaly.starts_with("column \"n\" of tab Data was deleted: its values are left out"), "{anomaly}");
        }
        assert_eq!(column(&fixture, "m").await, ["0", "10", "20", "30", "40"]);
        let range = make_columns_range(&fixture, 0, 1).await;
        fixture.edit_sheet(json!([{"insertDimension": {"range": range}}])).await;
        write_header_cell(&fixture, 0, "n").await;
        let (ended, anomalies) = run_job(&fixture, 4, make_items(0..6, "m")).await;
        ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        assert_eq!(
            (anomalies, column(&fixture, "n").await.last()),
            (Vec::new(), Some(&"5".to_owned())),
            "{behaviors:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_column_that_was_added_again_may_be_renamed_like_any_other() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        let range = make_columns_range(&fixture, 1, 2).await;
        fixture.edit_sheet(json!([{"deleteDimension": {"range": range}}])).await;
        run_job(&fixture, 2, make_items(0..4, "m")).await.0.expect("a clean run");
        let tab = fixture.tab_id("Data").await;
        fixture.edit_sheet(json!([{"appendDimension": {"sheetId": tab, "dimension": "COLUMNS", "length": 1}}])).await;
        write_header_cell(&fixture, 2, "n").await;
        run_job(&fixture, 3, make_items(0..5, "m")).await.0.expect("a clean run");
        write_header_cell(&fixture, 2, "Number").await;
        let (ended, anomalies) = run_job(&fixture, 4, make_items(0..6, "m")).await;
        ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        assert_eq!(
            anomalies,
            ["column \"n\" of tab Data is now called \"Number\": its values go there"],
            "{behaviors:?}"
        );
        assert_eq!(column(&fixture, "Number").await, ["", "", "", "", "4", "5"]);
    }
}

#[tokio::test(start_paused = true)]
async fn two_header_texts_that_people_swapped_count_as_they_stand() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        write_header_cell(&fixture, 1, "m").await;
        write_header_cell(&fixture, 2, "n").await;
        let (ended, anomalies) = run_job(&fixture, 2, make_items(3..4, "m")).await;
        ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        let last = |rows: Vec<String>| rows.last().cloned().unwrap_or_default();
        assert!(anomalies.is_empty(), "{anomalies:?}");
        assert_eq!((last(column(&fixture, "n").await), last(column(&fixture, "m").await)), ("3".into(), "30".into()));
        // One took the other's header, whose own column has a new one: what is meant is unknown,
        // but the text counts.
        let fixture = make_fixture_after_run(behaviors).await;
        write_header_cell(&fixture, 1, "m").await;
        write_header_cell(&fixture, 2, "x").await;
        let (ended, anomalies) = run_job(&fixture, 2, make_items(3..4, "m")).await;
        ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        let [anomaly] = anomalies.as_slice() else { panic!("{behaviors:?}: {anomalies:?}") };
        assert!(anomaly.starts_with("column \"n\" of tab Data has the header of another one"), "{anomaly}");
        assert_eq!(
            (last(column(&fixture, "m").await), last(column(&fixture, "x").await)),
            ("30".into(), String::new())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_header_equal_to_a_job_header_stops_the_run() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        let range = make_columns_range(&fixture, 0, 3).await;
        fixture.edit_sheet(json!([{"insertDimension": {"range": range}}])).await;
        write_header_cell(&fixture, 0, "note").await;
        write_header_cell(&fixture, 1, "note").await;
        let (ended, anomalies) = run_job(&fixture, 2, make_items(0..4, "m")).await;
        ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        assert_eq!((anomalies.len(), column(&fixture, "m").await.len()), (0, 4), "{anomalies:?}");
        write_header_cell(&fixture, 2, "n").await;
        check_run_stops(&fixture, "two columns named \"n\": the job's own is E, so rename the other").await;
        write_header_cell(&fixture, 2, "mine").await;
        run_job(&fixture, 4, make_items(0..5, "m")).await.0.unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        assert_eq!(column(&fixture, "n").await, ["0", "1", "2", "3", "4"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cleared_header_or_unreadable_mark_stops_before_any_write() {
    for behaviors in both_guards() {
        for at in [1, 2] {
            let fixture = make_fixture_after_run(behaviors).await;
            write_header_cell(&fixture, at, "").await;
            check_run_stops(&fixture, "has no header any more: write that word back").await;
        }
        let fixture = make_fixture_after_run(behaviors).await;
        write_header_cell(&fixture, 1, "Number").await;
        let (method, times) = (Some("spreadsheets.developerMetadata.search".to_owned()), u32::MAX);
        let fault = sheetkeep::emulator::FaultRule { method, status: 501, times, ..Default::default() };
        fixture.emulator.set_faults(vec![fault]);
        check_run_stops(&fixture, "whether it was renamed or deleted can't be read: write that word back").await;
        fixture.emulator.set_faults(Vec::new());
        let (ended, anomalies) = run_job(&fixture, 3, make_items(0..4, "m")).await;
        ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        assert_eq!(anomalies, ["column \"n\" of tab Data is now called \"Number\": its values go there"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_cleared_between_load_and_write_stops_the_run() {
    for behaviors in both_guards() {
        let fixture = Arc::new(EmulatorFixture::new(behaviors, 5));
        let keeping = || fixture.store_of("j", "Data").with_mode(WriteMode::Upsert, ReprocessPolicy::OnChange);
        let upsert = |seed| {
            let mut job = TestJob::new(fixture.clock());
            (job.seed, job.plan.mode) = (seed, WriteMode::Upsert);
            job.plan.definition.mode = WriteMode::Upsert.as_str().into();
            job
        };
        let versions = |v: &str| ValueSource::of((0..3).map(|n| json!({"id": format!("k{n}"), "v": v, "n": v})));
        upsert(1).run(keeping(), versions("1")).await.expect("a clean run");
        // Keys that do not stand in the first column are looked up right before the write.
        let source = make_columns_range(&fixture, 0, 1).await;
        fixture.edit_sheet(json!([{"moveDimension": {"source": source, "destinationIndex": 3}}])).await;
        let user = Arc::clone(&fixture);
        let interruption = Box::pin(async move { write_header_cell(&user, 1, "").await });
        let error = upsert(2)
            .run(InterruptedStore::over(keeping(), 0, interruption), versions("2"))
            .await
            .expect_err("it must stop");
        assert!(error.to_string().contains("column \"n\" has no header any more"), "{behaviors:?}: {error}");
        assert_eq!(column(&fixture, "v").await, ["1", "1", "1"], "{behaviors:?}");
        write_header_cell(&fixture, 1, "n").await;
        upsert(3).run(keeping(), versions("2")).await.unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        assert_eq!(
            (column(&fixture, "v").await, column(&fixture, "n").await),
            (vec!["2".into(); 3], vec!["2".into(); 3])
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_without_remembered_columns_adopts_them_when_it_writes() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        let title = fixture.state_title().await;
        let pairs = fixture
            .sheets()
            .read_values(&spreadsheet_id(), &[format!("'{title}'!A1:A64")])
            .await
            .expect("it can be read");
        let at = pairs[0].iter().position(|row| row.first().is_some_and(|name| name == "columns"));
        let start =
            json!({"sheetId": fixture.tab_id(&title).await, "rowIndex": at.expect("it is there"), "columnIndex": 1});
        let lookup = json!({"developerMetadataLookup": {"metadataKey": "sheetkeep j"}});
        fixture
            .edit_sheet(json!([
                {"updateCells": {"start": start, "rows": [{"values": [{}]}], "fields": "userEnteredValue"}},
                {"deleteDeveloperMetadata": {"dataFilter": lookup}},
            ]))
            .await;
        let marks = || async {
            fixture
                .sheets()
                .search_column_marks(&spreadsheet_id(), "sheetkeep j")
                .await
                .expect("they can be read")
                .len()
        };
        run_job(&fixture, 2, make_items(0..3, "m")).await.0.expect("a clean run");
        assert_eq!(marks().await, 0, "nothing was written that says which columns are the job's");
        let (ended, anomalies) = run_job(&fixture, 3, make_items(0..4, "m")).await;
        assert_eq!(
            (ended.expect("a clean run").run.counts.new, anomalies.len(), marks().await),
            (1, 0, 3),
            "{behaviors:?}"
        );
        write_header_cell(&fixture, 2, "Em").await;
        let (ended, anomalies) = run_job(&fixture, 4, make_items(0..5, "m")).await;
        ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        assert_eq!(anomalies, ["column \"m\" of tab Data is now called \"Em\": its values go there"], "{behaviors:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tab_wider_than_the_state_is_marked_once_only() {
    let fixture = EmulatorFixture::new(both_guards()[0], 5);
    let wide = |key: u64| {
        let mut item = json!({"id": format!("k{key}")});
        for n in 0..2_500 {
            item[format!("a rather long name {n:05}")] = json!(key);
        }
        ValueSource::of([item])
    };
    run_job(&fixture, 1, wide(0)).await.0.expect("a clean run");
    let marks = || async {
        fixture.sheets().search_column_marks(&spreadsheet_id(), "sheetkeep j").await.expect("they can be read").len()
    };
    let first = marks().await;
    assert!((300..1_000).contains(&first), "{first} columns of 2,501 are marked");
    for seed in [2, 3] {
        let (ended, anomalies) = run_job(&fixture, seed, wide(seed)).await;
        assert_eq!((ended.expect("a clean run").run.counts.new, anomalies.len()), (1, 0), "{anomalies:?}");
    }
    assert_eq!((marks().await, column(&fixture, "a rather long name 02499").await.len()), (first, 3));
}

#[tokio::test(start_paused = true)]
async fn users_may_put_columns_between_those_of_the_job() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        let range = make_columns_range(&fixture, 1, 3).await;
        fixture.edit_sheet(json!([{"insertDimension": {"range": range}}])).await;
        write_header_cell(&fixture, 1, "mine").await;
        write_header_cell(&fixture, 2, "yours").await;
        let (ended, anomalies) = run_job(&fixture, 2, make_items(0..4, "m")).await;
        ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        assert_eq!(
            (anomalies, column(&fixture, "m").await),
            (Vec::new(), ["0", "10", "20", "30"].map(String::from).to_vec())
        );
        assert!(column(&fixture, "mine").await.iter().all(String::is_empty));
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_field_follows_the_policy_of_the_job() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        let tab = fixture.tab_id("Data").await;
        fixture.edit_sheet(json!([{"appendDimension": {"sheetId": tab, "dimension": "COLUMNS", "length": 1}}])).await;
        write_header_cell(&fixture, 3, "a note of mine").await;
        let (ended, anomalies) = run_with_policy(&fixture, 2, NewColumns::Add, make_items(3..5, "new")).await;
        ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        assert_eq!(anomalies, ["tab Data has got new columns, because records have new fields: \"new\""]);
        assert_eq!(column(&fixture, "new").await, ["", "", "", "30", "40"]);
        let (ended, anomalies) = run_with_policy(&fixture, 3, NewColumns::Ignore, make_items(5..7, "other")).await;
        assert_eq!(ended.expect("a clean run").run.counts.new, 2);
        assert_eq!(anomalies, ["field \"other\" was left out: tab Data has no column for it"]);
        let (ended, _) = run_with_policy(&fixture, 4, NewColumns::Refuse, make_items(7..9, "third")).await;
        assert_eq!(ended.expect("a run that ends").run.counts.failed, 2);
        assert_eq!(column(&fixture, "id").await.len(), 7, "{behaviors:?}");
        // What was added is the job's own: its header may be renamed like any other.
        write_header_cell(&fixture, 4, "renamed").await;
        let (ended, anomalies) = run_job(&fixture, 5, make_items(9..10, "new")).await;
        ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        let third = "tab Data has got new columns, because records have new fields: \"third\"";
        assert_eq!(anomalies, ["column \"new\" of tab Data is now called \"renamed\": its values go there", third]);
        let renamed = column(&fixture, "renamed").await;
        assert!(renamed.contains(&"90".to_owned()), "{behaviors:?}: {renamed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ragged_records_all_get_their_columns() {
    for behaviors in UnknownBehaviors::all() {
        let fixture = EmulatorFixture::new(behaviors, 5);
        let mut job = TestJob::new(fixture.clock());
        job.plan.max_rows = 2;
        let ragged = (0..12_u64).map(|n| {
            let mut item = json!({"id": format!("k{n}")});
            item[format!("f{}", n / 3)] = json!(n);
            item
        });
        let report = job.run(fixture.store_of("j", "Data"), ValueSource::of(ragged)).await.expect("a clean run");
        assert_eq!((report.run.counts.new, report.run.counts.failed), (12, 0), "{behaviors:?}");
        for n in 0..12 {
            assert_eq!(column(&fixture, &format!("f{}", n / 3)).await[n], n.to_string(), "{behaviors:?}");
        }
    }
}
