//! The schedule in words, with its next times, and a warning where clock changes touch it.

use crate::check::report::{CheckItem, Subject};
use crate::config::settings::Settings;
use crate::ledger::runs::schedule_history::{EndedRun, ScheduleHistory};
use crate::schedule::cadence::find_outgrown_interval;
use crate::schedule::explanation::{TIMES_LISTED, explain_time};
use crate::schedule::job_schedule::{JobSchedule, Occurrence};
use crate::schedule::words::{describe, describe_clock_changes};
use crate::time::Timestamp;

/// Describes the job's schedule at `now`; nothing for a job without one.
pub fn check_schedule(settings: &Settings, now: Timestamp) -> Vec<CheckItem> {
    let Some(schedule) = &settings.schedule else { return Vec::new() };
    let words = describe(&schedule.recurrence, &schedule.zone);
    let words = if schedule.ready_by.is_some() { format!("ready {words}") } else { words };
    let times: Vec<String> = find_next_occurrences(schedule, now)
        .filter_map(|next| explain_time(next.scheduled_for, &schedule.zone))
        .map(|time| format!("{} ({})", time.local, time.utc))
        .collect();
    let mut lines = vec![CheckItem::new_expected(Subject::Schedule, format!("{words}; next: {}", times.join(", ")))];
    let notes = describe_clock_changes(&schedule.recurrence, &schedule.zone, now);
    let touched =
        notes.into_iter().filter(|note| !note.contains("keeps its local time") && !note.contains("no run is"));
    let hint = "choose a time outside of 00:00 to 03:59, or UTC, if that matters";
    lines.extend(touched.map(|note| CheckItem::new_warning(Subject::Schedule, note, Some(hint))));
    lines
}

/// Returns a warning if the job's runs do not fit into its schedule.
pub fn warn_of_outgrown_schedule(settings: &Settings, history: &ScheduleHistory, now: Timestamp) -> Option<CheckItem> {
    let durations: Vec<u64> = history.ended.iter().map(EndedRun::duration_ms).collect();
    let outgrown = find_outgrown_interval(settings.schedule.as_ref()?, now, &durations, 0)?;
    Some(CheckItem::new_warning(Subject::Schedule, outgrown.sentence(), None))
}

/// The next five occurrences, blackout dates left out.
fn find_next_occurrences(schedule: &JobSchedule, now: Timestamp) -> impl Iterator<Item = Occurrence> + '_ {
    let next = move |after: Timestamp| schedule.next_after(after, 0);
    std::iter::successors(next(now), move |last| next(last.scheduled_for)).take(TIMES_LISTED)
}
