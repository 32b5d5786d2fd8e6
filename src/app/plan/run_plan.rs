//! What a run would do, without a write: the engine of a real run over a dry-run store.
//!
//! In scope: the parts of such a run. Out of scope: output (`cli::output::plan`), the effects of a
//! commit (`store::spreadsheet::dry_run`).
//!
//! The plan takes no lock, opens no journal and starts no program. An item that reaches a program
//! counts as done, because nothing else can be known before the program runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::app::connect::{Sheet, connect_without_writing};
use crate::app::error::AppError;
use crate::app::local_state::installation::read_known_id;
use crate::app::local_state::processes::SystemProcesses;
use crate::app::run_request::{RunRequest, run_config};
use crate::app::single_run::{ensure_programs_exist, find_active_run, has_pending_results, open_source};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::runs::event::{Event, EventSink, RunReport};
use crate::ledger::runs::run::RunStatus;
use crate::port::step::{Step, StepContext, StepError};
use crate::rng::Rng;
use crate::runner::header_row::check_header;
use crate::runner::run_config::Dependencies;
use crate::runner::run_loop::run_job;
use crate::runner::shutdown::StopHandle;
use crate::runner::warning_memory::WarningMemory;
use crate::store::spreadsheet::dry_run::{DryRunEffects, DryRunStore};
use crate::store::spreadsheet::store::SheetsStore;

/// Failed items that are listed.
const LISTED_FAILURES: usize = 5;

/// What a run would do.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPlan {
    /// The report that the run would end with. Its run id, times and calls are those of the plan.
    pub report: RunReport,
    /// The effects on the spreadsheet.
    pub effects: DryRunEffects,
    /// Failures that are open now.
    pub open_failures: u64,
    /// The first items that would fail.
    pub failures: Vec<PlannedFailure>,
    /// Programs, each with the number of values that would be passed to it.
    pub programs: Vec<(String, u64)>,
    /// Warnings, one sentence each.
    pub warnings: Vec<String>,
}

/// An item that would fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFailure {
    /// Its key, or `#` and a hash.
    pub key: String,
    /// File, line and record number.
    pub position: String,
    /// `source`, `item`, or the step's name.
    pub step: String,
    /// The error message.
    pub error: String,
}

/// A program that the plan does not start. It counts the values that reach it.
struct UnstartedProgram {
    name: String,
    values: Arc<AtomicU64>,
}

impl Step for UnstartedProgram {
    fn run<'a>(&'a self, _: Value, _: &'a StepContext) -> BoxFuture<'a, Result<Vec<Value>, StepError>> {
        self.values.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn has_outside_effects(&self) -> bool {
        // A real run claims the lease before its first item, and the plan counts that commit.
        true
    }
}

/// The events of the dry run that the plan reports.
#[derive(Default)]
struct PlanEvents {
    open_failures: u64,
    failures: Vec<PlannedFailure>,
    warnings: Vec<String>,
}

impl PlanEvents {
    fn on(&mut self, event: Event) {
        match event {
            Event::Loaded { open_failures, .. } => self.open_failures = open_failures,
            Event::Anomaly { message } | Event::LastingAnomaly { message, .. } => self.warnings.push(message),
            Event::ItemFailed { key, position, step, error } if self.failures.len() < LISTED_FAILURES => {
                self.failures.push(PlannedFailure { key: key.as_str().to_owned(), position, step, error });
            }
            _ => {}
        }
    }
}

/// Returns what a run of the job would do now. Fails with the error that the run would end with.
pub async fn plan_run(
    settings: &Settings,
    request: &RunRequest,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
    stop: StopHandle,
) -> Result<RunPlan, AppError> {
    let seen = Arc::new(Mutex::new(PlanEvents::default()));
    let events = collect_into(&seen);
    ensure_programs_exist(settings)?;
    let mut source = open_source(settings, &request.scope, &events)?;
    let is_read = request.scope.reads_source();
    if let Some(source) = source.as_mut().filter(|source| is_read && source.is_rereadable()) {
        check_header(source.as_mut(), &settings.make_key_finder(), &events, &stop).await?;
    }
    let Sheet { sheets, id, file } = connect_without_writing(settings, clock, rng)?;
    let preview = if is_read { settings.make_preview(clock) } else { None };
    let store = SheetsStore::new(sheets, id, &settings.job, &settings.tab, Arc::clone(clock))
        .with_mode(settings.mode, settings.reprocess_policy)
        .allow_missing_predecessors(request.accepts_changes)
        .with_preview(preview)
        .with_jobs(settings.jobs.clone());
    let dry_run = Arc::new(DryRunStore::new(store));
    let (steps, programs) = make_steps_without_programs(settings, clock);
    let installation = read_known_id(settings.state_dir.as_deref()).unwrap_or_default();
    let memory = WarningMemory::new(events);
    let parts = Dependencies {
        store: Arc::clone(&dry_run) as Arc<_>,
        source,
        key_finder: Arc::new(settings.make_key_finder()),
        steps,
        journal: None,
        processes: Arc::new(SystemProcesses),
        prepared: None,
        events: memory.make_event_sink(),
        warnings: memory,
        clock: Arc::clone(clock),
        rng: Arc::clone(rng),
    };
    let mut config = run_config(settings, request, &installation, false);
    config.hold.is_dry_run = true;
    let report = file.check(Box::pin(run_job(parts, config, stop)).await.map_err(AppError::from))?;
    let effects = dry_run.effects();
    let PlanEvents { open_failures, failures, warnings } =
        std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    let programs = programs.into_iter().map(|(name, values)| (name, values.load(Ordering::Relaxed))).collect();
    let repeated = report.repeats.sentence(report.reprocess_policy);
    let rowless = (report.rowless > 0).then(|| format!("items that make no row: {}", report.rowless));
    let degraded = (report.run.status == RunStatus::Degraded)
        .then(|| format!("the run would be degraded: {}", report.run.message));
    let warnings = list_obstacles(settings, &effects)
        .into_iter()
        .chain(degraded)
        .chain(repeated)
        .chain(rowless)
        .chain(warnings)
        .collect();
    Ok(RunPlan { report, effects, open_failures, failures, programs, warnings })
}

fn collect_into(seen: &Arc<Mutex<PlanEvents>>) -> EventSink {
    let seen = Arc::clone(seen);
    Arc::new(move |event| seen.lock().unwrap_or_else(PoisonError::into_inner).on(event))
}

/// A program's name, and the number of values that reached it.
type ProgramCounter = (String, Arc<AtomicU64>);

/// Returns the job's steps, with a counter in the place of each program.
fn make_steps_without_programs(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> (Vec<Arc<dyn Step>>, Vec<ProgramCounter>) {
    let mut programs = Vec::new();
    let steps = settings.make_steps(clock).into_iter().map(|step| -> Arc<dyn Step> {
        if !step.has_outside_effects() {
            return step;
        }
        let values = Arc::new(AtomicU64::new(0));
        programs.push((step.name().to_owned(), Arc::clone(&values)));
        Arc::new(UnstartedProgram { name: step.name().to_owned(), values })
    });
    (steps.collect(), programs)
}

/// Returns what keeps a run from doing exactly this now.
fn list_obstacles(settings: &Settings, effects: &DryRunEffects) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(holder) = &effects.held_by {
        let who = format!("run {} on {}", holder.run, holder.host);
        warnings.push(format!("{who} is active: a run has to wait for it, and the plan shows what is left as of now"));
    } else if let Some(holder) = find_active_run(settings) {
        warnings.push(format!("{holder} is active on this machine: a run has to wait for it"));
    }
    if has_pending_results(settings) {
        let what =
            "results of an earlier run wait on this machine: a run writes them first, and they are not counted here";
        warnings.push(what.to_owned());
    }
    warnings
}
