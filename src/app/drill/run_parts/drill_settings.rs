//! The settings of a job, adapted for a drill.
//!
//! In scope: what a drill leaves out and makes smaller. Out of scope: the parts that it replaces.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::app::drill::drill_clock::DrillClock;
use crate::app::drill::drill_job::DrillJob;
use crate::config::sections::sheet::target::SheetTarget;
use crate::config::settings::Settings;
use crate::ledger::runs::expectation::Expectations;
use crate::port::evaluator::{Evaluation, EvaluationError, Evaluator};

/// Commits in which an undisturbed run writes its rows, so that there are moments between them.
const COMMITS: usize = 6;

/// Returns the settings for a drill: a sheet in memory, small commits, and nothing that belongs to
/// runs by schedule.
pub fn make_drill_settings(job: &DrillJob, clock: &DrillClock, folder: &Path) -> Settings {
    let mut settings = job.settings.as_ref().clone();
    let few = job.units().div_ceil(COMMITS).max(1);
    settings.commit.max_rows = settings.commit.max_rows.min(few);
    settings.target = SheetTarget::Embedded { file: PathBuf::from("drill") };
    settings.state_dir = Some(folder.to_owned());
    settings.schedule = None;
    settings.expectations = Expectations::default();
    settings.max_changed = None;
    settings.evaluation.evaluator = job
        .evaluator
        .as_ref()
        .map(|make| -> Arc<dyn Evaluator> { Arc::new(DrillEvaluator { inner: make(), clock: clock.clone() }) });
    settings
}

/// An evaluator in other processes, during whose work time does not move.
struct DrillEvaluator {
    inner: Arc<dyn Evaluator>,
    clock: DrillClock,
}

impl Evaluator for DrillEvaluator {
    fn evaluate(&self, evaluation: Evaluation) -> BoxFuture<'static, Result<Vec<serde_json::Value>, EvaluationError>> {
        let (busy, evaluating) = (self.clock.mark_busy(), self.inner.evaluate(evaluation));
        Box::pin(async move {
            let values = evaluating.await;
            drop(busy);
            values
        })
    }
}
