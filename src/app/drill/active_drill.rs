//! One drill: runs of a job under mishaps, until one ends well, and the comparison with an
//! undisturbed run.
//!
//! In scope: starting and killing runs, the second machine, the counts. Out of scope: drawing the
//! mishaps (`drill::mishaps::mishap`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::unbounded_channel;

use crate::app::drill::drill_clock::{DrillClock, play_on_simulated_time};
use crate::app::drill::drill_job::DrillJob;
use crate::app::drill::drill_sheet::DrillSheet;
use crate::app::drill::effects::counted_step::{CountedStep, StepCounts};
use crate::app::drill::effects::stage_folder::DRILL_FOLDER_PREFIX;
use crate::app::drill::mishaps::mishap::{MishapBounds, PlannedMishap};
use crate::app::drill::mishaps::mishap_queue::MishapQueue;
use crate::app::drill::mishaps::mishap_store::MishapStore;
use crate::app::drill::mishaps::run_mishaps::RunMishaps;
use crate::app::drill::mishaps::watched_source::WatchedSource;
use crate::app::drill::outcome::DrillOutcome;
use crate::app::drill::run_parts::drill_journal::DrillJournal;
use crate::app::drill::run_parts::drill_settings::make_drill_settings;
use crate::app::drill::run_parts::drilled_stages::{DrilledStages, MadeFiles};
use crate::app::drill::run_parts::replay_source::ReplaySource;
use crate::app::error::AppError;
use crate::app::job::{find_active_run, run};
use crate::app::local_state::journal::FileJournal;
use crate::app::provided_parts::{ProvidedParts, SourceOpener};
use crate::app::run_request::RunRequest;
use crate::clock::Clock;
use crate::config::sections::limits::Overlap;
use crate::config::settings::Settings;
use crate::fault::Fault;
use crate::ledger::runs::event::RunReport;
use crate::ledger::runs::run::Trigger;
use crate::machine::MachineError;
use crate::port::source::Source;
use crate::rng::Rng;
use crate::runner::run_config::RunError;
use crate::runner::shutdown::StopHandle;
use crate::system::{SeededRng, SystemClock};

/// Runs that a drill starts until one ends well.
const MAX_RUNS: u64 = 60;
/// How long a killed run may hold the lock of its machine, in milliseconds of real time.
const LOCK_TIMEOUT_MS: u64 = 10_000;
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// What an undisturbed run does.
#[derive(Debug, Clone, Default)]
pub struct UndisturbedRun {
    /// The report of the run.
    pub report: Option<RunReport>,
    /// The moments at which mishaps can happen.
    pub bounds: MishapBounds,
    rows: BTreeMap<String, u64>,
    counts: StepCounts,
    files: MadeFiles,
}

impl DrillJob {
    /// Runs the job without mishaps. Fails as the job itself would fail.
    pub fn play_undisturbed(&self) -> Result<UndisturbedRun, AppError> {
        let job = self.clone();
        run_in_simulated_time(&self.stop, move |clock| async move {
            let drill = ActiveDrill::new(job, 0, Vec::new(), clock)?;
            let report =
                drill.start("", Overlap::Skip).await.unwrap_or_else(|| Err(report_killed_undisturbed_run()))?;
            let (_, commits, effects) = drill.queue.outcome();
            let bounds = MishapBounds { records: drill.job.units() as u64, commits, effects };
            let (rows, counts, files) =
                (drill.sheet.count_rows().await, drill.counts.clone(), drill.stages.read_files());
            Ok(UndisturbedRun { report: Some(report), bounds, rows, counts, files })
        })
    }

    /// Runs the job under these mishaps until it has recovered, and compares.
    pub fn play(
        &self,
        seed: u64,
        mishaps: Vec<PlannedMishap>,
        usual: &UndisturbedRun,
    ) -> Result<DrillOutcome, AppError> {
        let (job, usual) = (self.clone(), usual.clone());
        run_in_simulated_time(&self.stop, move |clock| async move {
            let mut drill = ActiveDrill::new(job, seed, mishaps, clock)?;
            let error = drill.recover().await.err();
            Ok(drill.collect_outcome(error, &usual).await)
        })
    }
}

/// Runs a drill on simulated time.
fn run_in_simulated_time<T, F, R>(stop: &StopHandle, play: F) -> Result<T, AppError>
where
    F: FnOnce(DrillClock) -> R + Send + 'static,
    R: Future<Output = Result<T, AppError>> + Send + 'static,
    T: Send + 'static,
{
    let played = play_on_simulated_time(play, stop).map_err(AppError::Machine)?;
    if let (None, Some(reason)) = (&played, stop.requested_reason()) {
        return Err(AppError::Run(RunError::Stopped { reason }));
    }
    played.unwrap_or_else(|| Err(AppError::Machine(MachineError::resource("the drill panicked".to_owned()))))
}

/// The error of an undisturbed run that was killed, which nothing does.
fn report_killed_undisturbed_run() -> AppError {
    AppError::Machine(MachineError::resource("the run of the drill was dropped".to_owned()))
}

/// A drill under way.
struct ActiveDrill {
    job: DrillJob,
    seed: u64,
    clock: DrillClock,
    sheet: DrillSheet,
    stages: DrilledStages,
    queue: Arc<MishapQueue>,
    counts: StepCounts,
    second_runs: tokio::sync::mpsc::UnboundedReceiver<bool>,
    /// Lock and journal of each machine; removed with the drill.
    folder: tempfile::TempDir,
    runs: std::sync::atomic::AtomicU64,
}

impl ActiveDrill {
    fn new(job: DrillJob, seed: u64, mishaps: Vec<PlannedMishap>, clock: DrillClock) -> Result<Self, AppError> {
        let folder = tempfile::Builder::new().prefix(DRILL_FOLDER_PREFIX).tempdir().map_err(|error| {
            let why = format!("a temporary folder can't be made: {error}");
            AppError::Machine(MachineError::storage(why))
        })?;
        let stages = DrilledStages::with_copied_folder(&job, folder.path())?;
        let settings = Arc::new(make_drill_settings(&job, &clock, folder.path()));
        let job = DrillJob { settings, ..job };
        let sheet = DrillSheet::new(&job.settings, &clock, Arc::new(SeededRng::new(seed ^ 0x5EE7)))?;
        let (sender, second_runs) = unbounded_channel();
        let queue = Arc::new(MishapQueue::new(mishaps, sender));
        let (counts, runs) = Default::default();
        Ok(Self { job, seed, clock, sheet, stages, queue, counts, second_runs, folder, runs })
    }

    /// Runs the job until a run ends well, and once more without mishaps. Fails with the error of a run
    /// that no further run repairs.
    async fn recover(&mut self) -> Result<(), AppError> {
        let lease = Duration::from_millis(self.job.settings.lease_ttl_ms + 1_000);
        let mut others: FuturesUnordered<BoxFuture<'_, Option<Result<RunReport, AppError>>>> = FuturesUnordered::new();
        let mut second_runs = std::mem::replace(&mut self.second_runs, unbounded_channel().1);
        let drill = &*self;
        let mut tries = 0;
        let mut is_recovered = false;
        while !is_recovered {
            tries += 1;
            if tries == MAX_RUNS {
                drill.queue.drop_pending();
                drill.sheet.end_faults();
            }
            let mut running = Box::pin(drill.start("", Overlap::Skip));
            let ended = loop {
                tokio::select! {
                    biased;
                    Some(takes_over) = second_runs.recv() => {
                        let overlap = if takes_over { Overlap::Replace } else { Overlap::Skip };
                        others.push(Box::pin(drill.start("the second run was ", overlap)));
                    }
                    ended = &mut running => break ended,
                    Some(_) = others.next(), if !others.is_empty() => {}
                }
            };
            drop(running);
            match ended {
                None => {}
                Some(Ok(_)) => is_recovered = true,
                Some(Err(error)) if tries > MAX_RUNS || !is_passing(&error) => return Err(error),
                // A lease of another run ends, or a service works again. The second machine continues.
                Some(Err(_)) => {
                    let mut waiting = drill.clock.sleep(lease);
                    loop {
                        tokio::select! {
                            biased;
                            () = &mut waiting => break,
                            Some(_) = others.next(), if !others.is_empty() => {}
                        }
                    }
                }
            }
        }
        while others.next().await.is_some() {}
        drill.queue.drop_pending();
        drill.sheet.end_faults();
        drill.clock.sleep(lease).await;
        drill.start("", Overlap::Skip).await.unwrap_or_else(|| Err(report_killed_undisturbed_run())).map(drop)
    }

    /// Starts a run; `None` if it was killed.
    async fn start(&self, machine: &'static str, overlap: Overlap) -> Option<Result<RunReport, AppError>> {
        let number = self.runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let unit = if self.job.settings.stages.is_some() { "stage" } else { "record" };
        let mishaps = Arc::new(RunMishaps::new(Arc::clone(&self.queue), machine, unit));
        let running = self.run(number, &mishaps, machine, overlap);
        tokio::select! {
            biased;
            () = mishaps.wait_for_kill() => None,
            ended = Box::pin(running) => Some(ended),
        }
    }

    async fn run(
        &self,
        number: u64,
        mishaps: &Arc<RunMishaps>,
        machine: &'static str,
        overlap: Overlap,
    ) -> Result<RunReport, AppError> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(self.seed.wrapping_mul(1_000).wrapping_add(number)));
        let host = if machine.is_empty() { "first machine" } else { "second machine" };
        let state_dir = self.folder.path().join(host);
        let settings = Settings { state_dir: Some(state_dir.clone()), ..self.job.settings.as_ref().clone() };
        if machine.is_empty() {
            self.wait_for_lock(&settings).await;
        }
        let store = self.sheet.connect(&settings, &clock, Arc::clone(&rng))?;
        let store = MishapStore::new(store, self.sheet.clone(), Arc::clone(mishaps));
        let stop = StopHandle::default();
        let own = match &settings.stages {
            Some(_) => self.stages.run_parts(&settings, &self.counts, mishaps, &self.clock, &rng, &stop),
            None => self.record_parts(&settings, mishaps, &clock),
        };
        let (open, for_source) = (own.source.clone(), Arc::clone(mishaps));
        let watched: Option<SourceOpener> = open.map(|open| -> SourceOpener {
            Arc::new(move || {
                let source = WatchedSource::new(open()?, Arc::clone(&for_source));
                Ok(Box::new(source) as Box<dyn Source>)
            })
        });
        let journal = FileJournal::new(&state_dir, &settings.job, "drill");
        let request = RunRequest {
            overlap,
            trigger: Trigger { kind: "drill".to_owned(), ..Trigger::default() },
            host: host.to_owned(),
            own: ProvidedParts {
                source: watched,
                store: Some(Arc::new(store)),
                journal: Some(Arc::new(DrillJournal(journal))),
                ..own
            },
            ..RunRequest::default()
        };
        let queue = Arc::clone(&self.queue);
        let events = Arc::new(move |event| queue.on(&event));
        run(&settings, request, clock, rng, events, stop).await
    }

    /// Waits until the lock of a killed run is free, in real time. A program that the run was
    /// starting holds the lock, too, until it has begun.
    async fn wait_for_lock(&self, settings: &Settings) {
        let (_busy, real) = (self.clock.mark_busy(), SystemClock::new());
        let until_ms = real.monotonic_ms() + LOCK_TIMEOUT_MS;
        while find_active_run(settings).is_some() && real.monotonic_ms() < until_ms {
            real.sleep(LOCK_PAUSE).await;
        }
    }

    /// Returns the source and the steps of a run of records.
    fn record_parts(&self, settings: &Settings, mishaps: &Arc<RunMishaps>, clock: &Arc<dyn Clock>) -> ProvidedParts {
        let steps = CountedStep::wrap_steps((self.job.steps)(settings, clock), &self.counts, mishaps, &self.clock);
        let records = Arc::clone(&self.job.records);
        let open = move || Ok(Box::new(ReplaySource::new(Arc::clone(&records))) as Box<dyn Source>);
        ProvidedParts {
            source: Some(Arc::new(open)),
            steps: Some(steps),
            concurrency: self.job.concurrency,
            ..ProvidedParts::default()
        }
    }

    async fn collect_outcome(&self, error: Option<AppError>, usual: &UndisturbedRun) -> DrillOutcome {
        let (mut outcome, ..) = self.queue.outcome();
        self.sheet.end_faults();
        let rows = self.sheet.count_rows().await;
        let above = |more: &BTreeMap<String, u64>, less: &BTreeMap<String, u64>| -> u64 {
            more.iter().map(|(row, count)| count.saturating_sub(less.get(row).copied().unwrap_or(0))).sum()
        };
        let (extra, missing) = (above(&rows, &usual.rows), above(&usual.rows, &rows));
        let in_doubt = self.queue.keys_in_doubt();
        let left_to_people: u64 = in_doubt.iter().map(|key| usual.counts.count_rows(key)).sum();
        outcome.in_doubt = in_doubt.len() as u64;
        outcome.changed = extra.min(missing);
        outcome.doubled = extra - outcome.changed;
        outcome.lost = (missing - outcome.changed).saturating_sub(left_to_people);
        outcome.runs = self.runs.load(std::sync::atomic::Ordering::SeqCst);
        outcome.steps = self.counts.compare(&usual.counts);
        outcome.wrong_files = self.stages.count_wrong_files(&usual.files);
        outcome.error = error.map(|error| format!("failed to {error}"));
        outcome
    }
}

/// Whether the next run may repair what ended this one.
fn is_passing(error: &AppError) -> bool {
    let fault = error.fault();
    fault.passes() || fault == Fault::Fenced
}
