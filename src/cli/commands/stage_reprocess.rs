//! `run --force` and `run --from` of a job of stages: what is done is taken back, then it runs.
//!
//! In scope: which stages, and the run that revokes their keys. Out of scope: the rows
//! (`maintain::reset`).

use std::sync::Arc;

use crate::app::error::AppError;
use crate::app::inspect::listing::{ensure_current_spreadsheet, list_tabs};
use crate::app::run_request::RunRequest;
use crate::app::single_run::{ensure_programs_exist, run};
use crate::app::stages::stage_plan::make_stage_key;
use crate::cli::args::command_line::RunArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::load_settings;
use crate::cli::commands::run::run_job;
use crate::cli::commands::run_options::RunOptions;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::clock::Clock;
use crate::config::sections::stages::StageJob;
use crate::config::settings::Settings;
use crate::ledger::items::key::Key;
use crate::ledger::runs::run::Trigger;
use crate::maintain::reset::plan_reset_of;
use crate::rng::Rng;
use crate::runner::run_config::PreparedChanges;
use crate::runner::run_scope::RunScope;
use crate::runner::shutdown::StopHandle;
use crate::store::scan::scanner::ScanScope;

/// What started the run, in Runs.
const TRIGGER: &str = "force";

/// Revokes what is done of these keys, and closes their failures. Nothing is written if there is
/// nothing of them, or if another run is active.
pub async fn revoke_keys(
    settings: &Settings,
    keys: &[Key],
    host: &str,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<(), AppError> {
    let wanted = ScanScope { reads_failures: true, reads_predecessors: true, ..ScanScope::default() };
    let known = match list_tabs(settings, wanted, Arc::clone(clock), Arc::clone(rng)).await {
        Ok(known) => known,
        Err(AppError::NeverRan) => return Ok(()),
        Err(error) => return Err(error),
    };
    ensure_current_spreadsheet(&known)?;
    let settled = plan_reset_of(&known, settings.reprocess_policy, clock.now(), |key| keys.contains(key)).settled;
    if settled.is_empty() {
        return Ok(());
    }
    let request = RunRequest {
        scope: RunScope::None,
        changes: Some(PreparedChanges { from: Some(known.snapshot.head), settled }),
        trigger: Trigger { kind: TRIGGER.to_owned(), ..Trigger::default() },
        host: host.to_owned(),
        ..RunRequest::default()
    };
    let (clock, rng) = (Arc::clone(clock), Arc::clone(rng));
    Box::pin(run(settings, request, clock, rng, Arc::new(|_| {}), StopHandle::default())).await.map(drop)
}

/// Runs the stages again from the one that `--from` names, or all of them.
pub async fn rerun_stages(context: CommandContext<'_>, args: &RunArgs) -> Result<Exit, CliError> {
    let settings = load_settings(&args.job, None)?;
    let Some(job) = &settings.stages else {
        let error = CliError::new("--from names a stage, and this job has none", Exit::Usage);
        return Err(error.with_help("run --force processes again what a source yields"));
    };
    // Refused before anything is taken back.
    if args.input.is_some() {
        let error = CliError::new("--input names records, and this job has stages", Exit::Usage);
        return Err(error.with_help("leave it out: the first stage makes its file itself"));
    }
    ensure_programs_exist(&settings).map_err(|error| from_app(&error, &settings))?;
    let keys = list_keys_from(job, args.from.as_deref())?;
    revoke_keys(&settings, &keys, &context.host, &context.clock, &context.rng)
        .await
        .map_err(|error| from_app(&error, &settings))?;
    let options = RunOptions { settings: Some(Box::new(settings.clone())), ..RunOptions::default() };
    Box::pin(run_job(context, args, options)).await
}

fn list_keys_from(job: &StageJob, from: Option<&str>) -> Result<Vec<Key>, CliError> {
    let names: Vec<&str> = job.stages.iter().map(|stage| stage.name.as_str()).collect();
    let first = match from {
        None => Some(0),
        Some(name) => names.iter().position(|known| *known == name),
    };
    let Some(first) = first else {
        let message = format!("this job has no stage {:?}", from.unwrap_or_default());
        return Err(CliError::new(message, Exit::Usage).with_help(format!("its stages are {}", names.join(", "))));
    };
    Ok(names.iter().skip(first).filter_map(|name| make_stage_key(&job.run, name)).collect())
}
