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
    pub(crate) fn one(size: Cost) -> Self {
        Self { count: Cost::one(), size, work: Cost::one() }
    }

    /// Returns the bounds of one value of this size that takes this work.
    pub(crate) fn with_work(size: Cost, work: Cost) -> Self {
        Self { count: Cost::one(), size, work: work.plus(Cost::one()) }
    }

    /// Combines each of the values with each of the other's; the result size is `size`.
    pub(crate) fn with(self, other: Self, size: Cost) -> Option<Self> {
        let work = self.work.plus(self.count.times(other.work)?);
        let count = self.count.times(other.count)?;
        Some(Self { count, size, work: work.plus(count.times(size)?.scaled(COPY_COST)) })
    }
}

/// Returns the values of both.
pub(crate) fn either_bounds(one: ResultBounds, other: ResultBounds) -> ResultBounds {
    ResultBounds {
        count: one.count.plus(other.count),
        size: one.size.plus(other.size),
        work: one.work.plus(other.work),
    }
}
