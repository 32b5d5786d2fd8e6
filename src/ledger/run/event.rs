//! What happened, as data: the only thing that output, alerts and metrics ever see of a run.
//!
//! In scope: events and the report at a run's end. Out of scope: how they are shown.

use crate::ledger::item::key::Key;
use crate::ledger::item::repeated_keys::RepeatedKeys;
use crate::ledger::item::write_mode::ReprocessPolicy;
use crate::ledger::lease::lease::Fence;
use crate::ledger::run::run::{Counts, Run};

/// One thing that happened in a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The run began; nothing was read yet.
    Started {
        /// The run's id.
        run: String,
        /// The job.
        job: String,
    },
    /// Another run is at work, and this one waits for it; told once for each other run.
    Waiting {
        /// Who is at work.
        why: String,
    },
    /// The state was read.
    Loaded {
        /// Keys in Processed.
        keys: u64,
        /// Failures that are open.
        open_failures: u64,
        /// Whether this is the job's first run on this spreadsheet.
        first: bool,
        /// Milliseconds that it took.
        took_ms: u64,
    },
    /// People's hands left something odd, a read did not fit, or the job names a column that is not there; the run goes on.
    Anomaly {
        /// One sentence that names the tab.
        message: String,
    },
    /// An earlier run was found dead and is told in Runs.
    Buried {
        /// Its id.
        run: String,
    },
    /// The lease is this run's.
    Claimed {
        /// The new term.
        fence: Fence,
    },
    /// An item failed; the run goes on.
    ItemFailed {
        /// Its key, or `#` and a hash.
        key: Key,
        /// File, line and record.
        place: String,
        /// `source`, `item`, or the step's name.
        step: String,
        /// What went wrong.
        error: String,
    },
    /// A failure is tried once more because somebody asked for it.
    TriedAgain {
        /// Its key, or `#` and a hash.
        key: Key,
        /// Whether from the record that is kept in Failures, for want of one in the source.
        from_kept: bool,
    },
    /// A try of a step came to nothing, and it is tried again.
    Retrying {
        /// The step.
        step: String,
        /// The item's key.
        key: Key,
        /// The try that follows, from 2.
        attempt: u32,
        /// Tries in all.
        of: u32,
        /// Milliseconds until then.
        delay_ms: u64,
        /// Why the try before came to nothing.
        cause: String,
    },
    /// Items moved on; sent often, shown now and then.
    Progress {
        /// Counts so far.
        counts: Counts,
        /// Units of the source read, and in all, where known.
        source: Option<(u64, u64)>,
    },
    /// A commit is on the sheet.
    Committed {
        /// Its number.
        number: u64,
        /// Rows of data that it carried.
        rows: u64,
        /// Keys that became done.
        keys: u64,
        /// Milliseconds that it took, judgement included.
        took_ms: u64,
    },
    /// A commit's answer was lost, or it was refused by the guard; the head will tell.
    InDoubt {
        /// The commit's number.
        number: u64,
        /// What happened.
        why: String,
    },
    /// A commit is refused for what it carries, or stays unanswered though the head stands still: it is searched which item is why.
    Suspected {
        /// The commit's number.
        number: u64,
        /// Items that it carried.
        items: u64,
        /// What the service said, or what happened.
        why: String,
    },
    /// A doubt is settled.
    Judged {
        /// The commit's number.
        number: u64,
        /// The verdict, in a word or two.
        verdict: &'static str,
    },
    /// Somebody asked the run to stop; it finishes what is in hand.
    Stopping {
        /// The signal or reason.
        why: String,
    },
    /// The run is over.
    Finished(Box<RunReport>),
}

/// Failures that a run tried because somebody asked for them, by the record that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryCounts {
    /// From the record that the source has now.
    pub from_source: u64,
    /// From the one that is kept in Failures.
    pub from_kept: u64,
}

/// A run's end, for output, alerts and machines.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// The run as Runs tells it.
    pub run: Run,
    /// Keys in Processed at the end.
    pub keys: u64,
    /// Failures that are open at the end.
    pub open_failures: u64,
    /// Failures that are left alone until somebody asks.
    pub dead_failures: u64,
    /// Failures that it tried because somebody asked for them.
    pub tried_again: RetryCounts,
    /// Rows added to the data tab.
    pub rows: u64,
    /// Rows of it that were written over.
    pub updated: u64,
    /// Commits that this run made.
    pub commits: u64,
    /// Calls that read.
    pub reads: u64,
    /// Calls that wrote.
    pub writes: u64,
    /// Calls that were answered 429.
    pub throttled: u64,
    /// Whether another program uses the same quota, judged by answers of 429.
    pub is_quota_shared: bool,
    /// Keys that the source yielded more than once, with different content.
    pub repeats: RepeatedKeys,
    /// Which of a key's records count.
    pub again: ReprocessPolicy,
    /// Items that became done and made no row.
    pub rowless: u64,
}
