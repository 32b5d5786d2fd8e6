//! The calls in UTC that cover every time of a schedule, for schedulers without time zones.
//!
//! A call too many is harmless, because `run --due` does nothing at it. So the lines may name more
//! times than the schedule has, and never fewer.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp as Moment;
use jiff::tz::TimeZone;
use sheetkeep_base::time::Timestamp;

use crate::cron::CronExpression;
use crate::instants::{find_instants, has_clock_change};
use crate::job_schedule::JobSchedule;
use crate::recurrence::{Recurrence, find_local_date};

/// How many dates are looked at: more than a year, so that every offset of the zone is among them.
const DATES: u32 = 400;

/// How often a job with `ready_by` is called: its start moves with the length of its runs.
const EACH_QUARTER: &str = "*/15 * * * *";

/// Returns cron expressions in UTC that cover the schedule; one line for each set of minutes.
pub fn build_utc_lines(schedule: &JobSchedule, now: Timestamp) -> Vec<String> {
    if schedule.ready_by.is_some() {
        return vec![EACH_QUARTER.to_owned()];
    }
    let expression = match &schedule.recurrence {
        Recurrence::Every { minutes } => return vec![build_interval_line(*minutes)],
        Recurrence::Cron(expression) => expression,
    };
    let mut minutes_of: BTreeMap<i8, BTreeSet<i8>> = BTreeMap::new();
    let mut weekdays = BTreeSet::new();
    let mut is_shifted = false;
    visit_starts(schedule, expression, now, |utc, date| {
        minutes_of.entry(utc.hour()).or_default().insert(utc.minute());
        weekdays.insert(utc.weekday().to_sunday_zero_offset());
        is_shifted |= utc.date() != date;
    });
    let dates = build_date_fields(expression, &weekdays, is_shifted);
    let mut hours_of: BTreeMap<BTreeSet<i8>, BTreeSet<i8>> = BTreeMap::new();
    for (hour, minutes) in minutes_of {
        hours_of.entry(minutes).or_default().insert(hour);
    }
    hours_of
        .iter()
        .map(|(minutes, hours)| format!("{} {} {dates}", build_field(minutes, 60), build_field(hours, 24)))
        .collect()
}

/// Returns one cron expression in UTC that covers the schedule.
pub fn build_utc_line(schedule: &JobSchedule, now: Timestamp) -> String {
    let lines = build_utc_lines(schedule, now);
    if let [one] = lines.as_slice() {
        return one.clone();
    }
    let Recurrence::Cron(expression) = &schedule.recurrence else { return EACH_QUARTER.to_owned() };
    let (mut minutes, mut hours) = (BTreeSet::new(), BTreeSet::new());
    visit_starts(schedule, expression, now, |utc, _| {
        minutes.insert(utc.minute());
        hours.insert(utc.hour());
    });
    let dates = lines.first().and_then(|line| line.splitn(3, ' ').nth(2)).unwrap_or("* * *");
    format!("{} {} {dates}", build_field(&minutes, 60), build_field(&hours, 24))
}

/// Returns the UTC times, hour and minute, of starts whose local time is not one of the
/// expression's. These are times that a clock change left out: they run at the first instant after
/// it.
pub fn find_starts_after_gaps(schedule: &JobSchedule, now: Timestamp) -> Vec<(i8, i8)> {
    let Recurrence::Cron(expression) = &schedule.recurrence else { return Vec::new() };
    let times: BTreeSet<(i8, i8)> = expression.times().into_iter().collect();
    let mut found = BTreeSet::new();
    let Some(mut date) = find_local_date(now.0, &schedule.zone) else { return Vec::new() };
    for _ in 0..DATES {
        if has_clock_change(date, &schedule.zone) {
            for at in find_instants(expression, date, &schedule.zone) {
                let Ok(instant) = Moment::from_millisecond(at) else { continue };
                let local = instant.to_zoned(schedule.zone.clone());
                if !times.contains(&(local.hour(), local.minute())) {
                    let utc = instant.to_zoned(TimeZone::UTC);
                    found.insert((utc.hour(), utc.minute()));
                }
            }
        }
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
    found.into_iter().collect()
}

/// Calls `visit` with each start of the next 400 dates in UTC, and its local date.
fn visit_starts(
    schedule: &JobSchedule,
    expression: &CronExpression,
    now: Timestamp,
    mut visit: impl FnMut(jiff::civil::DateTime, jiff::civil::Date),
) {
    let Some(mut date) = find_local_date(now.0, &schedule.zone) else { return };
    for _ in 0..DATES {
        for at in find_instants(expression, date, &schedule.zone) {
            // The delay of `jitter` is part of the call's time, rounded up to a minute.
            let delayed = Timestamp(at).add_ms(schedule.delay_ms.div_ceil(60_000) * 60_000);
            if let Ok(instant) = Moment::from_millisecond(delayed.0) {
                visit(instant.to_zoned(TimeZone::UTC).datetime(), date);
            }
        }
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
}

/// The fields of day, month and weekday: those of the expression, or every date where the date in
/// UTC differs.
fn build_date_fields(expression: &CronExpression, weekdays: &BTreeSet<i8>, is_shifted: bool) -> String {
    let set = |values: Vec<i8>| values.into_iter().collect::<BTreeSet<i8>>();
    let (days, months) = (set(expression.days()), set(expression.months()));
    let has_days = days.len() < 31;
    let (day, month) = match (has_days, is_shifted) {
        (false, true) if months.len() < 12 => ("*".to_owned(), "*".to_owned()),
        (false, _) => ("*".to_owned(), build_list(&months, 12, 1)),
        (true, true) => return "* * *".to_owned(),
        (true, false) => (build_list(&days, 31, 1), build_list(&months, 12, 1)),
    };
    let of_weekday = set(expression.weekdays());
    let weekday = match (has_days, is_shifted) {
        (false, true) => build_list(weekdays, 7, 0),
        // Both fields mean one of them is enough; where both are needed, the day is.
        (true, false) if expression.must_match_both_days() => "*".to_owned(),
        _ => build_list(&of_weekday, 7, 0),
    };
    format!("{day} {month} {weekday}")
}

fn build_interval_line(minutes: i64) -> String {
    let step = |value: i64, most: i64| (1..=most).rev().find(|step| value % step == 0 && most % step == 0).unwrap_or(1);
    if minutes % 60 != 0 {
        return match step(minutes, 60) {
            1 => "* * * * *".to_owned(),
            step => format!("*/{step} * * * *"),
        };
    }
    match step(minutes / 60, 24) {
        1 => "0 * * * *".to_owned(),
        24 => "0 0 * * *".to_owned(),
        step => format!("0 */{step} * * *"),
    }
}

/// A field of minutes or hours, `*`, `*/15` or a list.
fn build_field(values: &BTreeSet<i8>, end: i8) -> String {
    let count = i8::try_from(values.len()).unwrap_or(1);
    if count > 1 && end % count == 0 {
        let step = end / count;
        if values.iter().zip((0..end).step_by(usize::try_from(step).unwrap_or(1))).all(|(value, even)| *value == even) {
            return if step == 1 { "*".to_owned() } else { format!("*/{step}") };
        }
    }
    build_list(values, 127, 0)
}

/// A list with ranges, or `*` for all `count` values from `first` on.
fn build_list(values: &BTreeSet<i8>, count: usize, first: i8) -> String {
    if values.len() == count && values.first() == Some(&first) {
        return "*".to_owned();
    }
    let mut parts: Vec<(i8, i8)> = Vec::new();
    for value in values {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == *value => *last = *value,
            _ => parts.push((*value, *value)),
        }
    }
    let text = |(from, to): &(i8, i8)| match to - from {
        0 => from.to_string(),
        1 => format!("{from},{to}"),
        _ => format!("{from}-{to}"),
    };
    parts.iter().map(text).collect::<Vec<_>>().join(",")
}
