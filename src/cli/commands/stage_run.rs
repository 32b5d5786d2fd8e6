//! A run of stages, and who listens to it.
//!
//! In scope: lines on the terminal, what follows the run. Out of scope: the stages themselves
//! (`app::stages`), which of them run again (`cli::commands::stage_reprocess`).

use std::sync::Arc;

use crate::app::error::AppError;
use crate::app::provided_parts::ProvidedParts;
use crate::app::stages::stage_parts::make_stage_parts;
use crate::app::stages::stage_plan::{StageListeners, StageOutcomes, StagePlan};
use crate::cli::args::command_line::RunArgs;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::invocation::Invocation;
use crate::cli::streams::command_output::TerminalOutput;
use crate::cli::streams::control_characters::make_visible;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::runs::event::RunReport;
use crate::rng::Rng;
use crate::runner::run_config::RunError;
use crate::runner::shutdown::StopHandle;

/// The stages of one run.
pub struct StageRun {
    plan: Arc<StagePlan>,
    outcomes: Arc<StageOutcomes>,
}

impl StageRun {
    /// Creates the stages of a run; `None` for a job of records. Fails if a flag is about records.
    pub fn new(
        invocation: &Invocation,
        args: &RunArgs,
        settings: &Settings,
        clock: &Arc<dyn Clock>,
        rng: &Arc<dyn Rng>,
    ) -> Result<Option<Self>, CliError> {
        if settings.stages.is_some() && args.input.is_some() {
            let error = CliError::new("--input names records, and this job has stages", Exit::Usage);
            return Err(error.with_help("leave it out, or name the file in the command of the first stage"));
        }
        let is_quiet = args.quiet || args.job.json;
        let terminal = Arc::clone(&invocation.terminal);
        let of_lines = Arc::clone(&terminal);
        let is_structured = invocation.log_style.format.is_structured();
        let listeners = StageListeners {
            output: Arc::new(TerminalOutput(terminal)),
            line: Arc::new(move |line| {
                if is_structured {
                    tracing::info!(event = "stage.progress", "{line}");
                } else if is_quiet {
                    of_lines.stderr().put_into_copy(&format!("{line}\n"));
                } else {
                    of_lines.stderr().write_line(&make_visible(line));
                }
            }),
        };
        let plan = StagePlan::from_job(settings, listeners, clock, rng);
        Ok(plan.map(|plan| Self { plan: Arc::new(plan), outcomes: Arc::default() }))
    }

    /// Returns the parts of the run, which `stop` ends.
    pub fn make_parts(&self, stop: &StopHandle) -> ProvidedParts {
        make_stage_parts(&self.plan, &self.outcomes, stop, false)
    }

    /// Removes the dead letters that the run has sent, if the sheet knows of it.
    pub fn finish_run(&self, ended: &Result<RunReport, AppError>) {
        if matches!(ended, Ok(_) | Err(AppError::Run(RunError::Source { .. }))) {
            self.outcomes.remove_delivered();
        }
    }
}
