//! Manual edits of a job's tabs, one by one: between two runs and during one, with appended rows
//! and with one row per key. The job continues after each, or the run stops with an error that
//! names the fix. In both cases no key has its rows twice, and none is missing in the end.
//!
//! `docs/sheet.md` has the table. `tests/hands.rs` tests crashes, lost responses and random edits
//! at random times.

#![cfg(feature = "emulator")]

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

#[path = "hands/front.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod front;

#[path = "hands/person.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod person;

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::ledger::item::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::run::event::RunReport;
use sheetkeep::port::clock::Clock;
use sheetkeep::port::source::{Record, Source, SourceError};
use sheetkeep::runner::run_config::RunError;
use sheetkeep::store::memory::MemoryStore;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::SteeredClock;
use sheetkeep::time::Timestamp;

use crate::front::EmulatorProxy;
use crate::support::{Job, Values};

const TABS: [&str; 4] = ["Data", "Processed j", "Failures j", "Runs"];

/// An edit of the user.
type Deed = fn(EmulatorProxy) -> BoxFuture<'static, ()>;

/// A source during which the user edits the sheet.
struct Interrupted {
    values: Values,
    left: u32,
    deed: Option<BoxFuture<'static, ()>>,
}

impl Source for Interrupted {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        async move {
            if self.left == 0
                && let Some(deed) = self.deed.take()
            {
                deed.await;
            }
            self.left = self.left.saturating_sub(1);
            self.values.next().await
        }
        .boxed()
    }

    fn rereadable(&self) -> bool {
        true
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.values.rewind()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        None
    }
}

struct ManualEditFixture {
    front: EmulatorProxy,
    clock: Arc<dyn Clock>,
    mode: WriteMode,
}

impl ManualEditFixture {
    /// Returns a job that has run over six items, one of which failed.
    async fn begun(mode: WriteMode) -> Self {
        Self::begun_on(mode, None).await
    }

    /// The same, on a spreadsheet on which the user has made this edit before.
    async fn begun_on(mode: WriteMode, before: Option<Deed>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SteeredClock::starting_at(Timestamp(1_790_000_000_000)));
        let front = EmulatorProxy::new(UnknownBehaviors::all().next().expect("there are eight"), 1, &clock, None);
        let house = Self { front, clock, mode };
        if let Some(deed) = before {
            deed(house.front.clone()).await;
        }
        house.run(items(0, 6, "1"), None).await.expect("a first run");
        house
    }

    async fn run(&self, items: Vec<Value>, deed: Option<Deed>) -> Result<RunReport, RunError> {
        let mut job = Job::new(Arc::clone(&self.clock)).step(|value, _| match value["n"].as_u64() {
            Some(4) if value["v"] == "1" => Err(sheetkeep::port::step::StepError::Rejected("four is bad".into())),
            _ => Ok(vec![json!({"id": value["id"], "v": value["v"]})]),
        });
        job.seed = u64::try_from(self.clock.now().0).unwrap_or(0);
        (job.plan.mode, job.plan.max_rows, job.plan.columns.order) = (self.mode, 2, Vec::new());
        let again =
            if self.mode == WriteMode::Upsert { ReprocessPolicy::OnChange } else { ReprocessPolicy::EachVersion };
        let sheets = Arc::new(self.front.sheets(job.seed));
        let store = SheetsStore::new(sheets, EmulatorProxy::id(), "j", "Data", Arc::clone(&self.clock));
        let deed = deed.map(|deed| deed(self.front.clone()));
        // If one record of each key counts, all are read once before the first is processed.
        let surveyed = if self.mode == WriteMode::Upsert { u32::try_from(items.len()).expect("few") + 1 } else { 0 };
        let source = Interrupted { values: Values::of(items), left: surveyed + 5, deed };
        let report = job.run_over(store.keeping(self.mode, again), Box::new(source)).await;
        self.clock.sleep(std::time::Duration::from_mins(10)).await;
        report
    }

    /// Returns the number of rows that the data tab has for the key, wherever its columns are.
    async fn rows_of(&self, key: &str) -> usize {
        let view = self.front.view().await.expect("the data tab");
        let column = view.column("id").or_else(|| view.column("renamed")).expect("the key's column");
        (1..view.rows.len()).filter(|&row| view.text(row, column) == key).count()
    }
}

fn items(from: u64, to: u64, version: &str) -> Vec<Value> {
    (from..to).map(|n| json!({"id": format!("k{n}"), "n": n, "v": version})).collect()
}

async fn tab(front: &EmulatorProxy, title: &str) -> Value {
    front.id_of(title).await
}

/// Edits after which a job continues.
const CARRIED_ON: [(&str, Deed); 17] = [
    ("every tab is sorted", |front| {
        async move {
            for title in TABS {
                front.sort_upside_down(title).await;
            }
        }
        .boxed()
    }),
    ("rows are inserted in every tab", |front| {
        async move {
            for title in TABS {
                let span =
                    json!({"sheetId": tab(&front, title).await, "dimension": "ROWS", "startIndex": 2, "endIndex": 4});
                front.hands(json!([{"insertDimension": {"range": span}}])).await;
            }
        }
        .boxed()
    }),
    ("blank rows below are deleted", |front| {
        async move {
            let span =
                json!({"sheetId": tab(&front, "Data").await, "dimension": "ROWS", "startIndex": 40, "endIndex": 90});
            front.hands(json!([{"deleteDimension": {"range": span}}])).await;
        }
        .boxed()
    }),
    ("a column is inserted before those of the data tab", |front| {
        async move {
            let span =
                json!({"sheetId": tab(&front, "Data").await, "dimension": "COLUMNS", "startIndex": 0, "endIndex": 1});
            front.hands(json!([{"insertDimension": {"range": span}}])).await;
        }
        .boxed()
    }),
    ("columns of the data tab are moved", |front| async move { front.move_column("Data", 0, 2).await }.boxed()),
    ("a header of the data tab is renamed", |front| {
        async move { front.type_in("Data", 0, 0, "renamed").await }.boxed()
    }),
    ("every tab is renamed", |front| {
        async move {
            for title in TABS {
                rename(&front, title, &format!("{title} of ours")).await;
            }
        }
        .boxed()
    }),
    ("every tab is hidden", |front| {
        async move {
            // One tab must stay visible.
            front.hands(json!([{"addSheet": {"properties": {"title": "Notes"}}}])).await;
            for title in TABS {
                let properties = json!({"sheetId": tab(&front, title).await, "hidden": true});
                front.hands(json!([{"updateSheetProperties": {"properties": properties, "fields": "hidden"}}])).await;
            }
        }
        .boxed()
    }),
    ("tabs change places", |front| {
        async move {
            let properties = json!({"sheetId": tab(&front, "Runs").await, "index": 0});
            front.hands(json!([{"updateSheetProperties": {"properties": properties, "fields": "index"}}])).await;
        }
        .boxed()
    }),
    ("a filter hides rows of every tab", |front| {
        async move {
            for title in TABS {
                let range = json!({"sheetId": tab(&front, title).await});
                let criteria = json!({"0": {"hiddenValues": ["k1", "k2"]}});
                front.hands(json!([{"setBasicFilter": {"filter": {"range": range, "criteria": criteria}}}])).await;
            }
        }
        .boxed()
    }),
    ("a filter sorts the data tab", |front| {
        async move {
            let range = json!({"sheetId": tab(&front, "Data").await});
            let sort = json!([{"dimensionIndex": 0, "sortOrder": "DESCENDING"}]);
            front.hands(json!([{"setBasicFilter": {"filter": {"range": range, "sortSpecs": sort}}}])).await;
        }
        .boxed()
    }),
    ("locale and time zone are changed", |front| {
        async move {
            let properties = json!({"locale": "de_DE", "timeZone": "Asia/Tokyo"});
            front
                .hands(
                    json!([{"updateSpreadsheetProperties": {"properties": properties, "fields": "locale,timeZone"}}]),
                )
                .await;
        }
        .boxed()
    }),
    ("notes, colours and a frozen row are given", |front| {
        async move {
            let id = tab(&front, "Data").await;
            let range = json!({"sheetId": id, "startRowIndex": 0, "endRowIndex": 5});
            let cell = json!({"userEnteredFormat": {"backgroundColor": {"red": 1}}, "note": "look"});
            let frozen = json!({"sheetId": id, "gridProperties": {"frozenRowCount": 1}});
            front
                .hands(json!([
                    {"repeatCell": {"range": range, "cell": cell, "fields": "note,userEnteredFormat.backgroundColor"}},
                    {"updateSheetProperties": {"properties": frozen, "fields": "gridProperties.frozenRowCount"}},
                ]))
                .await;
        }
        .boxed()
    }),
    ("cells beside the job's own are merged", |front| {
        async move {
            let range = json!({"sheetId": tab(&front, "Data").await, "startRowIndex": 1, "endRowIndex": 3,
                               "startColumnIndex": 5, "endColumnIndex": 7});
            let more = json!({"sheetId": tab(&front, "Data").await, "dimension": "COLUMNS", "length": 6});
            front
                .hands(json!([
                    {"appendDimension": more},
                    {"mergeCells": {"range": range, "mergeType": "MERGE_ALL"}},
                ]))
                .await;
        }
        .boxed()
    }),
    ("words are typed into machine tabs, below and beside", |front| {
        async move {
            for title in ["Failures j", "Processed j"] {
                let more = json!({"sheetId": tab(&front, title).await, "dimension": "COLUMNS", "length": 6});
                front.hands(json!([{"appendDimension": more}])).await;
            }
            front.type_in("Runs", 30, 4, "what was this?").await;
            front.type_in("Failures j", 30, 26, "ask Ann").await;
            front.type_in("Processed j", 30, 8, "mine").await;
        }
        .boxed()
    }),
    ("a key is typed a second time", |front| async move { front.type_in("Data", 20, 0, "k1").await }.boxed()),
    ("runs of last year are deleted", |front| {
        async move {
            let span =
                json!({"sheetId": tab(&front, "Runs").await, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
            front.hands(json!([{"deleteDimension": {"range": span}}])).await;
        }
        .boxed()
    }),
];

async fn rename(front: &EmulatorProxy, title: &str, to: &str) {
    let properties = json!({"sheetId": tab(front, title).await, "title": to});
    front.hands(json!([{"updateSheetProperties": {"properties": properties, "fields": "title"}}])).await;
}

#[tokio::test(start_paused = true)]
async fn what_people_may_do_is_carried_on_with_between_runs_and_in_the_middle_of_one() {
    for (what, deed) in CARRIED_ON {
        for mode in [WriteMode::Append, WriteMode::Upsert] {
            for in_the_middle in [false, true] {
                let told = format!("{what}, {mode:?}, in the middle: {in_the_middle}");
                let house = ManualEditFixture::begun(mode).await;
                if !in_the_middle {
                    deed(house.front.clone()).await;
                }
                let report = house.run(items(0, 12, "1"), in_the_middle.then_some(deed)).await;
                let report = report.unwrap_or_else(|error| panic!("{told}: {error}"));
                assert_eq!((report.run.counts.new, report.run.counts.failed), (6, 1), "{told}");
                let again = house.run(items(0, 12, "1"), None).await.unwrap_or_else(|error| panic!("{told}: {error}"));
                assert_eq!((again.run.counts.new, again.run.counts.failed), (0, 1), "{told}");
                for n in (0..12).filter(|n| *n != 4) {
                    let typed = usize::from(what == "a key is typed a second time" && n == 1);
                    assert_eq!(house.rows_of(&format!("k{n}")).await, 1 + typed, "{told}: k{n}");
                }
            }
        }
    }
}

/// Creates a tab with a header and a formula that was filled down beside the future rows.
fn prepare(front: EmulatorProxy) -> BoxFuture<'static, ()> {
    async move {
        let text = |text: &str| json!({"userEnteredValue": {"stringValue": text}});
        let header = json!({"values": [text("id"), text("v"), text("ours")]});
        let formula = json!({"values": [{}, {}, {"userEnteredValue": {"formulaValue": "=1+1"}}]});
        let rows: Vec<_> = std::iter::once(header).chain(std::iter::repeat_n(formula, 59)).collect();
        let grid = json!({"rowCount": 100, "columnCount": 3});
        let start = json!({"sheetId": 77, "rowIndex": 0, "columnIndex": 0});
        front
            .hands(json!([
                {"addSheet": {"properties": {"sheetId": 77, "title": "Data", "gridProperties": grid}}},
                {"updateCells": {"start": start, "fields": "userEnteredValue", "rows": rows}},
            ]))
            .await;
    }
    .boxed()
}

#[tokio::test(start_paused = true)]
async fn rows_that_fill_what_people_prepared_are_there_once_whatever_people_do() {
    for (what, deed) in CARRIED_ON {
        for mode in [WriteMode::Append, WriteMode::Upsert] {
            let told = format!("{what}, {mode:?}");
            let house = ManualEditFixture::begun_on(mode, Some(prepare)).await;
            let report = house.run(items(0, 12, "1"), Some(deed)).await;
            let report = report.unwrap_or_else(|error| panic!("{told}: {error}"));
            assert_eq!((report.run.counts.new, report.run.counts.failed), (6, 1), "{told}");
            let again = house.run(items(0, 12, "1"), None).await.unwrap_or_else(|error| panic!("{told}: {error}"));
            assert_eq!((again.run.counts.new, again.run.counts.failed), (0, 1), "{told}");
            for n in (0..12).filter(|n| *n != 4) {
                let typed = usize::from(what == "a key is typed a second time" && n == 1);
                assert_eq!(house.rows_of(&format!("k{n}")).await, 1 + typed, "{told}: k{n}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_version_is_written_over_its_row_whatever_people_did() {
    for (what, deed) in CARRIED_ON {
        let house = ManualEditFixture::begun(WriteMode::Upsert).await;
        let report = house.run(items(0, 8, "2"), Some(deed)).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((report.run.counts.new, report.run.counts.recovered), (8, 1), "{what}");
        let again = house.run(items(0, 8, "2"), None).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(again.run.counts.new, 0, "{what}");
        let view = house.front.view().await.expect("the data tab");
        let column = view.column("v").expect("the version's column");
        let versions = (1..view.rows.len()).map(|row| view.text(row, column)).filter(|text| !text.is_empty());
        assert_eq!(versions.collect::<Vec<_>>(), ["2"; 8], "{what}");
    }
}

/// Edits that stop a run before any write, and what its error names.
const STOPS: [(&str, Deed, &str); 8] = [
    ("the data tab is deleted", |front| delete(front, "Data"), "tab Data is gone: restore it"),
    ("Processed is deleted", |front| delete(front, "Processed j"), "tab Processed j is gone: restore it"),
    ("Failures is deleted", |front| delete(front, "Failures j"), "sheetkeep fsck --repair=tabs --yes"),
    (
        "Runs is deleted",
        |front| delete(front, "Runs"),
        "tab Runs is gone: restore it from the file's version history, or have an empty one made",
    ),
    (
        "a header of Processed is renamed",
        |front| async move { front.type_in("Processed j", 0, 0, "id").await }.boxed(),
        "tab Processed j has lost its column \"key\": write that word back",
    ),
    (
        "a header of the data tab is cleared",
        |front| async move { front.type_in("Data", 0, 1, "").await }.boxed(),
        "write that word back",
    ),
    (
        "a row is put above the header of Runs",
        |front| {
            async move {
                let span =
                    json!({"sheetId": tab(&front, "Runs").await, "dimension": "ROWS", "startIndex": 0, "endIndex": 1});
                front.hands(json!([{"insertDimension": {"range": span}}])).await;
            }
            .boxed()
        },
        "the header of tab Runs is in row 2 now, and it has to be in row 1",
    ),
    (
        "two columns of Failures have one name",
        |front| async move { front.type_in("Failures j", 0, 1, "key").await }.boxed(),
        "tab Failures j",
    ),
];

fn delete(front: EmulatorProxy, title: &'static str) -> BoxFuture<'static, ()> {
    async move {
        let id = tab(&front, title).await;
        front.hands(json!([{"deleteSheet": {"sheetId": id}}])).await;
    }
    .boxed()
}

#[tokio::test(start_paused = true)]
async fn what_a_job_can_not_go_on_with_stops_it_before_any_write_and_names_the_mend() {
    for (what, deed, named) in STOPS {
        let house = ManualEditFixture::begun(WriteMode::Append).await;
        deed(house.front.clone()).await;
        let writes = house.front.emulator.stats().writes;
        let error = house.run(items(0, 12, "1"), None).await.expect_err(what);
        assert!(error.to_string().contains(named), "{what}: {error}");
        assert_eq!(house.front.emulator.stats().writes, writes, "{what}: something was written");
    }
}

#[tokio::test(start_paused = true)]
async fn what_stops_a_run_in_the_middle_doubles_and_loses_nothing() {
    for (what, deed, _) in STOPS {
        let house = ManualEditFixture::begun(WriteMode::Append).await;
        let ended = house.run(items(0, 12, "1"), Some(deed)).await;
        println!("{what}: {}", ended.as_ref().err().map_or("carried on".to_owned(), ToString::to_string));
        if what.contains("the data tab is deleted") || what.contains("Processed is deleted") {
            assert!(ended.is_err(), "{what}");
            continue;
        }
        for n in 0..12 {
            assert!(house.rows_of(&format!("k{n}")).await <= 1, "{what}: k{n}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cells_of_keys_that_are_merged_cost_no_row_and_their_keys_are_done_again_once() {
    for mode in [WriteMode::Append, WriteMode::Upsert] {
        let house = ManualEditFixture::begun(mode).await;
        let range = json!({"sheetId": tab(&house.front, "Processed j").await, "startRowIndex": 1, "endRowIndex": 3,
                           "startColumnIndex": 0, "endColumnIndex": 1});
        house.front.hands(json!([{"mergeCells": {"range": range, "mergeType": "MERGE_ALL"}}])).await;
        // The merge removes one key, as if the user had deleted its row.
        let report = house.run(items(0, 6, "1"), None).await.expect("a run");
        assert_eq!(report.run.counts.new, 1, "{mode:?}");
        let again = house.run(items(0, 6, "1"), None).await.expect("a run");
        assert_eq!(again.run.counts.new, 0, "{mode:?}");
        let rows = house.rows_of("k1").await;
        assert_eq!(rows, if mode == WriteMode::Upsert { 1 } else { 2 }, "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_restored_from_history_in_the_middle_of_a_run_ends_it_and_the_next_one_goes_on_from_there() {
    let clock: Arc<dyn Clock> = Arc::new(SteeredClock::starting_at(Timestamp(1_790_000_000_000)));
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = || {
        let mut job = Job::new(Arc::clone(&clock)).step(|value, _| Ok(vec![json!({"id": value["id"]})]));
        job.seed = u64::try_from(clock.now().0).unwrap_or(0);
        job.plan.max_rows = 2;
        job
    };
    job().run(store.clone(), Values::of(items(0, 3, "1"))).await.expect("a run");
    let history = store.held();
    clock.sleep(std::time::Duration::from_mins(1)).await;
    job().run(store.clone(), Values::of(items(0, 6, "1"))).await.expect("a run");
    clock.sleep(std::time::Duration::from_mins(1)).await;
    let back = store.clone();
    let deed = async move { back.touch(|held| *held = history) }.boxed();
    let source = Interrupted { values: Values::of(items(0, 14, "1")), left: 10, deed: Some(deed) };
    let error = job().run_over(store.clone(), Box::new(source)).await.expect_err("the state went backwards");
    assert!(error.fault().passes(), "{error}");
    clock.sleep(std::time::Duration::from_mins(10)).await;
    let report = job().run(store.clone(), Values::of(items(0, 14, "1"))).await.expect("a run");
    let (_, rows) = &store.held().tables["Data"];
    assert_eq!((report.keys, rows.len()), (14, 14));
}

#[tokio::test(start_paused = true)]
async fn sharing_that_is_revoked_and_a_file_that_is_gone_end_a_run_and_nothing_is_doubled_when_they_are_back() {
    for (status, on) in [(403, "all"), (404, "all"), (403, "writes"), (404, "writes")] {
        for skip in 0..4 {
            let house = ManualEditFixture::begun(WriteMode::Append).await;
            let fault = format!("on={on},do=fail,status={status},skip={skip},times=1000").parse().expect("a fault");
            house.front.emulator.set_faults(vec![fault]);
            if let Err(error) = house.run(items(0, 12, "1"), None).await {
                assert!(!error.fault().passes(), "{status} {on} {skip}: {error}");
                assert!(
                    error.to_string().contains("shar") || error.to_string().contains("SHEETKEEP_SPREADSHEET_ID"),
                    "{error}"
                );
            }
            house.front.emulator.set_faults(Vec::new());
            house.run(items(0, 12, "1"), None).await.expect("it is shared again");
            for n in (0..12).filter(|n| *n != 4) {
                assert_eq!(house.rows_of(&format!("k{n}")).await, 1, "{status} {on} {skip}: k{n}");
            }
        }
    }
}
