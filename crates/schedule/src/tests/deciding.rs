//! What is due, missed, skipped: the policies one by one.

use std::collections::BTreeSet;

use super::{at, schedule, short};
use crate::backfill::plan_backfill;
use crate::cadence::find_outgrown_interval;
use crate::decision::{ActiveRun, ClosedReason, DueDecision, MAX_RECORDED, OccurrenceHistory, decide, is_overlap_text};
use crate::job_schedule::{
    JobSchedule, MisfirePolicy, OverlapPolicy, ReadyTime, build_deadline_recurrence, draw_jitter_ms, estimate_ms,
    parse_time,
};
use crate::zone::parse_zone;

const HOUR: u64 = 3_600_000;

fn make_history(text: &str) -> OccurrenceHistory {
    OccurrenceHistory { settled_until: Some(at(text)), ..OccurrenceHistory::default() }
}

fn due(decision: &DueDecision) -> Option<String> {
    decision.due.map(|due| short(due.scheduled_for))
}

fn list_closed(decision: &DueDecision) -> Vec<(String, ClosedReason)> {
    decision.closed.iter().map(|closed| (short(closed.occurrence.scheduled_for), closed.reason.clone())).collect()
}

fn next(decision: &DueDecision) -> Option<String> {
    decision.next.map(|next| short(next.scheduled_for))
}

#[test]
fn an_occurrence_is_due_from_its_time_on_until_it_is_settled() {
    let schedule = schedule("0 9 * * *", "UTC");
    let before = decide(&schedule, at("2026-06-02T08:00:00Z"), &make_history("2026-06-01T09:00:00Z"));
    assert_eq!((due(&before), next(&before)), (None, Some("2026-06-02T09:00Z".into())));
    let late = decide(&schedule, at("2026-06-02T09:40:00Z"), &make_history("2026-06-01T09:00:00Z"));
    assert_eq!((due(&late), next(&late)), (Some("2026-06-02T09:00Z".into()), Some("2026-06-03T09:00Z".into())));
    let again = decide(&schedule, at("2026-06-02T09:41:00Z"), &make_history("2026-06-02T09:00:00Z"));
    assert_eq!((due(&again), again.closed.len()), (None, 0));
}

#[test]
fn a_clock_up_to_a_minute_early_runs_the_occurrence() {
    let schedule = schedule("0 9 * * *", "UTC");
    let history = make_history("2026-06-01T09:00:00Z");
    assert_eq!(due(&decide(&schedule, at("2026-06-02T08:59:01Z"), &history)), Some("2026-06-02T09:00Z".into()));
    assert_eq!(due(&decide(&schedule, at("2026-06-02T08:58:59Z"), &history)), None);
    let every_minute = super::schedule("* * * * *", "UTC");
    let history = make_history("2026-06-02T08:59:00Z");
    assert_eq!(due(&decide(&every_minute, at("2026-06-02T08:59:30Z"), &history)), None, "six seconds there");
}

#[test]
fn a_new_job_runs_what_is_in_time_and_missed_nothing() {
    let schedule = schedule("0 9 * * *", "UTC");
    let history = OccurrenceHistory::default();
    let in_time = decide(&schedule, at("2026-06-02T09:40:00Z"), &history);
    assert_eq!((due(&in_time), in_time.closed.len()), (Some("2026-06-02T09:00Z".into()), 0));
    let later = decide(&schedule, at("2026-06-02T11:00:00Z"), &history);
    assert_eq!((due(&later), later.closed.len(), next(&later)), (None, 0, Some("2026-06-03T09:00Z".into())));
}

#[test]
fn a_long_blackout_is_passed_in_one_step() {
    let mut schedule = schedule("* * * * *", "Europe/Berlin");
    schedule.blackout.add("2026-10-20..2027-02-01").expect("dates");
    let next = schedule.next_after(at("2026-10-19T23:00:00Z"), 0).expect("one after the blackout");
    assert_eq!(next.scheduled_for, at("2027-02-01T23:00:00Z"));
}

#[test]
fn run_all_runs_as_many_as_it_names() {
    let policy = MisfirePolicy::RunAll { max: 500 };
    let schedule = JobSchedule { misfire: policy, ..schedule("*/5 * * * *", "UTC") };
    let decision = decide(&schedule, at("2026-06-02T00:00:00Z"), &make_history("2026-06-01T00:00:00Z"));
    assert_eq!((due(&decision), decision.closed.len()), (Some("2026-06-01T00:05Z".into()), 0));
}

#[test]
fn run_once_runs_the_latest_and_records_the_others() {
    let schedule = schedule("0 9 * * *", "UTC");
    let decision = decide(&schedule, at("2026-06-04T20:00:00Z"), &make_history("2026-06-01T09:00:00Z"));
    assert_eq!(due(&decision), Some("2026-06-04T09:00Z".into()));
    let missed = |day| (format!("2026-06-0{day}T09:00Z"), ClosedReason::Superseded);
    assert_eq!(list_closed(&decision), [missed(2), missed(3)]);
    assert_eq!(decision.settles_until(), Some(at("2026-06-04T09:00:00Z")));
}

#[test]
fn misfire_skip_runs_nothing_that_is_too_late() {
    let schedule = JobSchedule { misfire: MisfirePolicy::Skip, ..schedule("0 9 * * *", "UTC") };
    let history = make_history("2026-06-02T09:00:00Z");
    assert_eq!(due(&decide(&schedule, at("2026-06-03T10:00:00Z"), &history)), Some("2026-06-03T09:00Z".into()));
    let late = decide(&schedule, at("2026-06-03T10:00:01Z"), &history);
    assert_eq!(due(&late), None);
    assert_eq!(list_closed(&late), [("2026-06-03T09:00Z".into(), ClosedReason::TooLate)]);
}

#[test]
fn run_all_runs_the_oldest_first_up_to_its_maximum() {
    let schedule = JobSchedule { misfire: MisfirePolicy::RunAll { max: 2 }, ..schedule("0 9 * * *", "UTC") };
    let now = at("2026-06-05T20:00:00Z");
    let first = decide(&schedule, now, &make_history("2026-06-02T09:00:00Z"));
    assert_eq!(list_closed(&first), [("2026-06-03T09:00Z".into(), ClosedReason::Superseded)]);
    assert_eq!((due(&first), next(&first)), (Some("2026-06-04T09:00Z".into()), Some("2026-06-05T09:00Z".into())));
    let second = decide(&schedule, now, &make_history("2026-06-04T09:00:00Z"));
    assert_eq!((due(&second), next(&second)), (Some("2026-06-05T09:00Z".into()), Some("2026-06-06T09:00Z".into())));
}

#[test]
fn nothing_behind_a_waiting_occurrence_is_settled_early() {
    let mut schedule = JobSchedule { misfire: MisfirePolicy::RunAll { max: 5 }, ..schedule("0 9 * * *", "UTC") };
    schedule.blackout.add("2026-06-05").expect("a date");
    let decision = decide(&schedule, at("2026-06-05T20:00:00Z"), &make_history("2026-06-02T09:00:00Z"));
    assert_eq!(due(&decision), Some("2026-06-03T09:00Z".into()));
    assert_eq!(list_closed(&decision), [], "the blackout date comes after 4 June, which still waits");
}

#[test]
fn an_outage_of_months_is_recorded_in_bounds() {
    let schedule = schedule("* * * * *", "Europe/Berlin");
    let decision = decide(&schedule, at("2026-06-05T20:00:00Z"), &make_history("2026-03-01T00:00:00Z"));
    assert_eq!(due(&decision), Some("2026-06-05T20:00Z".into()));
    assert_eq!(decision.closed.len(), MAX_RECORDED - 1);
    let before = decision.missed_before.expect("older ones");
    assert_eq!((short(before.first), before.count), ("2026-03-01T00:01Z".into(), 139_340));
    assert_eq!(before.count + 100, 96 * 1440 + 20 * 60, "96 days and 20 hours of minutes");
}

#[test]
fn overlap_skip_records_the_occurrence_and_names_the_run() {
    let schedule = schedule("0 * * * *", "UTC");
    let active = Some(ActiveRun { id: "r_7".into(), started_at: at("2026-06-02T09:00:01Z") });
    let history = OccurrenceHistory { active, ..make_history("2026-06-02T09:00:00Z") };
    let decision = decide(&schedule, at("2026-06-02T10:00:05Z"), &history);
    assert_eq!(due(&decision), None);
    assert_eq!(list_closed(&decision), [("2026-06-02T10:00Z".into(), ClosedReason::Overlap(Some("r_7".into())))]);
    assert_eq!(decision.closed[0].reason.to_text(), "skipped: run r_7 is still active");
}

#[test]
fn only_the_texts_of_an_overlap_are_read_as_one() {
    let overlaps = [ClosedReason::Overlap(Some("r_7".into())), ClosedReason::Overlap(None)];
    assert!(overlaps.iter().all(|reason| is_overlap_text(&reason.to_text())));
    let others = [
        ClosedReason::Superseded,
        ClosedReason::TooLate,
        ClosedReason::Blackout,
        ClosedReason::Paused,
        ClosedReason::PausedAfterFailures(5),
    ];
    assert!(others.iter().all(|reason| !is_overlap_text(&reason.to_text())));
}

#[test]
fn an_overlap_that_no_run_saw_is_recorded_after_it() {
    let schedule = schedule("0 * * * *", "UTC");
    let ended = vec![(at("2026-06-02T09:00:01Z"), at("2026-06-02T10:20:00Z"))];
    let history = OccurrenceHistory { ended, ..make_history("2026-06-02T09:00:00Z") };
    let decision = decide(&schedule, at("2026-06-02T10:30:00Z"), &history);
    assert_eq!(
        (due(&decision), list_closed(&decision)),
        (None, vec![("2026-06-02T10:00Z".into(), ClosedReason::Overlap(None))])
    );
}

#[test]
fn overlap_queue_waits_and_allow_runs_beside() {
    let active = Some(ActiveRun { id: "r_7".into(), started_at: at("2026-06-02T09:00:01Z") });
    let history = OccurrenceHistory { active, ..make_history("2026-06-02T09:00:00Z") };
    let queue = JobSchedule { overlap: OverlapPolicy::Queue, ..schedule("0 * * * *", "UTC") };
    let waiting = decide(&queue, at("2026-06-02T11:00:05Z"), &history);
    assert_eq!((due(&waiting), waiting.closed.len()), (None, 0));
    assert_eq!(waiting.waiting.map(|waiting| short(waiting.scheduled_for)), Some("2026-06-02T11:00Z".into()));
    let ended = OccurrenceHistory { active: None, ..history.clone() };
    assert_eq!(due(&decide(&queue, at("2026-06-02T11:10:00Z"), &ended)), Some("2026-06-02T11:00Z".into()));
    let allow = JobSchedule { overlap: OverlapPolicy::Allow, ..queue };
    assert_eq!(due(&decide(&allow, at("2026-06-02T10:00:05Z"), &history)), Some("2026-06-02T10:00Z".into()));
}

#[test]
fn paused_jobs_and_blackout_dates_are_skipped_with_the_reason() {
    let mut schedule = schedule("0 9 * * *", "Europe/Berlin");
    schedule.blackout.add("2026-06-02").expect("a date");
    let now = at("2026-06-03T07:00:00Z");
    let history = make_history("2026-06-01T07:00:00Z");
    let blackout = ("2026-06-02T07:00Z".to_owned(), ClosedReason::Blackout);
    let open = decide(&schedule, now, &history);
    assert_eq!((due(&open), list_closed(&open)), (Some("2026-06-03T07:00Z".into()), vec![blackout.clone()]));
    let paused = decide(&schedule, now, &OccurrenceHistory { is_paused: true, ..history.clone() });
    assert_eq!(list_closed(&paused), [blackout.clone(), ("2026-06-03T07:00Z".into(), ClosedReason::Paused)]);
    let failed = decide(&schedule, now, &OccurrenceHistory { failures_in_a_row: 5, ..history.clone() });
    assert_eq!(list_closed(&failed)[1].1, ClosedReason::PausedAfterFailures(5));
    let fourth = decide(&schedule, now, &OccurrenceHistory { failures_in_a_row: 4, ..history });
    assert!(due(&fourth).is_some());
}

#[test]
fn jitter_is_stable_within_bounds_and_spreads_jobs() {
    let delays: BTreeSet<u64> = (0..100).map(|n| draw_jitter_ms(&format!("job-{n}"), 600_000)).collect();
    assert!(delays.len() > 80 && delays.iter().all(|delay| *delay < 600_000 && delay % 1_000 == 0));
    assert_eq!(draw_jitter_ms("quakes", 600_000), draw_jitter_ms("quakes", 600_000));
    assert_eq!(draw_jitter_ms("quakes", 0), 0);
    let delayed = JobSchedule { delay_ms: 120_000, ..schedule("0 9 * * *", "UTC") };
    let history = make_history("2026-06-01T09:00:00Z");
    assert_eq!(due(&decide(&delayed, at("2026-06-02T09:00:30Z"), &history)), None);
    assert_eq!(due(&decide(&delayed, at("2026-06-02T09:02:00Z"), &history)), Some("2026-06-02T09:00Z".into()));
}

fn ready_by(not_before: Option<&str>) -> JobSchedule {
    let recurrence = build_deadline_recurrence("09:00", "*").expect("a deadline");
    let not_before = not_before.map(|time| parse_time(time).expect("a time"));
    let ready_by = Some(ReadyTime { not_before, margin_ms: 600_000 });
    JobSchedule { ready_by, ..JobSchedule::new(recurrence, parse_zone("Europe/Berlin").expect("a zone")) }
}

#[test]
fn ready_by_starts_the_usual_length_and_a_margin_before() {
    let durations: Vec<u64> = (1..=20).map(|minutes| minutes * 60_000).collect();
    assert_eq!(estimate_ms(&durations), 19 * 60_000, "the 95th percentile of 20 is the 19th");
    let history = OccurrenceHistory { durations_ms: durations, ..make_history("2026-06-01T07:00:00Z") };
    let schedule = ready_by(None);
    let early = decide(&schedule, at("2026-06-02T06:20:00Z"), &history);
    assert_eq!(due(&early), None);
    assert_eq!(early.next.map(|next| short(next.starts_at)), Some("2026-06-02T06:31Z".into()));
    assert_eq!(due(&decide(&schedule, at("2026-06-02T06:31:00Z"), &history)), Some("2026-06-02T07:00Z".into()));
}

#[test]
fn ready_by_never_starts_before_not_before() {
    let history = OccurrenceHistory { durations_ms: vec![5 * HOUR; 3], ..make_history("2026-06-01T07:00:00Z") };
    let start = |not_before| {
        let decision = decide(&ready_by(not_before), at("2026-06-01T12:00:00Z"), &history);
        decision.next.map(|next| short(next.starts_at))
    };
    assert_eq!(start(None), Some("2026-06-02T01:50Z".into()));
    assert_eq!(start(Some("06:00")), Some("2026-06-02T04:00Z".into()));
    assert_eq!(start(Some("22:00")), Some("2026-06-02T01:50Z".into()), "22:00 is on the day before");
}

#[test]
fn clock_jumps_of_three_hours_give_each_occurrence_once() {
    let schedule = schedule("0 * * * *", "UTC");
    let mut history = make_history("2026-06-02T08:00:00Z");
    let mut ran = Vec::new();
    // 09:00, then a jump to 12:30, then back to 09:30 and on to 13:00.
    for now in ["09:00", "12:30", "09:30", "10:00", "11:00", "12:00", "12:59", "13:00", "13:00"] {
        let decision = decide(&schedule, at(&format!("2026-06-02T{now}:30Z")), &history);
        ran.extend(due(&decision));
        history.settled_until = decision.settles_until().or(history.settled_until);
    }
    assert_eq!(ran, ["2026-06-02T09:00Z", "2026-06-02T12:00Z", "2026-06-02T13:00Z"]);
}

#[test]
fn a_job_that_outgrows_its_interval_is_reported() {
    let schedule = schedule("*/15 9-10 * * *", "UTC");
    let now = at("2026-06-02T00:00:00Z");
    let outgrown = find_outgrown_interval(&schedule, now, &[1_000_000; 3], 0).expect("16 minutes in 15");
    assert_eq!((outgrown.interval_ms, outgrown.estimate_ms), (900_000, 1_000_000));
    let sentence = outgrown.sentence();
    assert!(
        sentence.starts_with("a run takes about 16 min 40 s, and the schedule starts one every 15 min"),
        "{sentence}"
    );
    assert_eq!(find_outgrown_interval(&schedule, now, &[1_000_000; 2], 2), None);
    let skipped = find_outgrown_interval(&schedule, now, &[1_000; 20], 3).expect("three were skipped");
    assert!(skipped.sentence().starts_with("3 times in a row were skipped because a run was still active"));
}

#[test]
fn a_backfill_skips_dates_that_ran() {
    let mut schedule = schedule("0 9 * * *", "Europe/Berlin");
    schedule.blackout.add("2026-06-03").expect("a date");
    let done = BTreeSet::from([at("2026-06-02T07:00:00Z")]);
    let range = ("2026-06-01".parse().expect("a date"), "2026-06-09".parse().expect("a date"));
    let plan = plan_backfill(&schedule, range, &done, at("2026-06-05T12:00:00Z"));
    let missing: Vec<String> = plan.missing.iter().map(|missing| missing.date.to_string()).collect();
    assert_eq!(missing, ["2026-06-01", "2026-06-04", "2026-06-05"]);
    assert_eq!((plan.already_done, plan.blackout, plan.future, plan.is_cut), (1, 1, 4, false));
}
