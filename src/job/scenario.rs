//! Scenarios for tests: a job under mishaps that the test names.
//!
//! In scope: the mishaps of one scenario. Out of scope: playing it (`app::drill`).

use std::sync::Arc;

use crate::app::drill::drill_clock::play_on_simulated_time;
use crate::app::drill::drill_job::DrillJob;
use crate::app::drill::mishaps::mishap::PlannedMishap;
use crate::app::drill::outcome::DrillOutcome;
use crate::app::drill::record_copy::RecordCopy;
use crate::app::error::AppError;
use crate::job::error::JobError;
use crate::job::runner_job::Job;
use crate::machine::MachineError;
use crate::runner::shutdown::StopHandle;

/// A test of a job. It runs the job under mishaps on a sheet in memory until it has recovered, and
/// compares the rows with those of an undisturbed run. Needs the feature `emulator`.
///
/// The job's steps are called, again and again where a run was killed; programs of a job file are
/// not run. Time is simulated: leases end and delays pass immediately. Nothing of the job's own
/// sheet or store is read or written. Commits and calls of steps are counted from 1, over all runs;
/// rows are written in about six commits.
///
/// ```
/// use serde_json::json;
/// use sheetkeep::job::{Job, Scenario};
///
/// let job = Job::builder("daily")
///     .source((1..=12).map(|id| json!({"id": id})))
///     .step(|order, _| async move { Ok(order) })
///     .build()?;
///
/// let outcome = Scenario::new(&job).kill_at_record(7).lose_reply(2).second_runner(3).play()?;
/// assert!(outcome.is_exact(), "{outcome:?}");
/// assert_eq!((outcome.kills, outcome.doubled, outcome.lost), (1, 0, 0));
/// # Ok::<(), sheetkeep::job::JobError>(())
/// ```
#[derive(Clone)]
pub struct Scenario {
    job: Job,
    mishaps: Vec<PlannedMishap>,
}

impl Scenario {
    /// Starts a scenario without mishaps.
    pub fn new(job: &Job) -> Self {
        Self { job: job.clone(), mishaps: Vec::new() }
    }

    fn with(mut self, mishap: PlannedMishap) -> Self {
        self.mishaps.push(mishap);
        self
    }

    /// Kills the run when it reads this record, from 1.
    #[must_use]
    pub fn kill_at_record(self, record: u64) -> Self {
        self.with(PlannedMishap::KillAtRecord(record))
    }

    /// Kills the run before it sends this commit.
    #[must_use]
    pub fn kill_before_commit(self, commit: u64) -> Self {
        self.with(PlannedMishap::KillBeforeCommit(commit))
    }

    /// Kills the run after this commit was applied, before it gets the response.
    #[must_use]
    pub fn kill_after_commit(self, commit: u64) -> Self {
        self.with(PlannedMishap::KillAfterCommit(commit))
    }

    /// Kills the run when this call of a step begins.
    #[must_use]
    pub fn kill_before_step(self, call: u64) -> Self {
        self.with(PlannedMishap::KillBeforeEffect(call))
    }

    /// Kills the run after this call of a step, before its result is kept.
    #[must_use]
    pub fn kill_after_step(self, call: u64) -> Self {
        self.with(PlannedMishap::KillAfterEffect(call))
    }

    /// Answers `calls` calls with 429, from this commit on.
    #[must_use]
    pub fn throttle(self, commit: u64, calls: u32) -> Self {
        self.with(PlannedMishap::Throttle { commit, calls })
    }

    /// Applies this commit and loses its response.
    #[must_use]
    pub fn lose_reply(self, commit: u64) -> Self {
        self.with(PlannedMishap::LoseReply(commit))
    }

    /// Starts a run on a second machine when this commit is sent.
    #[must_use]
    pub fn second_runner(self, commit: u64) -> Self {
        self.with(PlannedMishap::SecondRunner { commit, takes_over: false })
    }

    /// Starts a run on a second machine when this commit is sent; it takes over the lease
    /// immediately.
    #[must_use]
    pub fn take_over(self, commit: u64) -> Self {
        self.with(PlannedMishap::SecondRunner { commit, takes_over: true })
    }

    /// Sorts the data tab, as a person would, before this commit arrives.
    #[must_use]
    pub fn sort(self, commit: u64) -> Self {
        self.with(PlannedMishap::Sort { commit, is_descending: true })
    }

    /// Plays the scenario on a thread of its own, and waits for its end. Fails as an undisturbed
    /// run of the job fails; what a mishap causes is in the outcome.
    pub fn play(self) -> Result<DrillOutcome, JobError> {
        let outcome = self.play_mishaps();
        outcome.map_err(|error| JobError::from_app_error(&error))
    }

    fn play_mishaps(self) -> Result<DrillOutcome, AppError> {
        let mut source = self.job.open_source().map_err(AppError::Source)?;
        let stop = StopHandle::default();
        let reading = move |_| async move { RecordCopy::read(source.as_mut(), usize::MAX).await };
        let read = play_on_simulated_time(reading, &stop);
        let read = read.map_err(AppError::Machine)?;
        let records = match read {
            Some(read) => read.map_err(AppError::Source)?,
            None => return Err(AppError::Machine(MachineError::resource("the source panicked"))),
        };
        let (settings, steps, concurrency) = self.job.make_drill_parts();
        let job = DrillJob {
            settings,
            steps,
            evaluator: None,
            records: Arc::new(records),
            runs_stages: false,
            stop,
            concurrency,
        };
        let usual = job.play_undisturbed()?;
        job.play(0, self.mishaps, &usual)
    }
}
