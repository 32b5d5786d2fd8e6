//! The source of a run of stages: each record is a stage that has ended.
//!
//! In scope: which stage is next, whether it is done, what follows its end. Out of scope: its
//! command (`app::stages::stage_command`), the commit of its record (`runner`).
//!
//! No stage begins before the run holds the lease and knows what is done. A stage that fails ends
//! the source, so that no later one runs.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::task::JoinHandle;

use crate::app::stages::artifact::{Artifact, copy_whole};
use crate::app::stages::checkpoint::{Checkpoint, make_version};
use crate::app::stages::stage_command::{CommandEnd, StageCommand};
use crate::app::stages::stage_plan::{PlannedStage, StageOutcomes, StagePlan};
use crate::app::stages::stage_verdict::{StageVerdict, judge_stage};
use crate::config::external::logical_time::parse_logical_date;
use crate::fault::Fault;
use crate::ledger::items::item::Position;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::port::lease_check::LeaseCheck;
use crate::port::source::{Record, Source, SourceError};
use crate::runner::shutdown::StopHandle;

/// The stages of one run, as a source.
pub struct StageSource {
    plan: Arc<StagePlan>,
    outcomes: Arc<StageOutcomes>,
    stop: StopHandle,
    /// What is done, and whom to ask for the lease, once the run holds it.
    claimed: Option<(Arc<ProcessedIndex>, Arc<dyn LeaseCheck>)>,
    /// The place of the next stage.
    next: usize,
    /// The artefact that the next stage reads.
    input: Option<Artifact>,
    /// True if a stage has run in this run: those that follow run, too.
    has_worked: bool,
    visit: Option<JoinHandle<StageEnd>>,
    /// The error that follows the last record.
    error: Option<SourceError>,
}

impl StageSource {
    /// Creates the source of a run that `stop` ends.
    pub fn new(plan: Arc<StagePlan>, outcomes: Arc<StageOutcomes>, stop: StopHandle) -> Self {
        Self { plan, outcomes, stop, claimed: None, next: 0, input: None, has_worked: false, visit: None, error: None }
    }

    /// Returns the next record. The stage itself is a task, so that the caller may cancel.
    async fn advance(&mut self) -> Result<Option<Record>, SourceError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let Some((index, lease)) = &self.claimed else { return std::future::pending().await };
        let visit = match &mut self.visit {
            Some(visit) => visit,
            None if self.next >= self.plan.stages.len() || self.stop.requested_reason().is_some() => return Ok(None),
            None => {
                let visit = StageVisit {
                    plan: Arc::clone(&self.plan),
                    outcomes: Arc::clone(&self.outcomes),
                    stop: self.stop.clone(),
                    index: Arc::clone(index),
                    lease: Arc::clone(lease),
                    place: self.next,
                    input: self.input.clone(),
                    has_worked: self.has_worked,
                };
                self.visit.insert(tokio::spawn(visit.perform_stage()))
            }
        };
        let end = visit.await;
        self.visit = None;
        self.next += 1;
        match end {
            Ok(StageEnd::Done(checkpoint)) => Ok(Some(self.take(*checkpoint))),
            Ok(StageEnd::Undelivered(checkpoint, error)) => {
                self.error = Some(error);
                Ok(Some(self.take(*checkpoint)))
            }
            Ok(StageEnd::Failed(error)) => Err(error),
            Ok(StageEnd::Interrupted) => Ok(None),
            Err(error) => Err(SourceError::Unavailable { what: "the stage".to_owned(), why: error.to_string() }),
        }
    }

    fn take(&mut self, checkpoint: Checkpoint) -> Record {
        let record = checkpoint.record();
        self.has_worked |= checkpoint.attempts > 0;
        self.input = checkpoint.artifact.or(self.input.take());
        let position = Position { origin: checkpoint.stage, record: self.next as u64, line: None };
        Record { body: Ok(record), bytes: Vec::new(), position, cursor: None }
    }
}

impl Drop for StageSource {
    /// Kills the command of a run that is given up.
    fn drop(&mut self) {
        if let Some(visit) = &self.visit {
            visit.abort();
        }
    }
}

impl Source for StageSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        self.advance().boxed()
    }

    fn is_rereadable(&self) -> bool {
        false
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        let (what, why) = ("stages".to_owned(), "they can't be run a second time".to_owned());
        Err(SourceError::Unavailable { what, why })
    }

    fn on_claimed(&mut self, index: &ProcessedIndex, lease: &Arc<dyn LeaseCheck>) {
        if self.claimed.is_none() {
            self.claimed = Some((Arc::new(index.clone()), Arc::clone(lease)));
        }
    }

    fn ends_on_stop(&self) -> bool {
        true
    }

    fn progress(&self) -> Option<(u64, u64)> {
        Some((self.next as u64, self.plan.stages.len() as u64))
    }
}

/// How the visit of a stage ended.
enum StageEnd {
    /// It is done, now or before.
    Done(Box<Checkpoint>),
    /// It could not deliver its file, which is kept.
    Undelivered(Box<Checkpoint>, SourceError),
    /// It failed, or can't be skipped.
    Failed(SourceError),
    /// A stop was requested.
    Interrupted,
}

/// The visit of one stage.
struct StageVisit {
    plan: Arc<StagePlan>,
    outcomes: Arc<StageOutcomes>,
    stop: StopHandle,
    index: Arc<ProcessedIndex>,
    lease: Arc<dyn LeaseCheck>,
    place: usize,
    input: Option<Artifact>,
    has_worked: bool,
}

impl StageVisit {
    async fn perform_stage(self) -> StageEnd {
        let Some(stage) = self.plan.stages.get(self.place) else { return StageEnd::Interrupted };
        match self.find_checkpoint(stage).await {
            Ok(Some(checkpoint)) => {
                (self.plan.listeners.line)(&format!("{}: already done, skipping", stage.name));
                return StageEnd::Done(Box::new(checkpoint));
            }
            Ok(None) => {}
            Err(error) => return StageEnd::Failed(error),
        }
        if let Err(why) = self.check_input().await {
            return StageEnd::Failed(report_changed_file(stage, why));
        }
        let command = StageCommand {
            plan: &self.plan,
            stage,
            input: self.find_input_file(),
            stop: &self.stop,
            outcomes: &self.outcomes,
            lease: Some(self.lease.as_ref()),
        };
        match command.run().await {
            CommandEnd::Done { artifact, attempts, seconds } => {
                if let Some(dead) = self.find_dead_letter(stage) {
                    self.outcomes.record_delivered(self.plan.folders.resolve_path(&dead));
                }
                let checkpoint = self.make_checkpoint(stage, artifact);
                StageEnd::Done(Box::new(Checkpoint { attempts, seconds, ..checkpoint }))
            }
            CommandEnd::Failed { error, may_pass } => self.make_failure(stage, error, may_pass).await,
            CommandEnd::Interrupted => StageEnd::Interrupted,
            CommandEnd::LeaseLost => StageEnd::Failed(report_overtaken_stage(stage)),
        }
    }

    /// Checks that the file which the stage reads is the one that was recorded: another machine may
    /// share the folder.
    async fn check_input(&self) -> Result<(), String> {
        let Some(input) = self.input.clone() else { return Ok(()) };
        let (file, shown) = (self.plan.folders.resolve_path(&input.path), input.path.clone());
        let read = self.plan.block_on_files(move || Artifact::read(&file, &shown)).await;
        match read.map_err(|error| error.to_string())? {
            Ok(found) if found == input => Ok(()),
            Ok(_) => Err(format!("{}, which it reads, is not what its checkpoint says", input.path)),
            Err(error) => Err(format!("{}, which it reads, can't be read: {error}", input.path)),
        }
    }

    /// Returns the path of what the stage reads, for a command that may change its folder.
    fn find_input_file(&self) -> Option<PathBuf> {
        let place = self.plan.folders.resolve_path(&self.input.as_ref()?.path);
        Some(std::path::absolute(&place).unwrap_or(place))
    }

    /// Returns the stage's checkpoint if it is done and need not run again. Fails if its file is
    /// not what it was, or if its delivery waits for a person.
    async fn find_checkpoint(&self, stage: &PlannedStage) -> Result<Option<Checkpoint>, SourceError> {
        if self.has_worked && stage.artifact.is_some() {
            // It is made from what this run has made.
            return Ok(None);
        }
        let file = stage.artifact.as_deref().map(|path| self.plan.folders.resolve_path(path));
        let (of_task, input, index) = (stage.clone(), self.input.clone(), Arc::clone(&self.index));
        let judging = self.plan.block_on_files(move || judge_stage(&of_task, file.as_deref(), input.as_ref(), &index));
        match judging.await.unwrap_or_else(|error| StageVerdict::Changed(error.to_string())) {
            StageVerdict::Done(artifact) => Ok(Some(self.make_checkpoint(stage, artifact))),
            StageVerdict::Open => Ok(None),
            StageVerdict::Changed(why) => Err(report_changed_file(stage, why)),
            StageVerdict::Exhausted => Err(report_exhausted_stage(stage)),
        }
    }

    fn make_checkpoint(&self, stage: &PlannedStage, made: Option<Artifact>) -> Checkpoint {
        let version = make_version(made.as_ref(), self.input.as_ref());
        Checkpoint {
            key: stage.key.clone(),
            stage: stage.name.clone(),
            run: self.plan.run.clone(),
            artifact: made.or_else(|| self.input.clone()),
            version,
            attempts: 0,
            seconds: 0.0,
            dead_letter: None,
        }
    }

    /// Returns the path under which the stage keeps what it can't deliver; `None` if it delivers no
    /// file.
    fn find_dead_letter(&self, stage: &PlannedStage) -> Option<String> {
        let input = self.input.as_ref().filter(|_| stage.artifact.is_none())?;
        let name = input.path.rsplit('/').next().unwrap_or_default();
        let plain = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' };
        let text: String =
            format!("{}-{}-{}-{name}", self.plan.job, self.plan.run, stage.name).chars().map(plain).collect();
        Some(format!("{}/{text}", self.plan.folders.dead))
    }

    async fn make_failure(&self, stage: &PlannedStage, error: String, may_pass: bool) -> StageEnd {
        let fault = if may_pass { Fault::Transient } else { Fault::Rejected };
        let of_stage =
            |advice: String| SourceError::Stage { what: stage.name.clone(), why: error.clone(), advice, fault };
        let Some((dead, from)) = self.find_dead_letter(stage).zip(self.find_input_file()) else {
            return StageEnd::Failed(of_stage(format!(
                "the lines above show what it wrote; what is done stays done, and the next run of {} continues from {}",
                self.plan.run, stage.name
            )));
        };
        let (target, nonce) = (self.plan.folders.resolve_path(&dead), self.plan.rng.next_u64());
        let copied = self.plan.block_on_files(move || copy_whole(&from, &target, nonce)).await;
        if let Err(error) = copied.unwrap_or_else(|error| Err(io::Error::other(error))) {
            return StageEnd::Failed(of_stage(format!("its file could not be kept as {dead}, either: {error}")));
        }
        self.outcomes.record_failed(stage.key.clone(), error.clone());
        let checkpoint = Checkpoint { dead_letter: Some(dead.clone()), ..self.make_checkpoint(stage, None) };
        StageEnd::Undelivered(
            Box::new(checkpoint),
            of_stage(format!("its file is kept as {dead}; {}", describe_retry(stage))),
        )
    }
}

fn report_overtaken_stage(stage: &PlannedStage) -> SourceError {
    SourceError::Stage {
        what: stage.name.clone(),
        why: "another run has taken over the job, so its file was not put in its place".to_owned(),
        advice: "leave the stages to that run; Runs names it".to_owned(),
        fault: Fault::Fenced,
    }
}

fn report_exhausted_stage(stage: &PlannedStage) -> SourceError {
    SourceError::Stage {
        what: stage.name.clone(),
        why: "its failure in Failures waits for an answer, so it was not run".to_owned(),
        advice: describe_retry(stage),
        fault: Fault::Rejected,
    }
}

fn describe_retry(stage: &PlannedStage) -> String {
    format!("sheetkeep failures retry JOB.toml {:?} sends it again without the stages before", stage.key.as_str())
}

fn report_changed_file(stage: &PlannedStage, why: String) -> SourceError {
    // A run of another day than today's is named by its date.
    let date = stage.key.as_str().split_whitespace().next().filter(|run| parse_logical_date(run).is_ok());
    let of_date = date.map(|date| format!(" --date {date}")).unwrap_or_default();
    SourceError::Stage {
        what: stage.name.clone(),
        why,
        advice: format!("put the file back as it was, or make it again with: run --from {}{of_date}", stage.name),
        fault: Fault::Inconsistent,
    }
}
