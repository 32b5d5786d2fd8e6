//! How the tab Jobs comes to be: beside other jobs, on older spreadsheets, and after people changed
//! or deleted it.

use serde_json::json;
use sheetkeep::store::tabs::jobs::JOBS;
use std::sync::Arc;
use std::time::Duration;

use super::{JobsFixture, RUN_TIME, TestRun, make_items, nightly_run};

#[tokio::test(start_paused = true)]
async fn two_jobs_that_begin_at_once_make_one_tab_and_two_rows() {
    for nth in [0, 7] {
        let fixture = JobsFixture::starting_at(RUN_TIME, nth);
        fixture.proxy.set_latency(Duration::from_millis(100));
        let (few, more) = (make_items(2), make_items(3));
        let other = TestRun { job: "hourly", ..nightly_run() };
        let (one, two) = tokio::join!(fixture.run(nightly_run(), &few), fixture.run(other, &more));
        assert_eq!((one.run.counts.new, two.run.counts.new), (2, 3));
        let titles = fixture.tab_titles().await;
        assert_eq!(titles.iter().filter(|title| title.starts_with("Jobs")).count(), 1, "{titles:?}");
        let mut jobs = fixture.proxy.column("Jobs", "job").await;
        jobs.sort();
        assert_eq!(jobs, ["hourly", "nightly"]);
        assert_eq!(
            (fixture.job_cell("nightly", "new").await, fixture.job_cell("hourly", "new").await),
            ("2".into(), "3".into())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_sheet_of_an_earlier_version_gets_columns_and_tab_once() {
    let fixture = JobsFixture::in_berlin(RUN_TIME, "en_US").await;
    for job in ["nightly", "hourly"] {
        fixture.run(TestRun { job, view: None, schedule: None, due: None }, &make_items(1)).await;
    }
    // As an earlier version made it, with a column of a person's.
    let runs = fixture.proxy.tab_id("Runs").await;
    let range = json!({"sheetId": runs, "dimension": "COLUMNS", "startIndex": 21, "endIndex": 28});
    fixture.proxy.edit_sheet(json!([{"deleteDimension": {"range": range}}])).await;
    let old = fixture.proxy.tab_rows("Runs").await;
    fixture.proxy.set_latency(Duration::from_millis(100));
    fixture.wait_until("2026-06-03T07:00:00Z").await;
    let (few, other) = (make_items(2), TestRun { job: "hourly", ..nightly_run() });
    tokio::join!(fixture.run(nightly_run(), &few), fixture.run(other, &few));
    let now = fixture.proxy.tab_rows("Runs").await;
    assert_eq!(now[0].len(), 28);
    assert!(old.iter().skip(1).zip(now.iter().skip(1)).all(|(old, now)| now.starts_with(old)), "{now:?}");
    for job in ["nightly", "hourly"] {
        assert_eq!(fixture.job_cell(job, "state").await, "succeeded", "{job}");
    }
    let jobs = fixture.proxy.column("Jobs", "job").await;
    assert_eq!(jobs.len(), 2, "{jobs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_starts_while_others_make_runs_and_then_jobs() {
    let fixture = Arc::new(JobsFixture::in_berlin(RUN_TIME, "en_US").await);
    let (first, second) = (Arc::clone(&fixture), Arc::clone(&fixture));
    let edit = Box::pin(async move {
        first.run(TestRun { job: "weekly", view: None, schedule: None, due: None }, &make_items(1)).await;
        // The batch is refused for Runs. Before it is sent again, a third job makes Jobs.
        let edit = Box::pin(async move {
            second.run(TestRun { job: "hourly", ..nightly_run() }, &make_items(1)).await;
        });
        first.proxy.edit_at_write(1, true, edit);
    });
    fixture.proxy.edit_at_write(0, true, edit);
    let (report, warnings) = fixture.try_run(nightly_run(), &make_items(2)).await;
    assert_eq!(report.expect("a run").run.counts.new, 2);
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(fixture.proxy.column("Jobs", "job").await, ["hourly", "nightly"]);
}

#[tokio::test(start_paused = true)]
async fn a_jobs_tab_made_without_the_column_held_works_as_before() {
    let fixture = JobsFixture::in_berlin(RUN_TIME, "en_US").await;
    fixture.run(nightly_run(), &make_items(1)).await;
    // As an earlier version made it, with a tick in a column after it.
    let at = JOBS.iter().position(|name| *name == "held").expect("the column");
    let range = json!({"sheetId": fixture.proxy.tab_id("Jobs").await, "dimension": "COLUMNS", "startIndex": at, "endIndex": at + 1});
    fixture.proxy.edit_sheet(json!([{"deleteDimension": {"range": range}}])).await;
    let header = fixture.proxy.tab_rows("Jobs").await.swap_remove(0);
    let run_now = header.iter().position(|name| name == "run now").expect("a column");
    fixture.proxy.type_text("Jobs", 1, run_now, "please").await;
    fixture.wait_until("2026-06-03T07:00:00Z").await;
    let other = TestRun { job: "hourly", ..nightly_run() };
    for run in [nightly_run(), other] {
        let (report, warnings) = fixture.try_run(run, &make_items(2)).await;
        assert!(report.is_ok() && warnings.is_empty(), "{report:?} {warnings:?}");
    }
    assert_eq!(fixture.proxy.tab_rows("Jobs").await[0], header, "a column is a person's to add");
    for job in ["nightly", "hourly"] {
        assert_eq!(fixture.job_cell(job, "state").await, "succeeded", "{job}");
        assert_eq!(fixture.job_cell(job, "overdue").await, "no", "{job}");
    }
    let asked = fixture.job_cell("nightly", "run now").await;
    assert_eq!(asked, "please", "the cells of people stay where they are");
}

#[tokio::test(start_paused = true)]
async fn a_runs_tab_that_lost_a_new_column_stops_nothing() {
    let fixture = JobsFixture::in_berlin(RUN_TIME, "en_US").await;
    fixture.run(nightly_run(), &make_items(1)).await;
    let header = fixture.proxy.tab_rows("Runs").await.swap_remove(0);
    let at = header.iter().position(|name| name == "next_due").expect("the column");
    let range = json!({"sheetId": fixture.proxy.tab_id("Runs").await, "dimension": "COLUMNS", "startIndex": at, "endIndex": at + 1});
    fixture.proxy.edit_sheet(json!([{"deleteDimension": {"range": range}}])).await;
    fixture.wait_until("2026-06-03T07:00:00Z").await;
    let (report, warnings) = fixture.try_run(nightly_run(), &make_items(2)).await;
    assert_eq!(report.expect("a run").run.counts.new, 1);
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(fixture.job_cell("nightly", "next due").await, "#REF!");
    assert_eq!(fixture.job_cell("nightly", "new").await, "1");
}

#[tokio::test(start_paused = true)]
async fn a_persons_tab_named_jobs_is_not_written_to() {
    for title in ["Jobs", "JOBS"] {
        let fixture = JobsFixture::in_berlin(RUN_TIME, "en_US").await;
        fixture.proxy.edit_sheet(json!([{"addSheet": {"properties": {"sheetId": 5, "title": title}}}])).await;
        fixture.proxy.type_text(title, 0, 0, "job").await;
        fixture.proxy.type_text(title, 1, 0, "plumber").await;
        for _ in 0..2 {
            let (report, warnings) = fixture.try_run(nightly_run(), &make_items(1)).await;
            assert_eq!(report.expect("a run").run.status.as_str(), "succeeded");
            let named = warnings.iter().filter(|warning| warning.contains("rename it, and the job makes its own"));
            assert_eq!(named.count(), 1, "{warnings:?}");
            fixture.clock.sleep(Duration::from_mins(1)).await;
        }
        assert_eq!(fixture.proxy.tab_rows(title).await, [["job"], ["plumber"]]);
        assert_eq!(fixture.recalculation().await, "ON_CHANGE");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_row_and_a_deleted_tab_are_made_again() {
    let fixture = JobsFixture::in_berlin(RUN_TIME, "en_US").await;
    fixture.run(nightly_run(), &make_items(1)).await;
    let id = fixture.proxy.tab_id("Jobs").await;
    let range = json!({"sheetId": id, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    for edit in [json!({"deleteDimension": {"range": range}}), json!({"deleteSheet": {"sheetId": id}})] {
        fixture.proxy.edit_sheet(json!([edit])).await;
        fixture.clock.sleep(Duration::from_hours(1)).await;
        fixture.run(nightly_run(), &make_items(1)).await;
        assert_eq!(fixture.proxy.column("Jobs", "job").await, ["nightly"]);
    }
    fixture.run(TestRun { view: None, ..nightly_run() }, &make_items(1)).await;
    assert_eq!(fixture.proxy.column("Jobs", "job").await, ["nightly"]);
}

#[tokio::test(start_paused = true)]
async fn a_protected_tab_is_left_and_the_run_goes_on() {
    let fixture = JobsFixture::in_berlin(RUN_TIME, "en_US").await;
    fixture.run(TestRun { job: "hourly", ..nightly_run() }, &make_items(1)).await;
    let range = json!({"sheetId": fixture.proxy.tab_id("Jobs").await});
    let protected = json!({"range": range, "editors": {"users": ["boss@example.com"]}});
    fixture.proxy.edit_as_owner(json!([{"addProtectedRange": {"protectedRange": protected}}])).await;
    let (report, warnings) = fixture.try_run(nightly_run(), &make_items(4)).await;
    assert_eq!(report.expect("a run").run.counts.new, 4);
    assert!(warnings.iter().any(|warning| warning.starts_with("the tab Jobs was left as it is")), "{warnings:?}");
    assert_eq!(fixture.proxy.column("Jobs", "job").await, ["hourly"]);
}
