//! Bisects a batch that the service refuses, to find the rejected item. A machine without I/O.
//!
//! In scope: which part of the items is sent next, when one item is identified, and the bounds.
//! Out of scope: sending (`runner::commit::commit_driver`), and the rejected item's failure
//! (`runner::records::item_failures`).
//!
//! ```text
//!  a batch of n is refused ─▶ a commit without items: is the content the reason?
//!        │ refused too                 │ accepted
//!        ▼                             ▼
//!      the run stops         the first half ─▶ accepted: the rejected item is in the rest
//!                              ▲        └────▶ refused:  it is in this half
//!                              └─ until one item is left: it goes to Failures, the rest continues
//! ```
//!
//! Items keep their order, so everything before a rejected item is applied when it is found. Each
//! rejected item costs at most ⌈log2 n⌉ halves, plus the batch of the rest, which exposes the next
//! one. With the first refusal and the commit without items, that is 16·(⌈log2 n⌉ + 1) + 2 commits
//! a run.
//!
//! A batch whose response was lost three times while the head never moved is treated alike: the
//! service answers some bad content with 500. In that case an accepted half proves nothing about
//! the other half. An item is rejected only if it fails alone.

/// Items that a run may reject before it stops. If the service refuses everything, the items are
/// not the cause.
pub const MAX_REJECTED_ITEMS: u32 = 16;

/// The search for items that the service refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bisection {
    rejected_items: u32,
    accepts_empty: bool,
    search: SearchState,
}

/// How certain it is that the service refused the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BisectionCause {
    /// The response was a refusal.
    Refused,
    /// Every response was lost, and the head never moved.
    NoResponse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum SearchState {
    #[default]
    Idle,
    /// A commit without items tests whether these first items are the reason.
    ProbingEmpty(usize, BisectionCause),
    /// At least one of these first items is refused.
    Narrowing(usize, BisectionCause),
    /// The first item is the rejected one.
    Found,
}

impl Bisection {
    /// Records that a batch of the first `items` items was refused.
    pub fn on_refused(&mut self, items: usize, cause: BisectionCause) {
        // If a commit without items was accepted some time ago, it proves nothing when the service
        // does not answer now.
        let proved = self.accepts_empty && cause == BisectionCause::Refused;
        self.search = match (items, proved) {
            (0, _) => SearchState::Idle,
            (1, true) => SearchState::Found,
            (items, true) => SearchState::Narrowing(items, cause),
            (items, false) => SearchState::ProbingEmpty(items, cause),
        };
    }

    /// Records that a batch of the first `items` items was applied.
    pub fn on_applied(&mut self, items: usize) {
        self.search = match self.search {
            // A draft that seemed lost was applied after all.
            SearchState::ProbingEmpty(suspects, _) | SearchState::Narrowing(suspects, _) if items >= suspects => {
                SearchState::Idle
            }
            SearchState::ProbingEmpty(suspects, cause) => {
                self.accepts_empty = true;
                narrow_search(suspects - items, cause, suspects == 1)
            }
            SearchState::Narrowing(suspects, cause) => narrow_search(suspects - items, cause, false),
            same => same,
        };
    }

    /// Returns how many items the next batch carries; `None` if the search does not limit it.
    pub fn batch_limit(&self) -> Option<usize> {
        match self.search {
            SearchState::Idle | SearchState::Found => None,
            SearchState::ProbingEmpty(..) => Some(0),
            SearchState::Narrowing(suspects, _) => Some(suspects.div_ceil(2)),
        }
    }

    /// True if the first item is the rejected one. It was refused alone, or the batch without it was
    /// accepted.
    pub fn has_found(&self) -> bool {
        self.search == SearchState::Found
    }

    /// Counts the rejected item, which the caller removed. Returns false if the run has to stop.
    pub fn count_rejected(&mut self) -> bool {
        self.search = SearchState::Idle;
        self.rejected_items += 1;
        self.rejected_items <= MAX_REJECTED_ITEMS
    }

    /// Ends the search, because the queue is no longer in the order in which it was sent.
    pub fn reset(&mut self) {
        self.search = SearchState::Idle;
    }
}

fn narrow_search(suspects: usize, cause: BisectionCause, is_alone: bool) -> SearchState {
    match (suspects, cause) {
        (1, BisectionCause::Refused) => SearchState::Found,
        // It was already sent alone, three times.
        (1, BisectionCause::NoResponse) if is_alone => SearchState::Found,
        (suspects, cause) => SearchState::Narrowing(suspects, cause),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Simulates a service that refuses some of `n` items. Returns the rejected and the written
    /// items, and the number of batches.
    fn play(n: usize, bad: &HashSet<usize>, cause: BisectionCause) -> (Vec<usize>, Vec<usize>, usize) {
        let mut queue: Vec<usize> = (0..n).collect();
        let (mut bisection, mut rejected, mut written, mut batches) = (Bisection::default(), Vec::new(), Vec::new(), 0);
        while !queue.is_empty() || bisection.batch_limit().is_some() {
            let items = bisection.batch_limit().unwrap_or(queue.len());
            let batch = &queue[..items];
            batches += 1;
            if batch.iter().any(|item| bad.contains(item)) {
                bisection.on_refused(items, cause);
            } else {
                written.extend_from_slice(batch);
                queue.drain(..items);
                bisection.on_applied(items);
            }
            if bisection.has_found() {
                rejected.push(queue.remove(0));
                if !bisection.count_rejected() {
                    break;
                }
            }
        }
        (rejected, written, batches)
    }

    proptest! {
        #[test]
        fn each_rejected_item_is_found_within_the_stated_batches(
            n in 1_usize..3_000,
            bad in prop::collection::hash_set(0_usize..3_000, 1..=16),
        ) {
            let bad: HashSet<usize> = bad.into_iter().filter(|item| *item < n).collect();
            let (rejected, written, batches) = play(n, &bad, BisectionCause::Refused);
            prop_assert_eq!(rejected.iter().copied().collect::<HashSet<_>>(), bad.clone());
            prop_assert_eq!(written.len() + rejected.len(), n);
            prop_assert!(written.is_sorted());
            let bound = bad.len() * (n.next_power_of_two().ilog2() as usize + 1) + 2;
            prop_assert!(batches <= bound, "{} batches for {} of {}, bound {}", batches, bad.len(), n, bound);
        }

        #[test]
        fn content_that_causes_a_server_error_is_found_too(
            n in 1_usize..500,
            bad in prop::collection::hash_set(0_usize..500, 0..=16),
        ) {
            let bad: HashSet<usize> = bad.into_iter().filter(|item| *item < n).collect();
            let (rejected, written, _) = play(n, &bad, BisectionCause::NoResponse);
            prop_assert_eq!(rejected.into_iter().collect::<HashSet<_>>(), bad.clone());
            prop_assert_eq!(written.len(), n - bad.len());
        }
    }

    #[test]
    fn after_a_short_outage_no_item_is_rejected() {
        let mut bisection = Bisection::default();
        bisection.on_refused(5, BisectionCause::NoResponse);
        assert_eq!(bisection.batch_limit(), Some(0));
        bisection.on_applied(0);
        for items in [3, 1, 1] {
            assert_eq!(bisection.batch_limit(), Some(items));
            bisection.on_applied(items);
        }
        assert!(bisection.batch_limit().is_none() && !bisection.has_found());
    }

    #[test]
    fn a_lost_reply_rejects_an_item_only_after_an_empty_commit() {
        let mut bisection = Bisection::default();
        bisection.on_refused(1, BisectionCause::Refused);
        bisection.on_applied(0);
        assert!(bisection.has_found() && bisection.count_rejected());
        bisection.on_refused(1, BisectionCause::NoResponse);
        assert_eq!((bisection.has_found(), bisection.batch_limit()), (false, Some(0)));
    }

    #[test]
    fn a_seventeenth_rejected_item_ends_the_search() {
        let everything: HashSet<usize> = (0..100).collect();
        let (rejected, written, _) = play(100, &everything, BisectionCause::Refused);
        assert_eq!((rejected.len(), written.len()), (17, 0));
    }

    #[test]
    fn a_lost_batch_that_arrives_during_the_search_ends_it() {
        let mut bisection = Bisection::default();
        bisection.on_refused(8, BisectionCause::NoResponse);
        bisection.on_applied(8);
        assert_eq!((bisection.batch_limit(), bisection.has_found()), (None, false));
    }
}
