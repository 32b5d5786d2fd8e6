//! Bounds on the results of a part of an expression: how many, how large, how much work.
//!
//! In scope: combining the bounds of parts. Out of scope: the bounds of each kind of part
//! (`step::jq::bounds::bounded`).

use crate::step::jq::bounds::cost::Cost;

/// The work of copying one byte; evaluating one term once is 1.
pub(crate) const COPY_COST: f64 = 0.02;

/// Bounds on the results of a term.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResultBounds {
    /// Number of values.
    pub(crate) count: Cost,
    /// Maximum size of each.
    pub(crate) size: Cost,
    /// The work to produce them.
    pub(crate) work: Cost,
}

impl ResultBounds {
    /// Returns the bounds of one value of this size.
    pub(crate) fn new_single(size: Cost) -> Self {
        Self { count: Cost::new_one(), size, work: Cost::new_one() }
    }

    /// Returns the bounds of one value of this size that takes this work.
    pub(crate) fn with_work(size: Cost, work: Cost) -> Self {
        Self { count: Cost::new_one(), size, work: work.add_cost(Cost::new_one()) }
    }

    /// Combines each of the values with each of the other's; the result size is `size`.
    pub(crate) fn with(self, other: Self, size: Cost) -> Option<Self> {
        let work = self.work.add_cost(self.count.multiply_cost(other.work)?);
        let count = self.count.multiply_cost(other.count)?;
        Some(Self { count, size, work: work.add_cost(count.multiply_cost(size)?.scale_cost(COPY_COST)) })
    }
}

/// Returns the values of both.
pub(crate) fn join_bounds(one: ResultBounds, other: ResultBounds) -> ResultBounds {
    ResultBounds {
        count: one.count.add_cost(other.count),
        size: one.size.add_cost(other.size),
        work: one.work.add_cost(other.work),
    }
}
