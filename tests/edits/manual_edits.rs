//! Manual edits of a job's tabs, one by one: between two runs and during one, with appended rows
//! and with one row per key. The job continues after each, or the run stops with an error that
//! names the fix. In both cases no key has its rows twice, and none is missing in the end.
//!
//! `docs/sheet.md` has the table. `tests/hands.rs` tests crashes, lost responses and random edits
//! at random times.

mod stopping_edits;

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
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;

use crate::emulator_proxy::proxy::EmulatorProxy;
use crate::test_job::{TestJob, ValueSource};

const TABS: [&str; 4] = ["Data", "Processed j", "Failures j", "Runs"];

/// An edit of the user.
type Edit = fn(EmulatorProxy) -> BoxFuture<'static, ()>;

/// A source during which the user edits the sheet.
struct InterruptedSource {
    values: ValueSource,
    records_left: u32,
    edit: Option<BoxFuture<'static, ()>>,
}

impl Source for InterruptedSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        async move {
            if self.records_left == 0
                && let Some(edit) = self.edit.take()
            {
                edit.await;
            }
            self.records_left = self.records_left.saturating_sub(1);
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
    async fn after_first_run(mode: WriteMode) -> Self {
        Self::after_edit_and_first_run(mode, None).await
    }

    /// The same, on a spreadsheet on which the user has made this edit before.
    async fn after_edit_and_first_run(mode: WriteMode, before: Option<Edit>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let proxy = EmulatorProxy::new(UnknownBehaviors::all().next().expect("there are eight"), 1, &clock, None);
        let fixture = Self { proxy, clock, mode };
        if let Some(edit) = before {
            edit(fixture.proxy.clone()).await;
        }
        fixture.run(make_items(0, 6, "1"), None).await.expect("a first run");
        fixture
    }

    async fn run(&self, items: Vec<Value>, edit: Option<Edit>) -> Result<RunReport, RunError> {
        let mut job = TestJob::new(Arc::clone(&self.clock)).with_step(|value, _| match value["n"].as_u64() {
            Some(4) if value["v"] == "1" => Err(sheetkeep::port::step::StepError::Rejected("four is bad".into())),
            _ => Ok(vec![json!({"id": value["id"], "v": value["v"]})]),
        });
        job.seed = u64::try_from(self.clock.now().0).unwrap_or(0);
        (job.plan.mode, job.plan.max_rows, job.plan.columns.order) = (self.mode, 2, Vec::new());
        let policy =
            if self.mode == WriteMode::Upsert { ReprocessPolicy::OnChange } else { ReprocessPolicy::EachVersion };
        let sheets = Arc::new(self.proxy.sheets(job.seed));
        let store = SheetsStore::new(sheets, EmulatorProxy::spreadsheet_id(), "j", "Data", Arc::clone(&self.clock));
        let edit = edit.map(|edit| edit(self.proxy.clone()));
        // If one record of each key counts, all are read once before the first is processed.
        let surveyed = if self.mode == WriteMode::Upsert { u32::try_from(items.len()).expect("few") + 1 } else { 0 };
        let source = InterruptedSource { values: ValueSource::of(items), records_left: surveyed + 5, edit };
        let report = job.run_source(store.with_mode(self.mode, policy), Box::new(source)).await;
        self.clock.sleep(std::time::Duration::from_mins(10)).await;
        report
    }

    /// Returns the number of rows that the data tab has for the key, wherever its columns are.
    async fn count_rows(&self, key: &str) -> usize {
        let data_tab = self.proxy.read_data_tab().await.expect("the data tab");
        let column = data_tab.column("id").or_else(|| data_tab.column("renamed")).expect("the key's column");
        (1..data_tab.rows.len()).filter(|&row| data_tab.text(row, column) == key).count()
    }
}

fn make_items(from: u64, to: u64, version: &str) -> Vec<Value> {
    (from..to).map(|n| json!({"id": format!("k{n}"), "n": n, "v": version})).collect()
}

async fn find_tab_id(proxy: &EmulatorProxy, title: &str) -> Value {
    proxy.tab_id(title).await
}

/// Edits after which a job continues.
const EDITS_TOLERATED: [(&str, Edit); 17] = [
    ("every tab is sorted", |proxy| {
        async move {
            for title in TABS {
                proxy.reverse_rows(title).await;
            }
        }
        .boxed()
    }),
    ("rows are inserted in every tab", |proxy| {
        async move {
            for title in TABS {
                let range =
                    json!({"sheetId": find_tab_id(&proxy, title).await, "dimension": "ROWS", "startIndex": 2, "endIndex": 4});
                proxy.edit_sheet(json!([{"insertDimension": {"range": range}}])).await;
            }
        }
        .boxed()
    }),
    ("blank rows below are deleted", |proxy| {
        async move {
            let range =
                json!({"sheetId": find_tab_id(&proxy, "Data").await, "dimension": "ROWS", "startIndex": 40, "endIndex": 90});
            proxy.edit_sheet(json!([{"deleteDimension": {"range": range}}])).await;
        }
        .boxed()
    }),
    ("a column is inserted before those of the data tab", |proxy| {
        async move {
            let range =
                json!({"sheetId": find_tab_id(&proxy, "Data").await, "dimension": "COLUMNS", "startIndex": 0, "endIndex": 1});
            proxy.edit_sheet(json!([{"insertDimension": {"range": range}}])).await;
        }
        .boxed()
    }),
    ("columns of the data tab are moved", |proxy| async move { proxy.move_column("Data", 0, 2).await }.boxed()),
    ("a header of the data tab is renamed", |proxy| {
        async move { proxy.type_text("Data", 0, 0, "renamed").await }.boxed()
    }),
    ("every tab is renamed", |proxy| {
        async move {
            for title in TABS {
                rename_tab(&proxy, title, &format!("{title} of ours")).await;
            }
        }
        .boxed()
    }),
    ("every tab is hidden", |proxy| {
        async move {
            // One tab must stay visible.
            proxy.edit_sheet(json!([{"addSheet": {"properties": {"title": "Notes"}}}])).await;
            for title in TABS {
                let properties = json!({"sheetId": find_tab_id(&proxy, title).await, "hidden": true});
                proxy
                    .edit_sheet(json!([{"updateSheetProperties": {"properties": properties, "fields": "hidden"}}]))
                    .await;
            }
        }
        .boxed()
    }),
    ("tabs change places", |proxy| {
        async move {
            let properties = json!({"sheetId": find_tab_id(&proxy, "Runs").await, "index": 0});
            proxy.edit_sheet(json!([{"updateSheetProperties": {"properties": properties, "fields": "index"}}])).await;
        }
        .boxed()
    }),
    ("a filter hides rows of every tab", |proxy| {
        async move {
            for title in TABS {
                let range = json!({"sheetId": find_tab_id(&proxy, title).await});
                let criteria = json!({"0": {"hiddenValues": ["k1", "k2"]}});
                proxy.edit_sheet(json!([{"setBasicFilter": {"filter": {"range": range, "criteria": criteria}}}])).await;
            }
        }
        .boxed()
    }),
    ("a filter sorts the data tab", |proxy| {
        async move {
            let range = json!({"sheetId": find_tab_id(&proxy, "Data").await});
            let sort = json!([{"dimensionIndex": 0, "sortOrder": "DESCENDING"}]);
            proxy.edit_sheet(json!([{"setBasicFilter": {"filter": {"range": range, "sortSpecs": sort}}}])).await;
        }
        .boxed()
    }),
    ("locale and time zone are changed", |proxy| {
        async move {
            let properties = json!({"locale": "de_DE", "timeZone": "Asia/Tokyo"});
            proxy
                .edit_sheet(
                    json!([{"updateSpreadsheetProperties": {"properties": properties, "fields": "locale,timeZone"}}]),
                )
                .await;
        }
        .boxed()
    }),
    ("notes, colours and a frozen row are given", |proxy| {
        async move {
            let id = find_tab_id(&proxy, "Data").await;
            let range = json!({"sheetId": id, "startRowIndex": 0, "endRowIndex": 5});
            let cell = json!({"userEnteredFormat": {"backgroundColor": {"red": 1}}, "note": "look"});
            let frozen = json!({"sheetId": id, "gridProperties": {"frozenRowCount": 1}});
            proxy
                .edit_sheet(json!([
                    {"repeatCell": {"range": range, "cell": cell, "fields": "note,userEnteredFormat.backgroundColor"}},
                    {"updateSheetProperties": {"properties": frozen, "fields": "gridProperties.frozenRowCount"}},
                ]))
                .await;
        }
        .boxed()
    }),
    ("cells beside the job's own are merged", |proxy| {
        async move {
            let range = json!({"sheetId": find_tab_id(&proxy, "Data").await, "startRowIndex": 1, "endRowIndex": 3,
                               "startColumnIndex": 5, "endColumnIndex": 7});
            let more = json!({"sheetId": find_tab_id(&proxy, "Data").await, "dimension": "COLUMNS", "length": 6});
            proxy
                .edit_sheet(json!([
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
                let more = json!({"sheetId": find_tab_id(&proxy, title).await, "dimension": "COLUMNS", "length": 6});
                proxy.edit_sheet(json!([{"appendDimension": more}])).await;
            }
            proxy.type_text("Runs", 30, 4, "what was this?").await;
            proxy.type_text("Failures j", 30, 26, "ask Ann").await;
            proxy.type_text("Processed j", 30, 8, "mine").await;
        }
        .boxed()
    }),
    ("a key is typed a second time", |proxy| async move { proxy.type_text("Data", 20, 0, "k1").await }.boxed()),
    ("runs of last year are deleted", |proxy| {
        async move {
            let range =
                json!({"sheetId": find_tab_id(&proxy, "Runs").await, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
            proxy.edit_sheet(json!([{"deleteDimension": {"range": range}}])).await;
        }
        .boxed()
    }),
];

async fn rename_tab(proxy: &EmulatorProxy, title: &str, to: &str) {
    let properties = json!({"sheetId": find_tab_id(proxy, title).await, "title": to});
    proxy.edit_sheet(json!([{"updateSheetProperties": {"properties": properties, "fields": "title"}}])).await;
}

#[tokio::test(start_paused = true)]
async fn what_users_may_do_is_continued_with() {
    for (what, edit) in EDITS_TOLERATED {
        for mode in [WriteMode::Append, WriteMode::Upsert] {
            for in_the_middle in [false, true] {
                let case = format!("{what}, {mode:?}, in the middle: {in_the_middle}");
                let fixture = ManualEditFixture::after_first_run(mode).await;
                if !in_the_middle {
                    edit(fixture.proxy.clone()).await;
                }
                let report = fixture.run(make_items(0, 12, "1"), in_the_middle.then_some(edit)).await;
                let report = report.unwrap_or_else(|error| panic!("{case}: {error}"));
                assert_eq!((report.run.counts.new, report.run.counts.failed), (6, 1), "{case}");
                let second =
                    fixture.run(make_items(0, 12, "1"), None).await.unwrap_or_else(|error| panic!("{case}: {error}"));
                assert_eq!((second.run.counts.new, second.run.counts.failed), (0, 1), "{case}");
                for n in (0..12).filter(|n| *n != 4) {
                    let typed = usize::from(what == "a key is typed a second time" && n == 1);
                    assert_eq!(fixture.count_rows(&format!("k{n}")).await, 1 + typed, "{case}: k{n}");
                }
            }
        }
    }
}

/// Creates a tab with a header and a formula that was filled down beside the future rows.
fn prepare_edit(proxy: EmulatorProxy) -> BoxFuture<'static, ()> {
    async move {
        let text = |text: &str| json!({"userEnteredValue": {"stringValue": text}});
        let header = json!({"values": [text("id"), text("v"), text("ours")]});
        let formula = json!({"values": [{}, {}, {"userEnteredValue": {"formulaValue": "=1+1"}}]});
        let rows: Vec<_> = std::iter::once(header).chain(std::iter::repeat_n(formula, 59)).collect();
        let grid = json!({"rowCount": 100, "columnCount": 3});
        let start = json!({"sheetId": 77, "rowIndex": 0, "columnIndex": 0});
        proxy
            .edit_sheet(json!([
                {"addSheet": {"properties": {"sheetId": 77, "title": "Data", "gridProperties": grid}}},
                {"updateCells": {"start": start, "fields": "userEnteredValue", "rows": rows}},
            ]))
            .await;
    }
    .boxed()
}

#[tokio::test(start_paused = true)]
async fn rows_in_areas_that_users_prepared_are_there_once() {
    for (what, edit) in EDITS_TOLERATED {
        for mode in [WriteMode::Append, WriteMode::Upsert] {
            let case = format!("{what}, {mode:?}");
            let fixture = ManualEditFixture::after_edit_and_first_run(mode, Some(prepare_edit)).await;
            let report = fixture.run(make_items(0, 12, "1"), Some(edit)).await;
            let report = report.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!((report.run.counts.new, report.run.counts.failed), (6, 1), "{case}");
            let second =
                fixture.run(make_items(0, 12, "1"), None).await.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!((second.run.counts.new, second.run.counts.failed), (0, 1), "{case}");
            for n in (0..12).filter(|n| *n != 4) {
                let typed = usize::from(what == "a key is typed a second time" && n == 1);
                assert_eq!(fixture.count_rows(&format!("k{n}")).await, 1 + typed, "{case}: k{n}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_version_is_written_over_its_row_whatever_people_did() {
    for (what, edit) in EDITS_TOLERATED {
        let fixture = ManualEditFixture::after_first_run(WriteMode::Upsert).await;
        let report =
            fixture.run(make_items(0, 8, "2"), Some(edit)).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((report.run.counts.new, report.run.counts.recovered), (8, 1), "{what}");
        let second = fixture.run(make_items(0, 8, "2"), None).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(second.run.counts.new, 0, "{what}");
        let data_tab = fixture.proxy.read_data_tab().await.expect("the data tab");
        let column = data_tab.column("v").expect("the version's column");
        let versions = (1..data_tab.rows.len()).map(|row| data_tab.text(row, column)).filter(|text| !text.is_empty());
        assert_eq!(versions.collect::<Vec<_>>(), ["2"; 8], "{what}");
    }
}
