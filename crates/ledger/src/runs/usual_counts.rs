//! Counts of a run that are far from what earlier runs yielded, where the job file expects nothing.
//!
//! In scope: the usual count and the distance that is worth a warning. Out of scope: keeping the
//! counts of earlier runs (the state), the rules of `[expect]` (`runs::expectation`).
//!
//! The usual count is the median of the runs that yielded something, so that a few empty runs do
//! not move it. From eight runs on, runs of the same weekday are compared, if two of them are
//! known: a job may yield nothing on Sundays. A count that was zero in half of the runs or more may
//! be zero again without a warning. A run outside the band is not degraded; its report has a
//! warning.

use sheetkeep_base::time::Timestamp;

/// How many runs have to have yielded something before one is judged.
const MIN_RUNS: usize = 3;
/// The number of runs from which runs of the same weekday are compared.
const RUNS_FOR_WEEKDAYS: usize = 8;
/// How many runs of the same weekday are needed for that.
const MIN_RUNS_OF_WEEKDAY: usize = 2;
/// The least usual count of new keys from which they are judged: below it, a count of 0 is normal.
const MIN_USUAL_NEW_KEYS: u64 = 10;
/// A count this many times less or more than usual is far outside.
const OUTLIER_FACTOR: u64 = 10;

/// What one run yielded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunYield {
    /// The weekday of its start in UTC; 0 is Monday.
    pub weekday: u8,
    /// Records that it read.
    pub read: u64,
    /// Keys that became done.
    pub new: u64,
}

impl RunYield {
    /// Creates the yield of a run that started at `started`.
    pub fn new(started: Timestamp, read: u64, new: u64) -> Self {
        // 1970-01-01 was a Thursday.
        let weekday = (started.0.div_euclid(86_400_000) + 3).rem_euclid(7);
        Self { weekday: u8::try_from(weekday).unwrap_or(0), read, new }
    }
}

/// Returns how a run that read its whole source differs from earlier ones, a phrase each: `read 0,
/// usually about 1,700 on this weekday`. `earlier` holds the last runs that read their whole
/// source, in any order.
pub fn describe_unusual_counts(earlier: &[RunYield], run: RunYield) -> Vec<String> {
    let read = describe_unusual_count("read", 1, earlier, &run, |run| run.read);
    let new = describe_unusual_count("new", MIN_USUAL_NEW_KEYS, earlier, &run, |run| run.new);
    read.into_iter().chain(new).collect()
}

fn describe_unusual_count(
    name: &str,
    least_usual: u64,
    earlier: &[RunYield],
    run: &RunYield,
    count: fn(&RunYield) -> u64,
) -> Option<String> {
    let same_weekday: Vec<u64> = earlier.iter().filter(|one| one.weekday == run.weekday).map(count).collect();
    let by_weekday = earlier.len() >= RUNS_FOR_WEEKDAYS && same_weekday.len() >= MIN_RUNS_OF_WEEKDAY;
    let known = if by_weekday { same_weekday } else { earlier.iter().map(count).collect() };
    let mut yielded: Vec<u64> = known.iter().copied().filter(|count| *count > 0).collect();
    let least = if by_weekday { MIN_RUNS_OF_WEEKDAY } else { MIN_RUNS };
    if yielded.len() < least {
        return None;
    }
    yielded.sort_unstable();
    let usual = yielded.get(yielded.len() / 2).copied().filter(|usual| *usual >= least_usual)?;
    let now = count(run);
    let is_far = match now {
        0 => known.len() < yielded.len() * 2,
        _ => now.saturating_mul(OUTLIER_FACTOR) < usual || now > usual.saturating_mul(OUTLIER_FACTOR),
    };
    let day = if by_weekday { " on this weekday" } else { "" };
    is_far.then(|| format!("{name} {now}, usually about {usual}{day}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_weekday_is_that_of_the_start() {
        let weekday = |text: &str| RunYield::new(Timestamp::parse(text).expect("a time"), 0, 0).weekday;
        assert_eq!([weekday("2026-11-29T23:59:59Z"), weekday("2026-11-30T00:00:00Z")], [6, 0]);
        assert_eq!([weekday("1970-01-01T00:00:00Z"), weekday("1969-12-31T23:59:59Z")], [3, 2]);
    }

    fn make_yield(weekday: u8, read: u64, new: u64) -> RunYield {
        RunYield { weekday, read, new }
    }

    fn judge_run(earlier: &[(u8, u64, u64)], run: (u8, u64, u64)) -> Vec<String> {
        let earlier: Vec<RunYield> = earlier.iter().map(|run| make_yield(run.0, run.1, run.2)).collect();
        describe_unusual_counts(&earlier, make_yield(run.0, run.1, run.2))
    }

    #[test]
    fn nothing_is_unusual_before_three_runs_yielded() {
        let two = [(0, 100, 100), (1, 100, 100)];
        assert_eq!(judge_run(&two, (2, 0, 0)), [""; 0]);
        let three = [(0, 100, 0), (1, 0, 0), (2, 90, 0), (3, 110, 0)];
        assert_eq!(judge_run(&three, (4, 0, 0)), ["read 0, usually about 100"]);
    }

    #[test]
    fn far_is_below_a_tenth_or_above_ten_times() {
        let earlier = [(0, 100, 0), (1, 100, 0), (2, 100, 0)];
        for (read, is_far) in [(9, true), (10, false), (1_000, false), (1_001, true), (u64::MAX, true)] {
            assert_eq!(judge_run(&earlier, (3, read, 0)).len(), usize::from(is_far), "{read}");
        }
    }

    #[test]
    fn a_count_that_is_often_zero_is_no_sign_when_it_is_zero() {
        // Most runs find nothing new.
        let earlier = [(0, 100, 50), (1, 100, 0), (2, 100, 40), (3, 100, 0), (4, 100, 60), (5, 100, 0)];
        assert_eq!(judge_run(&earlier, (6, 100, 0)), [""; 0]);
        assert_eq!(judge_run(&earlier[..5], (6, 100, 0)), ["new 0, usually about 50"]);
        let few = [(0, 2, 2), (1, 2, 1), (2, 2, 2)];
        assert_eq!(judge_run(&few, (3, 0, 0)), ["read 0, usually about 2"], "few are new anyway");
    }

    #[test]
    fn from_eight_runs_on_the_weekday_counts() {
        let mut weeks: Vec<(u8, u64, u64)> = Vec::new();
        for _ in 0..2 {
            weeks.extend((0..5).map(|day| (day, 1_000, 100)));
            weeks.extend([(5, 40, 4), (6, 0, 0)]);
        }
        assert_eq!(judge_run(&weeks, (6, 0, 0)), [""; 0], "a Sunday");
        assert_eq!(judge_run(&weeks, (5, 40, 4)), [""; 0], "a Saturday");
        assert_eq!(judge_run(&weeks, (0, 40, 4)).len(), 2, "a Monday like a Saturday");
        assert_eq!(judge_run(&weeks, (0, 0, 100)), ["read 0, usually about 1000 on this weekday"]);
        // Seven runs are compared as one.
        assert_eq!(judge_run(&weeks[..7], (6, 0, 0)), ["read 0, usually about 1000", "new 0, usually about 100"]);
    }

    proptest! {
        #[test]
        fn a_run_like_all_others_is_never_unusual(
            days in prop::collection::vec(0_u8..7, 0..25), read in any::<u64>(), new in any::<u64>(), day in 0_u8..7,
        ) {
            let earlier: Vec<RunYield> = days.iter().map(|day| make_yield(*day, read, new)).collect();
            prop_assert_eq!(describe_unusual_counts(&earlier, make_yield(day, read, new)), Vec::<String>::new());
        }
    }
}
