//! A schedule in words, and notes on the clock changes ahead.

use jiff::Timestamp as Moment;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};

use crate::cron::CronExpression;
use crate::instants::find_instants;
use crate::recurrence::Recurrence;
use crate::zone::find_zone_name;

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The most times of day that a sentence lists.
const MAX_LISTED_TIMES: usize = 6;

/// Returns the recurrence as a sentence without a full stop, such as "at 09:00 from Monday to
/// Friday, Europe/Berlin time".
pub fn describe(recurrence: &Recurrence, zone: &TimeZone) -> String {
    match recurrence {
        Recurrence::Every { minutes } => {
            format!("every {}, counted from 1970-01-01 00:00 UTC", format_minutes(*minutes))
        }
        Recurrence::Cron(expression) => {
            let dates = describe_dates(expression);
            let dates = if dates.is_empty() { "every day".to_owned() } else { dates };
            format!("{} {dates}, {} time", describe_times(expression), find_zone_name(zone))
        }
    }
}

/// Returns what clock changes in the year after `now` do to the schedule, one sentence each. Empty
/// where the zone's clocks do not change or no occurrence is touched.
pub fn describe_clock_changes(
    recurrence: &Recurrence,
    zone: &TimeZone,
    now: sheetkeep_base::time::Timestamp,
) -> Vec<String> {
    let Recurrence::Cron(expression) = recurrence else { return Vec::new() };
    let Ok(now) = Moment::from_millisecond(now.0) else { return Vec::new() };
    let until = now.saturating_add(SignedDuration::from_hours(366 * 24)).unwrap_or(now);
    let changes = zone.following(now).map(|transition| transition.timestamp()).take_while(|at| *at <= until).take(8);
    changes.filter_map(|at| describe_change(expression, zone, at)).collect()
}

fn describe_change(expression: &CronExpression, zone: &TimeZone, at: Moment) -> Option<String> {
    let before = zone.to_offset(at.saturating_sub(SignedDuration::from_secs(1)).ok()?);
    let after = zone.to_offset(at);
    let seconds = i64::from(after.seconds()) - i64::from(before.seconds());
    if seconds == 0 {
        return None;
    }
    let date = before.to_datetime(at).date();
    let on = format!(
        "{date}: clocks go {} by {}",
        if seconds > 0 { "forward" } else { "back" },
        format_minutes(seconds.abs() / 60)
    );
    if expression.is_interval() {
        return Some(describe_interval_change(expression, zone, date, &on));
    }
    let shifted: Vec<String> = expression
        .times()
        .into_iter()
        .filter(|_| expression.has_date(date))
        .filter_map(|(hour, minute)| describe_time_change(date, (hour, minute), zone))
        .collect();
    let offsets = format!("{on}; the job keeps its local time and moves from UTC{before} to UTC{after}");
    Some(if shifted.is_empty() { offsets } else { format!("{on}; {}", shifted.join("; ")) })
}

fn describe_interval_change(expression: &CronExpression, zone: &TimeZone, date: Date, on: &str) -> String {
    let runs = find_instants(expression, date, zone).len();
    let usual = if expression.has_date(date) { expression.times().len() } else { 0 };
    if runs == usual {
        format!("{on}; the job follows absolute time, and no run is added or left out")
    } else {
        format!("{on}; the job follows absolute time: {runs} runs on that date, not {usual}")
    }
}

fn describe_time_change(date: Date, (hour, minute): (i8, i8), zone: &TimeZone) -> Option<String> {
    let ambiguous = zone.to_ambiguous_timestamp(date.at(hour, minute, 0, 0));
    match ambiguous.offset() {
        jiff::tz::AmbiguousOffset::Unambiguous { .. } => None,
        jiff::tz::AmbiguousOffset::Gap { .. } => {
            let after = ambiguous.later().ok()?.saturating_add(SignedDuration::from_secs(1)).ok()?;
            let jump = zone.preceding(after).next()?.timestamp().to_zoned(zone.clone());
            Some(format!("{hour:02}:{minute:02} does not exist, the job runs at {}", jump.strftime("%H:%M%:z")))
        }
        jiff::tz::AmbiguousOffset::Fold { .. } => {
            let first = ambiguous.earlier().ok()?.to_zoned(zone.clone());
            Some(format!("{hour:02}:{minute:02} comes twice, the job runs once, at {}", first.strftime("%H:%M%:z")))
        }
    }
}

/// Returns the UTC times of day of the expression's local times in the two years after `now`, in
/// order. Each has hour, minute, and the change of the date (−1, 0 or 1).
pub fn find_utc_times(
    expression: &CronExpression,
    zone: &TimeZone,
    now: sheetkeep_base::time::Timestamp,
) -> Vec<(i8, i8, i8)> {
    let mut found = std::collections::BTreeSet::new();
    let Some(mut date) = crate::recurrence::find_local_date(now.0, zone) else { return Vec::new() };
    for _ in 0..732 {
        // A time in a gap or a repeated hour adds a UTC time of its own: it is a real start.
        for at in find_instants(expression, date, zone) {
            if let Ok(instant) = Moment::from_millisecond(at) {
                let utc = instant.to_zoned(TimeZone::UTC);
                let shift = i8::from(utc.date() > date) - i8::from(utc.date() < date);
                found.insert((utc.hour(), utc.minute(), shift));
            }
        }
        match date.checked_add(1.day()) {
            Ok(next) => date = next,
            Err(_) => break,
        }
    }
    found.into_iter().collect()
}

fn format_minutes(minutes: i64) -> String {
    let (count, unit) = match minutes {
        n if n % 1440 == 0 => (n / 1440, "day"),
        n if n % 60 == 0 => (n / 60, "hour"),
        n => (n, "minute"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

fn describe_times(expression: &CronExpression) -> String {
    let times = expression.times();
    if times.len() <= MAX_LISTED_TIMES {
        let listed: Vec<String> = times.iter().map(|(hour, minute)| format!("{hour:02}:{minute:02}")).collect();
        return format!("at {}", list(&listed, "and"));
    }
    let mut minutes: Vec<i64> = times.iter().map(|(_, minute)| i64::from(*minute)).collect();
    minutes.sort_unstable();
    minutes.dedup();
    let mut hours: Vec<i64> = times.iter().map(|(hour, _)| i64::from(*hour)).collect();
    hours.dedup();
    let minute = match find_even_step(&minutes, 60) {
        Some(1) => "every minute".to_owned(),
        Some(n) => format!("every {n} minutes"),
        None if minutes == [0] => "on the hour".to_owned(),
        None => format!("at minute {}", list(&format_values(&minutes), "and")),
    };
    match find_even_step(&hours, 24) {
        Some(1) => format!("{minute} of every hour").replace("every minute of every hour", "every minute"),
        Some(n) => format!("{minute} of every {n}th hour from midnight on"),
        None => format!("{minute} of the hours {}", join_ranges(&hours, |hour| hour.to_string())),
    }
}

/// The step of values that fill 0 to `end` evenly.
fn find_even_step(values: &[i64], end: i64) -> Option<i64> {
    let count = i64::try_from(values.len()).ok().filter(|count| *count > 1)?;
    let step = (end % count == 0).then_some(end / count)?;
    values.iter().zip(0..).all(|(value, at)| *value == at * step).then_some(step)
}

fn describe_dates(expression: &CronExpression) -> String {
    let as_numbers = |values: Vec<i8>| values.into_iter().map(i64::from).collect::<Vec<_>>();
    let (weekdays, days, months) =
        (as_numbers(expression.weekdays()), as_numbers(expression.days()), as_numbers(expression.months()));
    let name = |names: &'static [&'static str], at: i64| {
        usize::try_from(at).ok().and_then(|at| names.get(at)).copied().unwrap_or_default().to_owned()
    };
    let mut parts = Vec::new();
    if days.len() < 31 {
        parts.push(format!("on day {} of the month", join_ranges(&days, |day| day.to_string())));
    }
    if weekdays.len() < 7 {
        let text = match weekdays.as_slice() {
            [first, .., last] if is_run(&weekdays) && weekdays.len() > 2 => {
                format!("from {} to {}", name(&WEEKDAYS, *first), name(&WEEKDAYS, *last))
            }
            _ => format!("on {}", list(&weekdays.iter().map(|day| name(&WEEKDAYS, *day)).collect::<Vec<_>>(), "and")),
        };
        parts.push(text);
    }
    let joined = parts.join(if expression.must_match_both_days() { " if also " } else { " or " });
    if months.len() == 12 {
        return joined;
    }
    let months = join_ranges(&months, |month| name(&MONTHS, month - 1));
    if joined.is_empty() { format!("every day in {months}") } else { format!("{joined}, in {months}") }
}

fn is_run(values: &[i64]) -> bool {
    values.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

/// Joins values, with runs of three and more as "a to b".
fn join_ranges(values: &[i64], name: impl Fn(i64) -> String) -> String {
    let mut parts = Vec::new();
    let mut rest = values;
    while let Some(first) = rest.first() {
        let length = (1..=rest.len()).take_while(|n| is_run(&rest[..*n])).last().unwrap_or(1);
        let (run, after) = rest.split_at(length);
        match run {
            [_, .., last] if length > 2 => parts.push(format!("{} to {}", name(*first), name(*last))),
            run => parts.extend(run.iter().map(|value| name(*value))),
        }
        rest = after;
    }
    list(&parts, "and")
}

fn format_values(values: &[i64]) -> Vec<String> {
    values.iter().map(i64::to_string).collect()
}

fn list(parts: &[String], word: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}
