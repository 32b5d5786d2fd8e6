//! Whether a job outgrows its interval: its runs last longer than the time between two of them.

use sheetkeep_base::time::Timestamp;

use crate::job_schedule::{JobSchedule, estimate_ms};

/// How many occurrences in a row are skipped for overlap before it is reported.
pub const SKIPS_TO_REPORT: u32 = 3;

/// How many intervals ahead are looked at.
const EXAMINED_INTERVALS: usize = 10;

/// How many runs are needed to judge their length.
const RUNS_NEEDED: usize = 3;

/// A job whose runs do not fit into its schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutgrownInterval {
    /// The shortest time between two of the next occurrences, in milliseconds.
    pub interval_ms: u64,
    /// The expected length of a run, in milliseconds.
    pub estimate_ms: u64,
    /// Occurrences in a row that were skipped for overlap.
    pub skipped_in_a_row: u32,
}

impl OutgrownInterval {
    /// Returns what people have to know, without a full stop.
    pub fn sentence(&self) -> String {
        let interval = format_length(self.interval_ms);
        if self.estimate_ms >= self.interval_ms {
            return format!(
                "a run takes about {}, and the schedule starts one every {interval}; let it run less often, or shorten the runs",
                format_length(self.estimate_ms)
            );
        }
        format!(
            "{} times in a row were skipped because a run was still active, and the schedule starts one every {interval}; let it \
             run less often, or shorten the runs",
            self.skipped_in_a_row
        )
    }
}

/// Formats a length of time in its two greatest units.
fn format_length(ms: u64) -> String {
    let seconds = ms.div_ceil(1_000);
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Returns the interval if runs outlast it, or three occurrences in a row were skipped for overlap.
pub fn find_outgrown_interval(
    schedule: &JobSchedule,
    now: Timestamp,
    durations_ms: &[u64],
    skipped_in_a_row: u32,
) -> Option<OutgrownInterval> {
    let interval_ms = find_shortest_interval_ms(schedule, now)?;
    let estimate_ms = estimate_ms(durations_ms);
    let is_longer = durations_ms.len() >= RUNS_NEEDED && estimate_ms >= interval_ms;
    (is_longer || skipped_in_a_row >= SKIPS_TO_REPORT).then_some(OutgrownInterval {
        interval_ms,
        estimate_ms,
        skipped_in_a_row,
    })
}

/// Returns the shortest time between two of the next eleven occurrences, in milliseconds.
pub fn find_shortest_interval_ms(schedule: &JobSchedule, now: Timestamp) -> Option<u64> {
    let mut at = schedule.next_after(now, 0)?.scheduled_for;
    let mut shortest = None;
    for _ in 0..EXAMINED_INTERVALS {
        let next = schedule.next_after(at, 0)?.scheduled_for;
        let interval = next.ms_since(at);
        shortest = Some(shortest.map_or(interval, |known: u64| known.min(interval)));
        at = next;
    }
    shortest
}
