//! What people see of stages without running them: what each does, and how far it is.
//!
//! In scope: reading the checkpoints of one logical run. Nothing is written. Out of scope: output
//! (`cli::output::stages`).

use std::sync::Arc;

use crate::app::error::AppError;
use crate::app::inspect::listing::load_snapshot;
use crate::app::stages::artifact::Artifact;
use crate::app::stages::stage_plan::{PlannedStage, StageFolders, plan_stages};
use crate::app::stages::stage_verdict::{StageVerdict, judge_stage};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::rng::Rng;

/// How far a stage is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageProgress {
    /// It is done; a run skips it.
    Done,
    /// A run would run it.
    Open,
    /// A run would stop at it: its file is not what it was. The text is a clause about the file.
    Changed(String),
    /// It could not deliver its file, in this many runs.
    Failed {
        /// The number of runs in which it failed.
        attempts: u64,
        /// True if no run tries it again until a person asks for it.
        waits: bool,
    },
}

/// One stage of a logical run.
#[derive(Debug, Clone, PartialEq)]
pub struct StageState {
    /// The stage, as planned.
    pub stage: PlannedStage,
    /// The path of the file that it reads.
    pub input: Option<String>,
    /// How far it is.
    pub progress: StageProgress,
}

/// Reads how far the stages of the job's logical run are; empty for a job of records.
pub async fn read_stage_states(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<Vec<StageState>, AppError> {
    let Some(job) = &settings.stages else { return Ok(Vec::new()) };
    let snapshot = match load_snapshot(settings, Arc::clone(clock), Arc::clone(rng)).await {
        Err(AppError::NeverRan) => None,
        read => read?,
    };
    let index = snapshot
        .map_or_else(|| ProcessedIndex::empty(ReprocessPolicy::EachVersion), |snapshot| snapshot.processed_index);
    let (stages, folders) = (plan_stages(job), StageFolders::from_job(settings));
    let found = tokio::task::spawn_blocking(move || judge_stages(stages, &folders, &index)).await;
    Ok(found.unwrap_or_default())
}

fn judge_stages(stages: Vec<PlannedStage>, folders: &StageFolders, index: &ProcessedIndex) -> Vec<StageState> {
    let (mut input, mut shown): (Option<Artifact>, Option<String>) = (None, None);
    let mut is_open = false;
    let state = |stage: PlannedStage| {
        let file = stage.artifact.as_deref().map(|path| folders.resolve_path(path));
        // A stage after an open one is made anew.
        let verdict =
            if is_open { StageVerdict::Open } else { judge_stage(&stage, file.as_deref(), input.as_ref(), index) };
        let failure = index.prior_failure(&stage.key);
        let progress = match (verdict, failure) {
            (StageVerdict::Done(made), _) => {
                input = made.or(input.take());
                StageProgress::Done
            }
            (StageVerdict::Changed(why), _) => StageProgress::Changed(why),
            (_, Some(failure)) => StageProgress::Failed { attempts: failure.attempts, waits: failure.is_not_retried() },
            (StageVerdict::Open | StageVerdict::Exhausted, None) => StageProgress::Open,
        };
        is_open |= progress != StageProgress::Done;
        let before = shown.clone();
        shown = stage.artifact.clone().or(shown.take());
        StageState { stage, input: before, progress }
    };
    stages.into_iter().map(state).collect()
}
