//! Manual edits of a job's tabs, one by one: between two runs and during one, with appended rows
//! and with one row per key. The job continues after each, or the run stops with an error that
//! names the fix. In both cases no key has its rows twice, and none is missing in the end.
//!
//! `docs/sheet.md` has the table. `tests/hands.rs` tests crashes, lost responses and random edits
//! at random times.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::port::source::{Record, Source, SourceError};
use sheetkeep::runner::run_config::RunError;
use sheetkeep::store::memory::MemoryStore;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;

use crate::front::EmulatorProxy;
use crate::support::{Job, Values};

const TABS: [&str; 4] = ["Data", "Processed j", "Failures j", "Runs"];

/// An edit of the user.
type Edit = fn(EmulatorProxy) -> BoxFuture<'static, ()>;

/// A source during which the user edits the sheet.
struct Interrupted {
    values: Values,
    left: u32,
    edit: Option<BoxFuture<'static, ()>>,
}

impl Source for Interrupted {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        async move {
            if self.left == 0
                && let Some(edit) = self.edit.take()
            {
                edit.await;
            }
            self.left = self.left.saturating_sub(1);
            self.values.next().await
        }
        .boxed()
    }

    fn is_rereadable(&self) -> bool {
        true
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.values.rewind()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        None
    }
}

/// A job whose tabs people edit.
struct ManualEditFixture {
    proxy: EmulatorProxy,
    clock: Arc<dyn Clock>,
    mode: WriteMode,
}

impl ManualEditFixture {
    /// Returns a job that has run over six items, one of which failed.
    async fn begun(mode: WriteMode) -> Self {
        Self::begun_on(mode, None).await
    }

    /// The same, on a spreadsheet on which the user has made this edit before.
    async fn begun_on(mode: WriteMode, before: Option<Edit>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let proxy = EmulatorProxy::new(UnknownBehaviors::all().next().expect("there are eight"), 1, &clock, None);
        let fixture = Self { proxy, clock, mode };
        if let Some(edit) = before {
            edit(fixture.proxy.clone()).await;
        }
        fixture.run(items(0, 6, "1"), None).await.expect("a first run");
        fixture
    }

    async fn run(&self, items: Vec<Value>, edit: Option<Edit>) -> Result<RunReport, RunError> {
        let mut job = Job::new(Arc::clone(&self.clock)).step(|value, _| match value["n"].as_u64() {
            Some(4) if value["v"] == "1" => Err(sheetkeep::port::step::StepError::Rejected("four is bad".into())),
            _ => Ok(vec![json!({"id": value["id"], "v": value["v"]})]),
        });
        job.seed = u64::try_from(self.clock.now().0).unwrap_or(0);
        (job.plan.mode, job.plan.max_rows, job.plan.columns.order) = (self.mode, 2, Vec::new());
        let again =
            if self.mode == WriteMode::Upsert { ReprocessPolicy::OnChange } else { ReprocessPolicy::EachVersion };
        let sheets = Arc::new(self.proxy.sheets(job.seed));
        let store = SheetsStore::new(sheets, EmulatorProxy::id(), "j", "Data", Arc::clone(&self.clock));
        let edit = edit.map(|edit| edit(self.proxy.clone()));
        // If one record of each key counts, all are read once before the first is processed.
        let surveyed = if self.mode == WriteMode::Upsert { u32::try_from(items.len()).expect("few") + 1 } else { 0 };
        let source = Interrupted { values: Values::of(items), left: surveyed + 5, edit };
        let report = job.run_over(store.with_mode(self.mode, again), Box::new(source)).await;
        self.clock.sleep(std::time::Duration::from_mins(10)).await;
        report
    }

    /// Returns the number of rows that the data tab has for the key, wherever its columns are.
    async fn rows_of(&self, key: &str) -> usize {
        let view = self.proxy.view().await.expect("the data tab");
        let column = view.column("id").or_else(|| view.column("renamed")).expect("the key's column");
        (1..view.rows.len()).filter(|&row| view.text(row, column) == key).count()
    }
}

fn items(from: u64, to: u64, version: &str) -> Vec<Value> {
    (from..to).map(|n| json!({"id": format!("k{n}"), "n": n, "v": version})).collect()
}

async fn tab(proxy: &EmulatorProxy, title: &str) -> Value {
    proxy.id_of(title).await
}

/// Edits after which a job continues.
const CARRIED_ON: [(&str, Edit); 17] = [
    ("every tab is sorted", |proxy| {
        async move {
            for title in TABS {
                proxy.sort_upside_down(title).await;
            }
        }
        .boxed()
    }),
    ("rows are inserted in every tab", |proxy| {
        async move {
            for title in TABS {
                let span =
                    json!({"sheetId": tab(&proxy, title).await, "dimension": "ROWS", "startIndex": 2, "endIndex": 4});
                proxy.hands(json!([{"insertDimension": {"range": span}}])).await;
            }
        }
        .boxed()
    }),
    ("blank rows below are deleted", |proxy| {
        async move {
            let span =
                json!({"sheetId": tab(&proxy, "Data").await, "dimension": "ROWS", "startIndex": 40, "endIndex": 90});
            proxy.hands(json!([{"deleteDimension": {"range": span}}])).await;
        }
        .boxed()
    }),
    ("a column is inserted before those of the data tab", |proxy| {
        async move {
            let span =
                json!({"sheetId": tab(&proxy, "Data").await, "dimension": "COLUMNS", "startIndex": 0, "endIndex": 1});
            proxy.hands(json!([{"insertDimension": {"range": span}}])).await;
        }
        .boxed()
    }),
    ("columns of the data tab are moved", |proxy| async move { proxy.move_column("Data", 0, 2).await }.boxed()),
    ("a header of the data tab is renamed", |proxy| {
        async move { proxy.type_in("Data", 0, 0, "renamed").await }.boxed()
    }),
    ("every tab is renamed", |proxy| {
        async move {
            for title in TABS {
                rename(&proxy, title, &format!("{title} of ours")).await;
            }
        }
        .boxed()
    }),
    ("every tab is hidden", |proxy| {
        async move {
            // One tab must stay visible.
            proxy.hands(json!([{"addSheet": {"properties": {"title": "Notes"}}}])).await;
            for title in TABS {
                let properties = json!({"sheetId": tab(&proxy, title).await, "hidden": true});
                proxy.hands(json!([{"updateSheetProperties": {"properties": properties, "fields": "hidden"}}])).await;
            }
        }
        .boxed()
    }),
    ("tabs change places", |proxy| {
        async move {
            let properties = json!({"sheetId": tab(&proxy, "Runs").await, "index": 0});
            proxy.hands(json!([{"updateSheetProperties": {"properties": properties, "fields": "index"}}])).await;
        }
        .boxed()
    }),
    ("a filter hides rows of every tab", |proxy| {
        async move {
            for title in TABS {
                let range = json!({"sheetId": tab(&proxy, title).await});
                let criteria = json!({"0": {"hiddenValues": ["k1", "k2"]}});
                proxy.hands(json!([{"setBasicFilter": {"filter": {"range": range, "criteria": criteria}}}])).await;
            }
        }
        .boxed()
    }),
    ("a filter sorts the data tab", |proxy| {
        async move {
            let range = json!({"sheetId": tab(&proxy, "Data").await});
            let sort = json!([{"dimensionIndex": 0, "sortOrder": "DESCENDING"}]);
            proxy.hands(json!([{"setBasicFilter": {"filter": {"range": range, "sortSpecs": sort}}}])).await;
        }
        .boxed()
    }),
    ("locale and time zone are changed", |proxy| {
        async move {
            let properties = json!({"locale": "de_DE", "timeZone": "Asia/Tokyo"});
            proxy
                .hands(
                    json!([{"updateSpreadsheetProperties": {"properties": properties, "fields": "locale,timeZone"}}]),
                )
                .await;
        }
        .boxed()
    }),
    ("notes, colours and a frozen row are given", |proxy| {
        async move {
            let id = tab(&proxy, "Data").await;
            let range = json!({"sheetId": id, "startRowIndex": 0, "endRowIndex": 5});
            let cell = json!({"userEnteredFormat": {"backgroundColor": {"red": 1}}, "note": "look"});
            let frozen = json!({"sheetId": id, "gridProperties": {"frozenRowCount": 1}});
            proxy
                .hands(json!([
                    {"repeatCell": {"range": range, "cell": cell, "fields": "note,userEnteredFormat.backgroundColor"}},
                    {"updateSheetProperties": {"properties": frozen, "fields": "gridProperties.frozenRowCount"}},
                ]))
                .await;
        }
        .boxed()
    }),
    ("cells beside the job's own are merged", |proxy| {
        async move {
            let range = json!({"sheetId": tab(&proxy, "Data").await, "startRowIndex": 1, "endRowIndex": 3,
                               "startColumnIndex": 5, "endColumnIndex": 7});
            let more = json!({"sheetId": tab(&proxy, "Data").await, "dimension": "COLUMNS", "length": 6});
            proxy
                .hands(json!([
                    {"appendDimension": more},
                    {"mergeCells": {"range": range, "mergeType": "MERGE_ALL"}},
                ]))
                .await;
        }
        .boxed()
    }),
    ("words are typed into machine tabs, below and beside", |proxy| {
        async move {
            for title in ["Failures j", "Processed j"] {
                let more = json!({"sheetId": tab(&proxy, title).await, "dimension": "COLUMNS", "length": 6});
                proxy.hands(json!([{"appendDimension": more}])).await;
            }
            proxy.type_in("Runs", 30, 4, "what was this?").await;
            proxy.type_in("Failures j", 30, 26, "ask Ann").await;
            proxy.type_in("Processed j", 30, 8, "mine").await;
        }
        .boxed()
    }),
    ("a key is typed a second time", |proxy| async move { proxy.type_in("Data", 20, 0, "k1").await }.boxed()),
    ("runs of last year are deleted", |proxy| {
        async move {
            let span =
                json!({"sheetId": tab(&proxy, "Runs").await, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
            proxy.hands(json!([{"deleteDimension": {"range": span}}])).await;
        }
        .boxed()
    }),
];

async fn rename(proxy: &EmulatorProxy, title: &str, to: &str) {
    let properties = json!({"sheetId": tab(proxy, title).await, "title": to});
    proxy.hands(json!([{"updateSheetProperties": {"properties": properties, "fields": "title"}}])).await;
}

#[tokio::test(start_paused = true)]
async fn what_users_may_do_is_continued_with() {
    for (what, edit) in CARRIED_ON {
        for mode in [WriteMode::Append, WriteMode::Upsert] {
            for in_the_middle in [false, true] {
                let case = format!("{what}, {mode:?}, in the middle: {in_the_middle}");
                let fixture = ManualEditFixture::begun(mode).await;
                if !in_the_middle {
                    edit(fixture.proxy.clone()).await;
                }
                let report = fixture.run(items(0, 12, "1"), in_the_middle.then_some(edit)).await;
                let report = report.unwrap_or_else(|error| panic!("{case}: {error}"));
                assert_eq!((report.run.counts.new, report.run.counts.failed), (6, 1), "{case}");
                let again =
                    fixture.run(items(0, 12, "1"), None).await.unwrap_or_else(|error| panic!("{case}: {error}"));
                assert_eq!((again.run.counts.new, again.run.counts.failed), (0, 1), "{case}");
                for n in (0..12).filter(|n| *n != 4) {
                    let typed = usize::from(what == "a key is typed a second time" && n == 1);
                    assert_eq!(fixture.rows_of(&format!("k{n}")).await, 1 + typed, "{case}: k{n}");
                }
            }
        }
    }
}

/// Creates a tab with a header and a formula that was filled down beside the future rows.
fn prepare(proxy: EmulatorProxy) -> BoxFuture<'static, ()> {
    async move {
        let text = |text: &str| json!({"userEnteredValue": {"stringValue": text}});
        let header = json!({"values": [text("id"), text("v"), text("ours")]});
        let formula = json!({"values": [{}, {}, {"userEnteredValue": {"formulaValue": "=1+1"}}]});
        let rows: Vec<_> = std::iter::once(header).chain(std::iter::repeat_n(formula, 59)).collect();
        let grid = json!({"rowCount": 100, "columnCount": 3});
        let start = json!({"sheetId": 77, "rowIndex": 0, "columnIndex": 0});
        proxy
            .hands(json!([
                {"addSheet": {"properties": {"sheetId": 77, "title": "Data", "gridProperties": grid}}},
                {"updateCells": {"start": start, "fields": "userEnteredValue", "rows": rows}},
            ]))
            .await;
    }
    .boxed()
}

#[tokio::test(start_paused = true)]
async fn rows_in_areas_that_users_prepared_are_there_once() {
    for (what, edit) in CARRIED_ON {
        for mode in [WriteMode::Append, WriteMode::Upsert] {
            let case = format!("{what}, {mode:?}");
            let fixture = ManualEditFixture::begun_on(mode, Some(prepare)).await;
            let report = fixture.run(items(0, 12, "1"), Some(edit)).await;
            let report = report.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!((report.run.counts.new, report.run.counts.failed), (6, 1), "{case}");
            let again = fixture.run(items(0, 12, "1"), None).await.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!((again.run.counts.new, again.run.counts.failed), (0, 1), "{case}");
            for n in (0..12).filter(|n| *n != 4) {
                let typed = usize::from(what == "a key is typed a second time" && n == 1);
                assert_eq!(fixture.rows_of(&format!("k{n}")).await, 1 + typed, "{case}: k{n}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_version_is_written_over_its_row_whatever_people_did() {
    for (what, edit) in CARRIED_ON {
        let fixture = ManualEditFixture::begun(WriteMode::Upsert).await;
        let report = fixture.run(items(0, 8, "2"), Some(edit)).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((report.run.counts.new, report.run.counts.recovered), (8, 1), "{what}");
        let again = fixture.run(items(0, 8, "2"), None).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(again.run.counts.new, 0, "{what}");
        let view = fixture.proxy.view().await.expect("the data tab");
        let column = view.column("v").expect("the version's column");
        let versions = (1..view.rows.len()).map(|row| view.text(row, column)).filter(|text| !text.is_empty());
        assert_eq!(versions.collect::<Vec<_>>(), ["2"; 8], "{what}");
    }
}

/// Edits that stop a run before any write, and what its error names.
const STOPS: [(&str, Edit, &str); 8] = [
    ("the data tab is deleted", |proxy| delete(proxy, "Data"), "tab Data is gone: restore it"),
    ("Processed is deleted", |proxy| delete(proxy, "Processed j"), "tab Processed j is gone: restore it"),
    ("Failures is deleted", |proxy| delete(proxy, "Failures j"), "sheetkeep fsck --repair=tabs --yes"),
    (
        "Runs is deleted",
        |proxy| delete(proxy, "Runs"),
        "tab Runs is gone: restore it from the file's version history, or have an empty one made",
    ),
    (
        "a header of Processed is renamed",
        |proxy| async move { proxy.type_in("Processed j", 0, 0, "id").await }.boxed(),
        "tab Processed j has lost its column \"key\": write that word back",
    ),
    (
        "a header of the data tab is cleared",
        |proxy| async move { proxy.type_in("Data", 0, 1, "").await }.boxed(),
        "write that word back",
    ),
    (
        "a row is put above the header of Runs",
        |proxy| {
            async move {
                let span =
                    json!({"sheetId": tab(&proxy, "Runs").await, "dimension": "ROWS", "startIndex": 0, "endIndex": 1});
                proxy.hands(json!([{"insertDimension": {"range": span}}])).await;
            }
            .boxed()
        },
        "the header of tab Runs is in row 2 now, and it has to be in row 1",
    ),
    (
        "two columns of Failures have one name",
        |proxy| async move { proxy.type_in("Failures j", 0, 1, "key").await }.boxed(),
        "tab Failures j",
    ),
];

fn delete(proxy: EmulatorProxy, title: &'static str) -> BoxFuture<'static, ()> {
    async move {
        let id = tab(&proxy, title).await;
        proxy.hands(json!([{"deleteSheet": {"sheetId": id}}])).await;
    }
    .boxed()
}

#[tokio::test(start_paused = true)]
async fn what_a_job_can_not_continue_with_stops_it_before_any_write() {
    for (what, edit, named) in STOPS {
        let fixture = ManualEditFixture::begun(WriteMode::Append).await;
        edit(fixture.proxy.clone()).await;
        let writes = fixture.proxy.emulator.stats().writes;
        let error = fixture.run(items(0, 12, "1"), None).await.expect_err(what);
        assert!(error.to_string().contains(named), "{what}: {error}");
        assert_eq!(fixture.proxy.emulator.stats().writes, writes, "{what}: something was written");
    }
}

#[tokio::test(start_paused = true)]
async fn what_stops_a_run_in_the_middle_doubles_and_loses_nothing() {
    for (what, edit, _) in STOPS {
        let fixture = ManualEditFixture::begun(WriteMode::Append).await;
        let ended = fixture.run(items(0, 12, "1"), Some(edit)).await;
        println!("{what}: {}", ended.as_ref().err().map_or("carried on".to_owned(), ToString::to_string));
        if what.contains("the data tab is deleted") || what.contains("Processed is deleted") {
            assert!(ended.is_err(), "{what}");
            continue;
        }
        for n in 0..12 {
            assert!(fixture.rows_of(&format!("k{n}")).await <= 1, "{what}: k{n}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn merged_key_cells_cost_no_row_and_are_done_again_once() {
    for mode in [WriteMode::Append, WriteMode::Upsert] {
        let fixture = ManualEditFixture::begun(mode).await;
        let range = json!({"sheetId": tab(&fixture.proxy, "Processed j").await, "startRowIndex": 1, "endRowIndex": 3,
                           "startColumnIndex": 0, "endColumnIndex": 1});
        fixture.proxy.hands(json!([{"mergeCells": {"range": range, "mergeType": "MERGE_ALL"}}])).await;
        // The merge removes one key, as if the user had deleted its row.
        let report = fixture.run(items(0, 6, "1"), None).await.expect("a run");
        assert_eq!(report.run.counts.new, 1, "{mode:?}");
        let again = fixture.run(items(0, 6, "1"), None).await.expect("a run");
        assert_eq!(again.run.counts.new, 0, "{mode:?}");
        let rows = fixture.rows_of("k1").await;
        assert_eq!(rows, if mode == WriteMode::Upsert { 1 } else { 2 }, "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_restored_from_history_ends_the_run_and_not_the_job() {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = || {
        let mut job = Job::new(Arc::clone(&clock)).step(|value, _| Ok(vec![json!({"id": value["id"]})]));
        job.seed = u64::try_from(clock.now().0).unwrap_or(0);
        job.plan.max_rows = 2;
        job
    };
    job().run(store.clone(), Values::of(items(0, 3, "1"))).await.expect("a run");
    let history = store.contents();
    clock.sleep(std::time::Duration::from_mins(1)).await;
    job().run(store.clone(), Values::of(items(0, 6, "1"))).await.expect("a run");
    clock.sleep(std::time::Duration::from_mins(1)).await;
    let back = store.clone();
    let edit = async move { back.edit_contents(|held| *held = history) }.boxed();
    let source = Interrupted { values: Values::of(items(0, 14, "1")), left: 10, edit: Some(edit) };
    let error = job().run_over(store.clone(), Box::new(source)).await.expect_err("the state went backwards");
    assert!(error.fault().passes(), "{error}");
    clock.sleep(std::time::Duration::from_mins(10)).await;
    let report = job().run(store.clone(), Values::of(items(0, 14, "1"))).await.expect("a run");
    let (_, rows) = &store.contents().data_tabs["Data"];
    assert_eq!((report.keys, rows.len()), (14, 14));
}

#[tokio::test(start_paused = true)]
async fn revoked_sharing_and_a_missing_file_end_a_run() {
    for (status, on) in [(403, "all"), (404, "all"), (403, "writes"), (404, "writes")] {
        for skip in 0..4 {
            let fixture = ManualEditFixture::begun(WriteMode::Append).await;
            let fault = format!("on={on},do=fail,status={status},skip={skip},times=1000").parse().expect("a fault");
            fixture.proxy.emulator.set_faults(vec![fault]);
            if let Err(error) = fixture.run(items(0, 12, "1"), None).await {
                assert!(!error.fault().passes(), "{status} {on} {skip}: {error}");
                assert!(
                    error.to_string().contains("shar") || error.to_string().contains("SHEETKEEP_SPREADSHEET_ID"),
                    "{error}"
                );
            }
            fixture.proxy.emulator.set_faults(Vec::new());
            fixture.run(items(0, 12, "1"), None).await.expect("it is shared again");
            for n in (0..12).filter(|n| *n != 4) {
                assert_eq!(fixture.rows_of(&format!("k{n}")).await, 1, "{status} {on} {skip}: k{n}");
            }
        }
    }
}
