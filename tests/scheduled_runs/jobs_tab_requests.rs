//! What people ask for in the tab Jobs: how runs read it, answer it, and how often it counts.

use serde_json::json;
use sheetkeep::ledger::runs::job_requests::JobRequests;
use sheetkeep::store::tabs::jobs::JOBS;

use super::{JobsFixture, RUN_TIME, TestRun, make_items, make_view, nightly_run, parse_time};

#[tokio::test(start_paused = true)]
async fn what_people_ask_is_read_in_two_calls() {
    let fixture = JobsFixture::in_berlin(RUN_TIME, "de_DE").await;
    let store = fixture.store("nightly", Some(make_view()));
    assert_eq!(store.read_standing().await.expect("an answer").state, None);
    fixture.run(nightly_run(), &make_items(1)).await;
    let column = |name: &str| JOBS.iter().position(|column| *column == name).expect("a column");
    for (name, text) in [("paused", "ja"), ("run now", " today "), ("silence until", "2026-06-04 08:00")] {
        fixture.proxy.type_text("Jobs", 1, column(name), text).await;
    }
    fixture.proxy.start_recording();
    let standing = fixture.store("nightly", Some(make_view())).read_standing().await.expect("an answer");
    assert_eq!(fixture.proxy.take_recording().len(), 2);
    let expected = JobRequests {
        is_paused: true,
        silence_until: Some(parse_time("2026-06-04T06:00:00Z")),
        run_now: Some("today".into()),
        ..JobRequests::default()
    };
    assert_eq!((standing.requests, standing.warnings), (expected, Vec::new()));
    assert_eq!(standing.state.expect("a state").job, "nightly");
    // A paused job is not overdue.
    fixture.wait_until("2026-06-05T12:00:00Z").await;
    assert_eq!(fixture.job_cell("nightly", "overdue").await, "no");
    fixture.proxy.type_text("Jobs", 1, column("paused"), "No").await;
    assert_eq!(fixture.job_cell("nightly", "overdue").await, "yes");
    // Moved columns cost one more call.
    fixture.proxy.move_column("Jobs", column("run now"), 0).await;
    fixture.proxy.start_recording();
    let standing = fixture.store("nightly", Some(make_view())).read_standing().await.expect("an answer");
    assert_eq!((fixture.proxy.take_recording().len(), standing.requests.run_now.as_deref()), (3, Some("today")));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_understood_is_answered_in_the_runs_row() {
    let fixture = JobsFixture::in_berlin(RUN_TIME, "de_DE").await;
    fixture.run(nightly_run(), &make_items(1)).await;
    let column = |name: &str| JOBS.iter().position(|column| *column == name).expect("a column");
    for (name, text) in [("paused", "until Monday"), ("run now", "#NAME?"), ("silence until", "soon")] {
        fixture.proxy.type_text("Jobs", 1, column(name), text).await;
    }
    let expected = [
        "tab Jobs: \"until Monday\" in paused counts as a pause: tick it, or write yes or no",
        "tab Jobs: \"soon\" in silence until is not a time: enter a date, such as 2026-12-24 09:00",
        "tab Jobs: \"#NAME?\" in run now asks for no run: write today's date",
    ];
    let standing = fixture.store("nightly", Some(make_view())).read_standing().await.expect("an answer");
    assert_eq!(standing.requests.unclear, expected, "run --due says so, too");
    fixture.proxy.start_recording();
    let (report, warnings) = fixture.try_run(nightly_run(), &make_items(2)).await;
    assert_eq!(warnings, expected);
    assert_eq!(report.expect("a run").run.message, expected.join("; "));
    let messages = fixture.proxy.column("Runs", "message").await;
    assert!(messages.iter().any(|message| *message == expected.join("; ")), "{messages:?}");
    // Once: the state keeps what was answered, and `run --due` keeps quiet as well.
    let (report, warnings) = fixture.try_run(nightly_run(), &make_items(2)).await;
    assert_eq!((report.expect("a run").run.message.as_str(), warnings.len()), ("", 0));
    fixture.proxy.type_text("Jobs", 1, column("silence until"), "later").await;
    let again = "tab Jobs: \"later\" in silence until is not a time: enter a date, such as 2026-12-24 09:00";
    assert_eq!(fixture.try_run(nightly_run(), &make_items(2)).await.1, [again]);
    for (name, text) in [("paused", ""), ("run now", "2026-06-03"), ("silence until", "")] {
        fixture.proxy.type_text("Jobs", 1, column(name), text).await;
    }
    assert_eq!(fixture.run(nightly_run(), &make_items(3)).await.run.message, "");
    // Cleared and written again, the same text is answered again.
    fixture.proxy.type_text("Jobs", 1, column("silence until"), "later").await;
    assert_eq!(fixture.try_run(nightly_run(), &make_items(3)).await.1, [again]);
    fixture.proxy.type_text("Jobs", 1, column("silence until"), "").await;
    // A job without a schedule has no call that would act on it.
    let plain = TestRun { schedule: None, ..nightly_run() };
    let message = "tab Jobs: run now has no effect, because the job has no schedule";
    assert_eq!(fixture.run(plain, &make_items(4)).await.run.message, message);
}

#[tokio::test(start_paused = true)]
async fn a_request_counts_again_once_its_cell_was_empty() {
    let fixture = JobsFixture::in_berlin(RUN_TIME, "de_DE").await;
    let run_now = JOBS.iter().position(|column| *column == "run now").expect("a column");
    assert!(fixture.run_due().await, "the first occurrence");
    fixture.proxy.type_text("Jobs", 1, run_now, "please").await;
    assert!(fixture.run_due().await && !fixture.run_due().await, "the request is answered once");
    // An error of a formula and a tab that a run can't use are not an empty cell.
    fixture.proxy.type_text("Jobs", 1, run_now, "#REF!").await;
    fixture.wait_until("2026-06-03T07:00:00Z").await;
    assert!(fixture.run_due().await, "by its schedule");
    fixture.proxy.type_text("Jobs", 1, run_now, "please").await;
    assert!(!fixture.run_due().await, "the same request");
    fixture.proxy.type_text("Jobs", 0, run_now, "now?").await;
    fixture.wait_until("2026-06-04T07:00:00Z").await;
    assert!(fixture.run_due().await, "by its schedule");
    fixture.proxy.type_text("Jobs", 0, run_now, "run now").await;
    assert!(!fixture.run_due().await, "the same request");
    fixture.proxy.type_text("Jobs", 1, run_now, "").await;
    fixture.wait_until("2026-06-05T07:00:00Z").await;
    assert!(fixture.run_due().await, "by its schedule");
    fixture.proxy.type_text("Jobs", 1, run_now, "please").await;
    assert!(fixture.run_due().await && !fixture.run_due().await, "a new request");
}

#[tokio::test(start_paused = true)]
async fn a_skipped_time_and_a_command_are_no_runs_of_the_job() {
    let fixture = JobsFixture::in_berlin(RUN_TIME, "en_US").await;
    fixture.run(nightly_run(), &make_items(2)).await;
    let header = fixture.proxy.tab_rows("Runs").await.swap_remove(0);
    let row = |status: &str, trigger: &str, days: f64| {
        let cell = |name: &String| match name.as_str() {
            "job" => json!({"userEnteredValue": {"stringValue": "nightly"}}),
            "status" => json!({"userEnteredValue": {"stringValue": status}}),
            "trigger" => json!({"userEnteredValue": {"stringValue": trigger}}),
            "started" => json!({"userEnteredValue": {"numberValue": days}}),
            _ => json!({}),
        };
        json!({"values": header.iter().map(cell).collect::<Vec<_>>()})
    };
    let before = fixture.job_row("nightly").await;
    let later = parse_time("2026-06-02T09:00:00Z").serial();
    let rows =
        json!([row("skipped", "schedule", later), row("missed", "schedule", later), row("succeeded", "prune", later)]);
    let append = json!({"sheetId": fixture.proxy.tab_id("Runs").await, "rows": rows, "fields": "userEnteredValue"});
    fixture.proxy.edit_sheet(json!([{"appendCells": append}])).await;
    assert_eq!(fixture.job_row("nightly").await, before);
}
