//! The job of a drill: its settings, and how its parts are made for each run.
//!
//! In scope: what is drilled. Out of scope: playing it (`drill::active_drill`).

use std::sync::Arc;

use crate::app::drill::record_copy::RecordCopy;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::port::evaluator::Evaluator;
use crate::port::step::Step;
use crate::runner::shutdown::StopHandle;

/// Makes the steps of a run, for this clock.
pub type StepsMaker = Arc<dyn Fn(&Settings, &Arc<dyn Clock>) -> Vec<Arc<dyn Step>> + Send + Sync>;

/// Makes the evaluator of expressions that may not end: each drill has its own.
pub type EvaluatorMaker = Arc<dyn Fn() -> Arc<dyn Evaluator> + Send + Sync>;

/// A job to be drilled.
#[derive(Clone)]
pub struct DrillJob {
    /// Its settings. The sheet, the state directory and the schedule in them are not used.
    pub settings: Arc<Settings>,
    /// Makes its steps.
    pub steps: StepsMaker,
    /// Makes its evaluator; `None` evaluates in this process.
    pub evaluator: Option<EvaluatorMaker>,
    /// The records of its source, in memory; none for a job of stages.
    pub records: Arc<RecordCopy>,
    /// True if the commands of stages are run, in a copy of the job's folder.
    pub runs_stages: bool,
    /// Ends all drills.
    pub stop: StopHandle,
    /// Maximum number of items in their steps at the same time; `None` for that of the settings.
    pub concurrency: Option<usize>,
}

impl DrillJob {
    /// Returns the number of records, or of stages.
    pub fn units(&self) -> usize {
        self.settings.stages.as_ref().map_or(self.records.records.len(), |job| job.stages.len())
    }
}
