//! What people's hands do to the tabs between two runs, and what the next run makes of it.

use std::future::Future;

use serde_json::{Value, json};
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::fault::Fault as Kind;
use sheetkeep::ledger::runs::event::{Event, RunReport};
use sheetkeep::runner::run_config::RunError;

use crate::contract::emulated::{Emulated, both};
use crate::contract::ground::{Contents, StoreFixture};
use crate::support::{Job, Values};

fn items(count: u64) -> Values {
    Values::of((0..count).map(|n| json!({"id": (1_000 + n).to_string(), "n": n})))
}

/// A run with ids of its own; also the anomalies that it reported.
async fn run(world: &Emulated, seed: u64, count: u64) -> (Result<RunReport, RunError>, Vec<String>) {
    let mut job = Job::new(world.clock());
    job.seed = seed;
    let ended = job.run(world.store_of("j", "Data"), items(count)).await;
    let events = job.events.lock().expect("no test panics while it holds this");
    let odd = events.iter().filter_map(|event| match event {
        Event::Anomaly { message } | Event::LastingAnomaly { message, .. } => Some(message.clone()),
        _ => None,
    });
    (ended, odd.collect())
}

/// A spreadsheet on which the job has run once over ten items.
async fn after_a_run(doubts: UnknownBehaviors) -> Emulated {
    let world = Emulated::new(doubts, 5);
    let (ended, odd) = run(&world, 1, 10).await;
    assert_eq!(ended.expect("a clean run").run.counts.new, 10);
    assert!(odd.is_empty(), "{odd:?}");
    world
}

/// A user edits after a run. The next run over twelve items processes the two new ones only, and
/// reports no anomaly.
async fn does_not_matter<F: Future<Output = ()>>(hands: impl Fn(std::sync::Arc<Emulated>) -> F) {
    for doubts in both() {
        let world = std::sync::Arc::new(after_a_run(doubts).await);
        hands(world.clone()).await;
        let (ended, odd) = run(&world, 2, 12).await;
        let counts = ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}")).run.counts;
        assert_eq!((counts.new, counts.skipped), (2, 10), "{doubts:?}");
        assert!(odd.is_empty(), "{doubts:?}: {odd:?}");
        let (ended, _) = run(&world, 3, 12).await;
        assert_eq!(ended.expect("a clean run").run.counts.skipped, 12, "{doubts:?}");
    }
}

/// Hands do something after a run; the next run stops before any write and names what is to be
/// repaired.
async fn stops<F: Future<Output = ()>>(
    doubts: UnknownBehaviors,
    named: &str,
    hands: impl FnOnce(std::sync::Arc<Emulated>) -> F,
) {
    let world = std::sync::Arc::new(after_a_run(doubts).await);
    hands(world.clone()).await;
    let before = (world.contents().await, world.metadata().await);
    for seed in [2, 3] {
        let (ended, _) = run(&world, seed, 12).await;
        let error = ended.expect_err("it must stop");
        assert_eq!(error.fault(), Kind::Inconsistent, "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
    assert_eq!((world.contents().await, world.metadata().await), before);
}

fn span(tab: i64, dimension: &str, from: u32, to: u32) -> Value {
    json!({"sheetId": tab, "dimension": dimension, "startIndex": from, "endIndex": to})
}

async fn keys_of(world: &Emulated, data: &str, processed: &str) -> (Vec<String>, Vec<String>) {
    let (data, processed) = (world.rows(data).await, world.rows(processed).await);
    assert_eq!(Contents::column(&data, "n").len(), data.len());
    (Contents::sorted(&data, "id"), Contents::sorted(&processed, "key"))
}

fn expected(count: u64) -> Vec<String> {
    (0..count).map(|n| (1_000 + n).to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_job_without_its_named_range_stops_and_names_the_fix() {
    let [by_name, by_title] = both();
    let drop = |world: std::sync::Arc<Emulated>| async move {
        let metadata = world.metadata().await;
        let id = &metadata["namedRanges"][0]["namedRangeId"];
        world.hands(json!([{"deleteNamedRange": {"namedRangeId": id}}])).await;
    };
    stops(by_name, "sheetkeep_j_", drop).await;
    stops(by_name, "restore", drop).await;
    // Where the title guards, the name is nothing but a name.
    let world = std::sync::Arc::new(after_a_run(by_title).await);
    if world.metadata().await["namedRanges"].is_array() {
        drop(world.clone()).await;
    }
    let (ended, _) = run(&world, 2, 12).await;
    assert_eq!(ended.expect("a clean run").run.counts.new, 2);
}

#[tokio::test(start_paused = true)]
async fn processed_may_be_sorted() {
    does_not_matter(|world| async move {
        let tab = world.tab_id("Processed j").await;
        let area = json!({"sheetId": tab, "startRowIndex": 1});
        let by = json!([{"dimensionIndex": 0, "sortOrder": "DESCENDING"}]);
        world.hands(json!([{"sortRange": {"range": area, "sortSpecs": by}}])).await;
        assert_eq!(world.rows("Processed j").await[0]["key"], "1009");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn columns_of_every_tab_may_be_moved_and_added() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        for title in ["Processed j", "Failures j", "Data", "Runs"] {
            let tab = world.tab_id(title).await;
            let note = json!({"sheetId": tab, "rowIndex": 0, "columnIndex": 0});
            let cells = json!([{"values": [{"userEnteredValue": {"stringValue": "mine"}}]}]);
            world
                .hands(json!([
                    {"moveDimension": {"source": span(tab, "COLUMNS", 0, 1), "destinationIndex": 2}},
                    {"insertDimension": {"range": span(tab, "COLUMNS", 0, 1), "inheritFromBefore": false}},
                    {"insertDimension": {"range": span(tab, "COLUMNS", 2, 3), "inheritFromBefore": false}},
                    {"updateCells": {"start": note, "rows": cells, "fields": "userEnteredValue"}},
                ]))
                .await;
        }
        let (ended, odd) = run(&world, 2, 12).await;
        assert_eq!(ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}")).run.counts.new, 2);
        assert!(odd.is_empty(), "{odd:?}");
        let (data, processed) = keys_of(&world, "Data", "Processed j").await;
        assert_eq!((data, processed), (expected(12), expected(12)), "{doubts:?}");
        assert_eq!(Contents::column(&world.rows("Data").await, "n")[10..], ["10", "11"]);
        assert_eq!(Contents::column(&world.rows("Runs").await, "new"), ["10", "2"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_column_may_be_moved_far_to_the_right() {
    does_not_matter(|world| async move {
        let tab = world.tab_id("Processed j").await;
        world
            .hands(json!([
                {"appendDimension": {"sheetId": tab, "dimension": "COLUMNS", "length": 30}},
                {"moveDimension": {"source": span(tab, "COLUMNS", 0, 1), "destinationIndex": 30}},
            ]))
            .await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_tab_may_be_renamed() {
    let names = [("Data", "It's #1"), ("Processed j", "Done"), ("Failures j", "Bad"), ("Runs", "Läufe")];
    for doubts in both() {
        for (title, renamed) in names {
            let world = after_a_run(doubts).await;
            let properties = json!({"sheetId": world.tab_id(title).await, "title": renamed});
            world.hands(json!([{"updateSheetProperties": {"properties": properties, "fields": "title"}}])).await;
            let tabs = world.metadata().await["sheets"].as_array().expect("tabs").len();
            for (seed, new) in [(2, 2), (3, 0)] {
                let (ended, odd) = run(&world, seed, 12).await;
                let report = ended.unwrap_or_else(|error| panic!("{doubts:?}, {renamed}: {error}"));
                assert_eq!(report.run.counts.new, new, "{doubts:?}, {renamed}");
                assert!(odd.is_empty(), "{odd:?}");
            }
            let now = |of: &'static str| if of == title { renamed } else { of };
            let (data, processed) = keys_of(&world, now("Data"), now("Processed j")).await;
            assert_eq!((data, processed), (expected(12), expected(12)), "{doubts:?}, {renamed}");
            assert_eq!(world.rows(now("Runs")).await.len(), 3, "{doubts:?}, {renamed}");
            assert_eq!(world.metadata().await["sheets"].as_array().expect("tabs").len(), tabs, "{renamed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_renamed_data_tab_keeps_the_header_that_people_gave_it() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        let tab = world.tab_id("Data").await;
        world
            .hands(json!([
                {"updateSheetProperties": {"properties": {"sheetId": tab, "title": "Mine"}, "fields": "title"}},
                {"moveDimension": {"source": span(tab, "COLUMNS", 0, 1), "destinationIndex": 2}},
            ]))
            .await;
        let (ended, _) = run(&world, 2, 12).await;
        assert_eq!(ended.expect("a clean run").run.counts.new, 2);
        let (data, _) = keys_of(&world, "Mine", "Processed j").await;
        assert_eq!(data, expected(12), "{doubts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_row_is_deleted_is_done_again_and_reported() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        let tab = world.tab_id("Processed j").await;
        world.hands(json!([{"deleteDimension": {"range": span(tab, "ROWS", 5, 6)}}])).await;
        let (ended, odd) = run(&world, 2, 10).await;
        assert_eq!(ended.expect("a run that ends").run.counts.new, 1, "{doubts:?}");
        assert!(odd.len() == 1 && odd[0].contains("Processed j") && odd[0].contains("9 rows"), "{odd:?}");
        let (ended, odd) = run(&world, 3, 10).await;
        assert_eq!(ended.expect("a clean run").run.counts.skipped, 10);
        assert!(odd.is_empty(), "{odd:?}");
        let (data, processed) = keys_of(&world, "Data", "Processed j").await;
        assert_eq!((data.len(), processed), (11, expected(10)), "{doubts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn blank_lines_do_not_matter() {
    does_not_matter(|world| async move {
        for title in ["Processed j", "Data", "Failures j", "Runs"] {
            let tab = world.tab_id(title).await;
            let request = |from| json!({"insertDimension": {"range": span(tab, "ROWS", from, from + 2)}});
            world.hands(json!([request(1), request(6)])).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_a_person_retyped_as_a_number_is_still_that_key() {
    does_not_matter(|world| async move {
        let start = json!({"sheetId": world.tab_id("Processed j").await, "rowIndex": 4, "columnIndex": 0});
        let cells = json!([{"values": [{"userEnteredValue": {"numberValue": 1003}}]}]);
        let fields = "userEnteredValue,userEnteredFormat.numberFormat";
        world.hands(json!([{"updateCells": {"start": start, "rows": cells, "fields": fields}}])).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn notes_and_rows_of_people_in_the_data_tab_do_not_matter() {
    does_not_matter(|world| async move {
        let tab = world.tab_id("Data").await;
        let cells = json!([{"values": [{"userEnteredValue": {"stringValue": "a row of mine"}}]}]);
        world.hands(json!([{"appendCells": {"sheetId": tab, "rows": cells, "fields": "userEnteredValue"}}])).await;
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
    for doubts in both() {
        for (field, text) in edits {
            stops(doubts, if field == "schema" { "newer sheetkeep" } else { field }, |world| async move {
                let title = world.state_title().await;
                let tab = world.tab_id(&title).await;
                let rows =
                    world.sheets().read_values(&crate::contract::emulated::id(), &[format!("'{title}'!A1:B64")]).await;
                let rows = rows.expect("it can be read").remove(0);
                let at = rows.iter().position(|row| row.first().is_some_and(|name| name == field));
                let start = json!({"sheetId": tab, "rowIndex": at.expect("the field is there"), "columnIndex": 1});
                let cells = json!([{"values": [{"userEnteredValue": {"stringValue": text}}]}]);
                world
                    .hands(json!([{"updateCells": {"start": start, "rows": cells, "fields": "userEnteredValue"}}]))
                    .await;
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_state_tab_never_leads_to_a_new_beginning() {
    for doubts in both() {
        for also in ["", "Processed j", "Failures j"] {
            stops(doubts, "state marker of job j is missing", |world| async move {
                if !also.is_empty() {
                    let properties = json!({"sheetId": world.tab_id(also).await, "title": "renamed"});
                    let rename = json!({"updateSheetProperties": {"properties": properties, "fields": "title"}});
                    world.hands(json!([rename])).await;
                }
                let tab = world.tab_id(&world.state_title().await).await;
                world.hands(json!([{"deleteSheet": {"sheetId": tab}}])).await;
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_tab_stops_the_job_and_is_named() {
    for doubts in both() {
        for title in ["Data", "Processed j", "Failures j", "Runs"] {
            stops(doubts, &format!("tab {title} is gone"), |world| async move {
                let tab = world.tab_id(title).await;
                world.hands(json!([{"deleteSheet": {"sheetId": tab}}])).await;
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_that_lost_a_column_stops_the_job_and_names_the_word() {
    for doubts in both() {
        for (title, word) in [("Processed j", "key"), ("Failures j", "key"), ("Runs", "run")] {
            stops(doubts, &format!("\"{word}\""), |world| async move {
                let start = json!({"sheetId": world.tab_id(title).await, "rowIndex": 0, "columnIndex": 0});
                let cells = json!([{"values": [{"userEnteredValue": {"stringValue": "renamed"}}]}]);
                world
                    .hands(json!([{"updateCells": {"start": start, "rows": cells, "fields": "userEnteredValue"}}]))
                    .await;
            })
            .await;
        }
    }
}
