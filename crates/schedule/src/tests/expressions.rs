//! What is accepted, what is refused, and with which advice.

use super::{at, schedule, short};
use crate::blackout::BlackoutDates;
use crate::job_schedule::{build_deadline_recurrence, parse_time};
use crate::recurrence::Recurrence;
use crate::words::{describe, find_utc_times};
use crate::zone::parse_zone;

#[test]
fn other_dialects_are_named_with_their_five_fields() {
    let cases = [
        ("0 0 9 * * 1-5", "Azure's and Spring's form; write \"0 9 * * 1-5\""),
        ("0 0 9 ? * MON-FRI", "Quartz's form; write \"0 9 * * MON-FRI\""),
        ("0 0 9 ? * 2-6", "Quartz's form; write \"0 9 * * 1-5\""),
        ("0 0 9 ? * 2-6 2026", "Quartz's form; write \"0 9 * * 1-5\""),
        ("0 9 ? * 2-6 *", "AWS's form; write \"0 9 * * 1-5\""),
        ("cron(0 9 * * ? *)", "AWS's form; write \"0 9 * * *\""),
        ("rate(5 minutes)", "AWS's form; write \"every 5m\""),
        ("0 9 ? * 1", "write \"0 9 * * 0\""),
        ("0 9 L * *", "five fields cannot express it"),
        ("0 9 * * 2#1", "nth weekday"),
        ("0 9 * * 5L", "`L` and `W`"),
        ("0 9 15W * *", "`L` and `W`"),
        ("CRON_TZ=Europe/Berlin 0 9 * * *", "set `timezone` to the zone, and `cron` to \"0 9 * * *\""),
        ("@every 1h30m", "write \"every 90m\""),
        ("@reboot", "names no time"),
        ("@fortnightly", "the words are @hourly"),
        ("Mon..Fri *-*-* 09:00:00", "systemd's form"),
        ("0~59 9 * * *", "set `jitter`"),
        ("every 5 minutes", "App Engine's form; write \"every 5m\""),
        ("0 9 * *", "has 4 fields, and five are needed; minute hour day month weekday"),
        ("9", "has 1 field, and"),
    ];
    for (text, expected) in cases {
        let error = Recurrence::parse(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_field_that_is_wrong_is_named() {
    let cases = [
        ("61 9 * * *", "\"61\" is not a valid minute"),
        ("0 25 * * *", "\"25\" is not a valid hour"),
        ("0 9 0 * *", "\"0\" is not a valid day of the month"),
        ("0 9 * 13 *", "\"13\" is not a valid month"),
        ("0 9 * * FRYDAY", "\"FRYDAY\" is not a name there"),
        ("0 MON * * *", "numbers only"),
        ("5-1 9 * * *", "\"5-1\" is not a valid minute"),
        ("*/0 9 * * *", "is not a valid minute"),
        ("0 9 * * 1+5", "has no meaning there"),
        ("every 90s", "seconds are too short"),
        ("every 0m", "out of range"),
        ("every 29d", "out of range"),
    ];
    for (text, expected) in cases {
        let error = Recurrence::parse(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_date_that_never_comes_is_refused() {
    for text in ["0 9 30 2 *", "0 9 31 4,6,9,11 *", "0 9 30 FEB */2"] {
        let error = Recurrence::parse(text).expect_err(text).to_string();
        assert!(error.contains("never comes"), "{text}: {error}");
    }
    for text in ["0 9 29 2 *", "0 9 30 2 MON", "0 9 31 4,5 *"] {
        assert!(Recurrence::parse(text).is_ok(), "{text}");
    }
    let leap = schedule("0 0 29 2 *", "UTC").next_after(at("2097-01-01T00:00:00Z"), 0).expect("2104 is a leap year");
    assert_eq!(short(leap.scheduled_for), "2104-02-29T00:00Z");
}

#[test]
fn names_words_and_sunday_as_seven_are_read() {
    for (text, same) in [("0 9 * jan mon", "0 9 * 1 1"), ("0 9 * * 7", "0 9 * * 0"), ("@weekly", "0 0 * * SUN")] {
        let next = |text| schedule(text, "UTC").next_after(at("2026-06-01T00:00:00Z"), 0);
        assert_eq!(next(text), next(same), "{text}");
    }
}

#[test]
fn only_iana_zones_are_accepted_and_a_suggestion_is_made() {
    let cases = [
        ("CET", "abbreviation, not a time zone; write Europe/Berlin"),
        ("EST", "write America/New_York"),
        ("+01:00", "is an offset"),
        ("UTC+1", "is an offset"),
        ("Etc/GMT-1", "is an offset"),
        ("local", "depends on the machine"),
        ("", "depends on the machine"),
        ("Berlin", "did you mean Europe/Berlin?"),
        ("Europe/Berln", "did you mean Europe/Berlin?"),
        ("Mars/Olympus", "IANA names, such as"),
    ];
    for (name, expected) in cases {
        let error = parse_zone(name).expect_err(name).to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    for name in ["Europe/Berlin", "UTC", "Etc/UTC", "America/Argentina/Buenos_Aires"] {
        assert!(parse_zone(name).is_ok(), "{name}");
    }
}

#[test]
fn a_schedule_is_described_in_words() {
    let cases = [
        ("0 9 * * 1-5", "at 09:00 from Monday to Friday, Europe/Berlin time"),
        ("0 9 * * *", "at 09:00 every day, Europe/Berlin time"),
        ("0 9,17 * * SAT,SUN", "at 09:00 and 17:00 on Sunday and Saturday, Europe/Berlin time"),
        ("*/15 * * * *", "every 15 minutes of every hour every day, Europe/Berlin time"),
        ("* * * * *", "every minute every day, Europe/Berlin time"),
        ("0 * * * *", "on the hour of every hour every day, Europe/Berlin time"),
        ("*/10 8-18 * * 1-5", "every 10 minutes of the hours 8 to 18 from Monday to Friday, Europe/Berlin time"),
        ("0 9 1 1,7 *", "at 09:00 on day 1 of the month, in January and July, Europe/Berlin time"),
        ("0 9 1 * 1", "at 09:00 on day 1 of the month or on Monday, Europe/Berlin time"),
        ("every 90m", "every 90 minutes, counted from 1970-01-01 00:00 UTC"),
    ];
    for (text, expected) in cases {
        let schedule = schedule(text, "Europe/Berlin");
        assert_eq!(describe(&schedule.recurrence, &schedule.zone), expected, "{text}");
    }
}

#[test]
fn every_utc_time_that_can_be_nine_is_found() {
    let times = |text: &str, zone: &str| {
        let schedule = schedule(text, zone);
        let Recurrence::Cron(expression) = &schedule.recurrence else { panic!("a cron expression") };
        find_utc_times(expression, &schedule.zone, at("2026-01-01T00:00:00Z"))
    };
    assert_eq!(times("0 9 * * 1-5", "Europe/Berlin"), [(7, 0, 0), (8, 0, 0)]);
    assert_eq!(times("0 9 * * *", "UTC"), [(9, 0, 0)]);
    assert_eq!(times("0 9 * * *", "Australia/Lord_Howe"), [(22, 0, -1), (22, 30, -1)]);
    assert_eq!(times("30 2 * * *", "Europe/Berlin"), [(0, 30, 0), (1, 0, 0), (1, 30, 0)]);
    assert_eq!(times("0 23 * * *", "America/New_York"), [(3, 0, 1), (4, 0, 1)]);
}

#[test]
fn blackout_dates_and_times_of_day_are_checked() {
    let mut dates = BlackoutDates::default();
    dates.add("2026-12-24..2027-01-02").expect("a range");
    dates.add("2026-05-01").expect("a date");
    let has = |text: &str| dates.has_date(text.parse().expect("a date"));
    assert!(has("2026-12-24") && has("2027-01-02") && has("2026-05-01"));
    assert!(!has("2027-01-03") && !has("2026-12-23"));
    assert_eq!(dates.to_string(), "2026-12-24..2027-01-02, 2026-05-01");
    for text in ["24.12.2026", "2026-02-30", "2027-01-02..2026-12-24", "2026-12-24T00:00"] {
        assert!(dates.add(text).is_err(), "{text}");
    }
    for text in ["9:00", "24:00", "09:60", "0900", "+9:00"] {
        assert!(parse_time(text).is_err(), "{text}");
    }
    assert!(build_deadline_recurrence("09:00", "1-5").is_ok());
}
