//! A schedule explained: a sentence, the next times in local time and UTC, clock changes.

use std::fmt::Write as _;

use jiff::Timestamp as Moment;
use jiff::tz::TimeZone;
use sheetkeep_base::time::Timestamp;

use crate::recurrence::Recurrence;
use crate::words::{describe, describe_clock_changes};
use crate::zone::find_zone_name;

/// How many times are listed.
pub const TIMES_LISTED: usize = 5;

/// A schedule explained at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The recurrence as written.
    pub schedule: String,
    /// The zone's IANA name.
    pub timezone: String,
    /// The schedule as a sentence without a full stop.
    pub sentence: String,
    /// The next times, in order.
    pub next: Vec<ExplainedTime>,
    /// What clock changes within a year do to the schedule, one sentence each.
    pub clock_changes: Vec<String>,
}

/// One of the next times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedTime {
    /// In local time with the offset, `Mon 2026-11-30 09:00:00+01:00`.
    pub local: String,
    /// In UTC, RFC 3339 in whole seconds, `2026-11-30T08:00:00Z`.
    pub utc: String,
}

/// Explains a recurrence at `now`.
pub fn explain(recurrence: &Recurrence, zone: &TimeZone, now: Timestamp) -> Explanation {
    let mut next = Vec::new();
    let mut at = now.0;
    while next.len() < TIMES_LISTED {
        let Some((found, _)) = recurrence.next_after(at, zone) else { break };
        next.extend(explain_time(Timestamp(found), zone));
        at = found;
    }
    Explanation {
        schedule: recurrence.to_text(),
        timezone: find_zone_name(zone).to_owned(),
        sentence: describe(recurrence, zone),
        next,
        clock_changes: describe_clock_changes(recurrence, zone, now),
    }
}

/// Returns the time in local time and in UTC; none beyond the calendar.
pub fn explain_time(at: Timestamp, zone: &TimeZone) -> Option<ExplainedTime> {
    let instant = Moment::from_millisecond(at.0).ok()?;
    let local = instant.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S%:z").to_string();
    Some(ExplainedTime { local, utc: format!("{instant:.0}") })
}

impl Explanation {
    /// Returns the explanation in lines.
    pub fn to_text(&self) -> String {
        let mut out = format!("{}: {}\n", self.schedule, self.sentence);
        for time in &self.next {
            let _ = writeln!(out, "  {}   {}", time.local, time.utc);
        }
        for change in &self.clock_changes {
            let _ = writeln!(out, "  {change}");
        }
        out
    }
}
