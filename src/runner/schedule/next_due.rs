//! When the next run is due, and what the spreadsheet's clock shows then. Pure.
//!
//! In scope: the occurrence after a run, its lateness, local times around clock changes. Out of
//! scope: the cells in Runs (`ledger::runs::end_state`), the formula that compares them with
//! `NOW()` (`store::tabs::jobs_formulas`).

use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::ledger::runs::end_state::NextDue;
use crate::schedule::decision::EARLY_MS;
use crate::schedule::job_schedule::{JobSchedule, Occurrence};
use crate::time::Timestamp;

/// Occurrences that one run can have covered: those that it started shortly before.
const MAX_COVERED: usize = 100;

/// A run, as far as its schedule is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OccurrenceRun {
    /// The logical time, if a schedule started it.
    pub scheduled_for: Option<Timestamp>,
    /// When it started.
    pub started: Timestamp,
    /// How long it took, in milliseconds; the next one may take as long.
    pub took_ms: u64,
}

/// Returns when the run after this one is due; `zone` is the spreadsheet's. The run is late after
/// the grace of the schedule and the time that this run took, or with `ready_by` immediately.
pub fn find_next_due(schedule: Option<&JobSchedule>, run: OccurrenceRun, zone: &TimeZone) -> NextDue {
    let Some(schedule) = schedule else { return NextDue::Never };
    let Some(next) = find_next_occurrence(schedule, run) else { return NextDue::Never };
    let due = next.is_expected_at();
    let patience_ms = match schedule.ready_by {
        Some(_) => 0,
        None => schedule.misfire_grace_ms.saturating_add(run.took_ms),
    };
    NextDue::At {
        due,
        due_local_ms: convert_to_local_ms(due, zone),
        late_local_ms: convert_to_unambiguous_local_ms(due.add_ms(patience_ms), zone),
    }
}

/// Returns the first occurrence that the run does not count for. It is after the run's own, or
/// starts more than a minute after the run did.
fn find_next_occurrence(schedule: &JobSchedule, run: OccurrenceRun) -> Option<Occurrence> {
    let has_covered = |occurrence: &Occurrence| run.started.add_ms(EARLY_MS) >= occurrence.starts_at;
    let mut next = schedule.next_after(run.scheduled_for.unwrap_or(run.started), run.took_ms)?;
    for _ in 0..MAX_COVERED {
        if run.scheduled_for.is_some() || !has_covered(&next) {
            break;
        }
        next = schedule.next_after(next.scheduled_for, run.took_ms)?;
    }
    Some(next)
}

/// Returns how far the zone's clock is ahead of UTC at an instant, in milliseconds.
pub fn find_utc_offset(at: Timestamp, zone: &TimeZone) -> i64 {
    let seconds = jiff::Timestamp::from_millisecond(at.0).map_or(0, |at| zone.to_offset(at).seconds());
    i64::from(seconds) * 1_000
}

/// Returns what the zone's clock shows at an instant, in milliseconds since 1970 began on it.
fn convert_to_local_ms(at: Timestamp, zone: &TimeZone) -> i64 {
    at.0.saturating_add(find_utc_offset(at, zone))
}

/// Converts to local milliseconds. For a local time that comes twice, because the clock is set back,
/// it returns the end of the repeated time. So a comparison with the clock is neither true too early nor false again.
fn convert_to_unambiguous_local_ms(at: Timestamp, zone: &TimeZone) -> i64 {
    let Ok(instant) = jiff::Timestamp::from_millisecond(at.0) else { return at.0 };
    let local = zone.to_datetime(instant);
    if !matches!(zone.to_ambiguous_timestamp(local).offset(), AmbiguousOffset::Fold { .. }) {
        return convert_to_local_ms(at, zone);
    }
    let Ok(later) = zone.to_ambiguous_timestamp(local).later() else { return convert_to_local_ms(at, zone) };
    // The change itself, at or before the second of the two.
    let just_after = jiff::Timestamp::from_millisecond(later.as_millisecond().saturating_add(1)).unwrap_or(later);
    let Some(change) = zone.preceding(just_after).next() else { return convert_to_local_ms(at, zone) };
    let changed_ms = change.timestamp().as_millisecond();
    changed_ms.saturating_add(find_utc_offset(Timestamp(changed_ms.saturating_sub(1)), zone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::cron::CronExpression;
    use crate::schedule::recurrence::Recurrence;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a zone")
    }

    fn daily(cron: &str) -> JobSchedule {
        let expression = CronExpression::parse(cron).expect("a schedule");
        JobSchedule::new(Recurrence::Cron(expression), zone("Europe/Berlin"))
    }

    fn run(scheduled_for: Option<&str>, started: &str) -> OccurrenceRun {
        OccurrenceRun { scheduled_for: scheduled_for.map(at), started: at(started), took_ms: 60_000 }
    }

    /// The due time, and what the spreadsheet's clock shows when it is late.
    fn next(schedule: &JobSchedule, run: OccurrenceRun) -> (String, String) {
        match find_next_due(Some(schedule), run, &zone("Europe/Berlin")) {
            NextDue::At { due, late_local_ms, .. } => (due.to_string(), Timestamp(late_local_ms).to_string()),
            other => panic!("no time: {other:?}"),
        }
    }

    #[test]
    fn a_run_counts_for_its_occurrence_and_the_next_is_due() {
        let nine = daily("0 9 * * *");
        let own = next(&nine, run(Some("2026-06-02T07:00:00Z"), "2026-06-02T07:40:00Z"));
        assert_eq!(own, ("2026-06-03T07:00:00.000Z".into(), "2026-06-03T10:01:00.000Z".into()));
        assert_eq!(next(&nine, run(None, "2026-06-02T06:59:30Z")).0, "2026-06-03T07:00:00.000Z");
        assert_eq!(next(&nine, run(None, "2026-06-02T06:30:00Z")).0, "2026-06-02T07:00:00.000Z");
        assert_eq!(find_next_due(None, run(None, "2026-06-02T06:30:00Z"), &TimeZone::UTC), NextDue::Never);
    }

    #[test]
    fn the_local_time_is_that_of_the_instant_across_a_clock_change() {
        let spring = next(&daily("0 9 * * *"), run(None, "2026-03-28T08:00:00Z"));
        assert_eq!(spring, ("2026-03-29T07:00:00.000Z".into(), "2026-03-29T10:01:00.000Z".into()));
        // 02:31 comes twice on the day on which the clock is set back; 03:00 comes once.
        let autumn = next(&daily("30 1 * * *"), run(None, "2026-10-24T08:00:00Z"));
        assert_eq!(autumn, ("2026-10-24T23:30:00.000Z".into(), "2026-10-25T03:00:00.000Z".into()));
    }
}
