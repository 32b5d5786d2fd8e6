//! The stages of a job in a drill: their folder, the source and step of a run, and the files that
//! they made.
//!
//! In scope: what takes the place of the user's folder and clock. Out of scope: counting the
//! commands (`effects::counted_stages`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::drill::drill_clock::DrillClock;
use crate::app::drill::drill_job::DrillJob;
use crate::app::drill::effects::counted_stages::{CountedStages, hash_made_files};
use crate::app::drill::effects::counted_step::StepCounts;
use crate::app::drill::effects::stage_folder::copy_job_folder;
use crate::app::drill::mishaps::run_mishaps::RunMishaps;
use crate::app::error::AppError;
use crate::app::provided_parts::ProvidedParts;
use crate::app::stages::stage_parts::make_stage_parts;
use crate::app::stages::stage_plan::{PlannedStage, StageFolders, StageListeners, StagePlan, plan_stages};
use crate::clock::Clock;
use crate::command_retry::attempt::CommandOutput;
use crate::config::settings::Settings;
use crate::rng::Rng;
use crate::runner::shutdown::StopHandle;
use crate::system::SystemClock;

/// The folder in which stages run, below the one of the drill.
const FILES: &str = "files";

/// Files by path; the content of a file that is not there is `None`.
pub type MadeFiles = BTreeMap<String, Option<String>>;

/// The stages of one drill. A job of records has none.
pub struct DrilledStages {
    folder: PathBuf,
    /// True if their commands are run.
    is_real: bool,
    stages: Vec<PlannedStage>,
}

impl DrilledStages {
    /// Returns the stages of the job, with a copy of its folder below this one if their commands
    /// are run. Fails if the folder can't be copied.
    pub fn with_copied_folder(job: &DrillJob, folder: &Path) -> Result<Self, AppError> {
        let folder = folder.join(FILES);
        if job.runs_stages {
            let from = job.settings.path.parent().unwrap_or(Path::new(""));
            copy_job_folder(from, &folder)?;
        }
        let stages = job.settings.stages.as_ref().map(plan_stages).unwrap_or_default();
        Ok(Self { folder, is_real: job.runs_stages, stages })
    }

    /// Returns the source and the step of a run, whose commands are counted.
    pub fn run_parts(
        &self,
        settings: &Settings,
        counts: &StepCounts,
        mishaps: &Arc<RunMishaps>,
        drill_clock: &DrillClock,
        rng: &Arc<dyn Rng>,
        stop: &StopHandle,
    ) -> ProvidedParts {
        // A command takes real time, and its timeout is meant in real time.
        let clock: Arc<dyn Clock> =
            if self.is_real { Arc::new(SystemClock::new()) } else { Arc::new(drill_clock.clone()) };
        let listeners = StageListeners { output: Arc::new(DiscardedOutput), line: Arc::new(|_| {}) };
        let Some(plan) = StagePlan::from_job(settings, listeners, &clock, rng) else {
            return ProvidedParts::default();
        };
        let watch = CountedStages::new(counts, Arc::clone(mishaps), drill_clock, self.folder.clone(), self.is_real);
        let folders = StageFolders { base: Some(self.folder.clone()), ..plan.folders };
        let plan = StagePlan { folders, watch: Some(Arc::new(watch)), ..plan };
        make_stage_parts(&Arc::new(plan), &Arc::default(), stop, false)
    }

    /// Returns the files that the stages have made.
    pub fn read_files(&self) -> MadeFiles {
        hash_made_files(&self.folder, &self.stages)
    }

    /// Counts the files that are not as in the undisturbed run. What a command really makes may
    /// differ from run to run.
    pub fn count_wrong_files(&self, usual: &MadeFiles) -> u64 {
        let is_right = |path: &String, made: &Option<String>| match (usual.get(path), made) {
            (Some(usual), made) => made == usual || (self.is_real && made.is_some() && usual.is_some()),
            (None, _) => false,
        };
        self.read_files().iter().filter(|(path, made)| !is_right(path, made)).count() as u64
    }
}

/// Takes the output of commands, which a drill does not show.
struct DiscardedOutput;

impl CommandOutput for DiscardedOutput {
    fn put_out(&self, _: &[u8]) {}

    fn put_err(&self, _: &[u8]) {}
}
