//! The instants of an expression on one local date, also when clocks change.
//!
//! The rule: a job with fixed times runs once for each of its times and local dates. A time that a
//! jump forward leaves out is the first instant after the jump. A time that comes twice is the
//! first of the two. A job that follows an interval (`*` in the minute or hour) follows absolute
//! time: it skips what is left out, and runs both times. This is the rule of Debian's cron.

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp as Moment, ToSpan as _};

use crate::cron::CronExpression;

/// Longer than any repeated range after midnight.
const MAX_REPEATED_TIME: SignedDuration = SignedDuration::from_hours(3);

/// Returns the instants of the expression on the local date, in milliseconds since 1970, in order
/// and each once. A date that the zone left out (Samoa, 2011-12-30) has none.
pub fn find_instants(expression: &CronExpression, date: Date, zone: &TimeZone) -> Vec<i64> {
    if !expression.has_date(date) {
        return Vec::new();
    }
    let Some((start, end)) = find_bounds(date, zone) else { return Vec::new() };
    let times = expression.times().into_iter();
    if has_steady_clock(start, end, zone) {
        let start = start.as_millisecond();
        return times.map(|(hour, minute)| start + (i64::from(hour) * 60 + i64::from(minute)) * 60_000).collect();
    }
    let mut found: Vec<i64> = times
        .flat_map(|(hour, minute)| find_at_time(date, hour, minute, zone, expression.is_interval()))
        .map(Moment::as_millisecond)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Returns whether clocks change on the date or within three hours after it.
pub fn has_clock_change(date: Date, zone: &TimeZone) -> bool {
    find_bounds(date, zone).is_none_or(|(start, end)| !has_steady_clock(start, end, zone))
}

/// The first instants of the date and of the next one; none if the zone has no such date.
fn find_bounds(date: Date, zone: &TimeZone) -> Option<(Moment, Moment)> {
    let start = date.to_zoned(zone.clone()).ok()?;
    let end = date.checked_add(1.day()).ok()?.to_zoned(zone.clone()).ok()?;
    (start.date() == date).then(|| (start.timestamp(), end.timestamp()))
}

fn has_steady_clock(start: Moment, end: Moment, zone: &TimeZone) -> bool {
    let just_before = start.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(start);
    let until = end.saturating_add(MAX_REPEATED_TIME).unwrap_or(end);
    zone.following(just_before).next().is_none_or(|transition| transition.timestamp() > until)
}

/// The instants of one wall clock time: none, one or two.
fn find_at_time(date: Date, hour: i8, minute: i8, zone: &TimeZone, is_interval: bool) -> Vec<Moment> {
    let ambiguous = zone.to_ambiguous_timestamp(date.at(hour, minute, 0, 0));
    let found = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => vec![ambiguous.unambiguous()],
        AmbiguousOffset::Gap { .. } if is_interval => Vec::new(),
        // `later` reads the time with the offset from before the jump: an instant after the jump.
        AmbiguousOffset::Gap { .. } => vec![ambiguous.later().map(|after| find_jump_before(after, zone))],
        AmbiguousOffset::Fold { .. } if is_interval => vec![ambiguous.earlier(), ambiguous.later()],
        AmbiguousOffset::Fold { .. } => vec![ambiguous.earlier()],
    };
    found.into_iter().flatten().collect()
}

/// Returns the instant of the last clock change at or before `after`.
fn find_jump_before(after: Moment, zone: &TimeZone) -> Moment {
    let just_after = after.saturating_add(SignedDuration::from_secs(1)).unwrap_or(after);
    zone.preceding(just_after).next().map_or(after, |transition| transition.timestamp())
}
