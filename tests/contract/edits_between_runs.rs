//! What people do to the tabs between two runs, and what the next run makes of it.

use std::future::Future;

use serde_json::{Value, json};
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::fault::Fault;
use sheetkeep::ledger::runs::event::{Event, RunReport};
use sheetkeep::runner::run_config::RunError;

use crate::contract::emulator_fixture::{EmulatorFixture, both_guards};
use crate::contract::store_fixture::{StoreContents, StoreFixture};
use crate::test_job::{TestJob, ValueSource};

fn make_items(count: u64) -> ValueSource {
    ValueSource::of((0..count).map(|n| json!({"id": (1_000 + n).to_string(), "n": n})))
}

/// A run with ids of its own; also the anomalies that it reported.
async fn run_job(fixture: &EmulatorFixture, seed: u64, count: u64) -> (Result<RunReport, RunError>, Vec<String>) {
    let mut job = TestJob::new(fixture.clock());
    job.seed = seed;
    let ended = job.run(fixture.store_of("j", "Data"), make_items(count)).await;
    let events = job.events.lock().expect("no test panics while it holds this");
    let anomalies = events.iter().filter_map(|event| match event {
        Event::Anomaly { message } | Event::LastingAnomaly { message, .. } => Some(message.clone()),
        _ => None,
    });
    (ended, anomalies.collect())
}

/// A spreadsheet on which the job has run once over ten items.
async fn make_fixture_after_run(behaviors: UnknownBehaviors) -> EmulatorFixture {
    let fixture = EmulatorFixture::new(behaviors, 5);
    let (ended, anomalies) = run_job(&fixture, 1, 10).await;
    assert_eq!(ended.expect("a clean run").run.counts.new, 10);
    assert!(anomalies.is_empty(), "{anomalies:?}");
    fixture
}

/// A user edits after a run. The next run over twelve items processes the two new ones only, and
/// reports no anomaly.
async fn check_edit_is_ignored<F: Future<Output = ()>>(edit: impl Fn(std::sync::Arc<EmulatorFixture>) -> F) {
    for behaviors in both_guards() {
        let fixture = std::sync::Arc::new(make_fixture_after_run(behaviors).await);
        edit(fixture.clone()).await;
        let (ended, anomalies) = run_job(&fixture, 2, 12).await;
        let counts = ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}")).run.counts;
        assert_eq!((counts.new, counts.skipped), (2, 10), "{behaviors:?}");
        assert!(anomalies.is_empty(), "{behaviors:?}: {anomalies:?}");
        let (ended, _) = run_job(&fixture, 3, 12).await;
        assert_eq!(ended.expect("a clean run").run.counts.skipped, 12, "{behaviors:?}");
    }
}

/// A user edits after a run. The next run stops before any write and names what is to be repaired.
async fn check_run_stops<F: Future<Output = ()>>(
    behaviors: UnknownBehaviors,
    named: &str,
    edit: impl FnOnce(std::sync::Arc<EmulatorFixture>) -> F,
) {
    let fixture = std::sync::Arc::new(make_fixture_after_run(behaviors).await);
    edit(fixture.clone()).await;
    let before = (fixture.contents().await, fixture.metadata().await);
    for seed in [2, 3] {
        let (ended, _) = run_job(&fixture, seed, 12).await;
        let error = ended.expect_err("it must stop");
        assert_eq!(error.fault(), Fault::Inconsistent, "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
    assert_eq!((fixture.contents().await, fixture.metadata().await), before);
}

fn make_dimension_range(tab: i64, dimension: &str, from: u32, to: u32) -> Value {
    json!({"sheetId": tab, "dimension": dimension, "startIndex": from, "endIndex": to})
}

async fn read_keys_of_tabs(fixture: &EmulatorFixture, data: &str, processed: &str) -> (Vec<String>, Vec<String>) {
    let (data, processed) = (fixture.rows(data).await, fixture.rows(processed).await);
    assert_eq!(StoreContents::column(&data, "n").len(), data.len());
    (StoreContents::sorted(&data, "id"), StoreContents::sorted(&processed, "key"))
}

fn list_expected(count: u64) -> Vec<String> {
    (0..count).map(|n| (1_000 + n).to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_job_without_its_named_range_stops_and_names_the_fix() {
    let [by_name, by_title] = both_guards();
    let drop = |fixture: std::sync::Arc<EmulatorFixture>| async move {
        let metadata = fixture.metadata().await;
        let id = &metadata["namedRanges"][0]["namedRangeId"];
        fixture.edit_sheet(json!([{"deleteNamedRange": {"namedRangeId": id}}])).await;
    };
    check_run_stops(by_name, "sheetkeep_j_", drop).await;
    check_run_stops(by_name, "restore", drop).await;
    // Where the title guards, the name is nothing but a name.
    let fixture = std::sync::Arc::new(make_fixture_after_run(by_title).await);
    if fixture.metadata().await["namedRanges"].is_array() {
        drop(fixture.clone()).await;
    }
    let (ended, _) = run_job(&fixture, 2, 12).await;
    assert_eq!(ended.expect("a clean run").run.counts.new, 2);
}

#[tokio::test(start_paused = true)]
async fn processed_may_be_sorted() {
    check_edit_is_ignored(|fixture| async move {
        let tab = fixture.tab_id("Processed j").await;
        let area = json!({"sheetId": tab, "startRowIndex": 1});
        let by = json!([{"dimensionIndex": 0, "sortOrder": "DESCENDING"}]);
        fixture.edit_sheet(json!([{"sortRange": {"range": area, "sortSpecs": by}}])).await;
        assert_eq!(fixture.rows("Processed j").await[0]["key"], "1009");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn columns_of_every_tab_may_be_moved_and_added() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        for title in ["Processed j", "Failures j", "Data", "Runs"] {
            let tab = fixture.tab_id(title).await;
            let note = json!({"sheetId": tab, "rowIndex": 0, "columnIndex": 0});
            let cells = json!([{"values": [{"userEnteredValue": {"stringValue": "mine"}}]}]);
            fixture
                .edit_sheet(json!([
                    {"moveDimension": {"source": make_dimension_range(tab, "COLUMNS", 0, 1), "destinationIndex": 2}},
                    {"insertDimension": {"range": make_dimension_range(tab, "COLUMNS", 0, 1), "inheritFromBefore": false}},
                    {"insertDimension": {"range": make_dimension_range(tab, "COLUMNS", 2, 3), "inheritFromBefore": false}},
                    {"updateCells": {"start": note, "rows": cells, "fields": "userEnteredValue"}},
                ]))
                .await;
        }
        let (ended, anomalies) = run_job(&fixture, 2, 12).await;
        assert_eq!(ended.unwrap_or_else(|error| panic!("{behaviors:?}: {error}")).run.counts.new, 2);
        assert!(anomalies.is_empty(), "{anomalies:?}");
        let (data, processed) = read_keys_of_tabs(&fixture, "Data", "Processed j").await;
        assert_eq!((data, processed), (list_expected(12), list_expected(12)), "{behaviors:?}");
        assert_eq!(StoreContents::column(&fixture.rows("Data").await, "n")[10..], ["10", "11"]);
        assert_eq!(StoreContents::column(&fixture.rows("Runs").await, "new"), ["10", "2"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_column_may_be_moved_far_to_the_right() {
    check_edit_is_ignored(|fixture| async move {
        let tab = fixture.tab_id("Processed j").await;
        fixture
            .edit_sheet(json!([
                {"appendDimension": {"sheetId": tab, "dimension": "COLUMNS", "length": 30}},
                {"moveDimension": {"source": make_dimension_range(tab, "COLUMNS", 0, 1), "destinationIndex": 30}},
            ]))
            .await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_tab_may_be_renamed() {
    let names = [("Data", "It's #1"), ("Processed j", "Done"), ("Failures j", "Bad"), ("Runs", "Läufe")];
    for behaviors in both_guards() {
        for (title, renamed) in names {
            let fixture = make_fixture_after_run(behaviors).await;
            let properties = json!({"sheetId": fixture.tab_id(title).await, "title": renamed});
            fixture.edit_sheet(json!([{"updateSheetProperties": {"properties": properties, "fields": "title"}}])).await;
            let tabs = fixture.metadata().await["sheets"].as_array().expect("tabs").len();
            for (seed, new) in [(2, 2), (3, 0)] {
                let (ended, anomalies) = run_job(&fixture, seed, 12).await;
                let report = ended.unwrap_or_else(|error| panic!("{behaviors:?}, {renamed}: {error}"));
                assert_eq!(report.run.counts.new, new, "{behaviors:?}, {renamed}");
                assert!(anomalies.is_empty(), "{anomalies:?}");
            }
            let now = |of: &'static str| if of == title { renamed } else { of };
            let (data, processed) = read_keys_of_tabs(&fixture, now("Data"), now("Processed j")).await;
            assert_eq!((data, processed), (list_expected(12), list_expected(12)), "{behaviors:?}, {renamed}");
            assert_eq!(fixture.rows(now("Runs")).await.len(), 3, "{behaviors:?}, {renamed}");
            assert_eq!(fixture.metadata().await["sheets"].as_array().expect("tabs").len(), tabs, "{renamed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_renamed_data_tab_keeps_the_header_that_people_gave_it() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        let tab = fixture.tab_id("Data").await;
        fixture
            .edit_sheet(json!([
                {"updateSheetProperties": {"properties": {"sheetId": tab, "title": "Mine"}, "fields": "title"}},
                {"moveDimension": {"source": make_dimension_range(tab, "COLUMNS", 0, 1), "destinationIndex": 2}},
            ]))
            .await;
        let (ended, _) = run_job(&fixture, 2, 12).await;
        assert_eq!(ended.expect("a clean run").run.counts.new, 2);
        let (data, _) = read_keys_of_tabs(&fixture, "Mine", "Processed j").await;
        assert_eq!(data, list_expected(12), "{behaviors:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_row_is_deleted_is_done_again_and_reported() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors).await;
        let tab = fixture.tab_id("Processed j").await;
        fixture.edit_sheet(json!([{"deleteDimension": {"range": make_dimension_range(tab, "ROWS", 5, 6)}}])).await;
        let (ended, anomalies) = run_job(&fixture, 2, 10).await;
        assert_eq!(ended.expect("a run that ends").run.counts.new, 1, "{behaviors:?}");
        assert!(
            anomalies.len() == 1 && anomalies[0].contains("Processed j") && anomalies[0].contains("9 rows"),
            "{anomalies:?}"
        );
        let (ended, anomalies) = run_job(&fixture, 3, 10).await;
        assert_eq!(ended.expect("a clean run").run.counts.skipped, 10);
        assert!(anomalies.is_empty(), "{anomalies:?}");
        let (data, processed) = read_keys_of_tabs(&fixture, "Data", "Processed j").await;
        assert_eq!((data.len(), processed), (11, list_expected(10)), "{behaviors:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn blank_lines_do_not_matter() {
    check_edit_is_ignored(|fixture| async move {
        for title in ["Processed j", "Data", "Failures j", "Runs"] {
            let tab = fixture.tab_id(title).await;
            let request =
                |from| json!({"insertDimension": {"range": make_dimension_range(tab, "ROWS", from, from + 2)}});
            fixture.edit_sheet(json!([request(1), request(6)])).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_a_person_retyped_as_a_number_is_still_that_key() {
    check_edit_is_ignored(|fixture| async move {
        let start = json!({"sheetId": fixture.tab_id("Processed j").await, "rowIndex": 4, "columnIndex": 0});
        let cells = json!([{"values": [{"userEnteredValue": {"numberValue": 1003}}]}]);
        let fields = "userEnteredValue,userEnteredFormat.numberFormat";
        fixture.edit_sheet(json!([{"updateCells": {"start": start, "rows": cells, "fields": fields}}])).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn notes_and_rows_of_people_in_the_data_tab_do_not_matter() {
    check_edit_is_ignored(|fixture| async move {
        let tab = fixture.tab_id("Data").await;
        let cells = json!([{"values": [{"userEnteredValue": {"stringValue": "a row of mine"}}]}]);
        fixture
            .edit_sheet(json!([{"appendCells": {"sheetId": tab, "rows": cells, "fields": "userEnteredValue"}}]))
            .await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_edited_state_stops_the_job() {
    let edits = [
        ("processed count", "many"),
        ("schema", "99"),
        ("fence", "7"),
        ("fence", ""),
        ("head", "mine now"),
        ("job", "other"),
        ("lease until", "tomorrow"),
    ];
    for behaviors in both_guards() {
        for (field, text) in edits {
            check_run_stops(
                behaviors,
                if field == "schema" { "newer sheetkeep" } else { field },
                |fixture| async move {
                    let title = fixture.state_title().await;
                    let tab = fixture.tab_id(&title).await;
                    let rows = fixture
                        .sheets()
                        .read_values(
                            &crate::contract::emulator_fixture::spreadsheet_id(),
                            &[format!("'{title}'!A1:B64")],
                        )
                        .await;
                    let rows = rows.expect("it can be read").remove(0);
                    let at = rows.iter().position(|row| row.first().is_some_and(|name| name == field));
                    let start = json!({"sheetId": tab, "rowIndex": at.expect("the field is there"), "columnIndex": 1});
                    let cells = json!([{"values": [{"userEnteredValue": {"stringValue": text}}]}]);
                    fixture
                        .edit_sheet(
                            json!([{"updateCells": {"start": start, "rows": cells, "fields": "userEnteredValue"}}]),
                        )
                        .await;
                },
            )
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_state_tab_never_leads_to_a_new_beginning() {
    for behaviors in both_guards() {
        for also in ["", "Processed j", "Failures j"] {
            check_run_stops(behaviors, "state marker of job j is missing", |fixture| async move {
                if !also.is_empty() {
                    let properties = json!({"sheetId": fixture.tab_id(also).await, "title": "renamed"});
                    let rename = json!({"updateSheetProperties": {"properties": properties, "fields": "title"}});
                    fixture.edit_sheet(json!([rename])).await;
                }
                let tab = fixture.tab_id(&fixture.state_title().await).await;
                fixture.edit_sheet(json!([{"deleteSheet": {"sheetId": tab}}])).await;
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_tab_stops_the_job_and_is_named() {
    for behaviors in both_guards() {
        for title in ["Data", "Processed j", "Failures j", "Runs"] {
            check_run_stops(behaviors, &format!("tab {title} is gone"), |fixture| async move {
                let tab = fixture.tab_id(title).await;
                fixture.edit_sheet(json!([{"deleteSheet": {"sheetId": tab}}])).await;
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_that_lost_a_column_stops_the_job_and_names_the_word() {
    for behaviors in both_guards() {
        for (title, word) in [("Processed j", "key"), ("Failures j", "key"), ("Runs", "run")] {
            check_run_stops(behaviors, &format!("\"{word}\""), |fixture| async move {
                let start = json!({"sheetId": fixture.tab_id(title).await, "rowIndex": 0, "columnIndex": 0});
                let cells = json!([{"values": [{"userEnteredValue": {"stringValue": "renamed"}}]}]);
                fixture
                    .edit_sheet(json!([{"updateCells": {"start": start, "rows": cells, "fields": "userEnteredValue"}}]))
                    .await;
            })
            .await;
        }
    }
}
