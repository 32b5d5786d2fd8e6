//! The step of a run of stages: a record becomes its row, and a dead letter is sent again.
//!
//! In scope: what becomes of one record. Out of scope: which failures are tried again
//! (`runner::input::input_queue`).

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use serde_json::Value;

use crate::app::stages::artifact::Artifact;
use crate::app::stages::checkpoint::make_row;
use crate::app::stages::stage_command::{CommandEnd, StageCommand};
use crate::app::stages::stage_plan::{PlannedStage, StageOutcomes, StagePlan, make_stage_key};
use crate::config::external::logical_time::{LOGICAL_DATE, LOGICAL_RUN, SCHEDULED_FOR, parse_logical_date};
use crate::port::step::{Step, StepContext, StepError};
use crate::runner::shutdown::StopHandle;

/// Characters of a date at the start of a run's name.
const DATE_CHARS: usize = 10;

/// The step of a run that `stop` ends.
pub struct StageStep {
    plan: Arc<StagePlan>,
    outcomes: Arc<StageOutcomes>,
    stop: StopHandle,
    is_rowless: bool,
}

impl StageStep {
    /// Creates the step. `is_rowless`: records make no rows.
    pub fn new(plan: Arc<StagePlan>, outcomes: Arc<StageOutcomes>, stop: StopHandle, is_rowless: bool) -> Self {
        Self { plan, outcomes, stop, is_rowless }
    }

    async fn perform_record(&self, record: Value, context: &StepContext) -> Result<Vec<Value>, StepError> {
        if let Some(error) = self.outcomes.take_failed(&context.key) {
            return Err(StepError::Rejected(error));
        }
        let Some(dead) = record.get("dead_letter").and_then(Value::as_str) else {
            return Ok(self.make_rows(make_row(&record, None)));
        };
        let file = self.find_dead_letter(&record, dead).await.map_err(StepError::Rejected)?;
        let (plan, stage) = self.find_run(&record, context).map_err(StepError::Rejected)?;
        let input = Some(std::path::absolute(&file).unwrap_or_else(|_| file.clone()));
        let (stop, outcomes) = (&self.stop, self.outcomes.as_ref());
        let command = StageCommand { plan: &plan, stage: &stage, input, stop, outcomes, lease: None };
        match command.run().await {
            CommandEnd::Done { attempts, seconds, .. } => {
                self.outcomes.record_delivered(file);
                Ok(self.make_rows(make_row(&record, Some((attempts, seconds)))))
            }
            CommandEnd::Failed { error, .. } => Err(StepError::Rejected(error)),
            CommandEnd::Interrupted | CommandEnd::LeaseLost => Err(StepError::Cancelled),
        }
    }

    fn make_rows(&self, row: Value) -> Vec<Value> {
        if self.is_rowless { Vec::new() } else { vec![row] }
    }

    /// Returns the dead letter's file, if it is what the failure says.
    async fn find_dead_letter(&self, record: &Value, dead: &str) -> Result<PathBuf, String> {
        let expected = Artifact::from_record(record).ok_or("the record in Failures has no path, size and hash")?;
        // The record comes from a sheet that people edit: no other file may be sent, and then removed.
        let name = dead.strip_prefix(&self.plan.folders.dead).and_then(|rest| rest.strip_prefix('/'));
        let mut parts = Path::new(name.unwrap_or_default()).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            return Err(format!(
                "the record in Failures names {dead:?}, which is not a file in {}",
                self.plan.folders.dead
            ));
        }
        let (file, shown) = (self.plan.folders.resolve_path(dead), expected.path.clone());
        let of_task = file.clone();
        let read = self.plan.block_on_files(move || Artifact::read(&of_task, &shown)).await;
        match read.map_err(|error| error.to_string())? {
            Ok(found) if found == expected => Ok(file),
            Ok(_) => {
                Err(format!("the dead letter {dead} has changed since it was kept; put it back, or skip the failure"))
            }
            Err(error) => {
                Err(format!("the dead letter {dead} can't be read here: {error}; retry on the machine that has it"))
            }
        }
    }

    /// Returns the stage and the variables of the run that the dead letter is of.
    fn find_run(&self, record: &Value, context: &StepContext) -> Result<(StagePlan, PlannedStage), String> {
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        let (run, name) = (text("run"), text("stage"));
        let stage = self.plan.stages.iter().find(|stage| stage.name == name && stage.artifact.is_none());
        let stage = stage.ok_or_else(|| format!("the job has no stage {name} that delivers a file"))?;
        let date = run.get(..DATE_CHARS).filter(|date| parse_logical_date(date).is_ok());
        let (Some(date), true) = (date, make_stage_key(run, name).as_ref() == Some(&context.key)) else {
            return Err(format!(
                "the record in Failures names the run {run:?}, and its key is {:?}",
                context.key.as_str()
            ));
        };
        let mut plan = StagePlan { run: run.to_owned(), ..(*self.plan).clone() };
        // A run of a date has no time of the schedule, and today's is not its own.
        let scheduled_for = run.parse::<Timestamp>().map(|at| at.to_string()).unwrap_or_default();
        plan.variables =
            vec![(LOGICAL_DATE, date.to_owned()), (LOGICAL_RUN, run.to_owned()), (SCHEDULED_FOR, scheduled_for)];
        Ok((plan, PlannedStage { key: context.key.clone(), ..stage.clone() }))
    }
}

impl Step for StageStep {
    fn run<'a>(&'a self, input: Value, context: &'a StepContext) -> BoxFuture<'a, Result<Vec<Value>, StepError>> {
        self.perform_record(input, context).boxed()
    }

    fn name(&self) -> &'static str {
        "stage"
    }

    fn has_outside_effects(&self) -> bool {
        true
    }
}
