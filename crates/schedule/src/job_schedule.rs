//! The schedule of one job: its recurrence, its policies, and when each occurrence starts.
//!
//! In scope: the settings as meant, logical times, start times, deadlines. Out of scope: how they
//! are written in a job file, and what is due (`decision`).

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use sheetkeep_base::time::Timestamp;

use crate::blackout::BlackoutDates;
use crate::cron::CronExpression;
use crate::dialect::ExpressionError;
use crate::instants::find_instants;
use crate::recurrence::{DatedInstant, Recurrence};
use crate::zone::find_zone_name;

/// How late an occurrence may start before the misfire policy decides, by default: an hour.
pub const DEFAULT_MISFIRE_GRACE_MS: u64 = 3_600_000;
/// After how many failed runs in a row a job pauses, by default.
pub const DEFAULT_PAUSE_AFTER: u32 = 5;
/// How long before `ready_by` a run is to end, by default: ten minutes.
pub const DEFAULT_MARGIN_MS: u64 = 600_000;
/// How many runs the length of the next one is estimated from.
pub const RUNS_FOR_ESTIMATE: usize = 20;
/// The longest time before `ready_by` at which a run starts: a day.
const MAX_LEAD_MS: u64 = 86_400_000;

/// What is done about an occurrence that could not start within `misfire_grace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MisfirePolicy {
    /// It does not run; it is recorded as missed.
    Skip,
    /// The latest one runs, the ones before it are recorded as missed.
    #[default]
    RunOnce,
    /// The latest `max` run, oldest first; the ones before them are recorded as missed.
    RunAll {
        /// The most occurrences that run.
        max: u32,
    },
}

/// What is done about an occurrence that comes while a run of the job is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OverlapPolicy {
    /// It does not run; it is recorded as skipped.
    #[default]
    Skip,
    /// The latest one waits until the run has ended.
    Queue,
    /// It runs beside the other.
    Allow,
}

/// A time of day at which the rows have to be there, in place of a time to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadyTime {
    /// A run never starts before this local time; one later than the deadline is on the day before.
    pub not_before: Option<Time>,
    /// How long before the deadline the run is to end, in milliseconds.
    pub margin_ms: u64,
}

/// The schedule of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSchedule {
    /// The logical times: the starts, or with `ready_by` the deadlines.
    pub recurrence: Recurrence,
    /// The zone of the local times.
    pub zone: TimeZone,
    /// Set if the logical times are deadlines.
    pub ready_by: Option<ReadyTime>,
    /// What is done about occurrences that were not started in time.
    pub misfire: MisfirePolicy,
    /// How late an occurrence may start before `misfire` decides, in milliseconds.
    pub misfire_grace_ms: u64,
    /// What is done about occurrences during a run.
    pub overlap: OverlapPolicy,
    /// How long after its logical time each occurrence starts, in milliseconds; see `jitter_ms`.
    pub delay_ms: u64,
    /// Dates without a run.
    pub blackout: BlackoutDates,
    /// After how many failed runs in a row the job pauses; 0 is never.
    pub pause_after: u32,
}

/// One occurrence of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Occurrence {
    /// The logical time, which identifies the occurrence: the instant of the recurrence.
    pub scheduled_for: Timestamp,
    /// When its run starts.
    pub starts_at: Timestamp,
    /// The logical date: the local date that the occurrence belongs to.
    pub date: Date,
}

impl Occurrence {
    /// Returns the instant from which lateness counts: the deadline, or the start.
    pub fn is_expected_at(&self) -> Timestamp {
        self.scheduled_for.max(self.starts_at)
    }
}

impl JobSchedule {
    /// Returns a schedule with every policy at its default.
    pub fn new(recurrence: Recurrence, zone: TimeZone) -> Self {
        Self {
            recurrence,
            zone,
            ready_by: None,
            misfire: MisfirePolicy::default(),
            misfire_grace_ms: DEFAULT_MISFIRE_GRACE_MS,
            overlap: OverlapPolicy::default(),
            delay_ms: 0,
            blackout: BlackoutDates::default(),
            pause_after: DEFAULT_PAUSE_AFTER,
        }
    }

    /// Returns the occurrence of an instant. `estimate_ms` is the expected length of a run
    /// (`estimate_ms`), which only a schedule with `ready_by` uses.
    pub fn occurrence(&self, (at, date): DatedInstant, estimate_ms: u64) -> Occurrence {
        let starts_at = match self.ready_by {
            None => Timestamp(at).add_ms(self.delay_ms),
            Some(ready_by) => {
                let lead = estimate_ms.saturating_add(ready_by.margin_ms).min(MAX_LEAD_MS);
                let start = at.saturating_sub(i64::try_from(lead).unwrap_or(0));
                let earliest = ready_by.not_before.and_then(|time| self.not_before(time, (at, date)));
                Timestamp(earliest.map_or(start, |earliest| start.max(earliest)).min(at))
            }
        };
        Occurrence { scheduled_for: Timestamp(at), starts_at, date }
    }

    /// Returns the first occurrence whose logical time is after `after`, blackout dates left out;
    /// none within 41 years, or within 2,000 excluded dates.
    pub fn next_after(&self, after: Timestamp, estimate_ms: u64) -> Option<Occurrence> {
        let mut at = after.0;
        for _ in 0..2_000 {
            let found = self.recurrence.next_after(at, &self.zone)?;
            if !self.blackout.has_date(found.1) {
                return Some(self.occurrence(found, estimate_ms));
            }
            at = self.last_instant_before(found.1.tomorrow().ok()?).map_or(found.0, |end| end.max(found.0));
        }
        None
    }

    /// Returns the last millisecond before a local date, from which the next occurrence is
    /// searched. A date that begins before the repeated hour of the one before it ends is not cut
    /// short.
    fn last_instant_before(&self, date: Date) -> Option<i64> {
        let start = date.to_zoned(self.zone.clone()).ok()?;
        Some(start.timestamp().as_millisecond() - 1)
    }

    /// Returns the schedule as a text that changes when its times do.
    pub fn times_text(&self) -> String {
        let kind = if self.ready_by.is_some() { "ready by " } else { "" };
        format!("{kind}{} {}", self.recurrence.to_text(), find_zone_name(&self.zone))
    }

    /// Returns the last occurrence whose logical time is at or before `at`, blackout dates
    /// included.
    pub fn last_until(&self, at: Timestamp, estimate_ms: u64) -> Option<Occurrence> {
        self.recurrence.last_until(at.0, &self.zone).map(|found| self.occurrence(found, estimate_ms))
    }

    /// Returns the occurrences whose logical time is in (`after`, `until`], blackout dates
    /// included, in order. It returns at most the last `most` of them, and how many came before
    /// those.
    pub fn last_between(&self, after: Timestamp, until: Timestamp, most: usize, estimate_ms: u64) -> RecentOccurrences {
        let mut kept = std::collections::VecDeque::new();
        let (mut first, mut dropped) = (None, 0_u64);
        self.recurrence.visit_between(after.0, until.0, &self.zone, |found| {
            kept.push_back(found);
            if kept.len() > most
                && let Some(oldest) = kept.pop_front()
            {
                first = first.or(Some(oldest));
                dropped += 1;
            }
        });
        let occurrences = kept.into_iter().map(|found| self.occurrence(found, estimate_ms)).collect();
        let first_dropped = first.map(|found| self.occurrence(found, estimate_ms));
        RecentOccurrences { occurrences, first_dropped, dropped }
    }

    /// Returns the longest time that an occurrence may start before its logical time, in
    /// milliseconds.
    pub fn lead_ms(&self, estimate_ms: u64) -> u64 {
        self.ready_by.map_or(0, |ready_by| estimate_ms.saturating_add(ready_by.margin_ms).min(MAX_LEAD_MS))
    }

    fn not_before(&self, time: Time, (deadline, date): DatedInstant) -> Option<i64> {
        let on = |date: Date| {
            let text = format!("{} {} * * *", time.minute(), time.hour());
            let expression = CronExpression::parse(&text).ok()?;
            find_instants(&expression, date, &self.zone).first().copied()
        };
        on(date).filter(|at| *at < deadline).or_else(|| on(date.yesterday().ok()?))
    }
}

/// The latest occurrences of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentOccurrences {
    /// The latest ones, in order.
    pub occurrences: Vec<Occurrence>,
    /// The first of those that came before, if any.
    pub first_dropped: Option<Occurrence>,
    /// How many came before.
    pub dropped: u64,
}

/// Returns the recurrence of `ready_by = "09:00"`, on the weekdays of a cron field such as `1-5`
/// (`*` is every day).
pub fn build_deadline_recurrence(ready_by: &str, weekdays: &str) -> Result<Recurrence, ExpressionError> {
    let time = parse_time(ready_by)?;
    let text = format!("{} {} * * {weekdays}", time.minute(), time.hour());
    CronExpression::parse(&text).map(Recurrence::Cron)
}

/// Parses a time of day, `09:00`.
pub fn parse_time(text: &str) -> Result<Time, ExpressionError> {
    let refuse = || {
        ExpressionError::new(format!("{text:?} is not a valid time of day"))
            .with_help("write it as 09:00, with 24 hours")
    };
    let (hour, minute) = text.split_once(':').filter(|_| text.len() == 5).ok_or_else(refuse)?;
    let read = |part: &str| part.parse::<i8>().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit()));
    let (hour, minute) = read(hour).zip(read(minute)).ok_or_else(refuse)?;
    Time::new(hour, minute, 0, 0).map_err(|_| refuse())
}

/// Returns the delay of a job, in whole seconds as milliseconds, at least 0 and below `jitter_ms`.
/// It depends on the name only, so it is the same on every day and machine.
pub fn draw_jitter_ms(job: &str, jitter_ms: u64) -> u64 {
    // FNV-1a of 64 bits, then murmur3's finisher, since FNV's high bits are weak in short names.
    let hash = job
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    match jitter_ms / 1_000 {
        0 => 0,
        seconds => (hash ^ hash >> 33) % seconds * 1_000,
    }
}

/// Returns the expected length of the next run in milliseconds: the 95th percentile (nearest rank)
/// of the last 20 lengths, oldest first; 0 without any.
pub fn estimate_ms(durations_ms: &[u64]) -> u64 {
    let mut last = durations_ms[durations_ms.len().saturating_sub(RUNS_FOR_ESTIMATE)..].to_vec();
    last.sort_unstable();
    let rank = (last.len() * 95).div_ceil(100);
    rank.checked_sub(1).and_then(|at| last.get(at)).copied().unwrap_or(0)
}
