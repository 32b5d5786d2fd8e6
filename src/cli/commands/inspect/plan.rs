//! `sheetkeep plan`: prints what a run would do. It writes nothing, to the sheet or elsewhere,
//! but the file that `--out` names.

use std::sync::Arc;

use crate::app::plan::plan_comparison::compare_plans;
use crate::app::plan::plan_file::PlanFile;
use crate::app::plan::run_plan::plan_run;
use crate::app::run_request::RunRequest;
use crate::app::stages::stage_state::read_stage_states;
use crate::check::rerun::predict_reruns;
use crate::cli::args::job::JobArgs;
use crate::cli::args::jobs::plan::PlanArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::{from_app, from_plan_file};
use crate::cli::commands::load_settings::{describe_place, load_settings};
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::invocation::Invocation;
use crate::cli::output::destination::quote_shell_word;
use crate::cli::output::json::format_json_line;
use crate::cli::output::plan::PlanOutput;
use crate::cli::output::plan_comparison::ComparisonOutput;
use crate::cli::output::stages::StageList;
use crate::clock::Clock;
use crate::config::sections::stages::StageJob;
use crate::config::settings::Settings;
use crate::rng::Rng;
use crate::runner::run_scope::RunScope;
use crate::runner::shutdown::StopHandle;

/// Prints the plan.
pub async fn execute(context: CommandContext<'_>, args: &PlanArgs) -> Result<Exit, CliError> {
    let CommandContext { invocation, host, clock, rng } = context;
    if let Some(old) = &args.against {
        return compare(invocation, args, &JobArgs { job: old.clone(), ..args.job.clone() }, &clock).await;
    }
    let settings = load_settings(&args.job, args.input.clone())?;
    if let Some(stages) = &settings.stages {
        return print_stage_plan(invocation, args, &settings, stages, &clock, &rng).await;
    }
    let scope = if args.retry_failures { RunScope::FailuresOnly } else { RunScope::Default };
    let request = RunRequest { accepts_changes: args.accept_changes, scope, host, ..RunRequest::default() };
    let draft = match &args.out {
        Some(_) => Some(PlanFile::describe(&settings).map_err(|error| from_plan_file(&error))?),
        None => None,
    };
    let planned = Box::pin(plan_run(&settings, &request, &clock, &rng, StopHandle::default())).await;
    let plan = planned.map_err(|error| from_app(&error, &settings))?;
    if let (Some(path), Some(draft)) = (&args.out, draft) {
        let file = draft.with_plan(&plan, clock.now());
        file.write(path).map_err(|error| from_plan_file(&error))?;
    }
    let place = describe_place(&args.job, &settings);
    let output = PlanOutput { plan: &plan, reruns: predict_reruns(&settings), place: &place, pacing: settings.pacing };
    let out = invocation.terminal.stdout();
    out.put(&match (args.job.json, args.note) {
        (true, _) => format_json_line(&output.make_document()),
        (false, true) => output.format_markdown(),
        (false, false) => output.format_text(out.palette()),
    });
    if let Some(path) = &args.out {
        let shown = quote_shell_word(&path.display().to_string());
        let next = place.format_command("run") + " --plan " + &shown;
        invocation.terminal.stderr().write_line(&format!("the plan is in {}; apply it: {next}", path.display()));
    }
    Ok(Exit::Ok)
}

/// Prints what a run of the job's stages would do.
async fn print_stage_plan(
    invocation: &Invocation,
    args: &PlanArgs,
    settings: &Settings,
    job: &StageJob,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<Exit, CliError> {
    if args.out.is_some() || args.note || args.input.is_some() {
        let error =
            CliError::new("a job of stages has no --out, --note or --input: it makes no rows of records", Exit::Usage);
        return Err(error.with_help("leave them out; sheetkeep plan lists the stages"));
    }
    let states = read_stage_states(settings, clock, rng).await.map_err(|error| from_app(&error, settings))?;
    let list = StageList { job: &settings.job, run: &job.run, stages: &states };
    invocation.terminal.stdout().put(&if args.job.json {
        format_json_line(&list.plan_document())
    } else {
        list.plan_text()
    });
    Ok(Exit::Ok)
}

/// Prints which rows would look different than with an older job file.
async fn compare(
    invocation: &Invocation,
    args: &PlanArgs,
    old: &JobArgs,
    clock: &Arc<dyn Clock>,
) -> Result<Exit, CliError> {
    let new_settings = load_settings(&args.job, args.input.clone())?;
    let old_settings = load_settings(old, args.input.clone())?;
    let compared = compare_plans(&old_settings, &new_settings, clock).await;
    let comparison = compared.map_err(|error| from_app(&error, &new_settings))?;
    let output = ComparisonOutput {
        job: &new_settings.job,
        old: old.job.display().to_string(),
        new: args.job.job.display().to_string(),
        comparison: &comparison,
    };
    let out = invocation.terminal.stdout();
    out.put(&if args.job.json { format_json_line(&output.make_document()) } else { output.format_text(out.palette()) });
    Ok(Exit::Ok)
}
