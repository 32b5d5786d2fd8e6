//! The states of `late`.

use super::{at, schedule};
use crate::job_schedule::{JobSchedule, ReadyTime, build_deadline_recurrence};
use crate::lateness::{LatenessState, RunSummary, SuccessfulRun, UnfinishedRun, classify_lateness, find_worst_state};
use crate::zone::parse_zone;

fn make_success(scheduled_for: Option<&str>, started_at: &str) -> RunSummary {
    let started_at = at(started_at);
    let run = SuccessfulRun {
        scheduled_for: scheduled_for.map(at),
        started_at,
        ended_at: started_at.add_ms(60_000),
        is_degraded: false,
    };
    RunSummary { last_success: Some(run), durations_ms: vec![60_000], ..RunSummary::default() }
}

fn state(schedule: &JobSchedule, now: &str, summary: &RunSummary) -> LatenessState {
    classify_lateness(Some(schedule), None, at(now), Some(summary)).state
}

#[test]
fn a_job_is_late_after_start_length_and_grace() {
    let daily = schedule("0 9 * * *", "Europe/Berlin");
    let summary = make_success(Some("2026-06-01T07:00:00Z"), "2026-06-01T07:00:00Z");
    assert_eq!(state(&daily, "2026-06-02T08:00:59Z", &summary), LatenessState::Ok);
    assert_eq!(state(&daily, "2026-06-02T08:01:00Z", &summary), LatenessState::Late);
    let report = classify_lateness(Some(&daily), None, at("2026-06-02T08:01:00Z"), Some(&summary));
    assert_eq!(report.expected.map(|expected| expected.scheduled_for), Some(at("2026-06-02T07:00:00Z")));
    assert_eq!(report.age_ms, Some(25 * 3_600_000));
}

#[test]
fn a_run_up_to_a_minute_early_counts() {
    let daily = schedule("0 9 * * *", "UTC");
    assert_eq!(state(&daily, "2026-06-02T12:00:00Z", &make_success(None, "2026-06-02T08:59:00Z")), LatenessState::Ok);
    assert_eq!(state(&daily, "2026-06-02T12:00:00Z", &make_success(None, "2026-06-02T08:58:59Z")), LatenessState::Late);
}

#[test]
fn a_deadline_is_missed_at_the_deadline() {
    let recurrence = build_deadline_recurrence("09:00", "*").expect("a deadline");
    let ready_by = Some(ReadyTime { not_before: None, margin_ms: 600_000 });
    let daily = JobSchedule { ready_by, ..JobSchedule::new(recurrence, parse_zone("UTC").expect("a zone")) };
    let summary = make_success(Some("2026-06-01T09:00:00Z"), "2026-06-01T08:40:00Z");
    assert_eq!(state(&daily, "2026-06-02T08:59:59Z", &summary), LatenessState::Ok);
    assert_eq!(state(&daily, "2026-06-02T09:00:00Z", &summary), LatenessState::Late);
}

#[test]
fn each_state_has_its_word_and_its_exit_code() {
    let daily = schedule("0 9 * * *", "UTC");
    let fine = make_success(Some("2026-06-02T09:00:00Z"), "2026-06-02T09:00:00Z");
    let now = "2026-06-02T12:00:00Z";
    let mut degraded = fine.clone();
    degraded.last_success = fine.last_success.map(|run| SuccessfulRun { is_degraded: true, ..run });
    let unfinished =
        Some(UnfinishedRun { started_at: at("2026-06-02T10:00:00Z"), lease_until: at("2026-06-02T10:05:00Z") });
    let alive = Some(UnfinishedRun { started_at: at(now), lease_until: at("2026-06-02T12:05:00Z") });
    let cases = [
        (fine.clone(), "ok", 0),
        (RunSummary { unfinished: alive, ..fine.clone() }, "ok", 0),
        (RunSummary { is_paused: true, ..fine.clone() }, "PAUSED", 0),
        (degraded, "DEGRADED", 3),
        (RunSummary { unfinished, ..fine.clone() }, "STUCK", 6),
        (RunSummary { unfinished, ..RunSummary::default() }, "STUCK", 6),
        (RunSummary::default(), "NEVER RAN", 6),
        (make_success(Some("2026-06-01T09:00:00Z"), "2026-06-01T09:00:00Z"), "LATE", 6),
    ];
    for (summary, word, code) in cases {
        let found = state(&daily, now, &summary);
        assert_eq!((found.as_str(), found.exit_code()), (word, code), "{summary:?}");
    }
    let unknown = classify_lateness(Some(&daily), None, at(now), None).state;
    assert_eq!((unknown.as_str(), unknown.exit_code()), ("UNKNOWN", 69));
}

#[test]
fn without_a_schedule_the_age_decides() {
    let summary = make_success(None, "2026-06-01T09:00:00Z");
    let state = |now: &str| classify_lateness(None, Some(26 * 3_600_000), at(now), Some(&summary)).state;
    assert_eq!(state("2026-06-02T11:01:00Z"), LatenessState::Ok);
    assert_eq!(state("2026-06-02T11:01:00.001Z"), LatenessState::Stale);
}

#[test]
fn a_blackout_date_is_not_late_and_the_worst_state_counts() {
    let mut daily = schedule("0 9 * * *", "UTC");
    daily.blackout.add("2026-06-02..2026-06-03").expect("a range");
    let summary = make_success(Some("2026-06-01T09:00:00Z"), "2026-06-01T09:00:00Z");
    assert_eq!(state(&daily, "2026-06-03T20:00:00Z", &summary), LatenessState::Ok);
    assert_eq!(state(&daily, "2026-06-04T20:00:00Z", &summary), LatenessState::Late);
    assert_eq!(find_worst_state([LatenessState::Unknown, LatenessState::Late, LatenessState::Ok]), LatenessState::Late);
    assert_eq!(find_worst_state([LatenessState::Unknown, LatenessState::Degraded]), LatenessState::Unknown);
    assert_eq!(find_worst_state([]), LatenessState::Ok);
}
