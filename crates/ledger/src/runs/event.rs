//! The events of a run as data, for output and metrics.
//!
//! In scope: events, and the report at the end of a run. Out of scope: how they are shown.

use std::sync::Arc;

use crate::items::key::Key;
use crate::items::repeated_keys::RepeatedKeys;
use crate::items::write_mode::ReprocessPolicy;
use crate::leases::lease::Fence;
use crate::runs::held_changes::HeldReport;
use crate::runs::run::{Counts, Run};
use sheetkeep_base::fault::Fault;

/// Takes the events of a run.
pub type EventSink = Arc<dyn Fn(Event) + Send + Sync>;

/// An event of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The run started; nothing was read yet.
    Started {
        /// The run's id.
        run: String,
        /// The job's name.
        job: String,
    },
    /// Another run is active, and this one waits for it; reported once for each other run.
    Waiting {
        /// Which run is active.
        why: String,
    },
    /// The state was loaded.
    Loaded {
        /// Number of keys in Processed.
        keys: u64,
        /// Number of open failures.
        open_failures: u64,
        /// True in the job's first run on this spreadsheet.
        is_first_run: bool,
        /// Duration in milliseconds.
        took_ms: u64,
    },
    /// An unexpected manual edit, an inconsistent read, or a configured column that does not exist;
    /// the run continues.
    Anomaly {
        /// One sentence that names the tab.
        message: String,
    },
    /// Something that stays as it is until people change it, such as a guess about the source;
    /// the run continues.
    LastingAnomaly {
        /// One sentence, in the same words in each run.
        message: String,
        /// True if the job's last run reported it, so that people know.
        is_known: bool,
    },
    /// An earlier run was found abandoned and is closed in Runs.
    RunAbandoned {
        /// The earlier run's id.
        run: String,
    },
    /// This run holds the lease.
    Claimed {
        /// The fencing token of the new term.
        fence: Fence,
    },
    /// An item failed; the run continues.
    ItemFailed {
        /// Its key, or `#` and a hash.
        key: Key,
        /// File, line and record number.
        position: String,
        /// `source`, `item`, or the step's name.
        step: String,
        /// The error message.
        error: String,
    },
    /// A failure is retried on the user's request.
    RetryRequested {
        /// Its key, or `#` and a hash.
        key: Key,
        /// True if the record kept in Failures is used, because the source has none.
        uses_stored_record: bool,
    },
    /// An attempt of a step failed and is retried.
    Retrying {
        /// The step's name.
        step: String,
        /// The item's key.
        key: Key,
        /// The number of the next attempt, from 2.
        attempt: u32,
        /// Maximum number of attempts.
        of: u32,
        /// Milliseconds until the next attempt.
        delay_ms: u64,
        /// The class of the error.
        fault: Fault,
        /// The error of the last attempt.
        cause: String,
    },
    /// Items were processed; sent often, shown at intervals.
    Progress {
        /// Counts so far.
        counts: Counts,
        /// Units of the source that were read, and their total if it is known.
        source: Option<(u64, u64)>,
    },
    /// A commit was applied.
    Committed {
        /// The commit's number.
        number: u64,
        /// Data rows that it carried.
        rows: u64,
        /// Keys that became done.
        keys: u64,
        /// Duration in milliseconds, including the resolution.
        took_ms: u64,
    },
    /// A commit's response was lost, or the guard refused it; the head is read next.
    InDoubt {
        /// The commit's number.
        number: u64,
        /// The error message.
        why: String,
    },
    /// The content of a commit was refused, or it stays unanswered while the head does not move: a
    /// bisection starts.
    Suspected {
        /// The commit's number.
        number: u64,
        /// Items that it carried.
        items: u64,
        /// The service's message, or the error.
        why: String,
    },
    /// A commit in doubt was resolved.
    Resolved {
        /// The commit's number.
        number: u64,
        /// The resolution in a few words.
        resolution: &'static str,
    },
    /// A stop was requested; the run finishes the items in hand, or ends them.
    Stopping {
        /// The signal or reason.
        why: String,
        /// What the run does now.
        what: String,
    },
    /// The run made its last call; sent once, also by a run that an error ends.
    CallsCounted(CallTotals),
    /// The run ended.
    Finished(Box<RunReport>),
}

/// The calls of a run to the service, each attempt counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallTotals {
    /// Attempts that the service counts as reads.
    pub reads: u64,
    /// Attempts that the service counts as writes.
    pub writes: u64,
    /// Attempts after the first one of a call.
    pub retries: u64,
    /// Attempts that were answered with 429.
    pub throttled: u64,
    /// How long calls waited for the quota, in milliseconds.
    pub quota_wait_ms: u64,
}

/// Requested retries, by the origin of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryCounts {
    /// With the present record of the source.
    pub from_source: u64,
    /// With the record kept in Failures.
    pub from_kept: u64,
}

/// The report at the end of a run, for output, alerts and machines.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// The run, as in Runs.
    pub run: Run,
    /// Keys in Processed at the end.
    pub keys: u64,
    /// Open failures at the end.
    pub open_failures: u64,
    /// Exhausted failures at the end.
    pub exhausted_failures: u64,
    /// Failures that the user asked to retry, and how their retries ended.
    pub tried_again: RetryCounts,
    /// Rows added to the data tab.
    pub rows: u64,
    /// Rows of the data tab that were overwritten.
    pub updated: u64,
    /// Commits of this run.
    pub commits: u64,
    /// Calls that read, retries included.
    pub reads: u64,
    /// Calls that write, retries included.
    pub writes: u64,
    /// Calls that were answered with 429.
    pub throttled: u64,
    /// True if another program seems to use the same quota, inferred from 429 responses.
    pub is_quota_shared: bool,
    /// Keys that the source yielded more than once with different content.
    pub repeats: RepeatedKeys,
    /// The policy that decides which record of a key counts.
    pub reprocess_policy: ReprocessPolicy,
    /// Items that became done and made no row.
    pub rowless: u64,
    /// Changes of existing rows that are held back; in a plan, those that a run would hold.
    pub held: Option<HeldReport>,
    /// How the length of the runs does not fit into the job's schedule, if that is so.
    pub outgrown: Option<String>,
    /// Why records were skipped.
    pub skips: SkipCounts,
}

/// Skipped records, by the reason. Records that another run has done meanwhile are in no group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SkipCounts {
    /// Done in an earlier run.
    pub done: u64,
    /// The same key came more than once, and another record of it counts.
    pub twice: u64,
    /// Their failures are exhausted: no further attempt is made without a request.
    pub exhausted: u64,
    /// Failures that people asked to skip.
    pub by_request: u64,
}

impl SkipCounts {
    /// Returns the groups that have records, if there is another one than `done before`.
    pub fn sentence(&self) -> Option<String> {
        let groups = [
            (self.done, "done before"),
            (self.twice, "twice in this source"),
            (self.exhausted, "exhausted"),
            (self.by_request, "by request"),
        ];
        let named: Vec<String> =
            groups.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        (self.twice + self.exhausted + self.by_request > 0).then(|| named.join(", "))
    }
}
