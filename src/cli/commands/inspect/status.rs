//! `sheetkeep status`: prints a job's status.

use std::sync::Arc;

use serde::Serialize;

use crate::app::inspect::job_overview::read_job_overview;
use crate::app::local_state::instance_lock::read_known_id;
use crate::app::local_state::processes::SystemProcesses;
use crate::app::stages::stage_state::read_stage_states;
use crate::cli::args::jobs::inspect::StatusArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::{describe_place, load_settings};
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::json::format_json_line;
use crate::cli::output::stages::{StageDocument, StageList};
use crate::cli::output::status::JobStatus;
use crate::config::settings::Settings;
use crate::ledger::leases::lease::Holder;
use crate::port::process::Processes as _;
use crate::time::Timestamp;

/// The status of a job, with its stages if it has some.
#[derive(Serialize)]
struct StatusWithStages<'a, S> {
    #[serde(flatten)]
    status: S,
    #[serde(skip_serializing_if = "Option::is_none")]
    stages: Option<Vec<StageDocument<'a>>>,
}

/// Prints the job's status.
pub async fn execute(context: CommandContext<'_>, args: &StatusArgs) -> Result<Exit, CliError> {
    let CommandContext { session, clock, rng, .. } = context;
    let settings = load_settings(&args.job, None)?;
    let now = clock.now();
    let stages_now = read_stage_states(&settings, &clock, &rng).await.map_err(|error| from_app(&error, &settings))?;
    let overview = || read_job_overview(&settings, Arc::clone(&clock), Arc::clone(&rng));
    let mut found = overview().await.map_err(|error| from_app(&error, &settings))?;
    let is_dead = |held_by: &Option<(Holder, Timestamp)>| {
        held_by.as_ref().is_some_and(|(holder, _)| has_ended(holder, &settings))
    };
    // A run that ends well releases its lease first: what is held after its end is held for good.
    if is_dead(&found.held_by) {
        found = overview().await.map_err(|error| from_app(&error, &settings))?;
    }
    let status = JobStatus {
        place: describe_place(&args.job, &settings),
        last_run: found.last_run,
        is_holder_dead: is_dead(&found.held_by),
        held_by: found.held_by,
        keys: found.keys,
        failures: found.failures,
        cells: found.cells,
        forecast: found.forecast,
        anomalies: found.anomalies,
    };
    let out = session.terminal.stdout();
    let run = settings.stages.as_ref().map(|job| job.run.as_str()).unwrap_or_default();
    let list = StageList { job: &settings.job, run, stages: &stages_now };
    let text = if args.job.json {
        let stages = settings.stages.as_ref().map(|_| list.make_documents());
        format_json_line(&StatusWithStages { status: status.make_document(), stages })
    } else {
        status.format_text(now, out.palette()) + &list.format_status()
    };
    out.put(&text);
    Ok(Exit::Ok)
}

/// True if the holder was a run of this installation and machine whose process has ended.
fn has_ended(holder: &Holder, settings: &Settings) -> bool {
    let Some(install) = read_known_id(settings.state_dir.as_deref()) else { return false };
    let own = Holder { install, process: SystemProcesses.own_process(), ..holder.clone() };
    own.has_outlived(holder, |number| SystemProcesses.find_start(number))
}
