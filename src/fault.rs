//! What went wrong, as what to do about it.
//!
//! In scope: the seven answers that every error of this crate folds into.
//! Out of scope: the errors themselves, which live beside what fails, and exit codes, which live in `cli`.

use std::fmt;

/// What whoever handles an error should do next; every error type has a `fault()` that says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Try again: the other side or the way to it was out of order for a moment.
    Transient,
    /// Try again, but later: a quota is used up.
    Throttled,
    /// Leave this item aside: it is bad, and trying again will not mend it.
    Rejected,
    /// An operator must act: access is missing or was taken away.
    Denied,
    /// Stop now and change nothing: another run has taken over.
    Fenced,
    /// An operator must act: what was found is not what this tool wrote, or not what the job says.
    Corrupt,
    /// An operator must act: this machine refuses what the run needs, such as processes, memory or room on its disk.
    Machine,
}

impl Fault {
    /// One sentence for a person who has to act on it.
    pub fn explain(self) -> &'static str {
        match self {
            Self::Transient => "a temporary problem; the next run tries again",
            Self::Throttled => "a quota is exhausted; it refills every minute",
            Self::Rejected => "this record can't be processed as it is",
            Self::Denied => "access is missing; a person has to grant it",
            Self::Fenced => "another run has taken over; this one stopped",
            Self::Corrupt => "what was found is not what the job expects; a person has to examine it",
            Self::Machine => "this machine refuses what the run needs; no item is to blame",
        }
    }

    /// Whether the same call may succeed later without anybody's doing.
    pub fn passes(self) -> bool {
        matches!(self, Self::Transient | Self::Throttled)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transient => "transient",
            Self::Throttled => "throttled",
            Self::Rejected => "rejected",
            Self::Denied => "denied",
            Self::Fenced => "fenced",
            Self::Corrupt => "inconsistent",
            Self::Machine => "machine",
        })
    }
}
