//! Occurrences that no run took: outages, pauses, active runs, and changed schedules.

use serde_json::json;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::schedule::job_schedule::OverlapPolicy;
use sheetkeep::schedule::recurrence::Recurrence;

use super::{CallOutcome, DAY, HOUR, MINUTE, ScheduledJob, make_items};

#[tokio::test(start_paused = true)]
async fn an_outage_is_recorded_and_the_latest_occurrence_runs() {
    let job = ScheduledJob::new("0 * * * *", "2026-11-29T08:00:00Z");
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
    // A suspend of ten hours.
    job.wait(10 * HOUR + 5 * MINUTE).await;
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
    let rows = job.run_rows().await;
    assert_eq!(
        rows.iter().map(|(at, _)| at.clone()).collect::<Vec<_>>(),
        job.expected_times("2026-11-29T07:30:00Z", "2026-11-29T18:00:00Z")
    );
    assert_eq!(rows.iter().filter(|(_, status)| status == "missed").count(), 9);
    assert_eq!(job.run_times().await, ["2026-11-29 08:00:00", "2026-11-29 18:00:00"]);
}

#[tokio::test(start_paused = true)]
async fn an_occurrence_during_a_run_is_recorded_after_it() {
    let mut job = ScheduledJob::new("*/10 * * * *", "2026-11-29T08:00:00Z");
    job.item_ms = 4 * MINUTE;
    // Three waits of four minutes: one for each item, and one for the end.
    let (run, active) = tokio::join!(job.call("a", make_items()), async {
        job.wait(11 * MINUTE).await;
        job.call("b", make_items()).await
    });
    assert!(matches!(run, CallOutcome::Ran(_)) && matches!(active, CallOutcome::Active), "{run:?} {active:?}");
    assert_eq!(job.run_rows().await.len(), 1, "the holder of the lease alone writes");
    assert!(matches!(job.call("b", make_items()).await, CallOutcome::Recorded));
    assert!(matches!(job.call("b", make_items()).await, CallOutcome::NotDue));
    let rows = job.run_rows().await;
    assert_eq!(rows[1], ("2026-11-29 08:10:00".to_owned(), "skipped".to_owned()), "{rows:?}");
}

#[tokio::test(start_paused = true)]
async fn a_killed_run_is_recorded_and_its_occurrence_is_not_run_twice() {
    let mut job = ScheduledJob::new("0 * * * *", "2026-11-29T08:00:00Z");
    job.item_ms = 5 * MINUTE;
    tokio::select! {
        _ = job.call("a", make_items()) => panic!("it takes a quarter of an hour"),
        () = job.wait(8 * MINUTE) => {}
    }
    assert!(matches!(job.call("b", make_items()).await, CallOutcome::Active), "its lease is not over");
    job.wait(20 * MINUTE).await;
    assert!(matches!(job.call("b", make_items()).await, CallOutcome::NotDue), "the occurrence was claimed");
    job.item_ms = 0;
    job.wait(32 * MINUTE).await;
    assert!(matches!(job.call("b", make_items()).await, CallOutcome::Ran(_)));
    let rows = job.run_rows().await;
    let expected = [("2026-11-29 08:00:00", "crashed"), ("2026-11-29 09:00:00", "succeeded")];
    assert_eq!(rows, expected.map(|(at, status)| (at.to_owned(), status.to_owned())));
    assert_eq!(job.fixture.proxy.column("Data", "id").await, ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_pauses_after_failures_until_a_run_by_hand_succeeds() {
    let mut job = ScheduledJob::new("0 * * * *", "2026-11-29T08:00:00Z");
    job.fixture.schedule.pause_after = 2;
    let broken = vec![json!({"id": 1, "breaks": true})];
    for _ in 0..2 {
        assert!(matches!(job.call("a", broken.clone()).await, CallOutcome::Failed(RunError::Source { .. })));
        job.wait(HOUR).await;
    }
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Recorded));
    let messages = job.fixture.proxy.column("Runs", "message").await;
    assert_eq!(messages.last().map(String::as_str), Some("skipped: paused after 2 failed runs in a row"));
    assert!(matches!(job.run_by_hand(make_items()).await, CallOutcome::Ran(_)));
    job.wait(HOUR).await;
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
    let statuses: Vec<String> = job.fixture.proxy.column("Runs", "status").await;
    assert_eq!(statuses, ["failed", "failed", "skipped", "succeeded", "succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_paused_job_and_a_blackout_date_get_a_row_and_no_run() {
    let mut job = ScheduledJob::new("0 9 * * *", "2026-12-24T08:00:00Z");
    job.fixture.schedule.blackout.add("2026-12-25").expect("a date");
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
    job.wait(DAY).await;
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Recorded));
    job.wait(DAY).await;
    job.fixture.requests.is_paused = true;
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Recorded));
    let messages = job.fixture.proxy.column("Runs", "message").await;
    assert_eq!(messages, ["", "skipped: blackout date", "skipped: the job is paused"]);
    assert_eq!(job.run_times().await, ["2026-12-24 08:00:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_queued_occurrence_runs_once_the_active_run_has_ended() {
    let mut job = ScheduledJob::new("*/10 * * * *", "2026-11-29T08:00:00Z");
    (job.item_ms, job.fixture.schedule.overlap) = (4 * MINUTE, OverlapPolicy::Queue);
    let (run, active) = tokio::join!(job.call("a", make_items()), async {
        job.wait(11 * MINUTE).await;
        job.call("b", make_items()).await
    });
    assert!(matches!(run, CallOutcome::Ran(_)) && matches!(active, CallOutcome::Active), "{run:?} {active:?}");
    job.item_ms = 0;
    assert!(matches!(job.call("b", make_items()).await, CallOutcome::Ran(_)));
    assert_eq!(job.run_times().await, ["2026-11-29 08:00:00", "2026-11-29 08:10:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_first_called_after_its_grace_runs_the_next_day() {
    // Nine in Berlin, and a clock that calls at eleven.
    let job = ScheduledJob::new("0 9 * * *", "2026-11-29T10:00:00Z");
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Recorded));
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::NotDue));
    job.wait(DAY).await;
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
    let expected = [("2026-11-29 08:00:00", "skipped"), ("2026-11-30 08:00:00", "succeeded")];
    assert_eq!(job.run_rows().await, expected.map(|(at, status)| (at.to_owned(), status.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_changed_schedule_invents_no_missed_times() {
    let mut job = ScheduledJob::new("0 9 * * *", "2026-11-29T08:00:00Z");
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
    job.wait(22 * HOUR + MINUTE).await;
    job.fixture.schedule.recurrence = Recurrence::parse("*/10 * * * *").expect("an expression");
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
    let rows = job.run_rows().await;
    // Those of the last hour count, as for a new job.
    assert_eq!(rows.len(), 7, "{rows:?}");
    assert_eq!(rows[6], ("2026-11-30 06:00:00".to_owned(), "succeeded".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_gap_of_three_hours_and_one_of_ten_are_recorded() {
    let job = ScheduledJob::new("0 * * * *", "2026-11-29T08:00:00Z");
    for hours in [0, 3, 10] {
        job.wait(hours * HOUR).await;
        assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)), "after {hours} h");
    }
    let rows = job.run_rows().await;
    let statuses = |status: &str| rows.iter().filter(|(_, of)| of == status).count();
    assert_eq!((statuses("succeeded"), statuses("missed"), rows.len()), (3, 2 + 9, 14), "{rows:?}");
    assert_eq!(rows.iter().map(|(time, _)| time.clone()).collect::<Vec<_>>().len(), 14);
}
