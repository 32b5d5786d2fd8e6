//! Users who rename and sort tabs repeatedly while a run reads and writes: it continues, or ends in
//! time and reports why.
//!
//! An ordinary run renames a tab after every third call, so that over all tabs each call has its
//! turn. `EDITS_EACH_CALL=1` renames each tab after each call, as `.ci/run` does.

use std::time::Duration;

use serde_json::{Value, json};
use sheetkeep::fault::Fault;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::runner::run_scope::RunScope;

use crate::emulator_proxy::proxy::EmulatorProxy;
use crate::job_fixture::JobFixture;

const MODES: [(WriteMode, ReprocessPolicy); 2] =
    [(WriteMode::Append, ReprocessPolicy::EachVersion), (WriteMode::Upsert, ReprocessPolicy::OnChange)];
const TABS: [&str; 4] = ["Data", "Processed j", "Failures j", "Runs"];

/// Calls from one rename to the next one that is tried.
#[expect(clippy::disallowed_methods, reason = "a switch of the test itself, not a setting")]
fn calls_between_renames() -> usize {
    if std::env::var("EDITS_EACH_CALL").is_ok() { 1 } else { 3 }
}

/// Renames a tab as the user.
async fn rename_tab(proxy: &EmulatorProxy, id: &Value, to: &str) {
    let properties = json!({"sheetId": id, "title": to});
    proxy.edit_sheet(json!([{"updateSheetProperties": {"properties": properties, "fields": "title"}}])).await;
}

fn make_items(version: &str) -> Vec<Value> {
    (0..4).map(|n| json!({"id": format!("k{n}"), "v": version, "text": version})).collect()
}

/// Returns a job with rows, a skipped failure, a failure that the user asked to retry, and cells of
/// the user beside the rows.
async fn make_job_with_history(mode: WriteMode, policy: ReprocessPolicy) -> JobFixture {
    let fixture = JobFixture::new(mode, policy, 0);
    let bad = json!({"id": "bad", "v": "1", "bad": "it is bad"});
    fixture.run_items(&[make_items("1"), vec![bad]].concat()).await;
    let at = fixture.proxy.tab_rows("Failures j").await[0].iter().position(|name| name == "action").expect("a column");
    fixture.proxy.type_text("Failures j", 1, at, "retry").await;
    let wider = json!({"sheetId": fixture.proxy.tab_id("Data").await, "dimension": "COLUMNS", "length": 2});
    fixture.proxy.edit_sheet(json!([{"appendDimension": wider}])).await;
    fixture.proxy.type_text("Data", 30, 4, "a total").await;
    fixture
}

/// Runs while the user acts after every few calls. Returns the result and the duration in
/// milliseconds.
async fn run_while_editing(
    fixture: &JobFixture,
    edits: impl Future<Output = ()>,
) -> (Result<RunReport, RunError>, u64) {
    let (source, began_ms) = (make_items("2"), fixture.clock.monotonic_ms());
    let run = fixture.run(&source, RunScope::Default, None);
    tokio::pin!(run);
    let report = tokio::select! {
        report = &mut run => report,
        () = edits => run.await,
    };
    (report, fixture.clock.monotonic_ms() - began_ms)
}

#[tokio::test(start_paused = true)]
async fn a_tab_is_renamed_after_any_call_and_the_run_goes_on() {
    for (nth_mode, (mode, policy)) in MODES.into_iter().enumerate() {
        for (nth_tab, title) in TABS.into_iter().enumerate() {
            for calls in (0..14).skip((nth_mode + nth_tab) % calls_between_renames()).step_by(calls_between_renames()) {
                let fixture = make_job_with_history(mode, policy).await;
                let (proxy, id) = (&fixture.proxy, fixture.proxy.tab_id(title).await);
                let edit = async {
                    proxy.wait_for_calls(calls).await;
                    rename_tab(proxy, &id, "as we like it").await;
                };
                let (report, _) = Box::pin(run_while_editing(&fixture, edit)).await;
                let case = format!("{mode:?} {title} after {calls} calls");
                let report = report.unwrap_or_else(|error| panic!("{case}: {error}"));
                assert_eq!(report.run.counts.new, 4, "{case}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tabs_renamed_again_and_again_end_a_run_in_time() {
    for (mode, policy) in MODES {
        for title in TABS {
            for every in 1..5 {
                let fixture = make_job_with_history(mode, policy).await;
                let (proxy, id) = (&fixture.proxy, fixture.proxy.tab_id(title).await);
                let edits = async {
                    for nth in 0..1_000 {
                        proxy.wait_for_calls(every).await;
                        rename_tab(proxy, &id, &format!("name {nth}")).await;
                    }
                };
                let (report, took_ms) = Box::pin(run_while_editing(&fixture, edits)).await;
                let case = format!("{mode:?} {title}, every {every} calls: {report:?}");
                assert!(took_ms < 120_000, "{took_ms} ms: {case}");
                if let Err(error) = report {
                    assert_eq!(error.fault(), Fault::Throttled, "{case}");
                    assert!(error.to_string().contains("edited as often as"), "{case}");
                }
                fixture.clock.sleep(Duration::from_mins(10)).await;
                rename_tab(proxy, &id, title).await;
                fixture.run_items(&make_items("2")).await;
                assert_eq!(fixture.run_items(&make_items("2")).await.run.counts.new, 0, "{case}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keys_moved_again_and_again_end_a_run_in_time() {
    for latency_ms in [0, 2_000, 20_000] {
        let fixture = make_job_with_history(WriteMode::Upsert, ReprocessPolicy::OnChange).await;
        let (proxy, id) = (&fixture.proxy, fixture.proxy.tab_id("Processed j").await);
        // So many rows that no single call reads them all.
        let blank = json!({"sheetId": id, "dimension": "ROWS", "startIndex": 3, "endIndex": 60_003});
        proxy.edit_sheet(json!([{"insertDimension": {"range": blank}}])).await;
        assert_eq!(fixture.run_items(&make_items("1")).await.run.counts.new, 0, "{latency_ms}");
        proxy.set_latency(Duration::from_millis(latency_ms));
        let edits = async {
            loop {
                // Some rows are swapped with blank ones, alternately before and after the first
                // page is read.
                for (from, to) in [(1, 60_001), (60_000, 1)] {
                    proxy.wait_for_calls(1).await;
                    let rows = json!({"sheetId": id, "dimension": "ROWS", "startIndex": from, "endIndex": from + 1});
                    proxy.edit_sheet(json!([{"moveDimension": {"source": rows, "destinationIndex": to}}])).await;
                }
            }
        };
        let (report, took_ms) = Box::pin(run_while_editing(&fixture, edits)).await;
        let error = report.expect_err("it never comes to rest");
        assert_eq!(error.fault(), Fault::Throttled, "{latency_ms}: {error}");
        assert!(error.to_string().contains("tab Processed j was edited as often as"), "{error}");
        assert!(took_ms < 60_000 + 12 * latency_ms + 5_000, "{latency_ms}: {took_ms} ms");
        proxy.set_latency(Duration::ZERO);
        assert_eq!(fixture.run_items(&make_items("1")).await.run.counts.new, 0, "{latency_ms}: once it is at rest");
    }
}
