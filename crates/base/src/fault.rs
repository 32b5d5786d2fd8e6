//! Error classes: what to do about an error.
//!
//! In scope: the seven classes that every error of every crate maps to.
//! Out of scope: the errors themselves, which are defined beside their causes, and exit codes
//! (`cli`).

use std::fmt;

/// What the handler of an error should do next. Every error type has a method `fault()` that
/// returns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Try again: a temporary error of the other side or the network.
    Transient,
    /// Try again later: a quota is exhausted, or the sheet changes while it is read.
    Throttled,
    /// Skip this item: it is bad, and retries don't help.
    Rejected,
    /// An operator must act: access is missing or was revoked.
    Denied,
    /// Stop now and change nothing: another run has taken over.
    Fenced,
    /// An operator must act: the content is not what this tool wrote, or not what the job file
    /// defines.
    Inconsistent,
    /// An operator must act: this machine lacks something that the run needs, such as processes,
    /// memory or disk space.
    Machine,
}

impl Fault {
    /// Returns one sentence for the person who has to act.
    pub fn explain(self) -> &'static str {
        match self {
            Self::Transient => "a temporary problem; the next run tries again",
            Self::Throttled => "a limit was reached for now; the next run tries again",
            Self::Rejected => "this record can't be processed as it is",
            Self::Denied => "access is missing; a person has to grant it",
            Self::Fenced => "another run has taken over; this one stopped",
            Self::Inconsistent => "what was found is not what the job expects; a person has to examine it",
            Self::Machine => "this machine refuses what the run needs; no item is to blame",
        }
    }

    /// True if the same call may succeed later without any action.
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
            Self::Inconsistent => "inconsistent",
            Self::Machine => "machine",
        })
    }
}
