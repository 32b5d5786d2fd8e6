//! A run of stages: who listens to it, and `run --force` and `run --from` of such a job.
//!
//! In scope: lines on the terminal, the choice of stages. Out of scope: the stages themselves
//! (`app::stages`).

use std::sync::Arc;

use crate::app::error::AppError;
use crate::app::own_parts::OwnParts;
use crate::app::stages::stage_plan::{StageListeners, StageOutcomes, StagePlan, stage_key, stage_parts};
use crate::cli::args::command_line::RunArgs;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::load_settings;
use crate::cli::commands::retry::TerminalOutput;
use crate::cli::commands::run::{RunOptions, run_job};
use crate::cli::commands::stage_redo::revoke;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::streams::control_characters::visible;
use crate::clock::Clock;
use crate::config::sections::stages::StageJob;
use crate::config::settings::Settings;
use crate::ledger::items::key::Key;
use crate::ledger::runs::event::RunReport;
use crate::rng::Rng;
use crate::runner::run_config::RunError;
use crate::runner::shutdown::Stop;

/// The stages of one run.
pub struct StageRun {
    plan: Arc<StagePlan>,
    outcomes: Arc<StageOutcomes>,
}

impl StageRun {
    /// Creates the stages of a run; `None` for a job of records. Fails if a flag is about records.
    pub fn new(
        session: &Session,
        args: &RunArgs,
        settings: &Settings,
        clock: &Arc<dyn Clock>,
        chance: &Arc<dyn Rng>,
    ) -> Result<Option<Self>, CliError> {
        if settings.stages.is_some() && args.input.is_some() {
            let error = CliError::new("--input names records, and this job has stages", Exit::Usage);
            return Err(error.with_help("leave it out, or name the file in the command of the first stage"));
        }
        let is_quiet = args.quiet || args.job.json;
        let terminal = Arc::clone(&session.terminal);
        let of_lines = Arc::clone(&terminal);
        let is_structured = session.log_style.format.is_structured();
        let listeners = StageListeners {
            output: Arc::new(TerminalOutput(terminal)),
            line: Arc::new(move |line| {
                if is_structured {
                    tracing::info!(event = "stage.progress", "{line}");
                } else if is_quiet {
                    of_lines.err().put_into_copy(&format!("{line}\n"));
                } else {
                    of_lines.err().line(&visible(line));
                }
            }),
        };
        let plan = StagePlan::of_job(settings, listeners, clock, chance);
        Ok(plan.map(|plan| Self { plan: Arc::new(plan), outcomes: Arc::default() }))
    }

    /// Returns the parts of the run, which `stop` ends.
    pub fn own_parts(&self, stop: &Stop) -> OwnParts {
        stage_parts(&self.plan, &self.outcomes, stop, false)
    }

    /// Removes the dead letters that the run has sent, if the sheet knows of it.
    pub fn finish(&self, ended: &Result<RunReport, AppError>) {
        if matches!(ended, Ok(_) | Err(AppError::Pass(RunError::Source { .. }))) {
            self.outcomes.remove_delivered();
        }
    }
}

/// Runs the stages again from the one that `--from` names, or all of them.
pub async fn redo(
    session: &Session,
    args: &RunArgs,
    host: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Rng>,
) -> Result<Exit, CliError> {
    let settings = load_settings(&args.job, None)?;
    let Some(job) = &settings.stages else {
        let error = CliError::new("--from names a stage, and this job has none", Exit::Usage);
        return Err(error.with_help("run --force processes again what a source yields"));
    };
    let keys = keys_from(job, args.from.as_deref())?;
    revoke(&settings, &keys, &host, &clock, &chance).await.map_err(|error| from_app(&error, &settings))?;
    let options = RunOptions { settings: Some(Box::new(settings.clone())), ..RunOptions::default() };
    Box::pin(run_job(session, args, options, host, clock, chance)).await
}

fn keys_from(job: &StageJob, from: Option<&str>) -> Result<Vec<Key>, CliError> {
    let names: Vec<&str> = job.stages.iter().map(|stage| stage.name.as_str()).collect();
    let first = match from {
        None => Some(0),
        Some(name) => names.iter().position(|known| *known == name),
    };
    let Some(first) = first else {
        let message = format!("this job has no stage {:?}", from.unwrap_or_default());
        return Err(CliError::new(message, Exit::Usage).with_help(format!("its stages are {}", names.join(", "))));
    };
    Ok(names.iter().skip(first).filter_map(|name| stage_key(&job.run, name)).collect())
}
