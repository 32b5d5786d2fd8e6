//! A job in Rust that can be run.
//!
//! In scope: one run of it, its watermark. Out of scope: the run itself (`app::single_run`).

use std::fmt;
use std::sync::Arc;

use crate::app::connect::{Sheet, connect_existing};
#[cfg(feature = "emulator")]
use crate::app::drill::drill_job::StepsMaker;
#[cfg(feature = "emulator")]
use crate::app::drill::effects::counted_step::UndoneEffect;
use crate::app::error::AppError;
use crate::app::provided_parts::ProvidedParts;
use crate::app::run_request::RunRequest;
use crate::app::single_run::{make_sheets_store, run};
use crate::clock::Clock;
use crate::config::external::environment::read_host_name;
#[cfg(feature = "emulator")]
use crate::config::sections::records::steps::StepAction;
use crate::config::settings::Settings;
use crate::job::closure_step::ClosureStep;
use crate::job::error::JobError;
use crate::job::report::JobReport;
use crate::job::source::JobSource;
use crate::ledger::runs::event::{Event, EventSink};
use crate::ledger::runs::run::Trigger;
#[cfg(feature = "emulator")]
use crate::port::source::{Source, SourceError};
use crate::port::step::Step;
use crate::port::store::Store;
use crate::rng::Rng;
use crate::runner::shutdown::{StopHandle, StopReason};
use crate::store::memory::MemoryStore;
use crate::system::{SystemClock, SystemRng};

/// What starts the run, in the tab `Runs`.
const TRIGGER: &str = "library";

/// A job whose settings are checked. It may be run again and again.
#[derive(Clone)]
pub struct Job {
    settings: Arc<Settings>,
    source: Option<JobSource>,
    steps: Vec<ClosureStep>,
    memory: Option<MemoryStore>,
    concurrency: usize,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("name", &self.settings.job).field("source", &self.source).finish_non_exhaustive()
    }
}

impl Job {
    pub(crate) fn new(
        settings: Settings,
        source: Option<JobSource>,
        steps: Vec<ClosureStep>,
        memory: Option<MemoryStore>,
        concurrency: usize,
    ) -> Self {
        Self { settings: Arc::new(settings), source, steps, memory, concurrency }
    }

    /// Returns the job's name.
    pub fn name(&self) -> &str {
        &self.settings.job
    }

    /// Runs the job once over its source. Items that fail are in the report and on the sheet; an
    /// error is what keeps the run from its end.
    pub async fn run(&self) -> Result<JobReport, JobError> {
        self.run_until(std::future::pending()).await
    }

    /// Runs the job once; when `stop` resolves, finishes the items in hand, commits and returns.
    pub async fn run_until(&self, stop: impl Future<Output = ()> + Send) -> Result<JobReport, JobError> {
        let (clock, rng) = make_system_parts();
        let needs_watermark = self.source.as_ref().is_some_and(JobSource::needs_watermark);
        let watermark = if needs_watermark { self.read_watermark().await? } else { None };
        let request = RunRequest {
            overlap: self.settings.overlap,
            trigger: Trigger { kind: TRIGGER.to_owned(), ..Trigger::default() },
            host: read_host_name(),
            own: self.make_parts(watermark, &clock),
            ..RunRequest::default()
        };
        let handle = StopHandle::default();
        let mut running = Box::pin(run(&self.settings, request, clock, rng, make_event_sink(), handle.clone()));
        let ended = tokio::select! {
            biased;
            ended = &mut running => ended,
            () = stop => {
                handle.request_stop(StopReason::Terminate);
                running.await
            }
        };
        ended.map(JobReport::from_run_report).map_err(|error| JobError::from_app_error(&error))
    }

    /// Returns the watermark: the text under the member of [`JobSource::with_watermark`] in the last record
    /// before which every record is settled. `None` before the first run.
    pub async fn read_watermark(&self) -> Result<Option<String>, JobError> {
        let (clock, rng) = make_system_parts();
        let store: Arc<dyn Store> = match &self.memory {
            Some(store) => Arc::new(store.clone()),
            None => match connect_existing(&self.settings, &clock, &rng) {
                Ok(Sheet { sheets, id, .. }) => Arc::new(make_sheets_store(&self.settings, sheets, id, &clock)),
                Err(AppError::NeverRan) => return Ok(None),
                Err(error) => return Err(JobError::from_app_error(&error)),
            },
        };
        let loaded = store.load().await.map_err(|error| JobError::from_app_error(&AppError::Store(error)))?;
        Ok(loaded.snapshot.and_then(|snapshot| snapshot.state.low_watermark))
    }

    /// Opens the job's source, from its start.
    #[cfg(feature = "emulator")]
    pub(crate) fn open_source(&self) -> Result<Box<dyn Source>, SourceError> {
        let opener = self.source.as_ref().and_then(|source| source.make_opener(&self.settings.job, None));
        opener.map_or_else(|| self.settings.open_source(), |open| open())
    }

    /// Returns what a scenario plays: the settings, and the steps with programs that are not run.
    /// The number is how many items are in their steps at the same time.
    #[cfg(feature = "emulator")]
    pub(crate) fn make_drill_parts(&self) -> (Arc<Settings>, StepsMaker, Option<usize>) {
        let own = self.steps.clone();
        let steps: StepsMaker = Arc::new(move |settings: &Settings, clock: &Arc<dyn Clock>| {
            let of_file = settings.steps.iter().map(|step| -> Arc<dyn Step> {
                match &step.action {
                    StepAction::CommandStep(_) => Arc::new(UndoneEffect::new(&step.name)),
                    StepAction::MapStep(..) => step.make(clock, &settings.evaluation),
                }
            });
            let own = own.iter().map(|step| -> Arc<dyn Step> { Arc::new(step.clone()) });
            of_file.chain(own).collect()
        });
        (Arc::clone(&self.settings), steps, (!self.steps.is_empty()).then_some(self.concurrency))
    }

    /// Returns the parts that the job does not take from its settings. Steps of a job file come
    /// first.
    fn make_parts(&self, watermark: Option<String>, clock: &Arc<dyn Clock>) -> ProvidedParts {
        let own = self.steps.iter().map(|step| -> Arc<dyn Step> { Arc::new(step.clone()) });
        ProvidedParts {
            source: self.source.as_ref().and_then(|source| source.make_opener(&self.settings.job, watermark)),
            steps: Some(self.settings.make_steps(clock).into_iter().chain(own).collect()),
            store: self.memory.clone().map(|store| -> Arc<dyn Store> { Arc::new(store) }),
            journal: None,
            concurrency: (!self.steps.is_empty()).then_some(self.concurrency),
            ..ProvidedParts::default()
        }
    }
}

/// Creates an empty store in memory, on this machine's clock. Clones share their contents.
pub fn memory_store() -> MemoryStore {
    MemoryStore::new(Arc::new(SystemClock::new()))
}

fn make_system_parts() -> (Arc<dyn Clock>, Arc<dyn Rng>) {
    (Arc::new(SystemClock::new()), Arc::new(SystemRng))
}

/// Passes what the run reports to the program's own logs.
fn make_event_sink() -> EventSink {
    Arc::new(|event| match event {
        Event::Anomaly { message } | Event::LastingAnomaly { message, is_known: false } => {
            tracing::warn!(event = "run.anomaly", "{message}");
        }
        Event::ItemFailed { key, position, step, error } => {
            tracing::warn!(event = "item.failed", key = key.as_str(), place = position, step, "{error}");
        }
        Event::Retrying { step, key, attempt, of, delay_ms, cause, .. } => {
            tracing::info!(event = "step.retrying", key = key.as_str(), step, attempt, of, delay_ms, "{cause}");
        }
        other => tracing::debug!(event = "run.progress", ?other),
    })
}
