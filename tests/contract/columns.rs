//! People's hands on the data tab's columns between runs, and fields that it has no column for.

use std::sync::Arc;

use serde_json::{Value, json};
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::fault::Fault;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::{Event, RunReport};
use sheetkeep::ledger::values::columns::NewColumns;
use sheetkeep::runner::run_config::RunError;

use crate::contract::between::InterruptedStore;
use crate::contract::emulated::{Emulated, both, id};
use crate::contract::ground::{Contents, StoreFixture};
use crate::support::{Job, Values};

fn items(keys: std::ops::Range<u64>, field: &str) -> Values {
    Values::of(keys.map(|n| {
        let mut item = json!({"id": format!("k{n}"), "n": n});
        item[field] = json!(n * 10);
        item
    }))
}

async fn run_with(
    world: &Emulated,
    seed: u64,
    policy: NewColumns,
    source: Values,
) -> (Result<RunReport, RunError>, Vec<String>) {
    let mut job = Job::new(world.clock());
    job.seed = seed;
    job.plan.columns.new_columns = policy;
    let ended = job.run(world.store_of("j", "Data"), source).await;
    let events = job.events.lock().expect("no test panics while it holds this");
    let odd = events.iter().filter_map(|event| match event {
        Event::Anomaly { message } | Event::LastingAnomaly { message, .. } => Some(message.clone()),
        _ => None,
    });
    (ended, odd.collect())
}

async fn run(world: &Emulated, seed: u64, source: Values) -> (Result<RunReport, RunError>, Vec<String>) {
    run_with(world, seed, NewColumns::Add, source).await
}

/// A spreadsheet on which the job has run over three items with the columns id, n and m.
async fn after_a_run(doubts: UnknownBehaviors) -> Emulated {
    let world = Emulated::new(doubts, 5);
    let (ended, odd) = run(&world, 1, items(0..3, "m")).await;
    assert_eq!((ended.expect("a clean run").run.counts.new, odd), (3, Vec::new()));
    world
}

async fn head_cell(world: &Emulated, column: u64, text: &str) {
    let start = json!({"sheetId": world.tab_id("Data").await, "rowIndex": 0, "columnIndex": column});
    let cells = json!([{"values": [{"userEnteredValue": {"stringValue": text}}]}]);
    world.hands(json!([{"updateCells": {"start": start, "rows": cells, "fields": "userEnteredValue"}}])).await;
}

/// The next run stops, names this, and has written nothing.
async fn stops(world: &Emulated, named: &str) {
    let before = (world.contents().await, world.metadata().await);
    let error = run(world, 9, items(0..9, "m")).await.0.expect_err("it must stop");
    assert_eq!(error.fault(), Fault::Inconsistent, "{error}");
    assert!(error.to_string().contains(named), "{error}");
    assert_eq!((world.contents().await, world.metadata().await), before);
}

async fn dimension(world: &Emulated, from: u64, to: u64) -> Value {
    json!({"sheetId": world.tab_id("Data").await, "dimension": "COLUMNS", "startIndex": from, "endIndex": to})
}

async fn column(world: &Emulated, name: &str) -> Vec<String> {
    Contents::column(&world.rows("Data").await, name)
}

#[tokio::test(start_paused = true)]
async fn a_renamed_column_is_found_again_even_if_moved() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        head_cell(&world, 2, "Em").await;
        let source = dimension(&world, 2, 3).await;
        world.hands(json!([{"moveDimension": {"source": source, "destinationIndex": 0}}])).await;
        for seed in [2, 3] {
            let (ended, odd) = run(&world, seed, items(0..3 + seed, "m")).await;
            assert_eq!(ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}")).run.counts.failed, 0);
            assert_eq!(odd, ["column \"m\" of tab Data is now called \"Em\": its values go there"], "{doubts:?}");
        }
        assert_eq!(column(&world, "Em").await, ["0", "10", "20", "30", "40", "50"], "{doubts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_key_column_may_be_renamed_and_deleting_it_stops_the_run() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        head_cell(&world, 0, "Number").await;
        let (ended, _) = run(&world, 2, items(0..4, "m")).await;
        ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        assert_eq!(column(&world, "Number").await, ["k0", "k1", "k2", "k3"]);
        let range = dimension(&world, 0, 1).await;
        world.hands(json!([{"deleteDimension": {"range": range}}])).await;
        let before = (world.rows("Data").await, world.metadata().await);
        let error = run(&world, 3, items(0..5, "m")).await.0.expect_err("it must stop");
        assert_eq!(error.fault(), Fault::Inconsistent);
        assert!(error.to_string().contains("\"id\"") && error.to_string().contains("header row"), "{error}");
        assert_eq!((world.rows("Data").await, world.metadata().await), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_column_is_left_out_until_its_name_returns() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        let range = dimension(&world, 1, 2).await;
        world.hands(json!([{"deleteDimension": {"range": range}}])).await;
        for seed in [2, 3] {
            let (ended, odd) = run(&world, seed, items(0..2 + seed, "m")).await;
            assert_eq!(ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}")).run.counts.failed, 0);
            let [anomaly] = odd.as_slice() else { panic!("{doubts:?}: {odd:?}") };
            assert!(anomaly.starts_with("column \"n\" of tab Data was deleted: its values are left out"), "{anomaly}");
        }
        assert_eq!(column(&world, "m").await, ["0", "10", "20", "30", "40"]);
        let range = dimension(&world, 0, 1).await;
        world.hands(json!([{"insertDimension": {"range": range}}])).await;
        head_cell(&world, 0, "n").await;
        let (ended, odd) = run(&world, 4, items(0..6, "m")).await;
        ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        assert_eq!((odd, column(&world, "n").await.last()), (Vec::new(), Some(&"5".to_owned())), "{doubts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_column_that_was_added_again_may_be_renamed_like_any_other() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        let range = dimension(&world, 1, 2).await;
        world.hands(json!([{"deleteDimension": {"range": range}}])).await;
        run(&world, 2, items(0..4, "m")).await.0.expect("a clean run");
        let tab = world.tab_id("Data").await;
        world.hands(json!([{"appendDimension": {"sheetId": tab, "dimension": "COLUMNS", "length": 1}}])).await;
        head_cell(&world, 2, "n").await;
        run(&world, 3, items(0..5, "m")).await.0.expect("a clean run");
        head_cell(&world, 2, "Number").await;
        let (ended, odd) = run(&world, 4, items(0..6, "m")).await;
        ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        assert_eq!(odd, ["column \"n\" of tab Data is now called \"Number\": its values go there"], "{doubts:?}");
        assert_eq!(column(&world, "Number").await, ["", "", "", "", "4", "5"]);
    }
}

#[tokio::test(start_paused = true)]
async fn two_header_texts_that_people_swapped_count_as_they_stand() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        head_cell(&world, 1, "m").await;
        head_cell(&world, 2, "n").await;
        let (ended, odd) = run(&world, 2, items(3..4, "m")).await;
        ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        let last = |rows: Vec<String>| rows.last().cloned().unwrap_or_default();
        assert!(odd.is_empty(), "{odd:?}");
        assert_eq!((last(column(&world, "n").await), last(column(&world, "m").await)), ("3".into(), "30".into()));
        // One took the other's header, whose own column has a new one: what is meant is unknown,
        // but the text counts.
        let world = after_a_run(doubts).await;
        head_cell(&world, 1, "m").await;
        head_cell(&world, 2, "x").await;
        let (ended, odd) = run(&world, 2, items(3..4, "m")).await;
        ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        let [anomaly] = odd.as_slice() else { panic!("{doubts:?}: {odd:?}") };
        assert!(anomaly.starts_with("column \"n\" of tab Data has the header of another one"), "{anomaly}");
        assert_eq!((last(column(&world, "m").await), last(column(&world, "x").await)), ("30".into(), String::new()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_header_equal_to_a_job_header_stops_the_run() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        let range = dimension(&world, 0, 3).await;
        world.hands(json!([{"insertDimension": {"range": range}}])).await;
        head_cell(&world, 0, "note").await;
        head_cell(&world, 1, "note").await;
        let (ended, odd) = run(&world, 2, items(0..4, "m")).await;
        ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        assert_eq!((odd.len(), column(&world, "m").await.len()), (0, 4), "{odd:?}");
        head_cell(&world, 2, "n").await;
        stops(&world, "two columns named \"n\": the job's own is E, so rename the other").await;
        head_cell(&world, 2, "mine").await;
        run(&world, 4, items(0..5, "m")).await.0.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        assert_eq!(column(&world, "n").await, ["0", "1", "2", "3", "4"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cleared_header_or_unreadable_mark_stops_before_any_write() {
    for doubts in both() {
        for at in [1, 2] {
            let world = after_a_run(doubts).await;
            head_cell(&world, at, "").await;
            stops(&world, "has no header any more: write that word back").await;
        }
        let world = after_a_run(doubts).await;
        head_cell(&world, 1, "Number").await;
        let (method, times) = (Some("spreadsheets.developerMetadata.search".to_owned()), u32::MAX);
        let fault = sheetkeep::emulator::FaultRule { method, status: 501, times, ..Default::default() };
        world.emulator.set_faults(vec![fault]);
        stops(&world, "whether it was renamed or deleted can't be read: write that word back").await;
        world.emulator.set_faults(Vec::new());
        let (ended, odd) = run(&world, 3, items(0..4, "m")).await;
        ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        assert_eq!(odd, ["column \"n\" of tab Data is now called \"Number\": its values go there"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_cleared_between_load_and_write_stops_the_run() {
    for doubts in both() {
        let world = Arc::new(Emulated::new(doubts, 5));
        let keeping = || world.store_of("j", "Data").with_mode(WriteMode::Upsert, ReprocessPolicy::OnChange);
        let upsert = |seed| {
            let mut job = Job::new(world.clock());
            (job.seed, job.plan.mode) = (seed, WriteMode::Upsert);
            job.plan.definition.mode = WriteMode::Upsert.as_str().into();
            job
        };
        let versions = |v: &str| Values::of((0..3).map(|n| json!({"id": format!("k{n}"), "v": v, "n": v})));
        upsert(1).run(keeping(), versions("1")).await.expect("a clean run");
        // Keys that do not stand in the first column are looked up right before the write.
        let source = dimension(&world, 0, 1).await;
        world.hands(json!([{"moveDimension": {"source": source, "destinationIndex": 3}}])).await;
        let hands = Arc::clone(&world);
        let meddling = Box::pin(async move { head_cell(&hands, 1, "").await });
        let error = upsert(2)
            .run(InterruptedStore::over(keeping(), 0, meddling), versions("2"))
            .await
            .expect_err("it must stop");
        assert!(error.to_string().contains("column \"n\" has no header any more"), "{doubts:?}: {error}");
        assert_eq!(column(&world, "v").await, ["1", "1", "1"], "{doubts:?}");
        head_cell(&world, 1, "n").await;
        upsert(3).run(keeping(), versions("2")).await.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        assert_eq!((column(&world, "v").await, column(&world, "n").await), (vec!["2".into(); 3], vec!["2".into(); 3]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_without_remembered_columns_adopts_them_when_it_writes() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        let title = world.state_title().await;
        let pairs = world.sheets().read_values(&id(), &[format!("'{title}'!A1:A64")]).await.expect("it can be read");
        let at = pairs[0].iter().position(|row| row.first().is_some_and(|name| name == "columns"));
        let start =
            json!({"sheetId": world.tab_id(&title).await, "rowIndex": at.expect("it is there"), "columnIndex": 1});
        let lookup = json!({"developerMetadataLookup": {"metadataKey": "sheetkeep j"}});
        world
            .hands(json!([
                {"updateCells": {"start": start, "rows": [{"values": [{}]}], "fields": "userEnteredValue"}},
                {"deleteDeveloperMetadata": {"dataFilter": lookup}},
            ]))
            .await;
        let marks = || async {
            world.sheets().search_column_marks(&id(), "sheetkeep j").await.expect("they can be read").len()
        };
        run(&world, 2, items(0..3, "m")).await.0.expect("a clean run");
        assert_eq!(marks().await, 0, "nothing was written that says which columns are the job's");
        let (ended, odd) = run(&world, 3, items(0..4, "m")).await;
        assert_eq!((ended.expect("a clean run").run.counts.new, odd.len(), marks().await), (1, 0, 3), "{doubts:?}");
        head_cell(&world, 2, "Em").await;
        let (ended, odd) = run(&world, 4, items(0..5, "m")).await;
        ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        assert_eq!(odd, ["column \"m\" of tab Data is now called \"Em\": its values go there"], "{doubts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tab_wider_than_the_state_is_marked_once_only() {
    let world = Emulated::new(both()[0], 5);
    let wide = |key: u64| {
        let mut item = json!({"id": format!("k{key}")});
        for n in 0..2_500 {
            item[format!("a rather long name {n:05}")] = json!(key);
        }
        Values::of([item])
    };
    run(&world, 1, wide(0)).await.0.expect("a clean run");
    let marks =
        || async { world.sheets().search_column_marks(&id(), "sheetkeep j").await.expect("they can be read").len() };
    let first = marks().await;
    assert!((300..1_000).contains(&first), "{first} columns of 2,501 are marked");
    for seed in [2, 3] {
        let (ended, odd) = run(&world, seed, wide(seed)).await;
        assert_eq!((ended.expect("a clean run").run.counts.new, odd.len()), (1, 0), "{odd:?}");
    }
    assert_eq!((marks().await, column(&world, "a rather long name 02499").await.len()), (first, 3));
}

#[tokio::test(start_paused = true)]
async fn users_may_put_columns_between_those_of_the_job() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        let range = dimension(&world, 1, 3).await;
        world.hands(json!([{"insertDimension": {"range": range}}])).await;
        head_cell(&world, 1, "mine").await;
        head_cell(&world, 2, "yours").await;
        let (ended, odd) = run(&world, 2, items(0..4, "m")).await;
        ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        assert_eq!((odd, column(&world, "m").await), (Vec::new(), ["0", "10", "20", "30"].map(String::from).to_vec()));
        assert!(column(&world, "mine").await.iter().all(String::is_empty));
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_field_follows_the_policy_of_the_job() {
    for doubts in both() {
        let world = after_a_run(doubts).await;
        let tab = world.tab_id("Data").await;
        world.hands(json!([{"appendDimension": {"sheetId": tab, "dimension": "COLUMNS", "length": 1}}])).await;
        head_cell(&world, 3, "a note of mine").await;
        let (ended, odd) = run_with(&world, 2, NewColumns::Add, items(3..5, "new")).await;
        ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        assert_eq!(odd, ["tab Data has got new columns, because records have new fields: \"new\""]);
        assert_eq!(column(&world, "new").await, ["", "", "", "30", "40"]);
        let (ended, odd) = run_with(&world, 3, NewColumns::Ignore, items(5..7, "other")).await;
        assert_eq!(ended.expect("a clean run").run.counts.new, 2);
        assert_eq!(odd, ["field \"other\" was left out: tab Data has no column for it"]);
        let (ended, _) = run_with(&world, 4, NewColumns::Refuse, items(7..9, "third")).await;
        assert_eq!(ended.expect("a run that ends").run.counts.failed, 2);
        assert_eq!(column(&world, "id").await.len(), 7, "{doubts:?}");
        // What was added is the job's own: its header may be renamed like any other.
        head_cell(&world, 4, "renamed").await;
        let (ended, odd) = run(&world, 5, items(9..10, "new")).await;
        ended.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        let third = "tab Data has got new columns, because records have new fields: \"third\"";
        assert_eq!(odd, ["column \"new\" of tab Data is now called \"renamed\": its values go there", third]);
        let renamed = column(&world, "renamed").await;
        assert!(renamed.contains(&"90".to_owned()), "{doubts:?}: {renamed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ragged_records_all_get_their_columns() {
    for doubts in UnknownBehaviors::all() {
        let world = Emulated::new(doubts, 5);
        let mut job = Job::new(world.clock());
        job.plan.max_rows = 2;
        let ragged = (0..12_u64).map(|n| {
            let mut item = json!({"id": format!("k{n}")});
            item[format!("f{}", n / 3)] = json!(n);
            item
        });
        let report = job.run(world.store_of("j", "Data"), Values::of(ragged)).await.expect("a clean run");
        assert_eq!((report.run.counts.new, report.run.counts.failed), (12, 0), "{doubts:?}");
        for n in 0..12 {
            assert_eq!(column(&world, &format!("f{}", n / 3)).await[n], n.to_string(), "{doubts:?}");
        }
    }
}
