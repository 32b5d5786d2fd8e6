//! What prune deletes: old runs, closed failures, obsolete rows, keys on request, blank rows.

use crate::job_fixture::JobFixture;
use crate::test_job::{IdKeyFinder, ValueSource};
use serde_json::{Value, json};
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::maintain::prune::count_yielded;

use super::{DAY, make_items};

#[tokio::test(start_paused = true)]
async fn old_runs_closed_failures_and_noop_rows_go_the_rest_stays() {
    for nth in [0, 7] {
        for (mode, policy) in [
            (WriteMode::Append, ReprocessPolicy::EachVersion),
            (WriteMode::Upsert, ReprocessPolicy::OnChange),
            (WriteMode::Upsert, ReprocessPolicy::OnNewer),
        ] {
            let fixture = JobFixture::with_history(mode, policy, nth).await;
            let data = fixture.sorted_rows("Data").await;
            let found = fixture.prune(fixture.age_limit(5, false)).await;
            assert_eq!(
                (found.runs, found.failures, found.settled_rows, found.keys),
                (4, (1, 2), if mode == WriteMode::Append { 0 } else { 8 }, (0, 0)),
                "{mode:?} {policy:?}"
            );
            assert_eq!(fixture.processed_keys().await, ["a", "b", "c", "d", "x"]);
            let states = fixture.column("Processed j", "state").await;
            // If rows are appended, the revocation explains why a key has two of them.
            assert_eq!(states.len(), if mode == WriteMode::Append { 13 } else { 5 });
            assert_eq!(fixture.column("Failures j", "key").await, ["y"]);
            assert_eq!(
                fixture.column("Runs", "trigger").await,
                ["test"; 2],
                "the last one, and the one that took them out"
            );
            assert_eq!(fixture.sorted_rows("Data").await, data);
            let report = fixture.run_items(&make_items(&["a", "b", "c", "d", "x"], "1")).await;
            assert_eq!((report.run.counts.new, report.run.counts.skipped, report.open_failures), (0, 5, 1));
            assert!(fixture.listing().await.snapshot.anomalies.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_young_stays() {
    let fixture = JobFixture::with_history(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    let kept = fixture.all_rows().await;
    let found = fixture.prune(fixture.age_limit(30, true)).await;
    assert_eq!((found.cells, found.old_keys), (0, 0));
    assert_eq!(fixture.all_rows().await, kept);
}

#[tokio::test(start_paused = true)]
async fn versions_that_another_one_has_followed_go_where_one_counts() {
    for (policy, counts) in [(ReprocessPolicy::OnChange, "1"), (ReprocessPolicy::OnNewer, "2")] {
        let fixture = JobFixture::new(WriteMode::Upsert, policy, 0);
        for version in ["1", "2", "1"] {
            fixture.run_items(&make_items(&["a"], version)).await;
        }
        fixture.clock.sleep(10 * DAY).await;
        let found = fixture.prune(fixture.age_limit(5, false)).await;
        assert_eq!(found.settled_rows, if policy == ReprocessPolicy::OnChange { 2 } else { 1 });
        assert_eq!(fixture.column("Processed j", "version").await, [counts]);
        assert_eq!(fixture.run_items(&make_items(&["a"], counts)).await.run.counts.new, 0);
        assert_eq!(fixture.run_items(&make_items(&["a"], "3")).await.updated, 1);
    }
    let fixture = JobFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0);
    for version in ["1", "2", "1"] {
        fixture.run_items(&make_items(&["a"], version)).await;
    }
    fixture.clock.sleep(10 * DAY).await;
    assert_eq!(fixture.prune(fixture.age_limit(5, false)).await.settled_rows, 0, "here each version counts");
}

#[tokio::test(start_paused = true)]
async fn old_keys_go_on_request_and_are_done_again_if_yielded() {
    let fixture = JobFixture::with_history(WriteMode::Append, ReprocessPolicy::EachVersion, 7).await;
    let age = fixture.age_limit(5, true);
    let (found, _) = fixture.find_prunable(age).await;
    assert_eq!(found.keys, (4, 12));
    let yielded = count_yielded(&found, &mut ValueSource::of(make_items(&["a", "a", "d", "z"], "1")), &IdKeyFinder)
        .await
        .expect("a source");
    assert_eq!(yielded, 1, "of the keys that would go it yields a");
    fixture.prune(age).await;
    assert_eq!(fixture.processed_keys().await, ["d"]);
    let report = fixture.run_items(&make_items(&["a", "d"], "1")).await;
    assert_eq!((report.run.counts.new, report.run.counts.skipped), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn blank_rows_at_the_ends_of_tabs_go_but_for_a_hundred() {
    let fixture = JobFixture::with_history(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    for tab in ["Data", "Processed j", "Failures j", "Runs"] {
        let id = fixture.proxy.tab_id(tab).await;
        let more = json!({"appendDimension": {"sheetId": id, "dimension": "ROWS", "length": 500}});
        fixture.proxy.edit_sheet(json!([more])).await;
    }
    let formula = json!({"values": [{"userEnteredValue": {"formulaValue": "=\"\""}}]});
    let start = json!({"sheetId": fixture.proxy.tab_id("Data").await, "rowIndex": 299, "columnIndex": 1});
    fixture
        .proxy
        .edit_sheet(json!([{"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [formula]}}]))
        .await;
    let kept = fixture.all_rows().await;
    let found = fixture.prune(fixture.age_limit(30, false)).await;
    let rows = async |tab: &str| {
        let fields = "fields=sheets.properties(title,gridProperties)";
        let (_, sheets) = fixture.proxy.call(hyper::Method::GET, "", fields, Value::Null).await;
        let sheets = sheets["sheets"].as_array().expect("sheets").clone();
        let seen = sheets.into_iter().find(|sheet| sheet["properties"]["title"] == tab).expect("the tab");
        seen["properties"]["gridProperties"]["rowCount"].as_u64().expect("rows")
    };
    assert_eq!((rows("Data").await, rows("Runs").await), (400, 600), "other jobs append to Runs");
    assert_eq!((rows("Processed j").await, rows("Failures j").await), (1 + 13 + 100, 1 + 3 + 100));
    assert_eq!(found.blank, 200 + 486 + 496);
    let mut after = fixture.all_rows().await;
    after[2].pop();
    let mut before = kept;
    before[2].truncate(after[2].len());
    assert_eq!(after, before);
}

#[tokio::test(start_paused = true)]
async fn where_hardly_a_cell_is_left_fewer_rows_go_at_a_time() {
    let mut fixture = JobFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0);
    fixture.max_rows = 1_000;
    let ids: Vec<String> = (0..400).map(|n| format!("k{n}")).collect();
    fixture.run_items(&make_items(&ids.iter().map(String::as_str).collect::<Vec<_>>(), "1")).await;
    fixture.clock.sleep(10 * DAY).await;
    let fields = "fields=sheets.properties.gridProperties";
    let (_, sheets) = fixture.proxy.call(hyper::Method::GET, "", fields, Value::Null).await;
    let size = |sheet: &Value, name: &str| sheet["properties"]["gridProperties"][name].as_u64().expect("a size");
    let sheets = sheets["sheets"].as_array().expect("sheets").clone();
    let cells: u64 = sheets.iter().map(|sheet| size(sheet, "rowCount") * size(sheet, "columnCount")).sum();
    let grid = json!({"rowCount": 10_000_000 - cells - 2_000, "columnCount": 1});
    fixture.proxy.edit_sheet(json!([{"addSheet": {"properties": {"title": "Notes", "gridProperties": grid}}}])).await;
    let (found, prepared) = fixture.find_prunable(fixture.age_limit(5, true)).await;
    assert_eq!(found.keys, (400, 400));
    let report = fixture.delete_prepared(prepared).await.expect("a few at a time fit");
    assert!((6..40).contains(&report.commits), "{}", report.commits);
    assert_eq!(fixture.processed_keys().await.len(), 1, "a tab keeps a row below its header");
}
