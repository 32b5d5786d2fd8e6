//! The result of a run, for programs.
//!
//! In scope: its counts. Out of scope: the report of the command line.

use crate::ledger::runs::event::RunReport;
use crate::ledger::runs::run::RunStatus;

/// What a run did. The same numbers are in its row of the tab `Runs`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobReport {
    /// The run's id, as in `Runs`.
    pub run_id: String,
    /// How it ended.
    pub status: RunStatus,
    /// Records that the source yielded.
    pub read: u64,
    /// Items that became done.
    pub new: u64,
    /// Items that were done before, or that another record replaces.
    pub skipped: u64,
    /// Items that failed in this run; each has a row in the tab of failures.
    pub failed: u64,
    /// New items that had failed in an earlier run.
    pub recovered: u64,
    /// Attempts of steps after the first one.
    pub retries: u64,
    /// Rows added to the data tab.
    pub rows: u64,
    /// Failures of all runs that wait for another attempt.
    pub open_failures: u64,
}

impl JobReport {
    /// Returns true if the run reached the end of its source, and no item failed.
    pub fn is_clean(&self) -> bool {
        self.status == RunStatus::Succeeded
    }

    /// Takes the counts of an engine's report.
    pub(crate) fn from_run_report(report: RunReport) -> Self {
        let counts = report.run.counts;
        Self {
            run_id: report.run.id,
            status: report.run.status,
            read: counts.read,
            new: counts.new,
            skipped: counts.skipped,
            failed: counts.failed,
            recovered: counts.recovered,
            retries: counts.retries,
            rows: report.rows,
            open_failures: report.open_failures,
        }
    }
}
