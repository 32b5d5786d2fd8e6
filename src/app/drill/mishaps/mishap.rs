//! What goes wrong in a drill, and when: drawn from a seed.
//!
//! In scope: the mishaps as data, and their choice. Out of scope: making them happen.

use crate::rng::Rng;

/// Something that goes wrong, once. Numbers count from 1, over all runs of the drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlannedMishap {
    /// The run is killed when it reads this record.
    KillAtRecord(u64),
    /// The run is killed before it sends this commit.
    KillBeforeCommit(u64),
    /// The run is killed after this commit was applied, before it gets the response.
    KillAfterCommit(u64),
    /// The run is killed when this call of a step with an outside effect begins.
    KillBeforeEffect(u64),
    /// The run is killed after this call of a step with an outside effect, before its result is
    /// kept.
    KillAfterEffect(u64),
    /// From this commit on, this number of calls is answered with 429.
    Throttle {
        /// The number of the commit, from the first of the run.
        commit: u64,
        /// Number of calls.
        calls: u32,
    },
    /// This commit is applied, and its response is lost.
    LoseReply(u64),
    /// A second run of the job starts on another machine when this commit is sent.
    SecondRunner {
        /// The number of the commit, from the first of the run.
        commit: u64,
        /// Whether it takes over the lease immediately.
        takes_over: bool,
    },
    /// A person sorts the data tab right before this commit arrives.
    Sort {
        /// The number of the commit, from the first of the run.
        commit: u64,
        /// Whether the largest value comes first.
        is_descending: bool,
    },
}

/// How much an undisturbed run does, which bounds the moments of mishaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MishapBounds {
    /// Records of the source.
    pub records: u64,
    /// Commits of the run.
    pub commits: u64,
    /// Calls of steps with outside effects.
    pub effects: u64,
}

/// Draws the mishaps of a drill: one to three kills, and some of the others.
pub fn draw_mishaps(rng: &dyn Rng, bounds: MishapBounds) -> Vec<PlannedMishap> {
    let below = |bound: u64| rng.next_u64() % bound.max(1);
    let commit = || 1 + below(bounds.commits);
    let kinds = if bounds.effects > 0 { 5 } else { 3 };
    let mut mishaps: Vec<PlannedMishap> = (0..=below(3))
        .map(|_| match below(kinds) {
            0 => PlannedMishap::KillAtRecord(1 + below(bounds.records)),
            1 => PlannedMishap::KillBeforeCommit(commit()),
            2 => PlannedMishap::KillAfterCommit(commit()),
            3 => PlannedMishap::KillBeforeEffect(1 + below(bounds.effects)),
            _ => PlannedMishap::KillAfterEffect(1 + below(bounds.effects)),
        })
        .collect();
    let may = || rng.next_u64() & 1 == 0;
    mishaps.extend(may().then(|| {
        let calls = u32::try_from(1 + below(4)).unwrap_or(1);
        PlannedMishap::Throttle { commit: commit(), calls }
    }));
    mishaps.extend(may().then(|| PlannedMishap::LoseReply(commit())));
    mishaps.extend(may().then(|| PlannedMishap::SecondRunner { commit: commit(), takes_over: below(3) == 0 }));
    mishaps.extend(may().then(|| PlannedMishap::Sort { commit: commit(), is_descending: may() }));
    mishaps
}

#[cfg(test)]
mod tests {
    use crate::system::SeededRng;

    use super::*;

    #[test]
    fn a_seed_draws_the_same_mishaps_within_their_bounds() {
        let bounds = MishapBounds { records: 12, commits: 4, effects: 0 };
        for seed in 0..500 {
            let drawn = draw_mishaps(&SeededRng::new(seed), bounds);
            assert_eq!(drawn, draw_mishaps(&SeededRng::new(seed), bounds));
            let is_kill = |mishap: &&PlannedMishap| match mishap {
                PlannedMishap::KillAtRecord(record) => (1..=12).contains(record),
                PlannedMishap::KillBeforeCommit(commit) | PlannedMishap::KillAfterCommit(commit) => {
                    (1..=4).contains(commit)
                }
                PlannedMishap::KillBeforeEffect(_) | PlannedMishap::KillAfterEffect(_) => {
                    unreachable!("there are no effects")
                }
                _ => false,
            };
            assert!((1..=3).contains(&drawn.iter().filter(is_kill).count()), "{drawn:?}");
        }
    }
}
