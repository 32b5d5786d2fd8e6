//! Edits after which a run stops, and names the fix.

use crate::emulator_proxy::proxy::EmulatorProxy;
use crate::test_job::{TestJob, ValueSource};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;
use sheetkeep::clock::Clock;
use sheetkeep::ledger::items::write_mode::WriteMode;
use sheetkeep::store::memory::MemoryStore;
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;
use std::sync::Arc;

use super::{Edit, InterruptedSource, ManualEditFixture, find_tab_id, make_items};

/// Edits that stop a run before any write, and what its error names.
const EDITS_THAT_STOP: [(&str, Edit, &str); 8] = [
    ("the data tab is deleted", |proxy| delete_range(proxy, "Data"), "tab Data is gone: restore it"),
    ("Processed is deleted", |proxy| delete_range(proxy, "Processed j"), "tab Processed j is gone: restore it"),
    ("Failures is deleted", |proxy| delete_range(proxy, "Failures j"), "sheetkeep fsck --repair=tabs --yes"),
    (
        "Runs is deleted",
        |proxy| delete_range(proxy, "Runs"),
        "tab Runs is gone: restore it from the file's version history, or have an empty one made",
    ),
    (
        "a header of Processed is renamed",
        |proxy| async move { proxy.type_text("Processed j", 0, 0, "id").await }.boxed(),
        "tab Processed j has lost its column \"key\": write that word back",
    ),
    (
        "a header of the data tab is cleared",
        |proxy| async move { proxy.type_text("Data", 0, 1, "").await }.boxed(),
        "write that word back",
    ),
    (
        "a row is put above the header of Runs",
        |proxy| {
            async move {
                let range =
                    json!({"sheetId": find_tab_id(&proxy, "Runs").await, "dimension": "ROWS", "startIndex": 0, "endIndex": 1});
                proxy.edit_sheet(json!([{"insertDimension": {"range": range}}])).await;
            }
            .boxed()
        },
        "the header of tab Runs is in row 2 now, and it has to be in row 1",
    ),
    (
        "two columns of Failures have one name",
        |proxy| async move { proxy.type_text("Failures j", 0, 1, "key").await }.boxed(),
        "tab Failures j",
    ),
];

fn delete_range(proxy: EmulatorProxy, title: &'static str) -> BoxFuture<'static, ()> {
    async move {
        let id = find_tab_id(&proxy, title).await;
        proxy.edit_sheet(json!([{"deleteSheet": {"sheetId": id}}])).await;
    }
    .boxed()
}

#[tokio::test(start_paused = true)]
async fn what_a_job_can_not_continue_with_stops_it_before_any_write() {
    for (what, edit, named) in EDITS_THAT_STOP {
        let fixture = ManualEditFixture::after_first_run(WriteMode::Append).await;
        edit(fixture.proxy.clone()).await;
        let writes = fixture.proxy.emulator.stats().writes;
        let error = fixture.run(make_items(0, 12, "1"), None).await.expect_err(what);
        assert!(error.to_string().contains(named), "{what}: {error}");
        assert_eq!(fixture.proxy.emulator.stats().writes, writes, "{what}: something was written");
    }
}

#[tokio::test(start_paused = true)]
async fn what_stops_a_run_in_the_middle_doubles_and_loses_nothing() {
    for (what, edit, _) in EDITS_THAT_STOP {
        let fixture = ManualEditFixture::after_first_run(WriteMode::Append).await;
        let ended = fixture.run(make_items(0, 12, "1"), Some(edit)).await;
        println!("{what}: {}", ended.as_ref().err().map_or("carried on".to_owned(), ToString::to_string));
        if what.contains("the data tab is deleted") || what.contains("Processed is deleted") {
            assert!(ended.is_err(), "{what}");
            continue;
        }
        for n in 0..12 {
            assert!(fixture.count_rows(&format!("k{n}")).await <= 1, "{what}: k{n}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn merged_key_cells_cost_no_row_and_are_done_again_once() {
    for mode in [WriteMode::Append, WriteMode::Upsert] {
        let fixture = ManualEditFixture::after_first_run(mode).await;
        let range = json!({"sheetId": find_tab_id(&fixture.proxy, "Processed j").await, "startRowIndex": 1, "endRowIndex": 3,
                           "startColumnIndex": 0, "endColumnIndex": 1});
        fixture.proxy.edit_sheet(json!([{"mergeCells": {"range": range, "mergeType": "MERGE_ALL"}}])).await;
        // The merge removes one key, as if the user had deleted its row.
        let report = fixture.run(make_items(0, 6, "1"), None).await.expect("a run");
        assert_eq!(report.run.counts.new, 1, "{mode:?}");
        let second = fixture.run(make_items(0, 6, "1"), None).await.expect("a run");
        assert_eq!(second.run.counts.new, 0, "{mode:?}");
        let rows = fixture.count_rows("k1").await;
        assert_eq!(rows, if mode == WriteMode::Upsert { 1 } else { 2 }, "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_restored_from_history_ends_the_run_and_not_the_job() {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = || {
        let mut job = TestJob::new(Arc::clone(&clock)).with_step(|value, _| Ok(vec![json!({"id": value["id"]})]));
        job.seed = u64::try_from(clock.now().0).unwrap_or(0);
        job.plan.max_rows = 2;
        job
    };
    job().run(store.clone(), ValueSource::of(make_items(0, 3, "1"))).await.expect("a run");
    let history = store.contents();
    clock.sleep(std::time::Duration::from_mins(1)).await;
    job().run(store.clone(), ValueSource::of(make_items(0, 6, "1"))).await.expect("a run");
    clock.sleep(std::time::Duration::from_mins(1)).await;
    let back = store.clone();
    let edit = async move { back.edit_contents(|held| *held = history) }.boxed();
    let source =
        InterruptedSource { values: ValueSource::of(make_items(0, 14, "1")), records_left: 10, edit: Some(edit) };
    let error = job().run_source(store.clone(), Box::new(source)).await.expect_err("the state went backwards");
    assert!(error.fault().passes(), "{error}");
    clock.sleep(std::time::Duration::from_mins(10)).await;
    let report = job().run(store.clone(), ValueSource::of(make_items(0, 14, "1"))).await.expect("a run");
    let (_, rows) = &store.contents().data_tabs["Data"];
    assert_eq!((report.keys, rows.len()), (14, 14));
}

#[tokio::test(start_paused = true)]
async fn revoked_sharing_and_a_missing_file_end_a_run() {
    for (status, on) in [(403, "all"), (404, "all"), (403, "writes"), (404, "writes")] {
        for skip in 0..4 {
            let fixture = ManualEditFixture::after_first_run(WriteMode::Append).await;
            let fault = format!("on={on},do=fail,status={status},skip={skip},times=1000").parse().expect("a fault");
            fixture.proxy.emulator.set_faults(vec![fault]);
            if let Err(error) = fixture.run(make_items(0, 12, "1"), None).await {
                assert!(!error.fault().passes(), "{status} {on} {skip}: {error}");
                assert!(
                    error.to_string().contains("shar") || error.to_string().contains("SHEETKEEP_SPREADSHEET_ID"),
                    "{error}"
                );
            }
            fixture.proxy.emulator.set_faults(Vec::new());
            fixture.run(make_items(0, 12, "1"), None).await.expect("it is shared again");
            for n in (0..12).filter(|n| *n != 4) {
                assert_eq!(fixture.count_rows(&format!("k{n}")).await, 1, "{status} {on} {skip}: k{n}");
            }
        }
    }
}
