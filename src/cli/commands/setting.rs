//! What every command about a job does first: read its settings, and say where the job is.

use std::path::PathBuf;
use std::sync::{Arc, Once};

use crate::cli::commands::trouble::of_config;
use crate::cli::errors::CliError;
use crate::cli::job_args::JobArgs;
use crate::cli::output::place::{Place, Spreadsheet};
use crate::config::environment::own_program;
use crate::config::flags::Overrides;
use crate::config::settings::{Settings, load};
use crate::step::worker::workers::Workers;
use crate::system::SystemClock;

/// What is odd about the settings is told once, however often a command reads them.
static TOLD: Once = Once::new();

/// Reads the job's settings, flags before everything else; what is odd about them is logged.
pub fn settings(job: &JobArgs, input: Option<PathBuf>) -> Result<Settings, CliError> {
    let settings = read_settings(job, input)?;
    TOLD.call_once(|| {
        for note in &settings.notes {
            tracing::warn!("{}: {}", note.what, note.help);
        }
    });
    Ok(settings)
}

/// The same, for a command that tells of what is odd by itself. Expressions that may not end are evaluated by a process of their own.
pub fn read_settings(job: &JobArgs, input: Option<PathBuf>) -> Result<Settings, CliError> {
    let flags = Overrides {
        spreadsheet: job.spreadsheet.clone(),
        file: job.embedded.clone(),
        state_dir: job.state_dir.clone(),
        input,
        ..Overrides::default()
    };
    let mut settings = load(&job.job, &flags).map_err(of_config)?;
    let workers = Workers::from_own_program(own_program(), Arc::new(SystemClock::new()));
    settings.evaluation.evaluator = Some(Arc::new(workers));
    Ok(settings)
}

/// Where the job is, for people.
pub fn place(job: &JobArgs, settings: &Settings) -> Place {
    let by_id = job.spreadsheet.clone().map(|id| ("--spreadsheet", id));
    let by_file = job.embedded.as_ref().map(|file| ("--embedded", file.display().to_string()));
    let chosen_by = by_id.or(by_file);
    Place {
        chosen_by,
        job: settings.job.clone(),
        job_file: job.job.display().to_string(),
        tab: settings.tab.clone(),
        spreadsheet: Spreadsheet::of(settings),
    }
}

/// Where the job is, as the last line of a report.
pub fn whereabouts(settings: &Settings) -> String {
    format!("  in {}\n", Spreadsheet::of(settings))
}

/// What doing items again means outside the sheet; nothing for a job without programs.
pub fn programs_again(settings: &Settings) -> String {
    match settings.programs().as_slice() {
        [] => String::new(),
        names => {
            format!("  the programs of these steps run again, with the same idempotency keys: {}\n", names.join(", "))
        }
    }
}
