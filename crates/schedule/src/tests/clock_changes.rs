//! Golden tables: what each kind of job does when clocks change, in four zones.

use super::{at, schedule, short};
use crate::words::describe_clock_changes;

/// Expression, zone, the UTC times between two instants.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

const TABLE: &[Row] = &[
    // Berlin, forward on 2026-03-29 at 01:00Z (02:00 becomes 03:00), back on 2026-10-25 at 01:00Z.
    (
        "30 2 * * *",
        "Europe/Berlin",
        "2026-03-28T00:00:00Z",
        "2026-03-31T00:00:00Z",
        &["2026-03-28T01:30Z", "2026-03-29T01:00Z", "2026-03-30T00:30Z"],
    ),
    (
        "30 2 * * *",
        "Europe/Berlin",
        "2026-10-24T12:00:00Z",
        "2026-10-26T12:00:00Z",
        &["2026-10-25T00:30Z", "2026-10-26T01:30Z"],
    ),
    ("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", &[]),
    (
        "*/30 2 * * *",
        "Europe/Berlin",
        "2026-10-24T12:00:00Z",
        "2026-10-25T12:00:00Z",
        &["2026-10-25T00:00Z", "2026-10-25T00:30Z", "2026-10-25T01:00Z", "2026-10-25T01:30Z"],
    ),
    (
        "0,30 2,3 * * *",
        "Europe/Berlin",
        "2026-03-28T12:00:00Z",
        "2026-03-29T12:00:00Z",
        &["2026-03-29T01:00Z", "2026-03-29T01:30Z"],
    ),
    (
        "0 9 * * 1-5",
        "Europe/Berlin",
        "2026-03-27T00:00:00Z",
        "2026-03-31T00:00:00Z",
        &["2026-03-27T08:00Z", "2026-03-30T07:00Z"],
    ),
    // New York, forward on 2026-03-08 at 07:00Z, back on 2026-11-01 at 06:00Z.
    (
        "30 2 * * *",
        "America/New_York",
        "2026-03-07T12:00:00Z",
        "2026-03-09T12:00:00Z",
        &["2026-03-08T07:00Z", "2026-03-09T06:30Z"],
    ),
    (
        "30 1 * * *",
        "America/New_York",
        "2026-10-31T12:00:00Z",
        "2026-11-02T12:00:00Z",
        &["2026-11-01T05:30Z", "2026-11-02T06:30Z"],
    ),
    (
        "0 * * * *",
        "America/New_York",
        "2026-11-01T04:30:00Z",
        "2026-11-01T07:30:00Z",
        &["2026-11-01T05:00Z", "2026-11-01T06:00Z", "2026-11-01T07:00Z"],
    ),
    // Lord Howe changes by half an hour: forward on 2026-10-03 at 15:30Z, back on 2026-04-04 at
    // 15:00Z.
    (
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-02T12:00:00Z",
        "2026-10-04T18:00:00Z",
        &["2026-10-02T15:45Z", "2026-10-03T15:30Z", "2026-10-04T15:15Z"],
    ),
    (
        "45 1 * * *",
        "Australia/Lord_Howe",
        "2026-04-04T00:00:00Z",
        "2026-04-06T00:00:00Z",
        &["2026-04-04T14:45Z", "2026-04-05T15:15Z"],
    ),
    (
        "*/15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T12:00:00Z",
        "2026-10-04T00:00:00Z",
        &["2026-10-03T15:30Z", "2026-10-03T15:45Z"],
    ),
    // UTC never changes.
    ("30 2 * * *", "UTC", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", &["2026-03-29T02:30Z", "2026-03-30T02:30Z"]),
    // An interval follows absolute time through both.
    (
        "every 12h",
        "Europe/Berlin",
        "2026-03-28T12:00:00Z",
        "2026-03-29T12:00:00Z",
        &["2026-03-29T00:00Z", "2026-03-29T12:00Z"],
    ),
    // A jump over midnight: the run is at 00:00 of the next date, and there is one for each date.
    (
        "30 23 * * *",
        "America/Nuuk",
        "2026-03-28T12:00:00Z",
        "2026-03-30T12:00:00Z",
        &["2026-03-29T01:00Z", "2026-03-30T00:30Z"],
    ),
    // Samoa left out 2011-12-30 altogether.
    (
        "0 9 * * *",
        "Pacific/Apia",
        "2011-12-29T00:00:00Z",
        "2012-01-01T00:00:00Z",
        &["2011-12-29T19:00Z", "2011-12-30T19:00Z", "2011-12-31T19:00Z"],
    ),
];

#[test]
fn clock_changes_follow_the_published_table() {
    for (expression, zone, after, until, expected) in TABLE {
        let schedule = schedule(expression, zone);
        let found = schedule.last_between(at(after), at(until), 100, 0);
        let found: Vec<String> = found.occurrences.iter().map(|found| short(found.scheduled_for)).collect();
        assert_eq!(&found, expected, "{expression} {zone}");
    }
}

#[test]
fn the_next_and_the_previous_occurrence_agree_with_the_window() {
    for (expression, zone, after, until, expected) in TABLE {
        let schedule = schedule(expression, zone);
        let next = schedule.next_after(at(after), 0).map(|next| short(next.scheduled_for));
        let last = schedule.last_until(at(until), 0).map(|last| short(last.scheduled_for));
        if let (Some(first_expected), Some(last_expected)) = (expected.first(), expected.last()) {
            assert_eq!(next.as_deref(), Some(*first_expected), "{expression} {zone}");
            assert_eq!(last.as_deref(), Some(*last_expected), "{expression} {zone}");
        }
    }
}

#[test]
fn a_repeated_hour_around_midnight_stays_in_order() {
    // St John's went back from 00:01 to 23:01 of the day before, until 2011.
    let schedule = schedule("*/20 * * * *", "America/St_Johns");
    let found = schedule.last_between(at("2010-11-06T20:00:00Z"), at("2010-11-08T06:00:00Z"), 1_000, 0).occurrences;
    assert!(found.windows(2).all(|pair| pair[0].scheduled_for < pair[1].scheduled_for));
    let mut one_by_one = Vec::new();
    let mut next = schedule.next_after(at("2010-11-06T20:00:00Z"), 0).expect("a next one");
    while next.scheduled_for <= at("2010-11-08T06:00:00Z") {
        one_by_one.push(next);
        next = schedule.next_after(next.scheduled_for, 0).expect("a next one");
    }
    assert_eq!(found, one_by_one);
}

#[test]
fn notes_say_what_a_clock_change_does_to_the_job() {
    let notes = |text: &str| {
        let schedule = schedule(text, "Europe/Berlin");
        describe_clock_changes(&schedule.recurrence, &schedule.zone, at("2026-01-01T00:00:00Z"))
    };
    assert_eq!(
        notes("30 2 * * *"),
        [
            "2026-03-29: clocks go forward by 1 hour; 02:30 does not exist, the job runs at 03:00+02:00",
            "2026-10-25: clocks go back by 1 hour; 02:30 comes twice, the job runs once, at 02:30+02:00",
        ]
    );
    assert_eq!(
        notes("0 9 * * 1-5")[0],
        "2026-03-29: clocks go forward by 1 hour; the job keeps its local time and moves from UTC+01 to UTC+02"
    );
    assert_eq!(
        notes("*/30 2 * * *")[0],
        "2026-03-29: clocks go forward by 1 hour; the job follows absolute time: 0 runs on that date, not 2"
    );
    assert!(notes("every 15m").is_empty());
}
