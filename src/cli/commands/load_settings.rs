//! The first step of every command about a job: reading its settings and naming its spreadsheet.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use crate::app::run_request::JobNote;
use crate::cli::args::job::JobArgs;
use crate::cli::commands::error_report::from_config;
use crate::cli::errors::CliError;
use crate::cli::output::destination::{JobDestination, Spreadsheet};
use crate::clock::Clock;
use crate::config::external::environment::{Environment, find_own_program};
use crate::config::external::flags::Overrides;
use crate::config::external::logical_time::LogicalTime;
use crate::config::job_file::JobFileForm;
use crate::config::problem::ConfigError;
use crate::config::settings::{Settings, from_form, load, read};
use crate::step::worker::workers::Workers;
use crate::system::SystemClock;

/// Notes about the settings are logged once, however often a command reads them.
static NOTES_LOGGED: Once = Once::new();

/// Reads the job's settings, with flags first, and logs the notes about them.
pub fn load_settings(job: &JobArgs, input: Option<PathBuf>) -> Result<Settings, CliError> {
    read_settings(job, input).map(log_notes)
}

/// Returns the notes about the settings for a run, which shows those that the command has not
/// logged.
pub fn select_run_notes(settings: &Settings) -> Vec<JobNote> {
    let is_shown = NOTES_LOGGED.is_completed();
    let notes = settings.notes.iter();
    notes.map(|note| JobNote { message: format!("{}: {}", note.what, note.help), is_shown }).collect()
}

fn log_notes(settings: Settings) -> Settings {
    NOTES_LOGGED.call_once(|| {
        for note in &settings.notes {
            tracing::warn!(event = "config.note", "{}: {}", note.what, note.help);
        }
    });
    settings
}

/// Reads the job's settings, for a command that reports the notes itself. Expressions that may not
/// end are evaluated in a separate process.
pub fn read_settings(job: &JobArgs, input: Option<PathBuf>) -> Result<Settings, CliError> {
    let now = SystemClock::new().now();
    let time = job.date.map_or(LogicalTime::Now(now), |date| LogicalTime::Named { now, date });
    load(&job.job, &make_overrides(job, input, time)).map(with_workers).map_err(from_config)
}

/// Reads the job's settings for a run of this time, from a form of its file or from the file. The
/// run reports the notes.
pub fn read_settings_at(job: &JobArgs, form: Option<&JobFileForm>, time: LogicalTime) -> Result<Settings, CliError> {
    let flags = make_overrides(job, None, time);
    let read = match form {
        Some(form) => from_form(&job.job, form, &flags),
        None => load(&job.job, &flags),
    };
    read.map(with_workers).map_err(from_config)
}

fn make_overrides(job: &JobArgs, input: Option<PathBuf>, time: LogicalTime) -> Overrides {
    Overrides {
        logical_time: Some(time),
        spreadsheet: job.sheet.spreadsheet.clone(),
        file: job.sheet.embedded.clone(),
        state_dir: job.state_dir.clone(),
        env_file: job.sheet.env_file.clone(),
        input,
        ..Overrides::default()
    }
}

/// A job file in place of the one that is not read, where only settings from outside it count.
const NO_JOB: &str = "name = \"test\"\n[source]\ncsv = \"none.csv\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"Data\"\n";

/// Reads what the environment, `.env` and the flags alone set, for a job file that is not read.
pub fn read_environment_settings(job: &JobArgs) -> Result<Settings, CliError> {
    let (path, flags) = (&job.job, make_overrides(job, None, LogicalTime::Now(SystemClock::new().now())));
    let folder = path.parent().unwrap_or(Path::new(""));
    let environment = Environment::read(folder, job.sheet.env_file.as_deref());
    let environment = environment.map_err(|problem| from_config(ConfigError::new(path, NO_JOB, vec![problem])))?;
    read(path, NO_JOB, &flags, &environment).map_err(from_config)
}

fn with_workers(mut settings: Settings) -> Settings {
    let workers = Workers::from_own_program(find_own_program(), Arc::new(SystemClock::new()));
    settings.evaluation.evaluator = Some(Arc::new(workers));
    settings
}

/// Returns the job's place, for people.
pub fn describe_place(job: &JobArgs, settings: &Settings) -> JobDestination {
    let by_id = job.sheet.spreadsheet.clone().map(|id| ("--spreadsheet", id));
    let by_file = job.sheet.embedded.as_ref().map(|file| ("--embedded", file.display().to_string()));
    let chosen_by = by_id.or(by_file);
    JobDestination {
        chosen_by,
        env_file: job.sheet.env_file.as_ref().map(|file| file.display().to_string()),
        job: settings.job.clone(),
        job_file: job.job.display().to_string(),
        tab: settings.tab.clone(),
        spreadsheet: Spreadsheet::from_settings(settings),
    }
}

/// Returns the last line of a report: the spreadsheet and the reason for it.
pub fn format_destination(settings: &Settings) -> String {
    format!("  in {}\n", Spreadsheet::from_settings(settings))
}

/// Returns which programs run again when items are reprocessed; empty for a job without programs.
pub fn describe_rerun_programs(settings: &Settings) -> String {
    match settings.programs().as_slice() {
        [] => String::new(),
        names => {
            format!("  the programs of these steps run again, with the same idempotency keys: {}\n", names.join(", "))
        }
    }
}
