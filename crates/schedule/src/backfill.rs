//! Backfill: the occurrences of a range of dates that have not run.

use std::collections::BTreeSet;

use jiff::civil::Date;
use sheetkeep_base::time::Timestamp;

use crate::job_schedule::{JobSchedule, Occurrence};

/// The most occurrences of one backfill.
pub const MAX_OCCURRENCES: usize = 10_000;

/// The occurrences to run, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackfillPlan {
    /// Occurrences that have not run.
    pub missing: Vec<Occurrence>,
    /// How many of the range had run.
    pub already_done: usize,
    /// How many are on blackout dates.
    pub blackout: usize,
    /// How many are in the future.
    pub future: usize,
    /// Whether the range has more occurrences than `MAX_OCCURRENCES`; the oldest are left out.
    pub is_cut: bool,
}

/// Plans the occurrences whose logical date is in `from..=to`. `done` holds the logical times with
/// a successful run; they are left out, and so are blackout dates and what starts after `now`.
pub fn plan_backfill(
    schedule: &JobSchedule,
    (from, to): (Date, Date),
    done: &BTreeSet<Timestamp>,
    now: Timestamp,
) -> BackfillPlan {
    let bound = |date: Option<Date>| date.and_then(|date| date.to_zoned(schedule.zone.clone()).ok());
    let start = bound(from.yesterday().ok()).map(|at| Timestamp(at.timestamp().as_millisecond()));
    let end = to.tomorrow().ok().and_then(|date| date.tomorrow().ok());
    let end = bound(end).map(|at| Timestamp(at.timestamp().as_millisecond()));
    let mut plan = BackfillPlan::default();
    let (Some(start), Some(end)) = (start, end) else { return plan };
    let found = schedule.last_between(start, end, MAX_OCCURRENCES, 0);
    plan.is_cut = found.dropped > 0;
    for occurrence in found.occurrences {
        if !(from..=to).contains(&occurrence.date) {
            continue;
        }
        if schedule.blackout.has_date(occurrence.date) {
            plan.blackout += 1;
        } else if done.contains(&occurrence.scheduled_for) {
            plan.already_done += 1;
        } else if occurrence.starts_at > now {
            plan.future += 1;
        } else {
            plan.missing.push(occurrence);
        }
    }
    plan
}
