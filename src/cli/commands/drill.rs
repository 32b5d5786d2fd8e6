//! `sheetkeep drill`: the recovery drill of a job.

use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::app::drill::active_drill::UndisturbedRun;
use crate::app::drill::drill_job::{DrillJob, EvaluatorMaker, StepsMaker};
use crate::app::drill::effects::counted_step::UndoneEffect;
use crate::app::drill::effects::stage_folder::find_outside_stage;
use crate::app::drill::idempotency::reads_idempotency_key;
use crate::app::drill::mishaps::mishap::draw_mishaps;
use crate::app::drill::record_copy::RecordCopy;
use crate::app::error::AppError;
use crate::app::single_run::ensure_programs_exist;
use crate::app::stages::stage_plan::plan_stages;
use crate::cli::args::jobs::drill::DrillArgs;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::load_settings;
use crate::cli::commands::run_interrupts::watch_signals;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::invocation::Invocation;
use crate::cli::output::drill::{DrillOutput, DrilledUnits, ProgramSteps};
use crate::clock::Clock;
use crate::config::external::environment::find_own_program;
use crate::config::sections::records::steps::StepAction;
use crate::config::settings::Settings;
use crate::port::evaluator::Evaluator;
use crate::port::step::Step;
use crate::runner::run_config::RunError;
use crate::runner::shutdown::{StopHandle, StopReason};
use crate::step::worker::workers::Workers;
use crate::system::{SeededRng, SystemClock};

/// Plays the drills and reports them. Neither the job's sheet nor its state is read or written.
pub fn execute(invocation: &Invocation, args: &DrillArgs, runtime: &Runtime) -> Result<Exit, CliError> {
    let settings = {
        // The evaluator of the job's expressions belongs to a runtime.
        let _inside = runtime.enter();
        load_settings(&args.make_job_args(), args.input.clone())?
    };
    check_stages(&settings, args)?;
    let (stop, abort) = (StopHandle::default(), CancellationToken::new());
    let _watch = {
        let _inside = runtime.enter();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        watch_signals(&stop, &abort, &clock)
    };
    let to_error = |error: &AppError| match stop.requested_reason() {
        Some(reason) => report_stop(reason),
        None => from_app(error, &settings),
    };
    ensure_programs_exist(&settings).map_err(|error| to_error(&error))?;
    let programs = list_program_steps(&settings, args)?;
    let records = runtime.block_on(read_records(&settings, args.records, &stop)).map_err(|error| to_error(&error))?;
    let job = make_drill_job(&settings, records, args.really, &stop);
    if job.units() == 0 {
        let error = CliError::new("the source has no records, so there is nothing to drill", Exit::NoInput);
        return Err(error.with_help("name a file with records: --input FILE"));
    }
    let usual = job.play_undisturbed().map_err(|error| to_error(&error))?;
    let units = DrilledUnits {
        count: job.units(),
        is_cut: job.records.is_cut,
        name: if settings.stages.is_some() { "stage" } else { "record" },
    };
    let mut output = DrillOutput::new(&settings.job, args, units, programs);
    output.add_undisturbed(usual.report.as_ref().map_or(0, |report| report.run.counts.failed));
    if !args.json {
        invocation.terminal.stdout().write_line(&output.format_heading());
    }
    for seed in args.list_seeds() {
        let outcome = play_seed(&job, seed, &usual).map_err(|error| to_error(&error))?;
        if !args.json {
            invocation.terminal.stdout().write_line(&DrillOutput::format_line(seed, &outcome));
        }
        output.add(seed, outcome);
    }
    let exit = if output.describe_findings().is_empty() { Exit::Ok } else { Exit::Findings };
    invocation.terminal.stdout().put(&if args.json { output.format_json(exit) } else { output.format_summary() });
    Ok(exit)
}

fn play_seed(
    job: &DrillJob,
    seed: u64,
    usual: &UndisturbedRun,
) -> Result<crate::app::drill::outcome::DrillOutcome, AppError> {
    job.play(seed, draw_mishaps(&SeededRng::new(seed), usual.bounds), usual)
}

/// Returns the records of the job; none for a job of stages.
async fn read_records(settings: &Settings, most: u64, stop: &StopHandle) -> Result<RecordCopy, AppError> {
    if settings.stages.is_some() {
        return Ok(RecordCopy::default());
    }
    let mut source = settings.open_source().map_err(AppError::Source)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    tokio::select! {
        copy = RecordCopy::read(source.as_mut(), most) => copy.map_err(AppError::Source),
        reason = stop.wait_for_reason() => Err(AppError::Run(RunError::Stopped { reason })),
    }
}

/// Checks what a drill of stages can't do.
fn check_stages(settings: &Settings, args: &DrillArgs) -> Result<(), CliError> {
    let Some(job) = &settings.stages else { return Ok(()) };
    if args.input.is_some() {
        let error = CliError::new("--input names records, and this job has stages", Exit::Usage);
        return Err(error.with_help("leave it out: in a drill each stage makes a file of its own"));
    }
    match find_outside_stage(&plan_stages(job)) {
        Some(stage) => {
            let path = stage.artifact.as_deref().unwrap_or_default();
            let why = format!("stage {} makes {path}, which is outside of the job file's folder", stage.name);
            let help = "a drill keeps all files in a folder of its own; give the stage a path below the job file";
            Err(CliError::new(why, Exit::Usage).with_help(help))
        }
        None => Ok(()),
    }
}

fn report_stop(reason: StopReason) -> CliError {
    let exit = if reason == StopReason::Interrupt { Exit::Interrupted } else { Exit::Terminated };
    CliError::new(format!("the drill was stopped by {}; its sheet and its files are gone", reason.as_str()), exit)
}

/// Returns the steps that run programs. Fails if a flag names another step.
fn list_program_steps(settings: &Settings, args: &DrillArgs) -> Result<Vec<ProgramSteps>, CliError> {
    let mut programs: Vec<ProgramSteps> = settings
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            StepAction::CommandStep(command) => Some(ProgramSteps {
                step: step.name.clone(),
                reads_key: reads_idempotency_key(command),
                is_declared: args.idempotent.contains(&step.name),
                replaces_file: false,
            }),
            StepAction::MapStep(..) => None,
        })
        .collect();
    let makes_file = |name: &str| {
        let stages = settings.stages.iter().flat_map(|job| &job.stages);
        stages.filter(|stage| stage.artifact.is_some()).any(|stage| stage.name == name)
    };
    if settings.stages.is_some() {
        programs.extend(settings.commands().into_iter().map(|(name, command)| ProgramSteps {
            step: name.to_owned(),
            reads_key: reads_idempotency_key(&command),
            is_declared: args.idempotent.iter().any(|declared| declared == name),
            replaces_file: makes_file(name),
        }));
    }
    let unknown = args.idempotent.iter().find(|name| !programs.iter().any(|program| program.step == **name));
    match unknown {
        Some(name) => {
            let error = CliError::new(
                format!("--idempotent {name}: no step or stage of that name runs a program"),
                Exit::Usage,
            );
            Err(error)
        }
        None => Ok(programs),
    }
}

fn make_drill_job(settings: &Settings, records: RecordCopy, is_real: bool, stop: &StopHandle) -> DrillJob {
    let steps: StepsMaker = Arc::new(move |settings: &Settings, clock: &Arc<dyn Clock>| {
        let make = |step: &crate::config::sections::records::steps::StepSettings| -> Arc<dyn Step> {
            match &step.action {
                StepAction::CommandStep(_) if !is_real => Arc::new(UndoneEffect::new(&step.name)),
                // A program takes real time, and its timeout is meant in real time.
                StepAction::CommandStep(_) => {
                    let real: Arc<dyn Clock> = Arc::new(SystemClock::new());
                    step.make(&real, &settings.evaluation)
                }
                StepAction::MapStep(..) => step.make(clock, &settings.evaluation),
            }
        };
        settings.steps.iter().map(make).collect()
    });
    let evaluator: EvaluatorMaker = Arc::new(|| -> Arc<dyn Evaluator> {
        Arc::new(Workers::from_own_program(find_own_program(), Arc::new(SystemClock::new())))
    });
    DrillJob {
        settings: Arc::new(settings.clone()),
        steps,
        evaluator: Some(evaluator),
        records: Arc::new(records),
        runs_stages: is_real && settings.stages.is_some(),
        stop: stop.clone(),
        concurrency: None,
    }
}
