//! What a run of stages needs to know.
//!
//! In scope: the stages of one logical run, and who listens. Out of scope: reading them from a job
//! file (`config::sections::stages`), running them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use tokio::task::JoinError;

use crate::app::stages::stage_watch::StageWatch;
use crate::clock::Clock;
use crate::command_retry::attempt::CommandOutput;
use crate::command_retry::policy::CommandPolicy;
use crate::command_retry::report::RetryReport;
use crate::command_retry::stdin_copy::StdinCopy;
use crate::config::sections::stages::{StageJob, StageSettings};
use crate::config::settings::Settings;
use crate::ledger::items::key::Key;
use crate::rng::Rng;

/// The folder of dead letters, beside the job file.
const DEAD_LETTER_FOLDER: &str = "dead";

/// The standard input of a command, read when the command is about to run. The error is a clause.
pub type ReadStdinFn = Arc<dyn Fn() -> BoxFuture<'static, Result<Option<StdinCopy>, String>> + Send + Sync>;

/// One stage of one logical run.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedStage {
    /// Its name, as people see it.
    pub name: String,
    /// The key of stage and run.
    pub key: Key,
    /// The program and its arguments; no shell interprets them. `${SHEETKEEP_STAGE_INPUT}` and its
    /// like stand for the variables of the stage.
    pub words: Vec<OsString>,
    /// The path of the artefact, from the folder on; `None` for a stage that makes no file.
    pub artifact: Option<String>,
    /// How often the command is tried.
    pub policy: CommandPolicy,
}

/// The folders of a run of stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageFolders {
    /// The working directory of the commands, from which paths are taken; `None` for ours.
    pub base: Option<PathBuf>,
    /// Where dead letters are kept, from there on.
    pub dead: String,
}

impl StageFolders {
    /// Returns the folders of a job file.
    pub fn from_job(settings: &Settings) -> Self {
        Self { base: settings.path.parent().map(Path::to_owned), dead: DEAD_LETTER_FOLDER.to_owned() }
    }

    /// Returns the place of a path of the job file.
    pub fn resolve_path(&self, path: &str) -> PathBuf {
        self.base.as_deref().unwrap_or(Path::new("")).join(path)
    }
}

/// Who listens to a run of stages.
#[derive(Clone)]
pub struct StageListeners {
    /// Takes the output of the commands.
    pub output: Arc<dyn CommandOutput>,
    /// Takes lines about stages, such as `fetch: already done, skipping`.
    pub line: Arc<dyn Fn(&str) + Send + Sync>,
}

/// All stages of one logical run.
#[derive(Clone)]
pub struct StagePlan {
    /// The job's name.
    pub job: String,
    /// The logical run, such as 2026-11-29.
    pub run: String,
    /// The stages, in order.
    pub stages: Vec<PlannedStage>,
    /// The folders of paths and of dead letters.
    pub folders: StageFolders,
    /// Further variables of the commands: the logical time of the run.
    pub variables: Vec<(&'static str, String)>,
    /// Standard input of the commands; nothing without it.
    pub stdin: Option<ReadStdinFn>,
    /// Whether standard output of the commands is ours, as it comes. Only where no stage has an
    /// artefact.
    pub streams_output: bool,
    /// What takes the output of commands, and lines about stages.
    pub listeners: StageListeners,
    /// Measures delays and timeouts.
    pub clock: Arc<dyn Clock>,
    /// The random source, for delays and names.
    pub rng: Arc<dyn Rng>,
    /// What takes part in each command; `None` outside of drills.
    pub watch: Option<Arc<dyn StageWatch>>,
}

impl StagePlan {
    /// Returns the stages of a job for its logical run; `None` for a job of records.
    pub fn from_job(
        settings: &Settings,
        listeners: StageListeners,
        clock: &Arc<dyn Clock>,
        rng: &Arc<dyn Rng>,
    ) -> Option<Self> {
        let job = settings.stages.as_ref()?;
        Some(Self {
            job: settings.job.clone(),
            run: job.run.clone(),
            stages: plan_stages(job),
            folders: StageFolders::from_job(settings),
            variables: job.variables.clone(),
            stdin: None,
            streams_output: false,
            listeners,
            clock: Arc::clone(clock),
            rng: Arc::clone(rng),
            watch: None,
        })
    }

    /// Does work that blocks: on another thread. In a drill, whose simulated time may move whenever
    /// its only thread waits, it is done on this one.
    pub async fn block_on_files<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        if self.watch.is_some() {
            return Ok(work());
        }
        tokio::task::spawn_blocking(work).await
    }
}

/// Returns the stages of a job for its logical run.
pub fn plan_stages(job: &StageJob) -> Vec<PlannedStage> {
    let planned = |stage: &StageSettings| {
        Some(PlannedStage {
            name: stage.name.clone(),
            key: make_stage_key(&job.run, &stage.name)?,
            words: stage.words.iter().map(OsString::from).collect(),
            artifact: stage.artifact.clone(),
            policy: stage.policy.clone(),
        })
    };
    job.stages.iter().filter_map(planned).collect()
}

/// Returns the key of a stage of a logical run. Names of both are short enough for a key.
pub fn make_stage_key(run: &str, stage: &str) -> Option<Key> {
    Key::new(format!("{run} {stage}")).ok()
}

#[cfg(all(test, feature = "emulator"))]
impl PlannedStage {
    /// Returns a stage of a day that makes this file.
    pub(crate) fn new_for_test(name: &str, artifact: &str) -> Self {
        let key = make_stage_key("2026-11-29", name).expect("a key");
        Self {
            name: name.to_owned(),
            key,
            words: Vec::new(),
            artifact: Some(artifact.to_owned()),
            policy: CommandPolicy::once(),
        }
    }
}

impl fmt::Debug for StagePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StagePlan").field("run", &self.run).field("stages", &self.stages).finish_non_exhaustive()
    }
}

/// What the parts of one run of stages share, and what its caller asks afterwards.
#[derive(Debug, Default)]
pub struct StageOutcomes {
    /// Errors of deliveries that have just failed, for the step that records them.
    failed: Mutex<HashMap<Key, String>>,
    /// The dead letters that are no longer needed.
    delivered: Mutex<Vec<PathBuf>>,
    /// The report of the command that ended last.
    last: Mutex<Option<RetryReport>>,
}

impl StageOutcomes {
    /// Notes why a delivery has failed.
    pub fn note_failed(&self, key: Key, error: String) {
        lock_unpoisoned(&self.failed).insert(key, error);
    }

    /// Takes why the delivery of this key has just failed.
    pub fn take_failed(&self, key: &Key) -> Option<String> {
        lock_unpoisoned(&self.failed).remove(key)
    }

    /// Notes a dead letter that was delivered; its file need not exist.
    pub fn note_delivered(&self, dead_letter: PathBuf) {
        lock_unpoisoned(&self.delivered).push(dead_letter);
    }

    /// Removes the dead letters that were delivered, once the sheet knows of it.
    pub fn remove_delivered(&self) {
        for file in std::mem::take(&mut *lock_unpoisoned(&self.delivered)) {
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(event = "stage.dead_letter_left", path = %file.display(), %error, "a dead letter that was sent can't be removed");
                }
                _ => {}
            }
        }
    }

    /// Notes how a command ended.
    pub fn note_report(&self, report: &RetryReport) {
        *lock_unpoisoned(&self.last) = Some(report.clone());
    }

    /// Returns how the last command ended; `None` if none ran.
    pub fn last_report(&self) -> Option<RetryReport> {
        lock_unpoisoned(&self.last).clone()
    }
}

fn lock_unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
