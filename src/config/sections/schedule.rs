//! The schedule of a job: `[schedule]` as written becomes a `JobSchedule`.
//!
//! In scope: reading and checking the values. Out of scope: what they do (`schedule`).

use crate::config::syntax::located::Located;
use crate::config::syntax::raw::ScheduleSection;
use crate::config::value_reader::ValueReader;
use crate::schedule::blackout::BlackoutDates;
use crate::schedule::dialect::ExpressionError;
use crate::schedule::job_schedule::{
    DEFAULT_MARGIN_MS, DEFAULT_MISFIRE_GRACE_MS, DEFAULT_PAUSE_AFTER, JobSchedule, MisfirePolicy, OverlapPolicy,
    ReadyTime, build_deadline_recurrence, draw_jitter_ms, parse_time,
};
use crate::schedule::recurrence::Recurrence;
use crate::schedule::zone::parse_zone;

/// An hour and a day, in milliseconds.
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
/// The most occurrences that `run_all` may catch up with.
const MAX_CAUGHT_UP: u32 = 1_000;

/// Reads the schedule. `None` without one, or with a problem.
pub(crate) fn read_schedule(
    reader: &mut ValueReader<'_>,
    raw: Option<&ScheduleSection>,
    job: Option<&str>,
) -> Option<JobSchedule> {
    let raw = raw?;
    let zone = raw.timezone.as_ref().and_then(|at| parse_text(reader, at, "schedule.timezone", parse_zone));
    let recurrence = read_recurrence(reader, raw);
    let ready_by = read_ready_time(reader, raw);
    let misfire = raw.misfire.as_ref().and_then(|at| read_misfire(reader, at)).unwrap_or_default();
    let misfire_grace_ms = read_duration(reader, raw.misfire_grace.as_ref(), "schedule.misfire_grace", 7 * DAY);
    let overlap = raw.overlap.as_ref().and_then(|at| read_overlap(reader, at)).unwrap_or_default();
    let jitter_ms = read_duration(reader, raw.jitter.as_ref(), "schedule.jitter", HOUR).unwrap_or(0);
    let blackout = read_blackout(reader, &raw.blackout);
    let pause_after =
        raw.pause_after.as_ref().and_then(|at| reader.read_whole_number(at, "schedule.pause_after", 0..=1_000));
    Some(JobSchedule {
        ready_by,
        misfire,
        misfire_grace_ms: misfire_grace_ms.unwrap_or(DEFAULT_MISFIRE_GRACE_MS),
        overlap,
        delay_ms: job.map_or(0, |job| draw_jitter_ms(job, jitter_ms)),
        blackout,
        pause_after: pause_after.and_then(|n| u32::try_from(n).ok()).unwrap_or(DEFAULT_PAUSE_AFTER),
        ..JobSchedule::new(recurrence?, zone?)
    })
}

/// Reads `cron`, or `ready_by` with its weekdays; exactly one of the two.
fn read_recurrence(reader: &mut ValueReader<'_>, raw: &ScheduleSection) -> Option<Recurrence> {
    match (&raw.cron, &raw.ready_by) {
        (Some(cron), None) => {
            let of_deadlines = [("weekdays", &raw.weekdays), ("not_before", &raw.not_before), ("margin", &raw.margin)];
            for (name, at) in of_deadlines {
                let Some(at) = at else { continue };
                let message = format!("schedule.{name} goes with ready_by, and this schedule has cron");
                reader.add_problem_at(
                    at,
                    message,
                    "goes with ready_by",
                    "remove it, or write ready_by in place of cron",
                );
            }
            parse_text(reader, cron, "schedule.cron", Recurrence::parse)
        }
        (None, Some(ready_by)) => {
            let weekdays = match &raw.weekdays {
                Some(at) => parse_text(reader, at, "schedule.weekdays", |weekdays| {
                    build_deadline_recurrence("00:00", weekdays).map(|_| weekdays.to_owned())
                })?,
                None => "*".to_owned(),
            };
            parse_text(reader, ready_by, "schedule.ready_by", |time| build_deadline_recurrence(time, &weekdays))
        }
        (Some(_), Some(ready_by)) => {
            let message = "schedule.ready_by takes the place of cron, and this schedule has both";
            reader.add_problem_at(ready_by, message, "beside cron", "remove one of the two");
            None
        }
        (None, None) => {
            if let Some(at) = &raw.timezone {
                let message = "the schedule has neither cron nor ready_by";
                let help = "add cron = \"0 9 * * *\" for a start at 9:00, or ready_by = \"09:00\" for rows by 9:00";
                reader.add_problem_at(at, message, "of which time?", help);
            }
            None
        }
    }
}

fn read_ready_time(reader: &mut ValueReader<'_>, raw: &ScheduleSection) -> Option<ReadyTime> {
    let deadline = raw.ready_by.as_ref()?;
    if let Some(at) = &raw.jitter {
        let message = "schedule.jitter delays starts, and ready_by chooses them";
        reader.add_problem_at(at, message, "goes with cron", "remove it; margin starts runs earlier");
    }
    let not_before = raw.not_before.as_ref().and_then(|at| parse_text(reader, at, "schedule.not_before", parse_time));
    if let Some(at) = raw.not_before.as_ref().filter(|at| at.get().trim() == deadline.get().trim()) {
        reader.add_problem_at(
            at,
            "schedule.not_before is the deadline itself",
            "no time is left",
            "name an earlier time",
        );
    }
    let margin_ms = read_duration(reader, raw.margin.as_ref(), "schedule.margin", DAY).unwrap_or(DEFAULT_MARGIN_MS);
    Some(ReadyTime { not_before, margin_ms })
}

fn read_misfire(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<MisfirePolicy> {
    let text = reader.read_non_empty(at, "schedule.misfire")?;
    let most = text.strip_prefix("run_all(").and_then(|rest| rest.strip_suffix(')'));
    let most = most.and_then(|max| max.parse().ok()).filter(|max| (1..=MAX_CAUGHT_UP).contains(max));
    match (text.as_str(), most) {
        ("skip", _) => Some(MisfirePolicy::Skip),
        ("run_once", _) => Some(MisfirePolicy::RunOnce),
        (_, Some(max)) => Some(MisfirePolicy::RunAll { max }),
        _ => {
            let help = "the policies are skip, run_once (the latest) and run_all(N), with N from 1 to 1000";
            reader.add_problem_at(at, "schedule.misfire is not a policy", "unknown policy", help);
            None
        }
    }
}

fn read_overlap(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<OverlapPolicy> {
    match reader.read_non_empty(at, "schedule.overlap")?.as_str() {
        "skip" => Some(OverlapPolicy::Skip),
        "queue" => Some(OverlapPolicy::Queue),
        "allow" => Some(OverlapPolicy::Allow),
        _ => {
            let help = "the policies are skip, queue and allow; to take over a lease, set overlap in [lease]";
            reader.add_problem_at(at, "schedule.overlap is not a policy", "unknown policy", help);
            None
        }
    }
}

fn read_blackout(reader: &mut ValueReader<'_>, raw: &[Located<String>]) -> BlackoutDates {
    let mut dates = BlackoutDates::default();
    for at in raw {
        parse_text(reader, at, "schedule.blackout", |text| dates.add(text));
    }
    dates
}

fn read_duration(reader: &mut ValueReader<'_>, at: Option<&Located<String>>, what: &str, most: u64) -> Option<u64> {
    at.and_then(|at| reader.read_duration(at, what, 0..=most))
}

/// Reads a text by a rule of the schedule; the rule's error becomes a problem of the value.
fn parse_text<T>(
    reader: &mut ValueReader<'_>,
    at: &Located<String>,
    what: &str,
    parse: impl FnOnce(&str) -> Result<T, ExpressionError>,
) -> Option<T> {
    let text = reader.read_non_empty(at, what)?;
    match parse(text.trim()) {
        Ok(value) => Some(value),
        Err(error) => {
            let help = error.help.unwrap_or_default();
            reader.add_problem_at(at, format!("{what}: {}", error.message), "not valid", &help);
            None
        }
    }
}
