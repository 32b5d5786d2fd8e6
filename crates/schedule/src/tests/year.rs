//! A year with three clocks on one shared state: one 40 minutes late, one of cron in UTC, one a
//! laptop that sleeps. Each occurrence runs once, and none is missed.

use std::collections::BTreeMap;

use sheetkeep_base::time::Timestamp;

use super::{at, schedule};
use crate::decision::{OccurrenceHistory, decide};
use crate::job_schedule::{JobSchedule, Occurrence};

const MINUTE: i64 = 60_000;
const DAY: i64 = 1440 * MINUTE;

/// When each clock calls, as (present time, clock), in order.
fn calls(schedule: &JobSchedule, from: i64, until: i64) -> Vec<(i64, &'static str)> {
    let mut calls = Vec::new();
    // A workflow service that starts 40 minutes after the local time.
    schedule.recurrence.visit_between(from, until, &schedule.zone, |(at, _)| calls.push((at + 40 * MINUTE, "late")));
    // Cron in UTC, hourly; its machine's clock is 20 seconds early.
    calls.extend((from..until).step_by(3_600_000).map(|at| (at - 20_000, "utc")));
    // A laptop that calls every 5 minutes, and sleeps at night, at weekends and for three weeks in
    // summer.
    let laptop = (from..until).step_by(300_000).filter(|at| {
        let (day, hour) = ((at - from) / DAY, at.rem_euclid(DAY) / 3_600_000);
        (7..17).contains(&hour) && day % 7 < 5 && !(200..221).contains(&day)
    });
    calls.extend(laptop.map(|at| (at + 1_000, "laptop")));
    calls.sort_unstable();
    calls
}

/// Plays the year; returns who ran each occurrence, and how many were recorded without a run.
fn play(schedule: &JobSchedule, is_up: impl Fn(i64, &str) -> bool) -> (BTreeMap<Occurrence, Vec<&'static str>>, usize) {
    let (from, until) = (at("2026-01-01T00:00:00Z").0, at("2027-01-01T00:00:00Z").0);
    let mut history = OccurrenceHistory { settled_until: Some(Timestamp(from)), ..OccurrenceHistory::default() };
    let (mut ran, mut closed) = (BTreeMap::<Occurrence, Vec<&str>>::new(), 0);
    for (now, clock) in calls(schedule, from, until).into_iter().filter(|(at, clock)| is_up(*at, clock)) {
        let decision = decide(schedule, Timestamp(now), &history);
        closed += decision.closed.len();
        if let Some(due) = decision.due {
            ran.entry(due).or_default().push(clock);
        }
        history.settled_until = decision.settles_until().or(history.settled_until);
    }
    (ran, closed)
}

fn compute_expected(schedule: &JobSchedule) -> Vec<Occurrence> {
    schedule.last_between(at("2026-01-01T00:00:00Z"), at("2026-12-31T23:00:00Z"), usize::MAX, 0).occurrences
}

#[test]
fn three_clocks_run_each_instant_of_a_year_once() {
    let drawn =
        [("0 9 * * *", "Europe/Berlin"), ("30 2 * * *", "America/New_York"), ("15 2 * * 1-5", "Australia/Lord_Howe")];
    for (text, zone) in drawn {
        let schedule = schedule(text, zone);
        let (ran, closed) = play(&schedule, |_, _| true);
        assert!(ran.values().all(|clocks| clocks.len() == 1), "each once");
        assert_eq!(ran.keys().copied().collect::<Vec<_>>(), compute_expected(&schedule), "none missed: {text} {zone}");
        assert_eq!(closed, 0, "none recorded as missed or skipped: {text} {zone}");
    }
}

#[test]
fn each_clock_runs_the_job_when_the_others_are_down() {
    let schedule = schedule("0 9 * * *", "Europe/Berlin");
    let from = at("2026-01-01T00:00:00Z").0;
    // A third of the year each: one clock is up at a time.
    let (ran, closed) = play(&schedule, |now, clock| match (now - from) / DAY {
        0..120 => clock == "utc",
        120..260 => clock == "late",
        _ => clock == "laptop",
    });
    let clocks: Vec<&str> = ran.values().flatten().copied().collect();
    for clock in ["utc", "late", "laptop"] {
        assert!(clocks.iter().filter(|found| **found == clock).count() > 60, "{clock}");
    }
    // The laptop sleeps at weekends: Saturday is superseded by Sunday, which runs on Monday or is
    // superseded in its turn; every one is recorded.
    let all = compute_expected(&schedule).len();
    assert!(closed > 0 && (all - 3..=all).contains(&(ran.len() + closed)), "{} ran, {closed} closed", ran.len());
}
