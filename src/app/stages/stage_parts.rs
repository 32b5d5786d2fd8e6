//! The parts of a run of stages: its source, its step, and how its records are identified.
//!
//! In scope: making them. Out of scope: the run that takes them (`app::single_run`).

use std::sync::Arc;

use crate::app::provided_parts::ProvidedParts;
use crate::app::stages::checkpoint::CheckpointKeyFinder;
use crate::app::stages::stage_plan::{StageOutcomes, StagePlan};
use crate::app::stages::stage_source::StageSource;
use crate::app::stages::stage_step::StageStep;
use crate::port::source::{Source, SourceError};
use crate::runner::shutdown::StopHandle;

/// Returns the parts of a run of these stages, which `stop` ends. `is_rowless`: its stages make no
/// rows.
pub fn make_stage_parts(
    plan: &Arc<StagePlan>,
    outcomes: &Arc<StageOutcomes>,
    stop: &StopHandle,
    is_rowless: bool,
) -> ProvidedParts {
    let stage_step = StageStep::new(Arc::clone(plan), Arc::clone(outcomes), stop.clone(), is_rowless);
    let (plan, outcomes, stop) = (Arc::clone(plan), Arc::clone(outcomes), stop.clone());
    let open = move || -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(StageSource::new(Arc::clone(&plan), Arc::clone(&outcomes), stop.clone())))
    };
    ProvidedParts {
        source: Some(Arc::new(open)),
        key_finder: Some(Arc::new(CheckpointKeyFinder)),
        steps: Some(vec![Arc::new(stage_step)]),
        concurrency: Some(1),
        is_rowless,
        ..ProvidedParts::default()
    }
}
